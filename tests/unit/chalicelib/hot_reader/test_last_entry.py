"""The newest entry takes a bounded read, whatever is stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.hot_reader.hot_reader import HotReader
from chalicelib.model.errors import HotStoreError
from chalicelib.model.limits import LARGEST_PAYLOAD
from chalicelib.model.query import LastEntryQuery
from chalicelib.model.timestamps import Iso8601Format
from tests.conformance.memory import MemoryStore
from tests.conformance.oracle import Stored

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chalicelib.model.entries import StoredEntry
    from chalicelib.model.results import LastEntry


class CountingStore(MemoryStore):
    """Counts the entries that are taken."""

    taken = 0

    def read(self, *asked: Any, **more: Any) -> Iterator[StoredEntry]:
        for entry in super().read(*asked, **more):
            self.taken += 1
            yield entry


@pytest.fixture
def store() -> CountingStore:
    return CountingStore()


def put(store: CountingStore, *keys: str) -> None:
    store.put("pump-1", [Stored(key, {"pressure": 4}) for key in keys], "S")


def newest(store: CountingStore) -> LastEntry:
    reader = HotReader(store, Iso8601Format(), page_bytes=LARGEST_PAYLOAD)
    return reader.last_entry(LastEntryQuery(device_id="pump-1", selected_properties=("pressure",)))


def unreadable(count: int) -> list[str]:
    return [f"nobody reads {number:05}" for number in range(count)]


def test_a_history_of_which_nothing_can_be_read_is_not_read_whole(store):
    put(store, *unreadable(20_000))
    with pytest.raises(HotStoreError, match=r"nobody reads 19999.*TIMESTAMP_FORMAT"):
        newest(store)
    assert store.taken == 100


def test_an_entry_before_a_few_that_cannot_be_read_is_found(store):
    put(store, "2026-01-30T17:00:00Z", *unreadable(99))
    found = newest(store)
    assert found.values == {"pressure": {"integerValue": 4}}
    assert found.flaws.unreadable_timestamps == 99


def test_an_entry_after_many_that_cannot_be_read_is_found(store):
    put(store, *(f"1 nobody reads {number:05}" for number in range(500)), "2026-01-30T17:00:00Z")
    found = newest(store)
    assert found.values == {"pressure": {"integerValue": 4}}
    assert store.taken <= 101
