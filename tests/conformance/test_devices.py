"""Histories of several devices as one: in the order of time, no gap and no repeat, whatever the page size."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.hot_reader.hot_reader import HotReader
from chalicelib.model.errors import InvalidQueryError
from chalicelib.model.timestamps import Iso8601Format
from tests.conformance.asking import (
    END,
    START,
    DirectAsker,
    check_pages_ahead,
    count,
    devices_pages,
)
from tests.conformance.conftest import HOSTS, Subject, each_store
from tests.conformance.memory import MemoryStore
from tests.conformance.oracle import Stored, in_order, instant_of, plain

SELECTED = ["a", "b"]
SPELLINGS = ["Z", ".000Z", ".5Z", ".25Z", ".123456789Z"]
ORDERS = ["ASCENDING", "DESCENDING"]
PAGE_BYTES = 65_536

Value = tuple[Fraction, int, str, Any]
"""An instant, the number of the device, a property and its value."""

each_host = pytest.mark.parametrize(
    "readers", [name for name in HOSTS if "lambda" not in name], indirect=True, scope="session"
)
"""Hosts that need no list of devices of their own; those of Lambda have one in test_data_connector.py."""

in_memory = pytest.mark.parametrize("readers", ["memory"], indirect=True, scope="session")
"""For rules above the stores."""


def expected(devices: list[list[Stored]], order: str, keep: Any = lambda _: True) -> list[Value]:
    """Return every value in the order of all devices."""
    descending = order == "DESCENDING"
    values = [
        (entry.instant, number, name, plain(entry.values[name]))
        for number, entries in enumerate(devices)
        for entry in in_order(entries, descending=descending)
        if instant_of(START) <= entry.instant <= instant_of(END) and keep(entry.values)
        for name in SELECTED
        if entry.values.get(name) is not None
    ]
    sign = -1 if descending else 1
    return sorted(values, key=lambda value: (sign * value[0], value[1]))


def joined(pages: list[dict[str, Any]], device_ids: list[str]) -> list[list[Value]]:
    """Return the values of each page, in no order."""
    return [
        sorted(
            (
                instant_of(value["time"]),
                device_ids.index(reference["externalIdProperty"]["iotDeviceId"]),
                reference["propertyName"],
                plain(*value["value"].values()),
            )
            for each in page["propertyValues"]
            for reference in [each["entityPropertyReference"]]
            for value in each["values"]
        )
        for page in pages
    ]


def in_pages(values: list[Value], size: int | None) -> list[list[Value]]:
    step = size or max(len(values), 1)
    return [sorted(values[first : first + step]) for first in range(0, len(values), step)]


@pytest.fixture
def devices(subject: Subject) -> list[Subject]:
    """Three devices, whose entries are partly of the same instants, and one that has none."""
    found = [replace(subject, device_id=f"{subject.device_id}-{n}", entries=[]) for n in range(4)]
    for number, device in enumerate(found[:3]):
        device.put(
            *(
                Stored(
                    f"2026-01-30T17:00:{second // 5:02}{SPELLINGS[second % 5]}",
                    {name: Decimal(second) for name in SELECTED if (second + ord(name)) % 3},
                )
                for second in range(number, 15, number + 1)
            )
        )
    return found


@each_store
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("size", [4, None])
def test_every_page_size_gives_every_value_once_in_the_order_of_time(devices, order, size):
    ids = [each.device_id for each in devices]
    answer = devices_pages(
        devices[0].reader(), ids, SELECTED, order_by_time=order, max_results=size
    )
    values = expected([each.entries for each in devices], order)
    assert joined(answer, ids) == in_pages(values, size)


@each_host
def test_each_host_hands_out_the_pages(devices):
    test_every_page_size_gives_every_value_once_in_the_order_of_time(devices, "DESCENDING", 9)


@in_memory
def test_filters_hold_for_each_devices_own_entries(devices):
    ids = [each.device_id for each in devices]
    warm = {"propertyName": "a", "operator": ">", "value": {"integerValue": 6}}
    answer = devices_pages(
        devices[0].reader(), ids, SELECTED, max_results=3, property_filters=[warm]
    )
    entries = [each.entries for each in devices]
    values = expected(entries, "ASCENDING", lambda values: values.get("a", 0) > 6)
    assert [value for page in joined(answer, ids) for value in page] == [
        value for page in in_pages(values, 3) for value in page
    ]


@in_memory
def test_what_arrives_at_the_end_while_pages_are_read_is_neither_repeated_nor_missed(devices):
    ids = [each.device_id for each in devices]
    reader = devices[0].reader()
    first = devices_pages(reader, ids, SELECTED, max_results=12)[:1]
    for device in devices:
        device.put(Stored("2026-01-30T17:00:59Z", {"a": Decimal(99)}))
    rest = devices_pages(reader, ids, SELECTED, max_results=12, next_token=first[0]["nextToken"])
    values = expected([each.entries for each in devices], "ASCENDING")
    assert joined([*first, *rest], ids) == in_pages(values, 12)


@in_memory
@pytest.mark.parametrize(
    "change",
    [
        lambda ids: {"iot_device_ids": ids[:2]},
        lambda ids: {"iot_device_ids": ids[::-1]},
        lambda _ids: {"order_by_time": "DESCENDING"},
        lambda ids: {"iot_device_ids": None, "iot_device_id": ids[0]},
    ],
)
def test_a_token_of_other_devices_is_refused(devices, change):
    ids = [each.device_id for each in devices]
    reader = devices[0].reader()
    token = devices_pages(reader, ids, SELECTED, max_results=1)[0]["nextToken"]
    with pytest.raises(InvalidQueryError, match="next_token"):
        devices_pages(reader, ids, SELECTED, **({"next_token": token} | change(ids)))


@in_memory
def test_a_page_ends_early_rather_than_exceed_its_bytes(subject):
    ids = [f"{subject.device_id}-{n}" for n in range(2)]
    entries = [
        [Stored(f"2026-01-30T17:00:{second:02}Z", {"a": 'é"\\\n' * 60}) for second in range(60)]
        for _ in ids
    ]
    reader = DirectAsker(_reader_of(MemoryStore(), entries, ids, page_bytes=PAGE_BYTES))
    answer = devices_pages(reader, ids, ["a"])
    assert sum(map(count, answer)) == 120
    assert len(answer) > 1


def _reader_of(
    store: MemoryStore, devices: list[list[Stored]], ids: list[str], page_bytes: int = 6_000_000
) -> HotReader:
    for device_id, entries in zip(ids, devices, strict=True):
        store.put(device_id, entries, "S")
    return HotReader(store, Iso8601Format(), page_bytes=page_bytes)


stored = st.builds(
    lambda second, spelling, values: Stored(f"2026-01-30T17:00:0{second}{spelling}", values),
    st.integers(0, 3),
    st.sampled_from(SPELLINGS),
    st.dictionaries(st.sampled_from(SELECTED), st.integers(0, 9).map(Decimal)),
)
with_identities = st.lists(stored, max_size=12).map(
    lambda entries: [replace(each, identity=str(n)) for n, each in enumerate(entries)]
)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(with_identities, min_size=2, max_size=5), st.integers(1, 6), st.sampled_from(ORDERS)
)
def test_any_entries_of_any_devices_come_as_the_oracle_says(devices, size, order):
    ids = [f"device-{number}" for number in range(len(devices))]
    reader = DirectAsker(_reader_of(MemoryStore(), devices, ids))
    answer = devices_pages(reader, ids, SELECTED, max_results=size, order_by_time=order)
    assert joined(answer, ids) == (in_pages(expected(devices, order), size) or [[]])
    check_pages_ahead(answer, reader, ids, SELECTED, max_results=size, order_by_time=order)
