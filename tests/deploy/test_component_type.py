"""A device as a component type, and how far one that is there differs from it."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from chalicelib.model.data_value import DataType
from chalicelib.model.reads import HISTORY, LAST_ENTRY
from deploy_scripts.project_files.twin_configuration import Device, DeviceProperty
from deploy_scripts.register.component_types import (
    component_type,
    component_type_ids,
    components,
    latest_type,
)
from deploy_scripts.register.registered_types import differences

ARN = "arn:aws:lambda:eu-central-1:123456789012:function:reader"
PUMP = Device(
    "pump-1",
    (
        DeviceProperty("pressure", DataType("DOUBLE"), "Bar"),
        DeviceProperty("currents", DataType("LIST", DataType("DOUBLE"))),
    ),
    (
        DeviceProperty("maxPressure", DataType("DOUBLE"), "Bar", 16.0),
        DeviceProperty("oiled", DataType("BOOLEAN"), None, value=False),
    ),
)


def described(device: Device = PUMP, *, history: str = ARN, last: str = ARN) -> dict[str, Any]:
    return component_type(device, {HISTORY: history, LAST_ENTRY: last})


def shown(wanted: dict[str, Any]) -> dict[str, Any]:
    """Give a component type as GetComponentType shows it, with everything that it adds."""
    flags = {"isImported": False, "isFinal": False, "isInherited": False}
    return {
        "componentTypeId": "x",
        "propertyDefinitions": {
            name: {"configuration": {}, **definition, **flags, "displayName": name}
            for name, definition in wanted["propertyDefinitions"].items()
        },
        "functions": {
            name: {
                "implementedBy": {"lambda": each["implementedBy"]["lambda"]},
                "requiredProperties": [],
                "scope": "ENTITY",
                "isInherited": False,
            }
            for name, each in wanted["functions"].items()
        },
        "status": {"state": "ACTIVE"},
    }


def lines(wanted: dict[str, Any], found: dict[str, Any]) -> list[str]:
    return [line for each in differences(wanted, found).values() for line in each]


def test_the_id_is_the_larger_deployers() -> None:
    assert component_type_ids("factory-twin", PUMP)["telemetry"] == "factory-twin-pump-1"


def test_a_shared_type_leaves_to_each_entity_what_is_a_devices_own() -> None:
    pump = dataclasses.replace(PUMP, component_type="pump")
    definitions = described(pump)["propertyDefinitions"]
    values = components("factory-twin", pump)["telemetry"]["properties"]
    assert values["iotDeviceId"] == {"value": {"stringValue": "pump-1"}}
    assert values["maxPressure"] == {"value": {"doubleValue": 16.0}}
    assert definitions["iotDeviceId"]["isExternalId"]
    for name in values:
        assert definitions[name]["isRequiredInEntity"]
        assert "defaultValue" not in definitions[name]
    assert described(dataclasses.replace(pump, id="pump-2")) == described(pump)
    assert all("properties" not in each for each in components("factory-twin", PUMP).values())


def test_newest_values_are_properties_outside_that_arent_time_series() -> None:
    history, newest = described(), latest_type(PUMP, {HISTORY: ARN, LAST_ENTRY: f"{ARN}-newest"})
    assert newest["propertyDefinitions"].keys() == {"pressure", "currents", "iotDeviceId"}
    for name in ("pressure", "currents"):
        definition = newest["propertyDefinitions"][name]
        assert (definition["isTimeSeries"], definition["isStoredExternally"]) == (False, True)
        assert definition["dataType"] == history["propertyDefinitions"][name]["dataType"]
    ((function, reader),) = newest["functions"].items()
    assert function == "attributePropertyValueReaderByEntity"
    assert reader["implementedBy"]["lambda"]["arn"] == f"{ARN}-newest"


def test_the_devices_id_is_an_external_id_with_a_default() -> None:
    definition = described()["propertyDefinitions"]["iotDeviceId"]
    assert definition["isExternalId"]
    assert definition["defaultValue"] == {"stringValue": "pump-1"}


def test_a_source_is_in_a_propertys_configuration() -> None:
    speed = DeviceProperty("speed", DataType("DOUBLE"), source="Vehicle.Speed")
    moved = DeviceProperty("speed", DataType("DOUBLE"), source="payload.speed")
    nowhere = DeviceProperty("speed", DataType("DOUBLE"))
    wanted, other, none = (described(Device("car-1", (each,))) for each in (speed, moved, nowhere))
    definition = wanted["propertyDefinitions"]["speed"]
    assert definition["configuration"] == {"source": "Vehicle.Speed"}
    assert differences(wanted, shown(wanted)) == {}
    for found, was in ((other, '{"source": "payload.speed"}'), (none, "nothing")):
        assert lines(wanted, shown(found)) == [
            f'property speed changed (configuration {{"source": "Vehicle.Speed"}}, was {was})'
        ]


def test_what_twinmaker_adds_is_no_difference() -> None:
    assert differences(described(), shown(described())) == {}


def test_members_that_say_nothing_may_be_missing() -> None:
    found = shown(described())
    for definition in found["propertyDefinitions"].values():
        for flag in [name for name, value in definition.items() if value is False]:
            del definition[flag]
    assert differences(described(), found) == {}


def test_what_is_inherited_is_no_difference() -> None:
    found = shown(described())
    found["propertyDefinitions"]["alarm"] = {"dataType": {"type": "STRING"}, "isInherited": True}
    found["functions"]["schemaInitializer"] = {"isInherited": True}
    assert differences(described(), found) == {}


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ({"properties": PUMP.properties[:1]}, "property currents added"),
        (
            {"properties": (*PUMP.properties, DeviceProperty("flow", DataType("LONG")))},
            "property flow removed",
        ),
        (
            {
                "properties": (
                    DeviceProperty("pressure", DataType("LONG"), "Bar"),
                    PUMP.properties[1],
                )
            },
            "property pressure changed (dataType DOUBLE in Bar, was LONG in Bar)",
        ),
        (
            {"properties": (DeviceProperty("pressure", DataType("DOUBLE")), PUMP.properties[1])},
            "property pressure changed (dataType DOUBLE in Bar, was DOUBLE)",
        ),
        (
            {"constants": (dataclasses.replace(PUMP.constants[0], value=17.0), PUMP.constants[1])},
            'property maxPressure changed (defaultValue {"doubleValue": 16.0}, was {"doubleValue": 17.0})',
        ),
        (
            {"constants": (PUMP.constants[0], dataclasses.replace(PUMP.constants[1], value=True))},
            'property oiled changed (defaultValue {"booleanValue": false}, was {"booleanValue": true})',
        ),
    ],
)
def test_a_changed_property_is_named(changed: dict[str, Any], line: str) -> None:
    found = shown(described(dataclasses.replace(PUMP, **changed)))
    assert differences(described(), found) == {"propertyDefinitions": [line]}


def test_another_lambda_function_is_a_difference_of_that_function_only() -> None:
    found = shown(described(last=f"{ARN}-old"))
    values = f'points at "{ARN}", was "{ARN}-old"'
    expected = [f"function attributePropertyValueReaderByEntity changed ({values})"]
    assert differences(described(), found) == {"functions": expected}


def test_a_type_without_functions_and_device_id_differs_in_both() -> None:
    found = shown(described())
    del found["functions"], found["propertyDefinitions"]["iotDeviceId"]
    assert lines(described(), found) == [
        "property iotDeviceId added",
        "function attributePropertyValueReaderByEntity added",
        "function dataReader added",
    ]
