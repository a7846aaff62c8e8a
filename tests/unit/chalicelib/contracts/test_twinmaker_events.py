"""TwinMaker's events and the answers that it gets."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from chalicelib.contracts import twinmaker
from chalicelib.model.data_value import DataType
from chalicelib.model.errors import InvalidQueryError
from chalicelib.model.instants import parse_instant
from chalicelib.model.property_filter import PropertyFilter
from chalicelib.model.results import Flaws, HistoryPage, LastEntry, PropertyValues

DEVICE = "temperature-sensor-1"
START, END = "2026-01-30T17:00:00Z", "2026-01-30T18:00:00Z"


def definition(data_type: dict[str, Any]) -> dict[str, Any]:
    """Define a property as TwinMaker sends it: every flag twice."""
    return {
        "definition": {
            "dataType": {"allowedValues": [], "unitOfMeasure": "Celsius", **data_type},
            "isTimeSeries": True,
            "timeSeries": True,
            "isFinal": False,
            "final": False,
            "isInherited": False,
            "inherited": False,
            "configuration": {},
        },
        "value": None,
    }


def condition(name: str, operator: str, value: dict[str, Any]) -> dict[str, Any]:
    return {"propertyName": name, "operator": operator, "value": value}


PROPERTIES = {
    "temperature": definition({"type": "DOUBLE"}),
    "status": definition({"type": "STRING"}),
    "levels": definition({"type": "LIST", "nestedType": {"type": "INTEGER"}}),
}
ENTITY = {"entityId": "machine-1", "componentName": "telemetry"}


def history_event(**changes: Any) -> dict[str, Any]:
    event = {
        "workspaceId": "factory",
        **ENTITY,
        "selectedProperties": ["temperature", "status"],
        "properties": PROPERTIES,
        "startTime": START,
        "endTime": END,
        "startDateTime": 1,
        "endDateTime": 2,
        "maxResults": 100,
        "orderByTime": "ASCENDING",
        "somethingNew": {"x": 1},
    } | changes
    return {name: value for name, value in event.items() if value is not ...}


def last_entry_event(**changes: Any) -> dict[str, Any]:
    event = {
        "workspaceId": "factory",
        **ENTITY,
        "selectedProperties": ["temperature", "status"],
        "properties": PROPERTIES,
        "somethingNew": None,
    } | changes
    return {name: value for name, value in event.items() if value is not ...}


def history(**changes: Any) -> Any:
    return twinmaker.history_query(history_event(**changes), DEVICE)


class TestHistoryEvents:
    def test_are_read_part_by_part(self):
        query = history(
            propertyFilters=[
                {"propertyName": "status", "operator": "=", "value": {"stringValue": "OK"}}
            ],
            orderByTime="DESCENDING",
            nextToken="where-the-page-before-stopped",
        )
        assert query.device_id == DEVICE
        assert query.selected_properties == ("temperature", "status")
        assert (query.entity_id, query.component_name) == ("machine-1", "telemetry")
        assert (query.start, query.end) == (parse_instant(START), parse_instant(END))
        assert query.filters == (PropertyFilter("status", "=", {"stringValue": "OK"}),)
        assert (query.descending, query.max_results) == (True, 100)
        assert query.next_token == "where-the-page-before-stopped"

    def test_declare_types_whatever_else_the_definitions_say(self):
        assert history(selectedProperties=[*PROPERTIES]).property_types == {
            "temperature": DataType("DOUBLE"),
            "status": DataType("STRING"),
            "levels": DataType("LIST", DataType("INTEGER")),
        }

    @pytest.mark.parametrize("data_type", [{}, {"type": "QUATERNION"}, 7])
    def test_may_define_what_is_not_read_in_any_way(self, data_type):
        properties = PROPERTIES | {"spin": {"definition": {"dataType": data_type}}}
        assert history(properties=properties) == history()
        for changes in (
            {"selectedProperties": ["spin"]},
            {"propertyFilters": [condition("spin", "=", {"integerValue": 1})]},
        ):
            with pytest.raises(InvalidQueryError, match="spin"):
                history(properties=properties, **changes)

    @pytest.mark.parametrize("properties", [..., None])
    def test_need_no_definitions(self, properties):
        query = history(properties=properties, selectedProperties=["anything"])
        assert query.property_types == {}
        assert query.selected_properties == ("anything",)

    @pytest.mark.parametrize(
        "described", [None, {}, {"definition": None}, {"definition": {"dataType": None}}]
    )
    def test_may_leave_a_type_open(self, described):
        query = history(properties={"temperature": described}, selectedProperties=["temperature"])
        assert query.property_types == {}

    def test_say_where_the_properties_that_are_read_are_stored(self):
        for name in ("temperature", "status", "levels"):
            stored = {"configuration": {"source": f"Body.{name}", "other": "x"}}
            defined = PROPERTIES[name]["definition"] | stored
            properties = {**PROPERTIES, name: {"definition": defined}}
            query = history(
                properties=properties,
                selectedProperties=["temperature"],
                propertyFilters=[condition("status", "=", {"stringValue": "OK"})],
            )
            expected = {} if name == "levels" else {name: f"Body.{name}"}
            assert query.property_sources == expected

    @pytest.mark.parametrize("where", ["value", "defaultValue"])
    @pytest.mark.parametrize(("operator", "holds"), [("<=", True), (">", False)])
    def test_decide_a_filter_on_what_twinmaker_keeps_itself(self, where, operator, holds):
        value: dict[str, Any] = {"doubleValue": 16.0, "stringValue": None}
        defined: dict[str, Any] = {"dataType": {"type": "DOUBLE"}, "isTimeSeries": False}
        described: dict[str, Any] = {"definition": defined}
        if where == "value":
            described |= {"value": value}
            defined |= {"defaultValue": {"doubleValue": 1000.0}}
        else:
            defined |= {"defaultValue": value}
        warm = condition("temperature", ">", {"doubleValue": 20})
        query = history(
            properties={**PROPERTIES, "maxPressure": described},
            propertyFilters=[condition("maxPressure", operator, {"doubleValue": 16}), warm],
        )
        assert query.unsatisfiable is not holds
        assert [each.property_name for each in query.filters] == ["temperature"]

    def test_leave_a_filter_on_telemetry_to_the_reader_whatever_its_default(self):
        defined = PROPERTIES["temperature"]["definition"] | {"defaultValue": {"doubleValue": 1}}
        query = history(
            properties={**PROPERTIES, "temperature": {"definition": defined}},
            propertyFilters=[condition("temperature", ">", {"doubleValue": 20})],
        )
        assert (len(query.filters), query.unsatisfiable) == (1, False)

    @pytest.mark.parametrize(
        ("value", "message"),
        [
            (
                {"doubleValue": 1, "stringValue": "1"},
                r"properties\.maxPressure has a value that is",
            ),
            ({"stringValue": "high"}, "The filter on maxPressure can't be applied"),
        ],
    )
    def test_with_a_filter_on_a_value_that_cannot_be_compared_are_refused(self, value, message):
        described = {"definition": {"dataType": {"type": "DOUBLE"}}, "value": value}
        with pytest.raises(InvalidQueryError, match=message):
            history(
                properties={**PROPERTIES, "maxPressure": described},
                propertyFilters=[condition("maxPressure", "=", {"doubleValue": 16})],
            )

    def test_with_a_filter_on_a_constant_without_a_value_are_refused(self):
        defined = PROPERTIES["status"]["definition"]
        static = defined | {"isTimeSeries": False, "isStoredExternally": False}
        with pytest.raises(InvalidQueryError, match="'status' is no telemetry and has no value"):
            history(
                properties={**PROPERTIES, "status": {"definition": static}},
                propertyFilters=[condition("status", "=", {"stringValue": "OK"})],
            )

    @pytest.mark.parametrize("source", [5, ["Body"], "x" * 1_025])
    def test_with_a_source_that_is_no_string_are_refused_by_its_place(self, source):
        described = {"definition": {"configuration": {"source": source}}}
        with pytest.raises(InvalidQueryError, match=r"temperature\.definition\.configuration\.sou"):
            history(properties={"temperature": described}, selectedProperties=["temperature"])

    def test_with_an_unknown_type_are_refused_by_its_place(self):
        properties = {"temperature": {"definition": {"dataType": {"type": "FLOAT"}}}}
        with pytest.raises(InvalidQueryError, match=r"properties\.temperature\.definition\.dataT"):
            history(properties=properties, selectedProperties=["temperature"])

    @pytest.mark.parametrize("name", ["telemetry", ...])
    def test_of_a_composite_component_have_its_path(self, name):
        query = history(componentName=name, componentPath="line/telemetry")
        named = {} if name is ... else {"componentName": name}
        assert twinmaker.reference(query, "status") == {
            "propertyName": "status",
            "entityId": "machine-1",
            "componentPath": "line/telemetry",
            **named,
        }

    def test_by_component_type_may_select_what_the_properties_lack(self):
        query = history(entityId=..., componentName=..., selectedProperties=["pressure"])
        assert query.selected_properties == ("pressure",)

    def test_across_entities_have_no_entity(self):
        query = history(entityId=..., componentName=..., componentTypeId="my-twin-sensor")
        assert (query.entity_id, query.component_name) == (None, None)

    @pytest.mark.parametrize("start", [0, -1, "nonsense", None])
    def test_have_deprecated_epoch_times_that_do_not_count(self, start):
        query = history(startDateTime=start, endDateTime=start)
        assert (query.start, query.end) == (parse_instant(START), parse_instant(END))

    def test_may_have_deprecated_epoch_times_alone(self):
        query = history(startTime=..., endTime=None, startDateTime=0.0, endDateTime=1_769_792_400)
        assert (query.start, query.end) == (0, parse_instant(START))

    @pytest.mark.parametrize("bound", ["start", "end"])
    def test_without_any_time_are_refused(self, bound):
        with pytest.raises(InvalidQueryError, match=f"{bound}Time is missing"):
            history(**{f"{bound}Time": ..., f"{bound}DateTime": ...})

    @pytest.mark.parametrize("seconds", ["0", 1.5, True, 10**12, -(10**12)])
    def test_with_mistyped_epoch_times_alone_are_refused_by_name(self, seconds):
        with pytest.raises(InvalidQueryError, match=r"^startDateTime must be whole seconds"):
            history(startTime=..., startDateTime=seconds)

    def test_that_end_before_they_start_are_refused(self):
        with pytest.raises(InvalidQueryError, match="endTime is before startTime"):
            history(startTime=END, endTime=START)

    def test_may_be_about_one_instant(self):
        assert history(endTime=START).end == parse_instant(START)

    @pytest.mark.parametrize(
        ("asked", "expected"), [(..., 200), (None, 200), (0, 200), (1, 1), (200, 200)]
    )
    def test_get_two_hundred_values_unless_they_ask_for_a_number(self, asked, expected):
        assert history(maxResults=asked).max_results == expected

    @pytest.mark.parametrize(
        ("order", "descending"),
        [(..., False), (None, False), ("ASCENDING", False), ("DESCENDING", True)],
    )
    def test_are_ascending_unless_they_say_otherwise(self, order, descending):
        assert history(orderByTime=order).descending is descending

    @pytest.mark.parametrize("token", [..., None, ""])
    def test_begin_at_the_first_page_without_a_token(self, token):
        assert history(nextToken=token).next_token is None

    def test_name_each_property_once(self):
        query = history(selectedProperties=["status", "temperature", "status"])
        assert query.selected_properties == ("status", "temperature")

    def test_with_an_unknown_property_are_refused_with_those_that_exist(self):
        with pytest.raises(InvalidQueryError, match="'pressure' is unknown") as refusal:
            history(selectedProperties=["temperature", "pressure"])
        assert "levels, status, temperature" in str(refusal.value)

    def test_with_an_unknown_property_in_a_filter_are_refused(self):
        condition = {"propertyName": "pressure", "operator": "=", "value": {"doubleValue": 1}}
        with pytest.raises(InvalidQueryError, match="'pressure' is unknown"):
            history(propertyFilters=[condition])

    def test_may_filter_by_a_property_that_is_not_selected(self):
        condition = {"propertyName": "status", "operator": "=", "value": {"stringValue": "OK"}}
        query = history(selectedProperties=["temperature"], propertyFilters=[condition])
        assert query.properties == ("temperature", "status")

    @pytest.mark.parametrize("kind", [{}, {"interpolationType": "LINEAR"}])
    def test_may_ask_for_interpolation(self, kind):
        assert history(interpolation={**kind, "intervalInSeconds": 60}).interval == 60 * 10**9

    @pytest.mark.parametrize(
        "interpolation",
        [..., None, {}, {"interpolationType": None, "intervalInSeconds": None}],
    )
    def test_that_do_not_are_not(self, interpolation):
        assert history(interpolation=interpolation).interval is None

    @pytest.mark.parametrize(
        ("key", "value"),
        [
            ("selectedProperties", ...),
            ("selectedProperties", []),
            ("selectedProperties", "temperature"),
            ("startTime", 1_769_792_400),
            ("startTime", "2026-01-30"),
            ("endTime", "2026-01-30T18:00:00"),
            ("entityId", 7),
            ("entityId", ""),
            ("componentName", ["telemetry"]),
            ("componentPath", 7),
            ("properties", ["temperature"]),
            ("maxResults", -1),
            ("maxResults", "100"),
            ("maxResults", 1.5),
            ("maxResults", True),
            ("maxResults", 2**31),
            ("maxResults", 10**400),
            ("orderByTime", "descending"),
            ("nextToken", 7),
            ("interpolation", "LINEAR"),
            ("interpolation", {"interpolationType": "STEP", "intervalInSeconds": 60}),
            ("interpolation", {"interpolationType": "LINEAR"}),
            ("interpolation", {"interpolationType": "LINEAR", "intervalInSeconds": 0.5}),
            ("propertyFilters", {}),
            ("propertyFilters", ["temperature > 20"]),
        ],
    )
    def test_with_a_mistyped_part_are_refused_by_its_name(self, key, value):
        with pytest.raises(InvalidQueryError, match=key):
            history(**{key: value})

    @pytest.mark.parametrize("event", [None, [], "event", 7])
    def test_are_objects(self, event):
        with pytest.raises(InvalidQueryError, match="the event must be a JSON object"):
            twinmaker.history_query(event, DEVICE)


class TestLastEntryEvents:
    def test_are_read_part_by_part(self):
        query = twinmaker.last_entry_query(last_entry_event(), DEVICE)
        assert query.device_id == DEVICE
        assert query.selected_properties == ("temperature", "status")
        assert query.property_types == {
            "temperature": DataType("DOUBLE"),
            "status": DataType("STRING"),
        }
        assert (query.entity_id, query.component_name) == ("machine-1", "telemetry")

    def test_may_have_no_entity(self):
        event = last_entry_event(entityId=None, componentName=None)
        query = twinmaker.last_entry_query(event, DEVICE)
        assert (query.entity_id, query.component_name) == (None, None)

    def test_with_an_unknown_property_are_refused(self):
        event = last_entry_event(selectedProperties=["pressure"])
        with pytest.raises(InvalidQueryError, match="'pressure' is unknown"):
            twinmaker.last_entry_query(event, DEVICE)

    @pytest.mark.parametrize(
        ("key", "value"), [("selectedProperties", []), ("entityId", {}), ("componentName", 1)]
    )
    def test_with_a_mistyped_part_are_refused_by_its_name(self, key, value):
        with pytest.raises(InvalidQueryError, match=key):
            twinmaker.last_entry_query(last_entry_event(**{key: value}), DEVICE)


class TestHistoryAnswers:
    def answer(self, query: Any, next_token: str | None = None) -> dict[str, Any]:
        temperature = PropertyValues(["2026-01-30T17:00:00.5Z"], ["doubleValue"], [21.5])
        values = {"temperature": temperature, "status": PropertyValues()}
        page = HistoryPage(values, next_token, Flaws())
        answer = twinmaker.history_answer(query, page)
        assert orjson.loads(twinmaker.history_json(query, page)) == answer
        return answer

    def test_name_the_entity_and_leave_out_a_property_without_values(self):
        assert self.answer(history()) == {
            "propertyValues": [
                {
                    "entityPropertyReference": {**ENTITY, "propertyName": "temperature"},
                    "values": [{"time": "2026-01-30T17:00:00.5Z", "value": {"doubleValue": 21.5}}],
                },
            ]
        }

    def test_across_entities_name_the_device(self):
        query = history(entityId=..., componentName=...)
        references = [
            each["entityPropertyReference"] for each in self.answer(query)["propertyValues"]
        ]
        assert references == [
            {"externalIdProperty": {"iotDeviceId": DEVICE}, "propertyName": "temperature"},
        ]

    def test_say_how_to_go_on(self):
        assert self.answer(history(), "token-of-this-page")["nextToken"] == "token-of-this-page"

    def test_have_no_token_at_all_on_the_last_page(self):
        assert "nextToken" not in self.answer(history())


class TestLastEntryAnswers:
    ENTRY = LastEntry({"temperature": {"doubleValue": 21.5}}, Flaws())

    def test_name_the_entity_and_leave_out_a_property_without_a_value(self):
        query = twinmaker.last_entry_query(last_entry_event(), DEVICE)
        assert twinmaker.last_entry_answer(query, self.ENTRY) == {
            "propertyValues": {
                "temperature": {
                    "propertyReference": {**ENTITY, "propertyName": "temperature"},
                    "propertyValue": {"doubleValue": 21.5},
                }
            }
        }

    def test_without_an_entity_name_the_device(self):
        event = last_entry_event(entityId=..., componentName=...)
        answer = twinmaker.last_entry_answer(twinmaker.last_entry_query(event, DEVICE), self.ENTRY)
        assert answer["propertyValues"]["temperature"]["propertyReference"] == {
            "externalIdProperty": {"iotDeviceId": DEVICE},
            "propertyName": "temperature",
        }
