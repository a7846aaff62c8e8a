"""Schema initializers: connectors that give properties to component types and components."""

from __future__ import annotations

from typing import Any

import pytest

from .twin import (
    ARN,
    COMPONENT,
    ENTITY,
    FUNCTIONS,
    START,
    TYPE,
    WORKSPACE,
    Client,
    Connector,
    entry,
    history,
    make_entity,
    make_type,
    settle_entity,
)

TEXT = {"dataType": {"type": "STRING"}}
KEY = {"key": TEXT | {"isExternalId": True, "defaultValue": {"stringValue": "k"}}}
SPEED = {"dataType": {"type": "DOUBLE"}, "isTimeSeries": True, "configuration": {"tag": "s-1"}}
INITIALIZER = {"implementedBy": {"lambda": {"arn": ARN}}}


def make(client: Client, **scope: str) -> None:
    functions = {"schemaInitializer": INITIALIZER | scope, "dataReader": FUNCTIONS["dataReader"]}
    make_type(client, propertyDefinitions=KEY, functions=functions)


def shown_type(client: Client) -> Any:
    return client.get_component_type(workspaceId=WORKSPACE, componentTypeId=TYPE)


def shown(client: Client) -> Any:
    return client.get_entity(workspaceId=WORKSPACE, entityId=ENTITY)


def test_a_component_gets_its_properties_when_its_entity_is_created(
    workspace: Client, connector: Connector
) -> None:
    make(workspace)
    assert connector.calls == []
    maker = {"definition": TEXT, "value": {"stringValue": "ACME"}}
    connector.answer = {"properties": {"speed": {"definition": SPEED}, "maker": maker}}
    make_entity(workspace)
    event = connector.event
    properties = event.pop("properties")
    assert event == {"workspaceId": WORKSPACE, "entityId": ENTITY, "componentName": COMPONENT}
    assert properties["key"]["value"] == {"stringValue": "k"}
    assert properties["key"]["definition"]["externalId"] is True
    found = shown(workspace)["components"][COMPONENT]["properties"]
    assert found["maker"]["value"] == {"stringValue": "ACME"}
    assert found["speed"]["definition"]["isImported"] is True
    assert found["speed"]["definition"]["configuration"] == {"tag": "s-1"}
    assert found["key"]["definition"]["isImported"] is False
    connector.answer = {"propertyValues": [entry((START, {"doubleValue": 1.0}), name="speed")]}
    assert history(workspace, "speed")["propertyValues"]


def test_a_component_gets_new_properties_when_it_is_updated_and_only_then(
    workspace: Client, connector: Connector
) -> None:
    make(workspace)
    connector.answer = {"properties": {"speed": {"definition": SPEED}}}
    make_entity(workspace)
    connector.answer = {"properties": {"level": {"definition": SPEED}}}
    where = {"workspaceId": WORKSPACE, "entityId": ENTITY}
    workspace.update_entity(**where, description="new")
    settle_entity(workspace)
    assert len(connector.calls) == 1
    value = {"key": {"value": {"stringValue": "other"}}}
    workspace.update_entity(**where, componentUpdates={COMPONENT: {"propertyUpdates": value}})
    settle_entity(workspace)
    assert connector.event["properties"]["key"]["value"] == {"stringValue": "other"}
    assert shown(workspace)["components"][COMPONENT]["properties"].keys() == {"key", "level"}


def test_a_component_type_gets_its_properties_if_that_is_the_functions_scope(
    workspace: Client, connector: Connector
) -> None:
    full = SPEED | {"isImported": False, "isFinal": False, "isInherited": False}
    maker = {"definition": TEXT, "value": {"stringValue": "ACME"}}
    connector.answer = {"properties": {"speed": {"definition": full}, "maker": maker}}
    make(workspace, scope="WORKSPACE")
    assert connector.event.keys() == {"workspaceId", "properties"}
    found = shown_type(workspace)
    assert found["isSchemaInitialized"] is True
    assert found["propertyDefinitions"]["speed"]["isImported"] is True
    assert found["propertyDefinitions"]["maker"]["defaultValue"] == {"stringValue": "ACME"}
    make_entity(workspace)
    assert len(connector.calls) == 1
    assert shown(workspace)["components"][COMPONENT]["properties"].keys() == {
        *("key", "speed", "maker")
    }


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ({"propertyValues": []}, "must be an object with properties alone"),
        ({"properties": []}, "Invalid type for parameter"),
        ({"properties": {"speed": {"colour": "red"}}}, "colour"),
        ({"properties": {"a b": {"definition": SPEED}}}, "doesn't match the pattern"),
        ({"properties": {"speed": {"definition": {}}}}, "speed needs a dataType"),
        ({"properties": {"x": {"definition": TEXT, "value": {"doubleValue": 1}}}}, "doubleValue"),
        (None, "RuntimeError: no route"),
    ],
)
@pytest.mark.parametrize("scope", ["WORKSPACE", "ENTITY"])
def test_an_initializer_that_fails_ends_in_error_with_the_reason(
    workspace: Client, connector: Connector, scope: str, answer: Any, message: str
) -> None:
    connector.answer = answer
    connector.error = RuntimeError("no route") if answer is None else None
    make(workspace, scope=scope)
    if scope == "WORKSPACE":
        status = shown_type(workspace)["status"]
    else:
        make_entity(workspace)
        status = shown(workspace)["status"]
    assert status["state"] == "ERROR"
    assert message in status["error"]["message"]


def test_an_initializer_that_contradicts_a_type_that_extends_its_own_ends_in_error(
    workspace: Client, connector: Connector
) -> None:
    connector.answer = {"properties": {}}
    make(workspace, scope="WORKSPACE")
    heir = {"workspaceId": WORKSPACE, "componentTypeId": "com.example.heir"}
    make_type(
        workspace, heir["componentTypeId"], extendsFrom=[TYPE], propertyDefinitions={"x": TEXT}
    )
    connector.answer = {"properties": {"x": {"definition": {"dataType": {"type": "LONG"}}}}}
    where = {"workspaceId": WORKSPACE, "componentTypeId": TYPE}
    workspace.update_component_type(**where, description="new")
    shown_type(workspace)
    message = shown_type(workspace)["status"]["error"]["message"]
    assert "x is inherited as LONG" in message
    assert workspace.get_component_type(**heir)["propertyDefinitions"]["x"]["dataType"] == {
        "type": "STRING"
    }


def test_an_initializer_may_ask_twinmaker_for_the_thing_that_it_is_about(
    workspace: Client, twinmaker: Any, connector: Connector, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asking(_: Connector, arn: str, event: Any) -> Any:
        seen.append(shown(workspace)["status"]["state"])
        return {"properties": {}}

    seen: list[str] = []
    make(workspace)
    monkeypatch.setattr(Connector, "__call__", asking)
    make_entity(workspace)
    assert seen == ["CREATING"]
