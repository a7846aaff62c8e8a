from __future__ import annotations

import uuid
from typing import Any

import pytest

from .twin import (
    ARN,
    COMPONENT,
    ENTITY,
    FUNCTIONS,
    TYPE,
    WORKSPACE,
    Client,
    Connector,
    make_entity,
    make_type,
    settle_entity,
)

TEXT = {"dataType": {"type": "STRING"}}
RED = {"value": {"stringValue": "red"}}


@pytest.fixture
def typed(workspace: Client) -> Any:
    """Give a client with a component type of three statics and a series."""
    make_type(
        workspace,
        propertyDefinitions={
            "colour": TEXT,
            "id": TEXT | {"isExternalId": True, "defaultValue": {"stringValue": "none"}},
            "size": {"dataType": {"type": "LONG", "allowedValues": [{"longValue": 1}]}},
            "speed": {"dataType": {"type": "DOUBLE"}, "isTimeSeries": True},
        },
        functions=FUNCTIONS,
    )
    return workspace


def shown(client: Client, entity_id: str = ENTITY) -> Any:
    return client.get_entity(workspaceId=WORKSPACE, entityId=entity_id)


def properties(client: Client, entity_id: str = ENTITY) -> Any:
    return shown(client, entity_id)["components"][COMPONENT]["properties"]


def component(**given: Any) -> Any:
    return {COMPONENT: {"componentTypeId": TYPE, "properties": given}}


def change(client: Client, **updates: Any) -> None:
    """Update properties of the component and wait."""
    client.update_entity(
        workspaceId=WORKSPACE,
        entityId=ENTITY,
        componentUpdates={COMPONENT: {"propertyUpdates": updates}},
    )
    settle_entity(client)


def test_an_entity_is_shown_with_all_properties_and_their_values(typed: Client) -> None:
    make_entity(typed, components=component(colour=RED), description="A machine")
    found = shown(typed)
    assert found["parentEntityId"] == "$ROOT"
    assert found["arn"].endswith(f":workspace/{WORKSPACE}/entity/{ENTITY}")
    assert (found["entityName"], found["description"]) == (ENTITY, "A machine")
    values = {name: item.get("value") for name, item in properties(typed).items()}
    assert values == {
        "colour": {"stringValue": "red"},
        "id": {"stringValue": "none"},
        "size": None,
        "speed": None,
    }
    assert properties(typed)["speed"]["definition"]["isTimeSeries"] is True


def test_an_entity_shows_30_components_at_most_and_says_so(workspace: Client) -> None:
    make_type(workspace)
    components = {f"component-{n:02}": {"componentTypeId": TYPE} for n in range(31)}
    make_entity(workspace, components=components)
    found = shown(workspace)
    assert list(found["components"]) == list(components)[:30]
    assert found["areAllComponentsReturned"] is False
    typed = {"updateType": "DELETE"}
    workspace.update_entity(
        workspaceId=WORKSPACE, entityId=ENTITY, componentUpdates={"component-07": typed}
    )
    found = shown(workspace)
    assert (len(found["components"]), found["areAllComponentsReturned"]) == (30, True)


def test_an_entity_shows_800_properties_at_most_and_says_so(workspace: Client) -> None:
    make_type(workspace, propertyDefinitions={f"property-{n:03}": TEXT for n in range(801)})
    make_entity(workspace)
    found = shown(workspace)["components"][COMPONENT]
    assert (len(found["properties"]), found["areAllPropertiesReturned"]) == (800, False)


def test_an_entity_without_an_id_gets_one(typed: Client) -> None:
    created = typed.create_entity(workspaceId=WORKSPACE, entityName="m")
    assert str(uuid.UUID(created["entityId"])) == created["entityId"]


def test_a_second_entity_of_one_id_is_a_conflict(typed: Client) -> None:
    make_entity(typed)
    with pytest.raises(typed.exceptions.ConflictException):
        typed.create_entity(workspaceId=WORKSPACE, entityId=ENTITY, entityName="m")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"weight": RED}, "Property weight isn't defined"),
        ({"colour": {"value": {"doubleValue": 1}}}, "Property colour: its value has doubleValue"),
        ({"colour": {"value": {}}}, "exactly one DataValue key"),
        ({"size": {"value": {"longValue": 2}}}, "isn't one of the data type's allowedValues"),
        ({"speed": {"value": {"doubleValue": 1}}}, "speed is a time series"),
        ({"weight": {"definition": {"isTimeSeries": True}}}, "weight needs a dataType"),
    ],
)
def test_a_property_that_does_not_fit_the_type_is_refused(
    typed: Client, given: Any, message: str
) -> None:
    with pytest.raises(typed.exceptions.ValidationException, match=message):
        typed.create_entity(workspaceId=WORKSPACE, entityName="m", components=component(**given))


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"components": {COMPONENT: {"componentTypeId": "none"}}}, "no component type none"),
        ({"components": {COMPONENT: {}}}, "needs a componentTypeId"),
        ({"parentEntityId": "machine-9"}, "parentEntityId: There is no entity machine-9"),
        ({"entityName": "a\tb"}, "entityName: .* doesn't match the pattern"),
    ],
)
def test_an_entity_that_refers_to_nothing_is_refused(
    typed: Client, members: Any, message: str
) -> None:
    with pytest.raises(typed.exceptions.ValidationException, match=message):
        typed.create_entity(**{"workspaceId": WORKSPACE, "entityName": "m", **members})


