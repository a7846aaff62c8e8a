"""The read path as the fuzzing tests ask it: one device in memory, behind the endpoints of both reads."""

from __future__ import annotations

import base64
import json
from typing import Any

from chalicelib.hot_reader.service import HotReaderService
from chalicelib.http.endpoint import HttpEndpoint, HttpRequest, HttpResponse
from chalicelib.http.hot_reader_endpoints import endpoints_by_read
from chalicelib.model.reads import HISTORY, READS, Read
from chalicelib.observability.json_lines import JsonLogObservability
from chalicelib.settings.endpoint import EndpointSettings
from chalicelib.settings.hot_reader import HotReaderSettings
from chalicelib.tokens.inter_cloud_token import InterCloudToken
from tests.conformance.memory import MemoryStore
from tests.conformance.oracle import Stored
from tests.end_to_end.http.contract import the_contract

TOKEN = "token-of-the-fuzzing-tests"
DEVICE = "pump-1"
DEVICES = [
    {
        "id": DEVICE,
        "properties": [
            {"name": "pressure", "dataType": "DOUBLE"},
            {"name": "running", "dataType": "BOOLEAN"},
        ],
        "constProperties": [{"name": "maxPressure", "dataType": "DOUBLE", "value": 16.0}],
    }
]
INFO = {
    "config": {"digital_twin_name": "my-twin"},
    "config_providers": {"layer_3_hot_provider": "azure", "layer_4_provider": "aws"},
    "config_iot_devices": DEVICES,
}
ENVIRONMENT = {"DIGITAL_TWIN_INFO": json.dumps(INFO), "INTER_CLOUD_TOKEN": TOKEN}
ENVELOPE: dict[str, Any] = {
    "source_cloud": "aws",
    "trace_id": "trace-1",
    "payload": {
        "iot_device_id": DEVICE,
        "start_time": "2026-01-30T17:00:00Z",
        "end_time": "2026-01-30T18:00:00Z",
        "selected_properties": ["pressure", "running"],
        "property_types": {"pressure": "DOUBLE", "running": {"type": "BOOLEAN"}},
        "property_sources": {"pressure": "pressure"},
        "property_filters": [
            {"propertyName": "pressure", "operator": ">", "value": {"doubleValue": 3}}
        ],
        "order_by_time": "ASCENDING",
        "max_results": 3,
        "next_token": None,
        "pages_ahead": 2,
        "entity_id": "machine-1",
        "component_name": "telemetry",
    },
}
EVENT: dict[str, Any] = {
    "workspaceId": "factory",
    "entityId": "machine-1",
    "componentName": "telemetry",
    "componentTypeId": "my-twin-pump-1",
    "selectedProperties": ["pressure", "running"],
    "properties": {
        "iotDeviceId": {"value": {"stringValue": DEVICE}},
        "pressure": {"definition": {"dataType": {"type": "DOUBLE"}, "isTimeSeries": True}},
        "running": {"definition": {"dataType": {"type": "BOOLEAN"}, "configuration": {}}},
    },
    "propertyFilters": [{"propertyName": "pressure", "operator": ">", "value": {"doubleValue": 3}}],
    "startTime": "2026-01-30T17:00:00Z",
    "endTime": "2026-01-30T18:00:00Z",
    "orderByTime": "DESCENDING",
    "maxResults": 3,
    "nextToken": "",
}


def _filled() -> MemoryStore:
    store = MemoryStore()
    entries = [
        Stored(f"2026-01-30T17:00:{n:02}{'.5' * (n % 2)}Z", {"pressure": n, "running": n % 3 == 0})
        for n in range(20)
    ]
    store.put(DEVICE, entries, "S")
    return store


SERVICE = HotReaderService(_filled(), HotReaderSettings.load(ENVIRONMENT))
TWIN = HotReaderSettings.load(ENVIRONMENT).twin
LOG = JsonLogObservability("fuzzing", emit=lambda _level, _line: None)


def endpoint_of(read: Read, store: MemoryStore) -> HttpEndpoint:
    endpoint_settings = EndpointSettings.load(ENVIRONMENT)
    token = InterCloudToken(endpoint_settings.token)
    settings = HotReaderSettings.load(ENVIRONMENT)
    return endpoints_by_read(store, settings, endpoint_settings, token, lambda _name: LOG)[read]


ENDPOINTS = {read: endpoint_of(read, _filled()) for read in READS}
HEADERS = {"x-inter-cloud-token": TOKEN, "content-type": "application/json"}


def ask(read: Read, request: HttpRequest) -> HttpResponse:
    """Ask an endpoint; its answer must be one of the document's, and no fault of ours."""
    answer = ENDPOINTS[read].answer(request)
    assert answer.status < 500, answer.body
    the_contract().check_answer(
        request.method, read.path, answer.status, answer.headers, answer.body
    )
    return answer


def page(**changes: Any) -> dict[str, Any]:
    payload = ENVELOPE["payload"] | changes
    body = json.dumps({"payload": payload}).encode()
    document: dict[str, Any] = json.loads(
        ask(HISTORY, HttpRequest("POST", HEADERS, body=body)).body
    )
    return document


def contents_of(token: str) -> Any:
    return json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
