"""Both reads, answered from one store: what every host of a Hot Reader asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chalicelib.contracts import device, twinmaker, wire_contract
from chalicelib.contracts.answers import HistoryAnswer, LastEntryAnswer
from chalicelib.hot_reader.hot_reader import HotReader
from chalicelib.model.query import HistoryQuery

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chalicelib.model.query import LastEntryQuery
    from chalicelib.model.reads import Read
    from chalicelib.model.results import Answer
    from chalicelib.observability.request_record import RequestRecord
    from chalicelib.settings.hot_reader import HotReaderSettings
    from chalicelib.stores.hot_store import HotStore


class HotReaderService:
    """Answers both reads, asked by TwinMaker or over HTTP.

    Parameters
    ----------
    store
        The hot storage.
    settings
        The twin, and how its entries are laid out.
    """

    def __init__(self, store: HotStore, settings: HotReaderSettings) -> None:
        self._twin = settings.twin
        self._reader = HotReader(
            store,
            settings.timestamp_format,
            page_bytes=settings.page_bytes,
            page_values=settings.page_values,
        )

    def answer_event(self, read: Read, event: Mapping[str, Any], record: RequestRecord) -> Answer:
        """Answer an event of TwinMaker; raises `HotReaderError`."""
        device_id = device.resolve(event, self._twin.name)
        return self._answer(twinmaker.QUERY_PARSERS[read](event, device_id), record)

    def answer_payload(
        self, read: Read, payload: Mapping[str, Any], record: RequestRecord
    ) -> Answer:
        """Answer a payload of the wire contract; raises `HotReaderError`."""
        return self._answer(wire_contract.QUERY_PARSERS[read](payload), record)

    def _answer(self, query: LastEntryQuery, record: RequestRecord) -> Answer:
        query = query.declared_by(self._twin.devices)
        with record.subsegment("hot storage"):
            return answer(self._reader, query)


def answer(reader: HotReader, query: LastEntryQuery) -> Answer:
    """Answer a history query or a last entry query; raises `HotReaderError`."""
    if isinstance(query, HistoryQuery):
        return HistoryAnswer(query, reader.history(query))
    return LastEntryAnswer(query, reader.last_entry(query))
