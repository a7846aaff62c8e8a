"""One kind of read, answered from one store: what every host of a Hot Reader asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chalicelib.contracts import device
from chalicelib.hot_reader.hot_reader import HotReader

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chalicelib.hot_reader.reads import Found, Read
    from chalicelib.model.query import LastEntryQuery
    from chalicelib.observability.request_record import RequestRecord
    from chalicelib.settings import HotReaderSettings
    from chalicelib.stores.hot_store import HotStore


class HotReaderService:
    """Answers one kind of read, asked by TwinMaker or over HTTP.

    Parameters
    ----------
    read
        History or last entry.
    store
        Where the entries are.
    settings
        The twin, and how its entries are laid out.
    """

    def __init__(self, read: Read[Any], store: HotStore, settings: HotReaderSettings) -> None:
        self._read = read
        self._twin = settings.twin
        self._reader = HotReader(
            store,
            settings.timestamp_format,
            page_bytes=settings.page_bytes,
            page_values=settings.page_values,
        )

    def answer_event(self, event: Mapping[str, Any], record: RequestRecord) -> Found:
        """Answer an event of TwinMaker; raises `HotReaderError`."""
        device_id = device.resolve(event, self._twin.name)
        return self._answer(self._read.from_event(event, device_id), record)

    def answer_payload(self, payload: Mapping[str, Any], record: RequestRecord) -> Found:
        """Answer a payload of the wire contract; raises `HotReaderError`."""
        return self._answer(self._read.from_payload(payload), record)

    def _answer(self, query: LastEntryQuery, record: RequestRecord) -> Found:
        query = query.declared_by(self._twin.devices)
        with record.subsegment("hot storage"):
            return self._read.answer(self._reader, query)
