"""A change shows twice and is then over; nobody waits for a clock."""

from __future__ import annotations

from typing import Any

import pytest

from .twin import (
    COMPONENT,
    ENTITY,
    TYPE,
    WORKSPACE,
    Client,
    make_entity,
    make_type,
    settle_entity,
    settle_type,
)


def type_state(client: Client) -> Any:
    found = client.get_component_type(workspaceId=WORKSPACE, componentTypeId=TYPE)
    return found["status"]["state"]


def entity_state(client: Client) -> Any:
    return client.get_entity(workspaceId=WORKSPACE, entityId=ENTITY)["status"]["state"]


def test_a_new_component_type_is_creating_until_it_was_seen_so(workspace: Client) -> None:
    created = workspace.create_component_type(workspaceId=WORKSPACE, componentTypeId=TYPE)
    assert created["state"] == "CREATING"
    assert [type_state(workspace) for _ in range(3)] == ["CREATING", "ACTIVE", "ACTIVE"]


def test_an_updated_component_type_is_updating_until_it_was_seen_so(workspace: Client) -> None:
    make_type(workspace)
    updated = workspace.update_component_type(workspaceId=WORKSPACE, componentTypeId=TYPE)
    assert updated["state"] == "UPDATING"
    assert [type_state(workspace) for _ in range(2)] == ["UPDATING", "ACTIVE"]


def test_a_deleted_component_type_is_there_until_it_was_seen_deleting(workspace: Client) -> None:
    make_type(workspace)
    deleted = workspace.delete_component_type(workspaceId=WORKSPACE, componentTypeId=TYPE)
    assert deleted["state"] == "DELETING"
    assert type_state(workspace) == "DELETING"
    with pytest.raises(workspace.exceptions.ResourceNotFoundException):
        type_state(workspace)


def test_an_entity_goes_through_the_same_states(workspace: Client) -> None:
    make_type(workspace)
    created = workspace.create_entity(workspaceId=WORKSPACE, entityId=ENTITY, entityName="m")
    assert created["state"] == "CREATING"
    assert [entity_state(workspace) for _ in range(2)] == ["CREATING", "ACTIVE"]
    updated = workspace.update_entity(workspaceId=WORKSPACE, entityId=ENTITY, entityName="n")
    assert updated["state"] == "UPDATING"
    assert [entity_state(workspace) for _ in range(2)] == ["UPDATING", "ACTIVE"]
    deleted = workspace.delete_entity(workspaceId=WORKSPACE, entityId=ENTITY)
    assert deleted["state"] == "DELETING"
    assert entity_state(workspace) == "DELETING"
    with pytest.raises(workspace.exceptions.ResourceNotFoundException):
        entity_state(workspace)


def test_a_list_shows_a_state_too_so_polling_a_list_works(workspace: Client) -> None:
    workspace.create_component_type(workspaceId=WORKSPACE, componentTypeId=TYPE)
    states = [
        workspace.list_component_types(workspaceId=WORKSPACE)["componentTypeSummaries"][0]["status"]
        for _ in range(2)
    ]
    assert [item["state"] for item in states] == ["CREATING", "ACTIVE"]


def test_a_list_of_entities_shows_a_state_too(workspace: Client) -> None:
    workspace.create_entity(workspaceId=WORKSPACE, entityId=ENTITY, entityName="m")
    states = [
        workspace.list_entities(workspaceId=WORKSPACE)["entitySummaries"][0]["status"]["state"]
        for _ in range(2)
    ]
    assert states == ["CREATING", "ACTIVE"]


def test_a_component_type_that_is_not_active_cannot_be_used_the_first_time(
    workspace: Client,
) -> None:
    workspace.create_component_type(workspaceId=WORKSPACE, componentTypeId=TYPE)
    members = {
        "workspaceId": WORKSPACE,
        "entityName": "m",
        "components": {COMPONENT: {"componentTypeId": TYPE}},
    }
    with pytest.raises(workspace.exceptions.ValidationException, match=f"{TYPE} is CREATING"):
        workspace.create_entity(**members)
    assert workspace.create_entity(**members)["state"] == "CREATING"


@pytest.mark.parametrize("operation", ["update_component_type", "delete_component_type"])
def test_a_component_type_that_is_changing_cannot_be_changed_the_first_time(
    workspace: Client, operation: str
) -> None:
    workspace.create_component_type(workspaceId=WORKSPACE, componentTypeId=TYPE)
    with pytest.raises(workspace.exceptions.ValidationException, match="is CREATING: wait"):
        getattr(workspace, operation)(workspaceId=WORKSPACE, componentTypeId=TYPE)
    assert getattr(workspace, operation)(workspaceId=WORKSPACE, componentTypeId=TYPE)["state"]


@pytest.mark.parametrize("operation", ["update_entity", "delete_entity"])
def test_an_entity_that_is_changing_cannot_be_changed_the_first_time(
    workspace: Client, operation: str
) -> None:
    workspace.create_entity(workspaceId=WORKSPACE, entityId=ENTITY, entityName="m")
    with pytest.raises(workspace.exceptions.ValidationException, match="is CREATING: wait"):
        getattr(workspace, operation)(workspaceId=WORKSPACE, entityId=ENTITY)
    assert getattr(workspace, operation)(workspaceId=WORKSPACE, entityId=ENTITY)["state"]


def test_an_id_is_free_again_once_the_deletion_was_seen(workspace: Client) -> None:
    make_type(workspace)
    workspace.delete_component_type(workspaceId=WORKSPACE, componentTypeId=TYPE)
    with pytest.raises(workspace.exceptions.ConflictException):
        workspace.create_component_type(workspaceId=WORKSPACE, componentTypeId=TYPE)
    assert workspace.create_component_type(workspaceId=WORKSPACE, componentTypeId=TYPE)["state"]


def test_a_workspace_is_deleted_once_its_contents_are_seen_to_be_gone(twin: Client) -> None:
    twin.delete_entity(workspaceId=WORKSPACE, entityId=ENTITY)
    with pytest.raises(twin.exceptions.ValidationException, match="is in use by entities"):
        twin.delete_component_type(workspaceId=WORKSPACE, componentTypeId=TYPE)
    twin.delete_component_type(workspaceId=WORKSPACE, componentTypeId=TYPE)
    with pytest.raises(twin.exceptions.ValidationException, match="isn't empty"):
        twin.delete_workspace(workspaceId=WORKSPACE)
    assert "deleted" in twin.delete_workspace(workspaceId=WORKSPACE)["message"]


def test_a_settled_thing_stays_as_it_is(twin: Client) -> None:
    assert settle_type(twin) == settle_type(twin) == "ACTIVE"
    assert settle_entity(twin) == settle_entity(twin) == "ACTIVE"


def test_components_show_the_state_of_their_entity(workspace: Client) -> None:
    make_type(workspace)
    make_entity(workspace)
    component = workspace.get_entity(workspaceId=WORKSPACE, entityId=ENTITY)["components"][
        COMPONENT
    ]
    assert component["status"] == {"state": "ACTIVE", "error": {}}
