"""Filters compare by declared type, on selected and unselected properties, and all must hold."""

import itertools
from decimal import Decimal

import pytest

from chalicelib.model.errors import InvalidQueryError
from tests.conformance.asking import page, pages, times
from tests.conformance.conftest import each_store
from tests.conformance.oracle import Stored

READINGS = [Decimal(9), Decimal("10"), Decimal("10.5"), "11", None]


@pytest.fixture
def filled(subject):
    stored = []
    for number, reading in enumerate(READINGS):
        values = {"n": Decimal(number), "text": str(number * 5), "on": number % 2 == 0}
        if reading is not None:
            values["reading"] = reading
        stored.append(Stored(f"2026-01-30T17:00:{number:02}Z", values))
    subject.put(*stored)
    return subject


def kept(subject, *filters, **types) -> list[int]:
    answer = page(
        subject.reader(),
        subject.device_id,
        ["n"],
        property_filters=[
            {"propertyName": name, "operator": operator, "value": value}
            for name, operator, value in filters
        ],
        property_types=types,
    )
    return [value["value"]["integerValue"] for value in answer["propertyValues"][0]["values"]]


@each_store
@pytest.mark.parametrize(
    ("operator", "expected"),
    [("=", [1]), ("!=", [0, 2, 3]), ("<", [0]), ("<=", [0, 1]), (">", [2, 3]), (">=", [1, 2, 3])],
)
def test_numbers_compare_as_numbers_whatever_they_are_stored_as(filled, operator, expected):
    assert kept(filled, ("reading", operator, {"doubleValue": 10}), reading="DOUBLE") == expected


@each_store
def test_text_compares_as_text(filled):
    assert kept(filled, ("text", "<", {"stringValue": "2"}), text="STRING") == [0, 2, 3]


@each_store
def test_a_declared_type_decides_not_the_kind_of_the_filter(filled):
    assert kept(filled, ("text", "<", {"stringValue": "6"}), text="INTEGER") == [0, 1]


@each_store
def test_without_a_declared_type_numbers_of_all_kinds_compare(filled):
    assert kept(filled, ("reading", ">", {"integerValue": 10})) == [2]


@each_store
def test_booleans_can_be_asked_for(filled):
    assert kept(filled, ("on", "=", {"booleanValue": True})) == [0, 2, 4]


@each_store
@pytest.mark.parametrize("order", ["ASCENDING", "DESCENDING"])
@pytest.mark.parametrize(("reading", "expected"), [(-1, []), (10.5, [2])])
def test_what_takes_long_is_read_in_pages_that_end_by_time(filled, order, reading, expected):
    ticks = itertools.count(0, 5)
    equal = {"propertyName": "reading", "operator": "=", "value": {"doubleValue": reading}}
    found = pages(
        filled.reader(clock=lambda: next(ticks), one_by_one=True),
        filled.device_id,
        ["n"],
        property_filters=[equal],
        property_types={"reading": "DOUBLE"},
        order_by_time=order,
    )
    assert len(found) == len(READINGS)
    assert times(found, "n") == [f"2026-01-30T17:00:{number:02}Z" for number in expected]


def test_all_filters_must_hold(filled):
    filters = [("reading", ">=", {"doubleValue": 10}), ("on", "=", {"booleanValue": True})]
    assert kept(filled, *filters, reading="DOUBLE") == [2]


@each_store
def test_an_entry_without_the_property_never_matches(filled):
    assert 4 not in kept(filled, ("reading", "!=", {"doubleValue": -1}), reading="DOUBLE")


@each_store
@pytest.mark.parametrize(
    ("condition", "types"),
    [
        (("on", "<", {"booleanValue": True}), {}),
        (("reading", "=", {"stringValue": "warm"}), {"reading": "DOUBLE"}),
        (("reading", "~", {"doubleValue": 1}), {}),
        (("reading", "=", {}), {}),
        (("reading", "=", {"doubleValue": 1, "integerValue": 1}), {}),
        (("reading", "=", {"number": 1}), {}),
        (("", "=", {"doubleValue": 1}), {}),
    ],
)
def test_a_filter_that_makes_no_sense_is_refused(filled, condition, types):
    with pytest.raises(InvalidQueryError):
        kept(filled, condition, **types)