def test_a_required_property_needs_a_value(workspace: Client) -> None:
    make_type(workspace, propertyDefinitions={"colour": TEXT | {"isRequiredInEntity": True}})
    with pytest.raises(workspace.exceptions.ValidationException, match="colour is required"):
        workspace.create_entity(workspaceId=WORKSPACE, entityName="m", components=component())
    make_entity(workspace, components=component(colour=RED))


def test_an_abstract_type_cannot_be_used(workspace: Client) -> None:
    make_type(workspace, propertyDefinitions={"speed": TEXT | {"isStoredExternally": True}})
    with pytest.raises(
        workspace.exceptions.ValidationException, match="is abstract, because no function reads"
    ):
        workspace.create_entity(workspaceId=WORKSPACE, entityName="m", components=component())


def test_a_singleton_type_is_used_once_in_an_entity(workspace: Client) -> None:
    make_type(workspace, isSingleton=True)
    twice = {name: {"componentTypeId": TYPE} for name in ("one", "two")}
    with pytest.raises(workspace.exceptions.ValidationException, match="singleton"):
        workspace.create_entity(workspaceId=WORKSPACE, entityName="m", components=twice)


def test_an_entity_may_restate_a_definition_and_add_a_property(typed: Client) -> None:
    given = {
        "colour": {"definition": {"configuration": {"column": "c"}}},
        "extra": {"definition": TEXT, **RED},
    }
    make_entity(typed, components=component(**given))
    found = properties(typed)
    assert found["colour"]["definition"]["configuration"] == {"column": "c"}
    assert found["colour"]["definition"]["dataType"] == {"type": "STRING"}
    assert found["extra"]["value"] == {"stringValue": "red"}


def test_an_expression_may_stand_for_a_configured_value(typed: Client) -> None:
    make_entity(typed, components=component(colour={"value": {"expression": "${Parameters.c}"}}))
    assert properties(typed)["colour"]["value"] == {"expression": "${Parameters.c}"}


def test_a_property_is_updated_and_reset_to_its_default(typed: Client) -> None:
    make_entity(typed)
    change(typed, id={"value": {"stringValue": "device-7"}})
    assert properties(typed)["id"]["value"] == {"stringValue": "device-7"}
    change(typed, id={"updateType": "RESET_VALUE"})
    assert properties(typed)["id"]["value"] == {"stringValue": "none"}


def test_a_property_of_the_entity_itself_is_created_updated_and_deleted(typed: Client) -> None:
    make_entity(typed)
    change(typed, extra={"updateType": "CREATE", "definition": TEXT, **RED})
    change(typed, extra={"definition": {"displayName": "Extra"}})
    extra = properties(typed)["extra"]
    assert (extra["value"], extra["definition"]["displayName"]) == ({"stringValue": "red"}, "Extra")
    change(typed, extra={"updateType": "DELETE"})
    assert "extra" not in properties(typed)


@pytest.mark.parametrize(
    ("update", "message"),
    [
        ({"colour": {"updateType": "CREATE", "definition": TEXT}}, "colour exists already"),
        ({"extra": {"updateType": "CREATE"}}, "extra is new and needs a definition"),
        ({"extra": {"updateType": "DELETE"}}, "extra doesn't exist, so DELETE"),
        ({"extra": RED}, "extra doesn't exist, so UPDATE"),
        ({"colour": {"updateType": "DELETE"}}, "use RESET_VALUE"),
        ({"colour": {"value": {"longValue": 1}}}, "has longValue"),
    ],
)
def test_a_property_update_that_makes_no_sense_is_refused(
    typed: Client, update: Any, message: str
) -> None:
    make_entity(typed)
    with pytest.raises(typed.exceptions.ValidationException, match=message):
        change(typed, **update)
    assert shown(typed)["status"]["state"] == "ACTIVE"


def test_components_are_added_and_removed(typed: Client) -> None:
    make_entity(typed)
    typed.update_entity(
        workspaceId=WORKSPACE,
        entityId=ENTITY,
        componentUpdates={
            COMPONENT: {"updateType": "DELETE"},
            "second": {
                "updateType": "CREATE",
                "componentTypeId": TYPE,
                "description": "new",
                "propertyUpdates": {"colour": RED},
            },
        },
    )
    components = shown(typed)["components"]
    assert list(components) == ["second"]
    assert components["second"]["description"] == "new"
    assert components["second"]["properties"]["colour"]["value"] == {"stringValue": "red"}


