"""Interpolated values: points of the grid on the lines between stored values, and no others."""

from __future__ import annotations

import math
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from chalicelib.contracts import wire_contract
from chalicelib.hot_reader import interpolation, next_token
from chalicelib.hot_reader.hot_reader import HotReader
from chalicelib.hot_reader.next_token import Position
from chalicelib.model.errors import InvalidQueryError
from chalicelib.model.instants import parse_instant
from chalicelib.model.limits import LONGEST_NEXT_TOKEN
from chalicelib.model.query import DevicesQuery
from chalicelib.model.timestamps import Iso8601Format
from tests.conformance.asking import (
    END,
    START,
    DirectAsker,
    check_pages_ahead,
    count,
    devices_pages,
    page,
    pages,
)
from tests.conformance.conftest import Subject, each_host, each_store
from tests.conformance.memory import MemoryStore
from tests.conformance.oracle import Stored, in_order, instant_of, read_back
from tests.conformance.test_devices import each_host as each_host_of_devices

SELECTED = ["a", "b"]
TYPES = {"a": "DOUBLE", "b": "LONG"}
ORDERS = ["ASCENDING", "DESCENDING"]
FIRST = parse_instant(START)
in_memory = pytest.mark.parametrize("readers", ["memory"], indirect=True, scope="session")
"""For rules above the stores."""


def every(seconds: Any, kind: Any = "LINEAR") -> dict[str, Any]:
    asked = {"interpolationType": kind, "intervalInSeconds": seconds}
    return {"property_types": TYPES, "interpolation": asked}


def points(entries: list[Stored], name: str, seconds: int) -> list[tuple[Fraction, float]]:
    """Say what the points of a property are: between the last value before each and the first behind."""
    samples = [
        (entry.instant, Fraction(float(entry.values[name]) if name == "a" else entry.values[name]))
        for entry in in_order(entries)
        if name in entry.values and instant_of(START) <= entry.instant <= instant_of(END)
    ]
    found: list[tuple[Fraction, float]] = []
    if not samples:
        return found
    at = Fraction(math.ceil(samples[0][0] / seconds) * seconds)
    while at <= samples[-1][0]:
        before = [each for each in samples if each[0] <= at][-1]
        if before[0] == at:
            value = before[1]
        else:
            behind = next(each for each in samples if each[0] > at)
            share = (at - before[0]) / (behind[0] - before[0])
            value = before[1] + (behind[1] - before[1]) * share
        found.append((at, float(value) if name == "a" else float(round(value))))
        at += seconds
    return found


def expected_of(devices: dict[str, list[Stored]], seconds: int, order: str) -> dict[str, Any]:
    found = {each: expected(entries, seconds, order) for each, entries in devices.items()}
    return {device_id: values for device_id, values in found.items() if values}


