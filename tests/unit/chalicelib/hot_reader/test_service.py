"""Both reads of a store, by the settings."""

from __future__ import annotations

import json
from typing import Any

from chalicelib.hot_reader.service import HotReaderService
from chalicelib.model.query import HistoryQuery
from chalicelib.observability.json_lines import JsonLogObservability
from chalicelib.settings.hot_reader import HotReaderSettings
from tests.conformance.memory import MemoryStore
from tests.conformance.oracle import Stored


def test_values_are_where_settings_configuration_and_query_say():
    device = {
        "id": "pump-1",
        "properties": [
            {"name": name, "dataType": "DOUBLE", "source": f"Pump.{name}"} for name in "abc"
        ],
    }
    info: dict[str, Any] = {
        "config": {"digital_twin_name": "my-twin"},
        "config_providers": {"layer_3_hot_provider": "aws", "layer_4_provider": "azure"},
        "config_iot_devices": [device],
    }
    environment = {"DIGITAL_TWIN_INFO": json.dumps(info), "VALUES_PATH": " Body "}
    store = MemoryStore()
    stored = {"Body": {"Pump": {"a": 1, "b": 2, "c": 3}, "other": 4}, "Pump": {"a": 5}}
    store.put("pump-1", [Stored("1970-01-01T00:00:00Z", stored)], "S")
    query = HistoryQuery(
        device_id="pump-1",
        selected_properties=("a", "b"),
        property_sources={"b": "other"},
        start=0,
        end=9,
    )
    service = HotReaderService(store, HotReaderSettings.load(environment))
    with JsonLogObservability("test", emit=lambda _level, _line: None).request("t") as record:
        answer = service.answer(query, record)
    values = [each["values"][0]["value"] for each in answer.document["propertyValues"]]
    assert values == [{"doubleValue": 1}, {"doubleValue": 4}]
