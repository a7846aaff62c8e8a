"""A value is the field of its source's name, or lies where the dotted source leads through maps."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from tests.conformance.asking import last_entry, page, pages
from tests.conformance.conftest import each_store
from tests.conformance.oracle import Stored

if TYPE_CHECKING:
    from tests.conformance.asking import Asker
    from tests.conformance.conftest import Subject

SOURCES = {
    "temperature": "payload.temperature",
    "speed": "Vehicle.Speed",
    "inlet": "Temp compressor in",
    "deep": "data.state.reported.on",
}
ENTRIES: list[dict[str, Any]] = [
    {
        "n": Decimal(0),
        "payload": {"temperature": Decimal("20.5"), "other": "unwanted"},
        "Vehicle.Speed": Decimal(80),
        "Temp compressor in": "warm",
        "data": {"state": {"reported": {"on": True}}},
    },
    {"n": Decimal(1), "Vehicle.Speed": Decimal(81), "Vehicle": {"Speed": Decimal(-1)}},
    {"n": Decimal(2), "Vehicle": {"Speed": Decimal(82)}, "payload": {"temperature": None}},
    {"n": Decimal(3), "payload": [Decimal(1)], "Vehicle": None, "data": {"state": "none"}},
    {"n": Decimal(4), "Vehicle.Speed": None, "Vehicle": {"Speed": Decimal(-1)}},
    {"n": Decimal(5), "payload": {"temperature": Decimal(25)}, "data": {"state": {}}},
]
EXPECTED: dict[str, dict[int, Any]] = {
    "n": {0: 0, 1: 1, 2: 2, 3: 3, 4: 4, 5: 5},
    "temperature": {0: 20.5, 5: 25},
    "speed": {0: 80, 1: 81, 2: 82},
    "inlet": {0: "warm"},
    "deep": {0: True},
}
NEWEST = {name: values[max(values)] for name, values in EXPECTED.items()}
NAMES = list(EXPECTED)


def put(subject: Subject, entries: list[dict[str, Any]]) -> None:
    subject.put(
        *(Stored(f"2026-01-30T17:00:0{second}Z", each) for second, each in enumerate(entries))
    )


def found_in(all_pages: list[dict[str, Any]]) -> dict[str, dict[int, Any]]:
    """Plain values by property and second."""
    found: dict[str, dict[int, Any]] = {}
    for one_page in all_pages:
        for each in one_page["propertyValues"]:
            values = found.setdefault(each["entityPropertyReference"]["propertyName"], {})
            for value in each["values"]:
                (values[int(value["time"][17:19])],) = value["value"].values()
    return found


def history(reader: Asker, subject: Subject, **more: Any) -> dict[str, dict[int, Any]]:
    return found_in(pages(reader, subject.device_id, NAMES, **more))


def test_a_source_is_a_name_or_a_path(subject):
    put(subject, ENTRIES)
    reader = subject.reader()
    assert history(reader, subject, property_sources=SOURCES) == EXPECTED
    assert history(reader, subject, property_sources=SOURCES, max_results=2) == EXPECTED
    newest = last_entry(reader, subject.device_id, NAMES, property_sources=SOURCES)
    assert newest == NEWEST


def test_a_filter_compares_what_is_at_the_source(subject):
    put(subject, ENTRIES)
    answer = page(
        subject.reader(),
        subject.device_id,
        ["n"],
        property_sources={"speed": SOURCES["speed"]},
        property_types={"speed": "DOUBLE"},
        property_filters=[{"propertyName": "speed", "operator": ">", "value": {"doubleValue": 80}}],
    )
    assert found_in([answer]) == {"n": {1: 1, 2: 2}}


@each_store
@pytest.mark.parametrize("values_path", ["Body", "data.state.reported", "with space"])
def test_all_values_may_lie_within_one_map(subject, values_path):
    first, *rest = values_path.split(".")
    nested: list[dict[str, Any]] = []
    for each in ENTRIES:
        within: dict[str, Any] = dict(each)
        for name in reversed(rest):
            within = {name: within}
        nested.append({first: within, "n": Decimal(-1), "Vehicle.Speed": Decimal(-1)})
    # A field of the path's name comes first, and what is no map has no values.
    nested[0] |= {values_path: ENTRIES[0]} | ({first: Decimal(1)} if rest else {})
    no_maps: list[Any] = [None, [ENTRIES[0]], "text", {}]
    nested += [{first: each, "n": Decimal(-1)} for each in no_maps]
    put(subject, nested)
    reader = subject.reader(values_path=values_path)
    assert history(reader, subject, property_sources=SOURCES) == EXPECTED
    assert last_entry(reader, subject.device_id, NAMES, property_sources=SOURCES) == NEWEST


@each_store
def test_maps_and_what_is_within_them_can_be_asked_for_together(subject):
    subject.put(Stored("2026-01-30T17:00:00Z", {"a": {"b": {"c": Decimal(1)}}}))
    newest = last_entry(
        subject.reader(),
        subject.device_id,
        ["whole", "part", "same", "b"],
        property_sources={"whole": "a", "part": "a.b.c", "same": "a.b.c", "b": "a.b"},
    )
    inner = {"c": {"integerValue": 1}}
    assert newest == {"whole": {"b": {"mapValue": inner}}, "b": inner, "part": 1, "same": 1}


@each_store
def test_a_long_or_deep_source_is_a_name_or_a_path_like_any_other(subject):
    levels = [f"level{number}" for number in range(30)]
    within: dict[str, Any] = {"n": Decimal(1)}
    for name in reversed(levels[:15]):
        within = {name: within}
    subject.put(Stored("2026-01-30T17:00:00Z", within))
    sources = {"n": ".".join([*levels[:15], "n"]), "deep": ".".join(levels)}
    sources |= {f"p{number}": ".".join([*levels[:20], str(number)]) for number in range(50)}
    newest = last_entry(
        subject.reader(), subject.device_id, list(sources), property_sources=sources
    )
    assert newest == {"n": 1}
