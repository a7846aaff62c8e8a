from __future__ import annotations

from typing import Any

import pytest

from .conftest import unchanged_twin
from .twin import (
    COMPONENT,
    ENTITY,
    FUNCTIONS,
    PROPERTIES,
    TYPE,
    WORKSPACE,
    Client,
    Connector,
    latest,
    make_entity,
    make_type,
)

twin = unchanged_twin


def value_of(name: str, value: Any) -> Any:
    reference = {"entityId": ENTITY, "componentName": COMPONENT, "propertyName": name}
    return {"propertyReference": reference, "propertyValue": value}


def test_a_static_property_is_answered_without_the_connector(
    twin: Client, connector: Connector
) -> None:
    answer = latest(twin, "iotDeviceId")["propertyValues"]
    assert answer["iotDeviceId"]["propertyValue"] == {"stringValue": "device-1"}
    assert connector.calls == []


def test_a_static_property_without_a_value_is_left_out(twin: Client) -> None:
    assert latest(twin, "colour")["propertyValues"] == {}


def test_the_connector_gets_the_event_of_the_guide(twin: Client, connector: Connector) -> None:
    connector.answer = {"propertyValues": {}}
    latest(twin, "level", "iotDeviceId")
    event = dict(connector.event)
    properties = event.pop("properties")
    assert event == {
        "workspaceId": WORKSPACE,
        "entityId": ENTITY,
        "componentName": COMPONENT,
        "selectedProperties": ["level"],
    }
    assert properties["level"]["definition"]["storedExternally"] is True
    assert properties["iotDeviceId"]["value"] == {"stringValue": "device-1"}


def test_values_of_the_entity_and_of_the_connector_come_together(
    twin: Client, connector: Connector
) -> None:
    value = {"doubleValue": 21.5}
    connector.answer = {"propertyValues": {"level": value_of("level", value)}}
    answer = latest(twin, "level", "iotDeviceId")["propertyValues"]
    assert answer["level"]["propertyValue"] == value
    assert answer["iotDeviceId"]["propertyValue"] == {"stringValue": "device-1"}


def test_a_static_that_is_stored_externally_is_read_through_the_connector(
    workspace: Client, connector: Connector
) -> None:
    maker = {"dataType": {"type": "STRING"}, "isStoredExternally": True}
    make_type(workspace, propertyDefinitions={"maker": maker}, functions=FUNCTIONS)
    make_entity(workspace)
    connector.answer = {"propertyValues": {"maker": value_of("maker", {"stringValue": "ACME"})}}
    answer = latest(workspace, "maker")["propertyValues"]
    assert answer["maker"]["propertyValue"] == {"stringValue": "ACME"}


def test_a_type_without_the_function_is_named_with_what_it_lacks(workspace: Client) -> None:
    functions = {"dataReader": FUNCTIONS["dataReader"]}
    make_type(workspace, propertyDefinitions=PROPERTIES, functions=functions)
    make_entity(workspace)
    with pytest.raises(
        workspace.exceptions.ValidationException,
        match=f"{TYPE} has no function attributePropertyValueReaderByEntity",
    ):
        latest(workspace, "level")


def test_a_time_series_is_refused_with_what_reads_it(twin: Client, connector: Connector) -> None:
    with pytest.raises(
        twin.exceptions.ValidationException, match="temperature is a time series: GetPropertyValueH"
    ):
        latest(twin, "level", "temperature")
    assert connector.calls == []


def test_a_property_that_is_not_defined_is_refused(twin: Client) -> None:
    with pytest.raises(twin.exceptions.ValidationException, match="property heat isn't defined"):
        latest(twin, "heat")


def test_an_empty_token_asks_for_the_one_page(twin: Client) -> None:
    assert latest(twin, "iotDeviceId", nextToken="")["propertyValues"]


def test_a_page_token_is_refused_because_there_is_one_page(twin: Client) -> None:
    with pytest.raises(twin.exceptions.ValidationException, match="one page"):
        latest(twin, "level", nextToken="x")


def test_values_by_component_type_are_refused(twin: Client) -> None:
    with pytest.raises(twin.exceptions.ValidationException, match="values of one component"):
        twin.get_property_value(
            workspaceId=WORKSPACE, componentTypeId=TYPE, selectedProperties=["level"]
        )


def test_tabular_conditions_are_not_offered(twin: Client) -> None:
    with pytest.raises(twin.exceptions.ClientError, match="doesn't have tabularConditions"):
        latest(twin, "level", tabularConditions={"orderBy": [{"propertyName": "x"}]})
