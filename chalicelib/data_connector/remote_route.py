"""The way to another cloud's Hot Reader: device, query, pages read ahead, envelope."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from chalicelib.contracts import wire_contract
from chalicelib.data_connector import event_query
from chalicelib.data_connector.read_ahead import ReadAhead
from chalicelib.data_connector.remote_reader import RemoteReader
from chalicelib.model.errors import RemoteReaderError
from chalicelib.model.query import DevicesQuery, HistoryQuery

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from chalicelib.data_connector.deadline import Deadline
    from chalicelib.model.query import AnyHistoryQuery, AnyQuery
    from chalicelib.model.reads import Read
    from chalicelib.observability.request_record import RequestRecord
    from chalicelib.settings.data_connector import RemoteReaderSettings
    from chalicelib.settings.digital_twin_info import DigitalTwinInfo

_OF_TWINMAKER: Final = ("propertyValues", "nextToken")


class RemoteRoute:
    """Asks one Hot Reader on another cloud.

    Parameters
    ----------
    read
        History or last entry.
    settings
        The Hot Reader.
    twin
        The digital twin and its listed devices.
    """

    def __init__(self, read: Read, settings: RemoteReaderSettings, twin: DigitalTwinInfo) -> None:
        self._read = read
        self._twin = twin
        self._source_cloud = settings.source_cloud
        self._reader = RemoteReader(settings)
        self._read_ahead = ReadAhead(settings.read_ahead) if settings.read_ahead else None

    def answer(
        self, event: Mapping[str, Any], deadline: Deadline, trace_id: str, record: RequestRecord
    ) -> dict[str, Any]:
        """Answer TwinMaker's event; see `DataConnector.answer`."""
        query = event_query.parse(event, self._read, self._twin, deadline)
        if isinstance(query, HistoryQuery | DevicesQuery) and query.unsatisfiable:
            return {"propertyValues": []}
        ask = partial(self._ask, deadline=deadline, trace_id=trace_id, record=record)
        if self._read_ahead is not None and isinstance(query, HistoryQuery | DevicesQuery):
            answer = _reading_ahead(self._read_ahead, query, ask, record)
        else:
            answer = ask(query)
        # TwinMaker expects its page and nothing else, and later versions of the contract may have more.
        return {name: answer[name] for name in _OF_TWINMAKER if answer.get(name) is not None}

    def _ask(
        self, query: AnyQuery, *, deadline: Deadline, trace_id: str, record: RequestRecord
    ) -> dict[str, Any]:
        envelope = wire_contract.envelope(
            query, source_cloud=self._source_cloud, timestamp=time.time_ns(), trace_id=trace_id
        )

        def before_retry(reason: str, pause: float) -> None:
            record.logger.warning("Remote try failed", reason=reason, retry_in_seconds=pause)

        started = time.perf_counter()
        attempts = 0
        try:
            with record.subsegment("remote hot reader"):
                answer = self._reader.read(
                    envelope, query, seconds=deadline.seconds_left(), before_retry=before_retry
                )
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


def _reading_ahead(
    read_ahead: ReadAhead,
    query: AnyHistoryQuery,
    ask: Callable[[AnyQuery], dict[str, Any]],
    record: RequestRecord,
) -> dict[str, Any]:
    """Answer with a page that was read ahead, or ask for the page and those after it."""
    kept = read_ahead.take(query)
    if kept is not None:
        record.count("ReadAheadHits", 1)
        record.logger.info("Answered by what was read ahead")
        return kept
    if query.common.next_token is not None:
        record.count("ReadAheadMisses", 1)
    asked = read_ahead.now()
    answer = ask(query.with_pages_ahead(read_ahead.pages(query)))
    read_ahead.keep(query, answer, answer.get(wire_contract.FOLLOWING_PAGES, ()), asked)
    return answer
