"""Connectors that are named one by one: a URL that takes the event, or a Python handler in process."""

from __future__ import annotations

import http.client
import importlib
import json
import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ..errors import ConnectorFailedError, ConnectorTimedOutError
from .invoker import PythonInvoker, raise_function_error, read_answer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .invoker import Invoker

    Handler = Callable[[dict[str, Any], "HandlerContext"], dict[str, Any]]

_CONNECTIONS = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}
_SHOWN = 500
"""Characters of a connector's refusal that an error message repeats."""

_REPORT = frozenset({"errorMessage", "errorType", "stackTrace", "requestId", "trace"})
"""Members of Lambda's report of an exception. The runtime interface emulator sends it with status 200
and no header that says so (its issue 20)."""

_TIMED_OUT = b"Task timed out after "
"""How the emulator's answer begins, with status 200, if the function ran out of time (its issue 21)."""


class NamedFunctions:
    """Invokes each function in its own way, by its ARN.

    Parameters
    ----------
    invokers : mapping
        An invoker by ARN.
    others : Invoker or None
        The invoker of all other functions; None if there are no others.
    """

    def __init__(self, invokers: Mapping[str, Invoker], others: Invoker | None) -> None:
        self._invokers = invokers
        self._others = others

    def invoke(self, arn: str, event: dict[str, Any]) -> object:
        """Invoke a connector; see :class:`.invoker.Invoker`."""
        invoker = self._invokers.get(arn, self._others)
        if invoker is None:
            raise ConnectorFailedError(f"The connector couldn't be invoked: {self._absent(arn)}")
        return invoker.invoke(arn, event)

    def refusal(self, arn: str) -> str:
        """Return why a function can't be a connector; empty if nothing speaks against it."""
        invoker = self._invokers.get(arn, self._others)
        return self._absent(arn) if invoker is None else invoker.refusal(arn)

    def _absent(self, arn: str) -> str:
        return f"there is no function {arn}; those that were given are {', '.join(self._invokers)}"


class UrlInvoker:
    """Sends a connector's event to a URL, and takes the body of the answer for the connector's.

    The runtime interface emulator and SAM local answer like that, at the path of Lambda's Invoke.

    Parameters
    ----------
    url : str
        Where an event is posted, as JSON.
    timeout : float
        Seconds to wait for an answer.
    """

    def __init__(self, url: str, timeout: float) -> None:
        self._url = url
        self._timeout = timeout

    def invoke(self, arn: str, event: dict[str, Any]) -> object:
        """Post the event; see :class:`.invoker.Invoker`."""
        try:
            status, headers, payload = self._post(json.dumps(event).encode())
        except TimeoutError as error:
            raise ConnectorTimedOutError(
                f"The connector {arn} gave no answer within {self._timeout:g} s at {self._url}"
            ) from error
        except (OSError, http.client.HTTPException) as error:
            raise ConnectorFailedError(
                f"The connector {arn} isn't reachable at {self._url}: {error}"
            ) from error
        return self._answer(arn, status, headers, payload)

    def _answer(
        self, arn: str, status: int, headers: http.client.HTTPMessage, payload: bytes
    ) -> object:
        if headers.get("X-Amz-Function-Error"):
            raise_function_error(arn, payload)
        if status != http.HTTPStatus.OK:
            text = payload.decode("utf-8", "replace")[:_SHOWN]
            raise ConnectorFailedError(
                f"The connector {arn} failed: {self._url} answered {status}: {text}"
            )
        if payload.startswith(_TIMED_OUT):
            raise ConnectorTimedOutError(
                f"The connector {arn} ran out of time: {payload.decode('utf-8', 'replace')}"
            )
        answer = read_answer(arn, payload)
        if isinstance(answer, dict) and "errorMessage" in answer and answer.keys() <= _REPORT:
            raise_function_error(arn, payload)
        return answer

    def refusal(self, arn: str) -> str:  # noqa: ARG002 - the signature is Invoker's
        """Return nothing: whether something answers at the URL is seen when it is invoked."""
        return ""

    def _post(self, body: bytes) -> tuple[int, http.client.HTTPMessage, bytes]:
        parts = urlsplit(self._url)
        connection = _CONNECTIONS[parts.scheme](parts.netloc, timeout=self._timeout)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        try:
            connection.request("POST", path, body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            return response.status, response.headers, response.read()
        finally:
            connection.close()


@dataclass(frozen=True, slots=True)
class HandlerContext:
    """Lambda's context object (Lambda guide, 'Using the Lambda context object').

    Attributes
    ----------
    invoked_function_arn : str
        The ARN that the component type names.
    timeout : float
        Seconds that the handler has. It isn't interrupted when they are over.
    """

    invoked_function_arn: str
    timeout: float
    aws_request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    function_version: str = "$LATEST"
    memory_limit_in_mb: str = "128"
    log_stream_name: str = "local-twinmaker"
    identity: None = None
    client_context: None = None
    _started: float = field(default_factory=time.monotonic)

    @property
    def function_name(self) -> str:
        """The function's name, the last part of its ARN."""
        return self.invoked_function_arn.rpartition(":")[2]

    @property
    def log_group_name(self) -> str:
        """The name that the function's log group would have."""
        return f"/aws/lambda/{self.function_name}"

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds that the handler has left, not below 0."""
        left = self._started + self.timeout - time.monotonic()
        return max(0, int(left * 1000))


def invoker_of(target: str | Handler, timeout: float) -> Invoker:
    """Make the invoker of one function.

    Parameters
    ----------
    target : str or callable
        A URL that takes the event, a Python handler as ``module:name``, or the handler itself,
        which takes an event and a context as Lambda's do. A handler's exception is the connector's
        failure, ``TimeoutError`` its time-out.
    timeout : float
        Seconds that the function may take.

    Raises
    ------
    ValueError
        The target is none of these, or can't be imported.
    """
    if isinstance(target, str):
        if is_url(target):
            return UrlInvoker(target, timeout)
        target = _imported(target)
    handler = target
    return PythonInvoker(lambda arn, event: handler(event, HandlerContext(arn, timeout)))


def is_url(text: str) -> bool:
    """Tell whether a string is a URL that can be asked: of HTTP, and with a host."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in _CONNECTIONS and bool(parts.hostname)


def _imported(target: str) -> Handler:
    module, _, name = target.partition(":")
    if not name.isidentifier() or not all(part.isidentifier() for part in module.split(".")):
        raise ValueError(
            f"{target!r} must be a URL, such as http://127.0.0.1:9001, or a Python handler, such "
            "as module:handler"
        )
    try:
        handler = getattr(importlib.import_module(module), name)
    except Exception as error:  # whatever the module does when it is imported
        raise ValueError(
            f"{target!r} can't be imported: {type(error).__name__}: {error}"
        ) from error
    if callable(handler):
        found: Handler = handler
        return found
    raise ValueError(f"{target!r} is no function, but {handler!r}")
