"""Both reads of one store, for every host of a Hot Reader."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from chalicelib.connections.answer_time import all_until
from chalicelib.contracts.answers import HistoryAnswer, LastEntryAnswer
from chalicelib.hot_reader.hot_reader import HotReader
from chalicelib.hot_reader.reading_time import ANSWER_MARGIN
from chalicelib.model.query import DevicesQuery, HistoryQuery

if TYPE_CHECKING:
    from chalicelib.model.query import AnyQuery
    from chalicelib.model.results import Answer
    from chalicelib.observability.request_record import RequestRecord
    from chalicelib.settings.hot_reader import HotReaderSettings
    from chalicelib.stores.hot_store import HotStore


class HotReaderService:
    """The answers to both reads, whether TwinMaker or an HTTP caller asks.

    Parameters
    ----------
    store
        The hot storage.
    settings
        The twin, and the layout of its entries.
    """

    def __init__(self, store: HotStore, settings: HotReaderSettings) -> None:
        self._twin = settings.twin
        self._reader = HotReader(
            store,
            settings.timestamp_format,
            page_bytes=settings.page_bytes,
            page_values=settings.page_values,
            look_back=settings.look_back,
            values_path=settings.values_path,
            numeric_device_ids=settings.numeric_device_ids,
        )

    def answer(self, query: AnyQuery, record: RequestRecord, seconds: float = math.inf) -> Answer:
        """Answer a history query or a last entry query.

        Parameters
        ----------
        query
            The query.
        record
            The request's log and metrics.
        seconds
            The time that the host has left for the request.

        Raises
        ------
        InvalidQueryError
            The query doesn't fit the device's declared properties, or its `next_token` is another query's.
        StoreUnavailableError, HotStoreError
            The store can't be read, or not in time.
        """
        query = query.declared_by(self._twin.devices)
        with record.subsegment("hot storage"):
            return answer(self._reader, query, seconds)


def answer(reader: HotReader, query: AnyQuery, seconds: float = math.inf) -> Answer:
    """Answer a history query or a last entry query; raises `HotReaderError`."""
    with all_until(time.monotonic() + seconds - ANSWER_MARGIN):
        return _answer(reader, query, seconds)


def _answer(reader: HotReader, query: AnyQuery, seconds: float) -> Answer:
    if isinstance(query, HistoryQuery) and query.interval is not None:
        query = DevicesQuery((query,))
    if isinstance(query, DevicesQuery):
        return HistoryAnswer(query, reader.histories(query, seconds))
    if isinstance(query, HistoryQuery):
        return HistoryAnswer(query, reader.history(query, seconds))
    return LastEntryAnswer(query, reader.last_entry(query, seconds))
