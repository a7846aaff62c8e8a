"""Composite components, property groups, and the lists of an entity's contents."""

from __future__ import annotations

from typing import Any

import pytest

from .twin import (
    COMPONENT,
    ENTITY,
    FUNCTIONS,
    PROPERTIES,
    START,
    TYPE,
    WORKSPACE,
    Client,
    Connector,
    entry,
    history,
    latest,
    make_entity,
    make_type,
    settle_entity,
)

TEXT = {"dataType": {"type": "STRING"}}
PUMP = "com.example.pump"
PATH = f"{COMPONENT}/pump"
GOOD = {"doubleValue": 1.5}


@pytest.fixture
def composite(workspace: Client) -> Client:
    """Give a client with a machine that has a pump, which has a motor."""
    make_type(workspace, "com.example.motor", propertyDefinitions={"power": TEXT})
    parts = {"motor": {"componentTypeId": "com.example.motor"}}
    make_type(
        workspace,
        PUMP,
        propertyDefinitions=PROPERTIES,
        functions=FUNCTIONS,
        compositeComponentTypes=parts,
    )
    make_type(workspace, compositeComponentTypes={"pump": {"componentTypeId": PUMP}})
    return workspace


def shown(client: Client) -> Any:
    return client.get_entity(workspaceId=WORKSPACE, entityId=ENTITY)["components"][COMPONENT]


def properties(client: Client, path: str) -> Any:
    """List a component's properties, by their names."""
    where = {"workspaceId": WORKSPACE, "entityId": ENTITY, "componentPath": path}
    listed = client.list_properties(**where)["propertySummaries"]
    return {each["propertyName"]: each for each in listed}


def test_a_composite_component_has_the_parts_of_its_type(composite: Client) -> None:
    make_entity(composite)
    parts = shown(composite)["compositeComponents"]
    assert list(parts) == ["pump"]
    assert (parts["pump"]["componentTypeId"], parts["pump"]["componentPath"]) == (PUMP, PATH)
    assert shown(composite)["areAllCompositeComponentsReturned"] is True
    found = composite.get_component_type(workspaceId=WORKSPACE, componentTypeId=TYPE)
    assert found["compositeComponentTypes"] == {
        "pump": {"componentTypeId": PUMP, "isInherited": False}
    }


def test_a_part_has_values_of_its_own_from_the_start_and_by_update(composite: Client) -> None:
    given = {f"{PATH}/motor": {"properties": {"power": {"value": {"stringValue": "5 kW"}}}}}
    make_entity(
        composite, components={COMPONENT: {"componentTypeId": TYPE}}, compositeComponents=given
    )
    assert properties(composite, f"{PATH}/motor")["power"]["value"] == {"stringValue": "5 kW"}
    colour = {"colour": {"value": {"stringValue": "red"}}}
    composite.update_entity(
        workspaceId=WORKSPACE,
        entityId=ENTITY,
        compositeComponentUpdates={PATH: {"propertyUpdates": colour, "description": "new"}},
    )
    settle_entity(composite)
    assert properties(composite, PATH)["colour"]["value"] == {"stringValue": "red"}
    assert shown(composite)["compositeComponents"]["pump"]["description"] == "new"
    assert properties(composite, f"{PATH}/motor")["power"]["value"] == {"stringValue": "5 kW"}


def test_the_parts_go_with_the_component(composite: Client) -> None:
    given = {PATH: {"properties": {"colour": {"value": {"stringValue": "red"}}}}}
    make_entity(
        composite, components={COMPONENT: {"componentTypeId": TYPE}}, compositeComponents=given
    )
    with pytest.raises(composite.exceptions.ValidationException, match="in use by entities"):
        composite.delete_component_type(workspaceId=WORKSPACE, componentTypeId=PUMP)
    composite.update_entity(
        workspaceId=WORKSPACE,
        entityId=ENTITY,
        componentUpdates={COMPONENT: {"updateType": "DELETE"}},
    )
    settle_entity(composite)
    with pytest.raises(composite.exceptions.ValidationException, match=f"no component {PATH}"):
        properties(composite, PATH)


@pytest.mark.parametrize(
    ("updates", "message"),
    [
        ({f"{COMPONENT}/valve": {}}, "no composite component telemetry/valve"),
        ({COMPONENT: {}}, "no composite component telemetry"),
        ({PATH: {"updateType": "DELETE"}}, "can only be updated"),
        ({PATH: {"propertyUpdates": {"x": {"value": GOOD}}}}, "property x doesn't exist"),
    ],
)
def test_an_update_of_a_part_that_makes_no_sense_is_refused(
    composite: Client, updates: Any, message: str
) -> None:
    make_entity(composite)
    where = {"workspaceId": WORKSPACE, "entityId": ENTITY}
    with pytest.raises(composite.exceptions.ValidationException, match=message):
        composite.update_entity(**where, compositeComponentUpdates=updates)


def test_a_type_is_no_part_of_itself_and_its_parts_exist(composite: Client) -> None:
    motor = {"workspaceId": WORKSPACE, "componentTypeId": "com.example.motor"}
    for part, message in ((TYPE, "would be a part of itself"), ("none", "no component type none")):
        with pytest.raises(composite.exceptions.ValidationException, match=message):
            composite.update_component_type(
                **motor, compositeComponentTypes={"x": {"componentTypeId": part}}
            )


