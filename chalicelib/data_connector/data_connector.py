"""The Digital Twin Data Connector, which answers TwinMaker from another cloud's Hot Reader.

It holds a URL and a token, and no right to any storage.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Protocol

from chalicelib.contracts import twinmaker, wire_contract
from chalicelib.data_connector import device
from chalicelib.data_connector.read_ahead import ReadAhead
from chalicelib.data_connector.remote_reader import RemoteReader
from chalicelib.model.errors import HotReaderError, RemoteReaderError
from chalicelib.model.query import HistoryQuery

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_lambda import LambdaClient

    from chalicelib.model.query import LastEntryQuery
    from chalicelib.model.reads import Read
    from chalicelib.observability.request_record import RequestRecord
    from chalicelib.settings.data_connector import DataConnectorSettings

_WITHOUT_CONTEXT: Final = 25.0
"""Seconds for a call that isn't bounded by a Lambda function's own time."""


class LambdaContext(Protocol):
    """The part of Lambda's context object that is used."""

    def get_remaining_time_in_millis(self) -> int:
        """Return the time that the function has left, in milliseconds."""


class DataConnector:
    """The connector of one kind of read.

    Parameters
    ----------
    read
        History or last entry.
    settings
        The reader to ask.
    """

    def __init__(self, read: Read, settings: DataConnectorSettings) -> None:
        self._read = read
        self._settings = settings
        self._remote = RemoteReader(settings.remote, read.answer_type) if settings.remote else None
        self._read_ahead = ReadAhead(settings.read_ahead) if settings.read_ahead else None

    def answer(
        self,
        event: Mapping[str, Any],
        context: LambdaContext | None,
        trace_id: str,
        record: RequestRecord,
    ) -> dict[str, Any]:
        """Answer TwinMaker's event.

        Raises
        ------
        InvalidQueryError
            The event isn't one that can be answered.
        RemoteReaderError
            The remote reader gave no answer in time.
        HotReaderError
            The local Hot Reader failed.
        """
        if self._remote is None or self._settings.remote is None:
            return self._local(event, record)
        device_id = device.resolve(event, self._settings.twin.name)
        query = twinmaker.QUERY_PARSERS[self._read](event, device_id)
        seconds = _WITHOUT_CONTEXT
        if context is not None:
            seconds = context.get_remaining_time_in_millis() / 1000 - self._settings.remote.margin

        remote, source_cloud = self._remote, self._settings.remote.source_cloud

        def ask(query: LastEntryQuery) -> dict[str, Any]:
            envelope = wire_contract.envelope(
                query, source_cloud=source_cloud, timestamp=time.time_ns(), trace_id=trace_id
            )
            return _ask_remote(remote, envelope, seconds, record)

        if self._read_ahead is not None and isinstance(query, HistoryQuery):
            answer = _reading_ahead(self._read_ahead, query, ask, record)
        else:
            answer = ask(query)
        # TwinMaker expects its page and nothing else.
        answer.pop(wire_contract.FOLLOWING_PAGES, None)
        record.count("ValuesReturned", _values_in(answer))
        return answer

    def _local(self, event: Mapping[str, Any], record: RequestRecord) -> dict[str, Any]:
        """Pass the event on to the Hot Reader in this account."""
        from botocore.exceptions import BotoCoreError, ClientError

        name = self._settings.local_function or ""
        try:
            with record.subsegment("local hot reader"):
                response = _lambda_client().invoke(FunctionName=name, Payload=json.dumps(event))
        except (BotoCoreError, ClientError) as error:
            raise HotReaderError(
                f"The local Hot Reader {name!r} can't be invoked: {error}. Check "
                f"{self._read.local_function_setting} and the function's policy."
            ) from error
        answer = json.loads(response["Payload"].read())
        if not isinstance(answer, dict):
            answer = {}
        if response.get("FunctionError"):
            raise HotReaderError(
                f"The local Hot Reader {name!r} failed: {answer.get('errorMessage')}"
            )
        if not isinstance(answer.get("propertyValues"), self._read.answer_type):
            raise HotReaderError(
                f"The function {name!r} doesn't answer as a Hot Reader of this kind does. Check "
                f"{self._read.local_function_setting}."
            )
        record.count("ValuesReturned", _values_in(answer))
        record.logger.info("Answered by the local reader")
        return answer


def _reading_ahead(
    read_ahead: ReadAhead,
    query: HistoryQuery,
    ask: Callable[[LastEntryQuery], dict[str, Any]],
    record: RequestRecord,
) -> dict[str, Any]:
    """Answer with a page that was read ahead, or ask for the page and those after it."""
    kept = read_ahead.take(query)
    if kept is not None:
        record.count("ReadAheadHits", 1)
        record.logger.info("Answered by what was read ahead")
        return kept
    if query.next_token is not None:
        record.count("ReadAheadMisses", 1)
    asked = read_ahead.now()
    answer = ask(replace(query, pages_ahead=read_ahead.pages(query)))
    read_ahead.keep(query, answer, answer.get(wire_contract.FOLLOWING_PAGES, ()), asked)
    return answer


def _ask_remote(
    remote: RemoteReader, envelope: Mapping[str, Any], seconds: float, record: RequestRecord
) -> dict[str, Any]:
    def before_retry(reason: str, pause: float) -> None:
        record.logger.warning("Remote try failed", reason=reason, retry_in_seconds=pause)

    started = time.perf_counter()
    attempts = 0
    try:
        with record.subsegment("remote hot reader"):
            answer = remote.read(envelope, seconds=seconds, before_retry=before_retry)
        attempts = answer.attempts
    except RemoteReaderError as error:
        attempts = error.attempts
        raise
    finally:
        record.milliseconds("RemoteLatency", (time.perf_counter() - started) * 1000)
        record.count("RemoteAttempts", attempts)
    record.left_out(answer.flaws)
    record.logger.info("Answered by the remote reader", attempts=answer.attempts)
    return answer.document


def _values_in(answer: Mapping[str, Any]) -> int:
    values = answer["propertyValues"]
    if isinstance(values, Mapping):
        return len(values)
    return sum(len(each.get("values", ())) for each in values)


@lru_cache(maxsize=1)
def _lambda_client() -> LambdaClient:
    import boto3  # the remote route never needs it
    from botocore.config import Config

    # No retries: botocore would invoke once more after a time-out, when this function's time is over.
    config = Config(connect_timeout=2, read_timeout=29, retries={"total_max_attempts": 1})
    return boto3.client("lambda", config=config)
