"""The kinds of events, and what no event may hold."""

from __future__ import annotations

import pytest

from chalicelib.contracts import events
from chalicelib.model.errors import InvalidQueryError
from chalicelib.model.reads import HISTORY, LAST_ENTRY

LATEST = {"entityId": "machine-1", "componentName": "latest", "selectedProperties": ["a"]}
RANGE = {"startTime": "2026-01-30T17:00:00Z", "endTime": "2026-01-30T18:00:00Z"}
HALF = "half of a surrogate pair is no character"


@pytest.mark.parametrize(
    ("read", "event"),
    [
        (HISTORY, LATEST | RANGE),
        (HISTORY, {**LATEST, "startDateTime": 0, "endDateTime": 1}),
        (LAST_ENTRY, LATEST),
        (LAST_ENTRY, {**LATEST, "startTime": None, "startDateTime": None, "entries": None}),
    ],
)
def test_an_event_of_the_functions_own_kind_passes(read, event):
    events.check(event, read)


def test_a_writers_event_is_told_that_this_is_a_reader():
    for read in (HISTORY, LAST_ENTRY):
        with pytest.raises(InvalidQueryError, match=r"This function is a reader.*dataWriter"):
            events.check({"workspaceId": "factory", "entries": [], "properties": {}}, read)


@pytest.mark.parametrize(
    ("read", "event", "own"),
    [
        (HISTORY, LATEST, "dataReader"),
        (LAST_ENTRY, LATEST | RANGE, "attributePropertyValueReaderByEntity"),
        (LAST_ENTRY, {**LATEST, "endDateTime": 0}, "attributePropertyValueReaderByEntity"),
    ],
)
def test_an_event_of_the_other_read_is_told_what_this_function_is(read, event, own):
    with pytest.raises(InvalidQueryError, match=f"only as {own} in the component type") as refusal:
        events.check(event, read)
    assert f"a reader of the {read.title}" in str(refusal.value)


def test_a_tabular_event_is_told_that_properties_are_read_one_by_one():
    with pytest.raises(InvalidQueryError, match="propertyGroupName"):
        events.check({**LATEST, "propertyGroupName": "tabular"}, LAST_ENTRY)


@pytest.mark.parametrize(
    ("part", "place", "fault"),
    [
        ({"selectedProperties": ["a", "\ud800"]}, r"selectedProperties\[1\]", HALF),
        ({"nextToken": "\udfff"}, "nextToken", HALF),
        (
            {"propertyFilters": [{"value": {"stringValue": "\ud800"}}]},
            r"propertyFilters\[0\]\.value\.stringValue",
            HALF,
        ),
        (
            {"propertyFilters": [{"value": {"longValue": 2**64}}]},
            r"propertyFilters\[0\]\.value\.longValue",
            "a whole number beyond 64 bits",
        ),
        ({"properties": {"\ud800": {}}}, r"properties\.\?", HALF),
        ({"properties": {"a": {"b": 2**64}}, "unknown": "\ud800"}, "unknown", HALF),
        ({"entityId": "\ud800"}, "entityId", HALF),
    ],
)
def test_what_cannot_be_sent_on_is_refused_by_its_place(part, place, fault):
    refused = f"^{place} can't be sent as JSON: {fault}$"
    with pytest.raises(InvalidQueryError, match=refused) as refusal:
        events.check({**LATEST, **RANGE, **part}, HISTORY)
    str(refusal.value).encode()


def test_an_event_that_is_nested_too_deep_is_refused():
    deep: list[object] = []
    for _ in range(5_000):
        deep = [deep]
    with pytest.raises(InvalidQueryError, match=r"The event .* nested too deep"):
        events.check({**LATEST, **RANGE, "propertyFilters": deep}, HISTORY)


@pytest.mark.parametrize(
    ("event", "asks"),
    [
        ({"workspaceId": "factory", "properties": {}}, True),
        ({"workspaceId": "factory", "entityId": "machine-1", "properties": {}}, True),
        (LATEST, False),
        ({**LATEST, **RANGE, "properties": {}}, False),
        ({"entries": [], "properties": {}}, False),
        ({"properties": []}, False),
        ([], False),
    ],
)
def test_a_schema_initializers_event_neither_selects_nor_writes(event, asks):
    assert events.asks_for_properties(event) is asks
