"""Answers to a `schemaInitializer`."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chalicelib.data_connector import schema
from chalicelib.model.errors import ConfigurationError, InvalidQueryError
from chalicelib.settings.digital_twin_info import DigitalTwinInfo


def twin(**constant: Any) -> DigitalTwinInfo:
    properties = [
        {"name": "speed", "dataType": "DOUBLE", "source": "Vehicle.Speed"},
        {"name": "levels", "dataType": {"type": "LIST", "nestedType": {"type": "LONG"}}},
    ]
    limit = {"name": "limit", "dataType": "INTEGER", "value": 9} | constant
    device = {"id": "pump-1", "properties": properties, "constProperties": [limit]}
    info = {
        "config": {"digital_twin_name": "my-twin"},
        "config_providers": {"layer_3_hot_provider": "azure", "layer_4_provider": "aws"},
        "config_iot_devices": [device],
    }
    return DigitalTwinInfo.load({"DIGITAL_TWIN_INFO": json.dumps(info)})


def event(device_id: str, **more: str) -> dict[str, Any]:
    return {"properties": {"iotDeviceId": {"value": {"stringValue": device_id}}}, **more}


TELEMETRY = {"isTimeSeries": True, "isStoredExternally": True}
CONSTANT = {"isTimeSeries": False, "isStoredExternally": False}
LISTED = {"type": "LIST", "nestedType": {"type": "LONG"}}


def test_a_type_gets_the_configured_properties_and_the_constants_as_defaults():
    assert schema.answer(event("pump-1"), twin()) == {
        "properties": {
            "speed": {
                "definition": {
                    "dataType": {"type": "DOUBLE"},
                    "configuration": {"source": "Vehicle.Speed"},
                    **TELEMETRY,
                }
            },
            "levels": {"definition": {"dataType": LISTED, **TELEMETRY}},
            "limit": {
                "definition": {
                    "dataType": {"type": "INTEGER"},
                    "defaultValue": {"integerValue": 9},
                    **CONSTANT,
                }
            },
        }
    }


def test_a_component_gets_the_constants_as_values():
    answer = schema.answer(event("pump-1", entityId="machine-1"), twin())
    limit = {"definition": {"dataType": {"type": "INTEGER"}, **CONSTANT}}
    assert answer["properties"]["limit"] == {**limit, "value": {"integerValue": 9}}


def test_a_device_that_is_not_configured_is_refused_by_name():
    with pytest.raises(InvalidQueryError, match=r"'pump-9' isn't in the twin's configuration"):
        schema.answer(event("pump-9"), twin())


def test_a_constant_of_another_type_is_an_error_of_the_configuration():
    with pytest.raises(
        ConfigurationError, match="'limit' of the device 'pump-1' isn't of the type INTEGER"
    ):
        schema.answer(event("pump-1"), twin(value="nine"))