def read_back_of(answer: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the values of each device on some pages."""
    found: dict[str, list[dict[str, Any]]] = {}
    for each in answer:
        for series in each["propertyValues"]:
            (device_id,) = series["entityPropertyReference"]["externalIdProperty"].values()
            found.setdefault(device_id, []).append({"propertyValues": [series]})
    return {device_id: read_back(values) for device_id, values in found.items()}


def expected(entries: list[Stored], seconds: int, order: str) -> dict[str, Any]:
    found = {name: points(entries, name, seconds) for name in SELECTED}
    step = -1 if order == "DESCENDING" else 1
    return {name: values[::step] for name, values in found.items() if values}


def fill(subject: Subject, step: int = 1) -> None:
    """Store entries of uneven distance, on the grid of seconds and off it, some without a property."""
    subject.put(
        *(
            Stored(
                f"2026-01-30T17:{number // 4:02}:{number * number % 50:02}{spelling}",
                {name: Decimal(number * 7 % 30) for name in SELECTED if (number + ord(name)) % 3},
            )
            for number in range(step - 1, 24, step)
            for spelling in ["Z" if number % 2 else ".25Z"]
        )
    )


@pytest.fixture
def filled(subject: Subject) -> Subject:
    fill(subject)
    return subject


@pytest.fixture
def devices(subject: Subject) -> dict[str, Subject]:
    """Three devices, whose entries are partly of the same instants, and one that has none."""
    ids = [f"{subject.device_id}-{number}" for number in range(4)]
    found = {each: replace(subject, device_id=each, entries=[]) for each in ids}
    for number in range(3):
        fill(found[ids[number]], step=number + 1)
    return found


@each_store
@pytest.mark.parametrize("order", ORDERS)
def test_each_store_gives_each_devices_points_of_the_grid_over_page_borders(devices, order):
    ids = [*devices]
    answer = devices_pages(
        devices[ids[0]].reader(), ids, SELECTED, order_by_time=order, max_results=27, **every(10)
    )
    entries = {device_id: each.entries for device_id, each in devices.items()}
    assert read_back_of(answer) == expected_of(entries, 10, order)
    assert {count(each) for each in answer[:-1]} == {27}


@each_host_of_devices
def test_each_host_gives_each_devices_points(devices):
    test_each_store_gives_each_devices_points_of_the_grid_over_page_borders(devices, ORDERS[0])


@each_host
def test_each_host_gives_the_points(filled):
    answer = pages(filled.reader(), filled.device_id, SELECTED, max_results=20, **every(15))
    assert read_back(answer) == expected(filled.entries, 15, "ASCENDING")


@in_memory
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (every(10) | {"property_types": {"a": "STRING"}}, "'a' is of the type STRING"),
        (every(10) | {"property_types": {}}, "'a' has no declared type"),
        (every(10, "STEP"), r"interpolation\.interpolationType must be LINEAR"),
        (every(0), r"interpolation\.intervalInSeconds must be"),
        (every(None), r"interpolation\.intervalInSeconds must be"),
        (every("60"), r"interpolation\.intervalInSeconds must be"),
        (every(1.5), r"interpolation\.intervalInSeconds must be"),
        ({"interpolation": "LINEAR"}, "interpolation must be"),
    ],
)
def test_what_cannot_be_interpolated_is_refused_by_name(filled, change, message):
    with pytest.raises(InvalidQueryError, match=message):
        page(filled.reader(), filled.device_id, ["a"], **change)


@in_memory
@pytest.mark.parametrize("change", [every(20), {"property_types": TYPES}, {"interpolation": {}}])
def test_a_token_of_another_interval_is_refused(filled, change):
    asked = {"max_results": 1, **every(10)}
    token = page(filled.reader(), filled.device_id, ["a"], **asked)["nextToken"]
    del asked["interpolation"]
    with pytest.raises(InvalidQueryError, match="next_token"):
        page(filled.reader(), filled.device_id, ["a"], **(asked | change), next_token=token)


@in_memory
@pytest.mark.parametrize(
    ("lines", "is_refused"),
    [
        ([[FIRST, 1.0, 1.0, None], None], False),
        ([], True),
        ([None, 7], True),
        ([None, [FIRST, 1, 1]], True),
        ([None, [START, 1, 1, None]], True),
        ([None, [0, 1, 1, None]], True),
        ([None, [FIRST, 1, 1, 0]], True),
        ([None, [FIRST, None, 1, None]], True),
        ([[FIRST, 1.0, math.nan, None], None], True),
        ([None, [FIRST, 2.5, 1, None]], True),  # a LONG, declared a DOUBLE on the page before
    ],
)
def test_forged_lines_in_a_token_are_refused(filled, lines, is_refused):
    asked = {"start_time": START, "end_time": END, "max_results": 1, **every(10)}
    selected = {"iot_device_id": filled.device_id, "selected_properties": SELECTED}
    query = DevicesQuery((wire_contract.history_query(asked | selected),))
    position = Position(START, 0, "", complete=False, in_second=1)
    asked["next_token"] = next_token.encode_among(0, position, query, lines)
    if is_refused:
        with pytest.raises(InvalidQueryError, match="next_token isn't one that this reader issued"):
            page(filled.reader(), filled.device_id, SELECTED, **asked)
    else:
        assert count(page(filled.reader(), filled.device_id, SELECTED, **asked)) == 1


@in_memory
def test_a_filter_leaves_out_values_before_the_line_is_drawn(filled):
    small = {"propertyName": "a", "operator": "<", "value": {"integerValue": 15}}
    answer = pages(filled.reader(), filled.device_id, ["a"], property_filters=[small], **every(10))
    kept = [each for each in filled.entries if each.values.get("a", 99) < 15]
    assert read_back(answer) == {"a": points(kept, "a", 10)}


@in_memory
def test_many_points_between_two_values_end_a_page_by_its_bytes(subject):
    subject.put(Stored(START, {"a": Decimal(0)}), Stored(END, {"a": Decimal(1)}))
    reader = subject.reader(page_bytes=65_536)
    answer = pages(reader, subject.device_id, ["a"], **every(1))
    assert len(answer) > 1
    assert read_back(answer) == {"a": points(subject.entries, "a", 1)}


stored = st.builds(
    lambda second, fraction, values: Stored(f"2026-01-30T17:00:{second:02}{fraction}Z", values),
    st.integers(0, 20),
    st.sampled_from(["", ".0", ".5", ".123456789"]),
    st.fixed_dictionaries(
        {},
        optional={
            "a": st.floats(-1e300, 1e300).map(lambda value: Decimal(repr(value))),
            "b": st.integers(-(2**40), 2**40).map(Decimal),
        },
    ),
)


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.lists(stored, max_size=12), min_size=1, max_size=3),
    st.integers(1, 7),
    st.integers(1, 5),
    st.sampled_from(ORDERS),
    st.sampled_from([2, 4, 6]),
)
@example(
    [[Stored("2026-01-30T17:00:00Z", {"a": Decimal(n)}) for n in range(3)]], 1, 1, ORDERS[1], 6
)
def test_any_entries_give_the_oracles_points_whatever_the_page(
    devices, seconds, size, order, together
):
    """Devices are read together as far as their lines fit in a token, and the others after them."""
    store = MemoryStore()
    entries = {
        f"device-{number}": [replace(each, identity=str(n)) for n, each in enumerate(its_entries)]
        for number, its_entries in enumerate(devices)
    }
    for device_id, its_entries in entries.items():
        store.put(device_id, its_entries, "S")
    reader = DirectAsker(HotReader(store, Iso8601Format(), page_bytes=100_000))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(interpolation, "_MOST_LINES", together)
        asked = {"order_by_time": order, "max_results": size, **every(seconds)}
        answer = devices_pages(reader, [*entries], SELECTED, **asked)
        check_pages_ahead(answer, reader, [*entries], SELECTED, **asked)
    assert read_back_of(answer) == expected_of(entries, seconds, order)
    assert {count(each) for each in answer[:-1]} <= {size}


def test_the_longest_lines_that_are_read_together_fit_in_a_token():
    names = [f"property-{number}" for number in range(10)]
    store = MemoryStore()
    ids = [f"device-{number}" for number in range(20)]
    for device_id in ids:
        values = dict.fromkeys(names, Decimal("-1.2345678901234567E+300"))
        times = ["2026-01-30T17:00:00.123456789Z", "2026-01-30T17:00:00.123456789+00:00"]
        halves = [Decimal(1), Decimal(2)]
        store.put(
            device_id,
            [
                Stored(time, {name: value * half for name, value in values.items()})
                for time, half in zip(times, halves, strict=True)
            ]
            + [Stored("2026-01-30T17:59:59.987654321Z", values)],
            "S",
        )
    reader = DirectAsker(HotReader(store, Iso8601Format(), page_bytes=10_000_000))
    types = dict.fromkeys(names, "DOUBLE")
    answer = devices_pages(
        reader, ids, names, max_results=3_000, **every(60) | {"property_types": types}
    )
    assert sum(map(count, answer)) == 20 * 10 * 59
    assert max(len(each.get("nextToken", "")) for each in answer) > LONGEST_NEXT_TOKEN / 2
