"""The requests of Grafana's TwinMaker plugin, as its client (pkg/plugin/twinmaker) makes them."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import unchanged_twin
from .twin import COMPONENT, END, ENTITY, START, TYPE, WORKSPACE, Client, Connector, entry

W = {"workspaceId": WORKSPACE}
FIRST = {"maxResults": 200, "nextToken": ""}
RANGE = {"startTime": START, "endTime": END}
BERLIN = {"startTime": "2026-01-30T18:00:00+01:00", "endTime": "2026-01-30T19:00:00+01:00"}
SERIES = {"selectedProperties": ["temperature"], **RANGE}
VALUE = {"doubleValue": 1.5}
ALARM = "com.amazon.iottwinmaker.alarm.basic"


grafana = unchanged_twin


@pytest.mark.parametrize(
    ("operation", "request_", "member"),
    [
        ("list_workspaces", FIRST, "workspaceSummaries"),
        ("list_scenes", W | FIRST, "sceneSummaries"),
        ("list_component_types", W | FIRST, "componentTypeSummaries"),
        (
            "list_component_types",
            W | FIRST | {"filters": [{"extendsFrom": ALARM}]},
            "componentTypeSummaries",
        ),
        (
            "list_component_types",
            W | FIRST | {"filters": [{"extendsFrom": "com.amazon.iotsitewise.alarm"}]},
            "componentTypeSummaries",
        ),
        ("list_entities", W | {"maxResults": 200}, "entitySummaries"),
        (
            "list_entities",
            W | {"maxResults": 200, "filters": [{"externalId": "device-1"}]},
            "entitySummaries",
        ),
        (
            "list_entities",
            W | {"maxResults": 200, "filters": [{"componentTypeId": TYPE}]},
            "entitySummaries",
        ),
        ("get_workspace", W, "arn"),
        ("get_component_type", W | {"componentTypeId": TYPE}, "isAbstract"),
        ("get_entity", W | {"entityId": ENTITY}, "components"),
        (
            "get_property_value",
            W
            | {"entityId": ENTITY, "componentName": COMPONENT, "maxResults": 200}
            | {"selectedProperties": ["iotDeviceId"]},
            "propertyValues",
        ),
    ],
)
def test_what_its_query_editor_asks_is_answered(
    grafana: Client, operation: str, request_: Any, member: str
) -> None:
    answer = getattr(grafana, operation)(**request_)
    assert member in answer
    assert "nextToken" not in answer


@pytest.mark.parametrize("more", [{}, {"orderByTime": "DESCENDING"}, BERLIN])
def test_a_panel_reads_a_series_of_an_entity_page_by_page(
    grafana: Client, connector: Connector, more: Any
) -> None:
    asked = W | SERIES | {"entityId": ENTITY, "componentName": COMPONENT} | more
    connector.answer = {"propertyValues": [entry((START, VALUE))], "nextToken": "2"}
    token = grafana.get_property_value_history(**asked)["nextToken"]
    connector.answer = {"propertyValues": [entry((START, VALUE))]}
    last = grafana.get_property_value_history(**asked, nextToken=token)
    assert connector.event["nextToken"] == "2"
    assert "nextToken" not in last


def test_a_panel_reads_a_series_across_entities_with_a_filter(
    grafana: Client, connector: Connector
) -> None:
    filters = [{"propertyName": "mode", "operator": "=", "value": {"stringValue": "on"}}]
    reference = {"propertyName": "temperature", "externalIdProperty": {"iotDeviceId": "device-1"}}
    values = [{"time": START, "value": VALUE}]
    connector.answer = {
        "propertyValues": [{"entityPropertyReference": reference, "values": values}]
    }
    answer = grafana.get_property_value_history(
        **W, **SERIES, componentTypeId=TYPE, propertyFilters=filters
    )
    assert answer["propertyValues"] == connector.answer["propertyValues"]
    assert connector.event["propertyFilters"] == filters
