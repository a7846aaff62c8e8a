"""Invokes connectors: Lambda functions through boto3, or a plain Python function."""

from __future__ import annotations

import json
import logging
import threading
from typing import TYPE_CHECKING, Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError, ReadTimeoutError

from ..errors import (
    ConnectorFailedError,
    ConnectorTimedOutError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_lambda import LambdaClient

LOGGER = logging.getLogger(__name__)

LARGEST_PAYLOAD = 6_291_556
"""Largest answer of a synchronous invocation, in bytes (Lambda quotas, and its error message)."""

_CONNECT_TIMEOUT = 5.0
_POOL = 50


class Invoker(Protocol):
    """Invokes the connector that a component type names."""

    def invoke(self, arn: str, event: dict[str, Any]) -> object:
        """Invoke a connector.

        Parameters
        ----------
        arn : str
            The Lambda function's ARN.
        event : dict
            The connector's event.

        Returns
        -------
        object
            The parsed JSON of the connector's answer, unchecked.

        Raises
        ------
        ConnectorFailedError
            The connector raised, couldn't be invoked, or didn't answer with JSON.
        ConnectorTimedOutError
            The connector ran out of time.
        """

    def refusal(self, arn: str) -> str:
        """Return why a function can't be a connector; empty if nothing speaks against it."""


class PythonInvoker:
    """Calls a plain Python function in place of every Lambda.

    Event and answer go through JSON, as Lambda's would: the function gets a copy of its own, and
    an answer that isn't JSON (a ``Decimal``, a ``datetime``) fails here as it would there.

    Parameters
    ----------
    function : callable
        Takes the ARN and the event and returns the answer. An exception counts as the function's
        failure; ``TimeoutError`` as its time-out.
    """

    def __init__(self, function: Callable[[str, dict[str, Any]], dict[str, Any]]) -> None:
        self._function = function

    def invoke(self, arn: str, event: dict[str, Any]) -> object:
        """Invoke the function; see :class:`Invoker`."""
        try:
            answer = self._function(arn, json.loads(json.dumps(event)))
        except TimeoutError as error:
            raise ConnectorTimedOutError(f"The connector {arn} timed out: {error}") from error
        except Exception as error:
            LOGGER.warning("The connector %s failed", arn, exc_info=True)
            raise ConnectorFailedError(
                f"The connector {arn} failed: {type(error).__name__}: {error}"
            ) from error
        try:
            text = json.dumps(answer)
        except (TypeError, ValueError) as error:
            raise ConnectorFailedError(
                f"The connector {arn} gave an answer that isn't JSON: {error}"
            ) from error
        return read_answer(arn, text.encode())

    def refusal(self, arn: str) -> str:  # noqa: ARG002 - the signature is Invoker's
        """Return nothing: the one function stands for every ARN."""
        return ""


class LambdaInvoker:
    """Invokes Lambda functions through an ordinary boto3 client.

    Parameters
    ----------
    region : str
        The client's region.
    endpoint_url : str or None
        A local Lambda's URL, called with the credentials ``local``/``local``. None for boto3's
        own endpoint and credentials.
    timeout : float
        Seconds to wait for an answer. There are no retries: a connector that fails should be seen
        to fail.
    """

    def __init__(self, region: str, endpoint_url: str | None, timeout: float) -> None:
        self._region = region
        self._endpoint_url = endpoint_url
        self._timeout = timeout
        self._lock = threading.Lock()
        self._made: LambdaClient | None = None

    def invoke(self, arn: str, event: dict[str, Any]) -> object:
        """Invoke the Lambda function; see :class:`Invoker`."""
        try:
            answer = self._client().invoke(FunctionName=arn, Payload=json.dumps(event).encode())
            payload = answer["Payload"].read()
        except ReadTimeoutError as error:
            raise ConnectorTimedOutError(
                f"The connector {arn} gave no answer within {self._timeout:g} s"
            ) from error
        except ClientError as error:
            raise ConnectorFailedError(_not_invoked(arn, error)) from error
        except BotoCoreError as error:
            raise ConnectorFailedError(
                f"The connector {arn} couldn't be invoked: Lambda isn't reachable: {error}"
            ) from error
        if answer.get("FunctionError"):
            raise_function_error(arn, payload)
        return read_answer(arn, payload)

    def refusal(self, arn: str) -> str:
        """Ask Lambda for the function: only a clear 'there is none' counts as a refusal.

        Anything else that goes wrong is logged and left to the invocation, which reports it to
        whoever reads values: a Lambda that can invoke and nothing more is fine as a stand-in.
        """
        try:
            self._client().get_function(FunctionName=arn)
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code")
            if code == "ResourceNotFoundException":
                return f"there is no Lambda function {arn}"
            LOGGER.warning("Couldn't ask Lambda whether %s exists: %s", arn, code)
        except BotoCoreError as error:
            LOGGER.warning("Couldn't ask Lambda whether %s exists: %s", arn, error)
        return ""

    def _client(self) -> LambdaClient:
        with self._lock:
            if self._made is None:
                self._made = self._make()
            return self._made

    def _make(self) -> LambdaClient:
        import boto3
        from botocore.config import Config

        config = Config(
            retries={"total_max_attempts": 1},
            connect_timeout=_CONNECT_TIMEOUT,
            read_timeout=self._timeout,
            max_pool_connections=_POOL,
        )
        session = boto3.Session(region_name=self._region)
        if self._endpoint_url is None:
            return session.client("lambda", config=config)
        return session.client(
            "lambda",
            endpoint_url=self._endpoint_url,
            aws_access_key_id="local",
            aws_secret_access_key="local",  # noqa: S106 - a local Lambda checks no signature
            config=config,
        )


def read_answer(arn: str, payload: bytes) -> object:
    """Parse a connector's answer.

    Raises
    ------
    ConnectorFailedError
        It is too large for Lambda, or isn't JSON; JSON has no NaN and no Infinity.
    """
    if len(payload) > LARGEST_PAYLOAD:
        raise ConnectorFailedError(
            f"The connector {arn} gave an answer of {len(payload)} bytes; Lambda allows "
            f"{LARGEST_PAYLOAD}: ask for fewer values a page"
        )
    try:
        return json.loads(payload, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise ConnectorFailedError(
            f"The connector {arn} gave an answer that isn't JSON: {error}"
        ) from error


def _refuse_constant(constant: str) -> object:
    raise ValueError(f"{constant} isn't a JSON number")


def _not_invoked(arn: str, error: ClientError) -> str:
    details = error.response.get("Error", {})
    if details.get("Code") == "ResourceNotFoundException":
        return f"The connector couldn't be invoked: there is no Lambda function {arn}"
    return (
        f"The connector {arn} couldn't be invoked: Lambda answered "
        f"{details.get('Code')}: {details.get('Message')}"
    )


def raise_function_error(arn: str, payload: bytes) -> None:
    """Turn Lambda's report of a failed function into TwinMaker's exception.

    Raises
    ------
    ConnectorFailedError
        The function raised.
    ConnectorTimedOutError
        It ran out of time.
    """
    try:
        report = json.loads(payload)
    except ValueError:
        report = None
    if not isinstance(report, dict):
        text = payload.decode("utf-8", "replace")
        raise ConnectorFailedError(f"The connector {arn} failed: {text}")
    kind, message = report.get("errorType"), str(report.get("errorMessage", ""))
    if kind == "Sandbox.Timedout" or "Task timed out after" in message:
        raise ConnectorTimedOutError(f"The connector {arn} ran out of time: {message}")
    described = f"{kind}: {message}" if kind else message
    raise ConnectorFailedError(f"The connector {arn} failed: {described}")
