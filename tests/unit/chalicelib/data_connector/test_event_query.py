"""Events by component type: the devices, and what only the configuration knows of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.contracts import answer_check, twinmaker, wire_contract
from chalicelib.data_connector import event_query
from chalicelib.model.data_value import DataType
from chalicelib.model.errors import InvalidQueryError
from chalicelib.model.layout import ProviderLayout
from chalicelib.model.query import MOST_DEVICES, DeclaredDevice, DevicesQuery, HistoryQuery
from chalicelib.model.reads import HISTORY, LAST_ENTRY
from chalicelib.model.results import DevicesPage, Flaws, PropertyValues
from chalicelib.settings.digital_twin_info import DigitalTwinInfo

TYPES = {"pressure": DataType("DOUBLE"), "limit": DataType("INTEGER")}
PUMPS = {
    f"pump-{number}": DeclaredDevice(
        types=TYPES, constants={"limit": number}, component_type="pump"
    )
    for number in (1, 2, 3)
}
TWIN = DigitalTwinInfo("my-twin", ProviderLayout("azure", "aws"), devices=PUMPS)
EXTERNAL: dict[str, Any] = {"definition": {"dataType": {"type": "STRING"}, "isExternalId": True}}
STATIC = {"dataType": {"type": "INTEGER"}, "isTimeSeries": False, "isStoredExternally": False}


def event(**changes: Any) -> dict[str, Any]:
    return {
        "workspaceId": "factory",
        "componentTypeId": "my-twin-pump",
        "selectedProperties": ["pressure"],
        "properties": {"iotDeviceId": EXTERNAL, "limit": {"definition": STATIC}},
        "startTime": "1970-01-01T00:00:00Z",
        "endTime": "1970-01-01T00:00:09Z",
    } | changes


def limit(operator: str, value: int) -> list[dict[str, Any]]:
    return [{"propertyName": "limit", "operator": operator, "value": {"integerValue": value}}]


def parsed(**changes: Any) -> DevicesQuery:
    query = event_query.parse(event(**changes), HISTORY, TWIN)
    assert isinstance(query, DevicesQuery)
    return query


def test_an_event_without_an_entity_is_about_all_devices_of_the_type():
    query = parsed()
    assert query.device_ids == ("pump-1", "pump-2", "pump-3")
    assert query.common.property_types["pressure"] == DataType("DOUBLE")


def test_a_property_that_no_device_has_is_refused_by_name():
    with pytest.raises(InvalidQueryError, match="'presure' is unknown"):
        parsed(selectedProperties=["presure"])


def test_a_filter_on_a_constant_decides_for_each_device():
    assert parsed(propertyFilters=limit(">", 1)).device_ids == ("pump-2", "pump-3")
    one = event_query.parse(event(propertyFilters=limit("=", 2)), HISTORY, TWIN)
    assert isinstance(one, HistoryQuery)
    assert (one.device_id, one.filters) == ("pump-2", ())
    none = event_query.parse(event(propertyFilters=limit(">", 9)), HISTORY, TWIN)
    assert isinstance(none, HistoryQuery)
    assert none.unsatisfiable


def test_what_is_wrong_with_a_query_shows_also_if_a_constant_decides_that_nothing_is_read():
    hot = {"propertyName": "pressure", "operator": ">", "value": {"stringValue": "hot"}}
    with pytest.raises(InvalidQueryError, match="The filter on pressure"):
        parsed(propertyFilters=[*limit(">", 9), hot])


def test_a_device_alone_is_asked_for_as_by_its_entity():
    twin = replace(TWIN, devices={"pump-1": PUMPS["pump-1"]})
    query = event_query.parse(event(), HISTORY, twin)
    assert isinstance(query, HistoryQuery)
    assert twinmaker.reference(query, "pressure") == {
        "propertyName": "pressure",
        "externalIdProperty": {"iotDeviceId": "pump-1"},
    }


@pytest.mark.parametrize(
    ("externals", "expected"),
    [
        ({"iotDeviceId": EXTERNAL}, "iotDeviceId"),
        ({"iotDeviceId": EXTERNAL, "alarm_key": EXTERNAL}, "alarm_key"),
        ({"serial": EXTERNAL}, "serial"),
        ({"serial": {**EXTERNAL, "value": {"stringValue": "S-17"}}}, "iotDeviceId"),
        ({}, "iotDeviceId"),
    ],
)
def test_references_have_what_the_type_declares_as_external_id(externals, expected):
    query = parsed(properties=externals)
    references = [twinmaker.reference(each, "pressure") for each in query.each]
    assert [each["externalIdProperty"] for each in references] == [
        {expected: device_id} for device_id in query.device_ids
    ]


def test_the_newest_entry_is_one_devices():
    asked = event(startTime=None, endTime=None)
    with pytest.raises(InvalidQueryError, match="'my-twin-pump' is shared by 3 devices"):
        event_query.parse(asked, LAST_ENTRY, TWIN)


def test_more_devices_than_can_be_read_together_are_refused():
    many = {f"pump-{n}": PUMPS["pump-1"] for n in range(MOST_DEVICES + 1)}
    with pytest.raises(InvalidQueryError, match=f"shared by {MOST_DEVICES + 1} devices; at most"):
        event_query.parse(event(), HISTORY, replace(TWIN, devices=many))


def test_a_reader_that_knows_only_one_device_complains():
    payload = wire_contract.envelope(parsed(), source_cloud="aws", timestamp=0, trace_id="t")[
        "payload"
    ]
    with pytest.raises(InvalidQueryError, match="iot_device_id is missing"):
        wire_contract.history_query(payload)
    with pytest.raises(InvalidQueryError, match="can't be given both"):
        wire_contract.histories_query(payload | {"iot_device_id": "pump-1"})


class TestTheCheckOfAnAnswer:
    def document(self, **values: PropertyValues) -> dict[str, Any]:
        named = {name.replace("_", "-"): {"pressure": each} for name, each in values.items()}
        return twinmaker.history_answer(parsed(), DevicesPage(named, None, Flaws()))

    def series(self, second: int, count: int = 1) -> PropertyValues:
        times = [f"1970-01-01T00:00:0{second}Z"] * count
        return PropertyValues(times, ["doubleValue"] * count, [4.5] * count)

    def test_passes_each_devices_own_order(self):
        answer_check.check(parsed(), self.document(pump_1=self.series(5), pump_2=self.series(1)))

    def test_refuses_another_device(self):
        document = self.document(pump_1=self.series(5))
        external = document["propertyValues"][0]["entityPropertyReference"]["externalIdProperty"]
        wrong: dict[str, Any]
        for wrong in ({"iotDeviceId": "pump-9"}, {"iotDeviceId": []}, {}, {"serial": "pump-1"}):
            external.clear()
            external.update(wrong)
            with pytest.raises(answer_check.WrongAnswerError, match="reference"):
                answer_check.check(parsed(), document)

    def test_refuses_more_values_than_asked_for_of_all_devices(self):
        document = self.document(pump_1=self.series(1, 2), pump_2=self.series(1, 2))
        answer_check.check(parsed(maxResults=4), document)
        with pytest.raises(answer_check.WrongAnswerError, match="more values than 3"):
            answer_check.check(parsed(maxResults=3), document)
