"""A device's id is a string to callers, whatever it is in the storage."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.contracts.wire_contract import history_query, last_entry_query
from chalicelib.hot_reader.hot_reader import HotReader
from chalicelib.model.errors import InvalidQueryError
from chalicelib.model.limits import LARGEST_PAYLOAD
from chalicelib.model.timestamps import Iso8601Format
from tests.conformance.asking import END, START
from tests.conformance.batches import BatchingMemoryStore
from tests.conformance.memory import MemoryStore
from tests.conformance.oracle import Stored

if TYPE_CHECKING:
    from chalicelib.model.entries import DeviceId


def entries_of(kept: DeviceId, asked: str, store: MemoryStore) -> tuple[int, int]:
    """Count the values of a history and of the newest entry, with one entry in a numeric storage."""
    store.put(kept, [Stored(START, {"n": Decimal(1)})], "S")
    reader = HotReader(store, Iso8601Format(), page_bytes=LARGEST_PAYLOAD, numeric_device_ids=True)
    query: dict[str, Any] = {"iot_device_id": asked, "selected_properties": ["n"]}
    newest = reader.last_entry(last_entry_query(query))
    history = reader.history(history_query(query | {"start_time": START, "end_time": END}))
    return history.count, len(newest.values)


@pytest.mark.parametrize(
    "store", [MemoryStore(), BatchingMemoryStore(2)], ids=["single", "batches"]
)
@pytest.mark.parametrize("number", ["17", "0", "-3", "0.5", "9007199254740993", "1" * 38])
def test_a_number_is_read_as_one(store, number):
    assert entries_of(Decimal(number), number, store) == (1, 1)


@pytest.mark.parametrize(
    "device_id",
    ["pump-1", "017", "17.0", "1e3", "+1", "-0", " 17", "NaN", "1" * 39, "\u0661", ".5", "5."],
)
def test_what_is_no_number_or_another_spelling_of_one_is_a_wrong_query(device_id):
    with pytest.raises(InvalidQueryError, match=r"isn't a number .*DEVICE_ID_TYPE"):
        entries_of(Decimal(17), device_id, MemoryStore())
