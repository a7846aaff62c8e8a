"""The way to the Hot Reader in the same account: a Lambda function that gets TwinMaker's event."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import orjson

from chalicelib.connections.in_time import OutOfTimeError
from chalicelib.connections.sdk_errors import aws_errors
from chalicelib.model.errors import HotReaderError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_lambda import LambdaClient

    from chalicelib.data_connector.deadline import Deadline
    from chalicelib.model.reads import Read
    from chalicelib.observability.request_record import RequestRecord
    from chalicelib.settings.data_connector import LocalReaderSettings


class LocalRoute:
    """Passes events on to one Hot Reader.

    Parameters
    ----------
    read
        History or last entry.
    settings
        The function.
    """

    def __init__(self, read: Read, settings: LocalReaderSettings) -> None:
        self._read = read
        self._function = settings.function

    def answer(
        self, event: Mapping[str, Any], deadline: Deadline, _trace_id: str, record: RequestRecord
    ) -> dict[str, Any]:
        """Answer TwinMaker's event; see `DataConnector.answer`.

        Raises
        ------
        HotReaderError
            The function can't be invoked, failed, took too long, or isn't a Hot Reader of this kind.
        """
        try:
            with record.subsegment("local hot reader"):
                response, payload = deadline.run(lambda: self._invoke(event))
        except OutOfTimeError:
            raise HotReaderError(
                f"The local Hot Reader {self._function!r} didn't answer in time: raise lambda_timeout, "
                "or read a shorter range."
            ) from None
        except aws_errors() as error:
            raise HotReaderError(
                f"The local Hot Reader {self._function!r} can't be invoked: {error}. Check "
                f"{self._read.local_function_setting} and the function's policy."
            ) from error
        answer = _object_in(payload)
        if response.get("FunctionError"):
            raise HotReaderError(
                f"The local Hot Reader {self._function!r} failed: {answer.get('errorMessage')}"
            )
        if not isinstance(answer.get("propertyValues"), self._read.answer_type):
            raise HotReaderError(
                f"The function {self._function!r} doesn't answer as a Hot Reader of this kind does. "
                f"Check {self._read.local_function_setting}."
            )
        record.logger.info("Answered by the local reader")
        return answer

    def _invoke(self, event: Mapping[str, Any]) -> tuple[Mapping[str, Any], bytes]:
        response = _lambda_client().invoke(FunctionName=self._function, Payload=json.dumps(event))
        return response, response["Payload"].read()


def _object_in(payload: bytes) -> dict[str, Any]:
    try:
        answer = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return {}
    return answer if isinstance(answer, dict) else {}


@lru_cache(maxsize=1)
def _lambda_client() -> LambdaClient:
    import boto3
    from botocore.config import Config

    # No retries: botocore would invoke once more after a time-out, when this function's time is over.
    config = Config(connect_timeout=2, read_timeout=29, retries={"total_max_attempts": 1})
    return boto3.client("lambda", config=config)