@pytest.mark.parametrize("path", [{}, {"componentPath": PATH}])
def test_the_values_of_a_part_are_read_by_its_path(
    composite: Client, connector: Connector, path: Any
) -> None:
    make_entity(composite)
    reference = {"componentName": "pump", **path}
    connector.answer = {"propertyValues": [entry((START, GOOD), **reference)]}
    where = {"workspaceId": WORKSPACE, "entityId": ENTITY, "componentPath": PATH}
    asked = {"selectedProperties": ["temperature"], "startTime": START, "endTime": START}
    found = composite.get_property_value_history(**where, **asked)
    assert found["propertyValues"][0]["values"][0]["value"] == GOOD
    event = connector.event
    assert (event["componentName"], event["componentPath"]) == ("pump", PATH)
    static = composite.get_property_value(**where, selectedProperties=["iotDeviceId"])
    reference = static["propertyValues"]["iotDeviceId"]["propertyReference"]
    assert reference["componentPath"] == PATH
    connector.answer = {"propertyValues": [entry((START, GOOD), componentPath="other/pump")]}
    with pytest.raises(composite.exceptions.ConnectorFailureException, match="componentPath is 'o"):
        composite.get_property_value_history(**where, **asked)
    with pytest.raises(composite.exceptions.ValidationException, match="isn't the last name"):
        history(composite, componentPath=PATH)


def test_the_contents_of_an_entity_are_listed_in_pages(composite: Client) -> None:
    every = {
        COMPONENT: {"componentTypeId": TYPE},
        "motor": {"componentTypeId": "com.example.motor"},
    }
    make_entity(composite, components=every)
    where = {"workspaceId": WORKSPACE, "entityId": ENTITY}
    first = composite.list_components(**where, maxResults=1)
    second = composite.list_components(**where, nextToken=first["nextToken"])
    listed = [*first["componentSummaries"], *second["componentSummaries"]]
    assert [each["componentName"] for each in listed] == ["motor", COMPONENT]
    inside = composite.list_components(**where, componentPath=COMPONENT)["componentSummaries"]
    assert [each["componentPath"] for each in inside] == [PATH]
    for page in (composite.list_components, composite.list_properties):
        with pytest.raises(composite.exceptions.ValidationException, match="no component none"):
            page(**where, componentPath="none")
    with pytest.raises(composite.exceptions.ValidationException, match="Give componentName"):
        composite.list_properties(**where)


GROUP = {"groupType": "TABULAR", "propertyNames": ["colour"]}


def test_property_groups_are_inherited_and_restated(workspace: Client) -> None:
    make_type(
        workspace, propertyDefinitions={"colour": TEXT, "size": TEXT}, propertyGroups={"g": GROUP}
    )
    child = {"g": {"propertyNames": ["colour", "size"]}}
    make_type(workspace, "com.example.child", extendsFrom=[TYPE], propertyGroups=child)
    make_type(workspace, "com.example.heir", extendsFrom=["com.example.child"])
    heir = {"workspaceId": WORKSPACE, "componentTypeId": "com.example.heir"}
    groups = workspace.get_component_type(**heir)["propertyGroups"]
    assert groups == {
        "g": {"groupType": "TABULAR", "propertyNames": ["colour", "size"], "isInherited": True}
    }


def test_an_entity_has_property_groups_of_its_own(workspace: Client) -> None:
    make_type(workspace, propertyDefinitions={"colour": TEXT}, propertyGroups={"g": GROUP})
    own = {"own": {"groupType": "TABULAR", "propertyNames": []}}
    components = {COMPONENT: {"componentTypeId": TYPE, "propertyGroups": own}}
    make_entity(workspace, components=components)
    where = {"workspaceId": WORKSPACE, "entityId": ENTITY}
    for update, expected in (
        ({"own": {"propertyNames": ["colour"]}}, {"g": ["colour"], "own": ["colour"]}),
        ({"own": {"updateType": "DELETE"}}, {"g": ["colour"]}),
    ):
        change = {COMPONENT: {"propertyGroupUpdates": update}}
        workspace.update_entity(**where, componentUpdates=change)
        settle_entity(workspace)
        groups = shown(workspace)["propertyGroups"]
        assert {name: group["propertyNames"] for name, group in groups.items()} == expected
    with pytest.raises(workspace.exceptions.ValidationException, match="isn't the entity's own"):
        workspace.update_entity(**where, componentUpdates=change)


@pytest.mark.parametrize(
    ("group", "message"),
    [
        ({"propertyNames": ["colour"]}, "group g needs a groupType"),
        ({"groupType": "TABULAR", "propertyNames": ["x"]}, "group g: property x isn't defined"),
    ],
)
def test_a_property_group_that_is_incomplete_is_refused(
    workspace: Client, group: Any, message: str
) -> None:
    with pytest.raises(workspace.exceptions.ValidationException, match=message):
        make_type(workspace, propertyDefinitions={"colour": TEXT}, propertyGroups={"g": group})


def test_tabular_values_are_not_offered(twin: Client) -> None:
    with pytest.raises(twin.exceptions.ValidationException, match="doesn't have propertyGroupName"):
        latest(twin, "colour", propertyGroupName="g")