@pytest.mark.parametrize(
    ("update", "message"),
    [
        ({COMPONENT: {"updateType": "CREATE", "componentTypeId": TYPE}}, "exists already"),
        ({"second": {"updateType": "DELETE"}}, "no component second to delete"),
        ({"second": {"description": "x"}}, "no component second to update"),
        ({COMPONENT: {"componentTypeId": "com.example.other"}}, "can't change"),
    ],
)
def test_a_component_update_that_makes_no_sense_is_refused(
    typed: Client, update: Any, message: str
) -> None:
    make_entity(typed)
    with pytest.raises(typed.exceptions.ValidationException, match=message):
        typed.update_entity(workspaceId=WORKSPACE, entityId=ENTITY, componentUpdates=update)


def test_an_entity_moves_below_another_and_back_to_the_root(typed: Client) -> None:
    make_entity(typed, "hall", components={})
    make_entity(typed, components={})
    for update, parent in (
        ({"updateType": "UPDATE", "parentEntityId": "hall"}, "hall"),
        ({"updateType": "DELETE"}, "$ROOT"),
    ):
        typed.update_entity(workspaceId=WORKSPACE, entityId=ENTITY, parentEntityUpdate=update)
        settle_entity(typed)
        assert shown(typed)["parentEntityId"] == parent
        assert shown(typed, "hall")["hasChildEntities"] is (parent == "hall")


def test_an_entity_does_not_move_below_itself(typed: Client) -> None:
    make_entity(typed, "hall", components={})
    make_entity(typed, components={}, parentEntityId="hall")
    update = {"updateType": "UPDATE", "parentEntityId": ENTITY}
    with pytest.raises(typed.exceptions.ValidationException, match="below itself"):
        typed.update_entity(workspaceId=WORKSPACE, entityId="hall", parentEntityUpdate=update)


def test_a_move_needs_a_parent(typed: Client) -> None:
    make_entity(typed, components={})
    with pytest.raises(typed.exceptions.ValidationException, match="needs a parentEntityId"):
        typed.update_entity(
            workspaceId=WORKSPACE, entityId=ENTITY, parentEntityUpdate={"updateType": "UPDATE"}
        )


def test_an_entity_with_children_is_deleted_recursively_or_not_at_all(typed: Client) -> None:
    make_entity(typed, "hall", components={})
    make_entity(typed, components={}, parentEntityId="hall")
    with pytest.raises(typed.exceptions.ValidationException, match="has child entities"):
        typed.delete_entity(workspaceId=WORKSPACE, entityId="hall", isRecursive=False)
    typed.delete_entity(workspaceId=WORKSPACE, entityId="hall", isRecursive=True)
    listed = typed.list_entities(workspaceId=WORKSPACE)["entitySummaries"]
    assert [item["status"]["state"] for item in listed] == ["DELETING", "DELETING"]
    assert typed.list_entities(workspaceId=WORKSPACE)["entitySummaries"] == []


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"parentEntityId": "hall"}, [ENTITY]),
        ({"parentEntityId": "$ROOT"}, ["hall"]),
        ({"componentTypeId": TYPE}, [ENTITY]),
        ({"componentTypeId": "com.example.base"}, []),
        ({"externalId": "device-1"}, [ENTITY]),
        ({"externalId": "red"}, []),
    ],
)
def test_entities_are_listed_by_filter(typed: Client, wanted: Any, found: Any) -> None:
    make_entity(typed, "hall", components={})
    given = {"id": {"value": {"stringValue": "device-1"}}, "colour": RED}
    make_entity(typed, components=component(**given), parentEntityId="hall")
    listed = typed.list_entities(workspaceId=WORKSPACE, filters=[wanted])["entitySummaries"]
    assert [item["entityId"] for item in listed] == found


def test_entities_are_found_by_a_type_that_theirs_extends(typed: Client) -> None:
    make_type(typed, "com.example.press", extendsFrom=[TYPE])
    make_entity(typed, components={COMPONENT: {"componentTypeId": "com.example.press"}})
    listed = typed.list_entities(workspaceId=WORKSPACE, filters=[{"componentTypeId": TYPE}])
    assert [item["entityId"] for item in listed["entitySummaries"]] == [ENTITY]


def test_a_second_filter_is_refused(typed: Client) -> None:
    filters = [{"externalId": "a"}, {"externalId": "b"}]
    with pytest.raises(typed.exceptions.ValidationException, match="takes one filter"):
        typed.list_entities(workspaceId=WORKSPACE, filters=filters)


def test_an_entity_reads_through_a_function_that_its_type_inherits(
    workspace: Client, connector: Connector
) -> None:
    series = {"speed": {"dataType": {"type": "DOUBLE"}, "isTimeSeries": True}}
    reader = {"dataReader": {"implementedBy": {"lambda": {"arn": ARN}}}}
    make_type(workspace, propertyDefinitions=series, functions=reader)
    make_type(workspace, "com.example.press", extendsFrom=[TYPE])
    make_entity(workspace, components={COMPONENT: {"componentTypeId": "com.example.press"}})
    workspace.get_property_value_history(
        workspaceId=WORKSPACE,
        entityId=ENTITY,
        componentName=COMPONENT,
        selectedProperties=["speed"],
        startTime="2026-01-30T17:00:00Z",
        endTime="2026-01-30T18:00:00Z",
    )
    assert connector.calls[0][0] == ARN
