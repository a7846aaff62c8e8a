from __future__ import annotations

from typing import Any

import pytest

from .twin import TYPE, WORKSPACE, Client, make_type

ARN = "arn:aws:iottwinmaker:eu-central-1:123456789012:workspace/factory"


def test_a_workspace_is_shown_as_it_was_created(client: Client) -> None:
    settings = {
        "description": "A factory",
        "role": "arn:aws:iam::123456789012:role/twin",
        "s3Location": "arn:aws:s3:::twin-bucket",
    }
    created = client.create_workspace(workspaceId=WORKSPACE, **settings)
    shown = client.get_workspace(workspaceId=WORKSPACE)
    assert created["arn"] == shown["arn"] == ARN
    assert {name: shown[name] for name in settings} == settings
    assert shown["creationDateTime"] == created["creationDateTime"] == shown["updateDateTime"]


def test_a_workspace_is_found_by_its_arn(workspace: Client) -> None:
    assert workspace.get_workspace(workspaceId=ARN)["workspaceId"] == WORKSPACE


def test_a_second_workspace_of_one_id_is_a_conflict(workspace: Client) -> None:
    with pytest.raises(workspace.exceptions.ConflictException) as raised:
        workspace.create_workspace(workspaceId=WORKSPACE)
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 409


def test_an_unknown_workspace_is_not_found(client: Client) -> None:
    with pytest.raises(
        client.exceptions.ResourceNotFoundException, match="no workspace nowhere"
    ) as e:
        client.get_workspace(workspaceId="nowhere")
    assert e.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404


def test_an_operation_whose_model_lacks_not_found_answers_with_validation(client: Client) -> None:
    with pytest.raises(client.exceptions.ValidationException, match="no workspace nowhere"):
        client.create_entity(workspaceId="nowhere", entityName="m")


def test_an_update_replaces_what_is_given_and_nothing_else(workspace: Client) -> None:
    workspace.update_workspace(workspaceId=WORKSPACE, s3Location="arn:aws:s3:::first")
    workspace.update_workspace(workspaceId=WORKSPACE, description="later")
    shown = workspace.get_workspace(workspaceId=WORKSPACE)
    assert (shown["description"], shown["s3Location"]) == ("later", "arn:aws:s3:::first")


def test_an_empty_workspace_is_deleted_at_once(workspace: Client) -> None:
    workspace.delete_workspace(workspaceId=WORKSPACE)
    with pytest.raises(workspace.exceptions.ResourceNotFoundException):
        workspace.get_workspace(workspaceId=WORKSPACE)


def test_a_workspace_with_contents_is_not_deleted(workspace: Client) -> None:
    make_type(workspace)
    with pytest.raises(workspace.exceptions.ValidationException, match=TYPE):
        workspace.delete_workspace(workspaceId=WORKSPACE)
    assert workspace.get_workspace(workspaceId=WORKSPACE)


def test_workspaces_are_listed_in_pages(client: Client) -> None:
    for number in range(5):
        client.create_workspace(workspaceId=f"workspace-{number}")
    first = client.list_workspaces(maxResults=3)
    second = client.list_workspaces(maxResults=3, nextToken=first["nextToken"])
    pages = [
        [item["workspaceId"] for item in page["workspaceSummaries"]] for page in (first, second)
    ]
    assert pages == [[f"workspace-{n}" for n in (0, 1, 2)], [f"workspace-{n}" for n in (3, 4)]]
    assert "nextToken" not in second


def test_a_list_without_a_size_has_pages_of_25(client: Client) -> None:
    for number in range(26):
        client.create_workspace(workspaceId=f"workspace-{number:02}")
    assert len(client.list_workspaces()["workspaceSummaries"]) == 25
    assert len(client.list_workspaces(maxResults=0)["workspaceSummaries"]) == 25


def test_an_empty_token_asks_for_the_first_page_of_every_list(workspace: Client) -> None:
    where = {"workspaceId": WORKSPACE, "nextToken": ""}
    assert len(workspace.list_workspaces(nextToken="")["workspaceSummaries"]) == 1
    assert workspace.list_component_types(**where)["componentTypeSummaries"]
    assert workspace.list_entities(**where)["entitySummaries"] == []
    assert workspace.list_tags_for_resource(resourceARN=ARN, nextToken="")["tags"] == {}


@pytest.mark.parametrize("token", ["abc", "%%%", "W10=", "WyJlbnRpdGllcyIsICJhIl0="])
def test_a_token_of_something_else_is_refused(client: Client, token: Any) -> None:
    with pytest.raises(client.exceptions.ValidationException, match="nextToken"):
        client.list_workspaces(nextToken=token)


def test_a_token_of_another_workspace_is_refused(workspace: Client) -> None:
    for number in range(2):
        workspace.create_entity(workspaceId=WORKSPACE, entityName=f"machine-{number}")
    token = workspace.list_entities(workspaceId=WORKSPACE, maxResults=1)["nextToken"]
    workspace.create_workspace(workspaceId="other")
    with pytest.raises(workspace.exceptions.ValidationException, match="belongs to another list"):
        workspace.list_entities(workspaceId="other", nextToken=token)


def test_tags_are_kept_listed_and_removed(client: Client) -> None:
    client.create_workspace(workspaceId=WORKSPACE, tags={"team": "twins"})
    client.tag_resource(resourceARN=ARN, tags={"stage": "test one", "team": "hot"})
    assert client.list_tags_for_resource(resourceARN=ARN)["tags"] == {
        "stage": "test one",
        "team": "hot",
    }
    client.untag_resource(resourceARN=ARN, tagKeys=["team", "unknown"])
    assert client.list_tags_for_resource(resourceARN=ARN)["tags"] == {"stage": "test one"}


def test_tags_are_listed_in_pages(client: Client) -> None:
    client.create_workspace(workspaceId=WORKSPACE, tags={"a": "1", "b": "2", "c": "3"})
    first = client.list_tags_for_resource(resourceARN=ARN, maxResults=2)
    rest = client.list_tags_for_resource(resourceARN=ARN, nextToken=first["nextToken"])
    assert (first["tags"], rest["tags"]) == ({"a": "1", "b": "2"}, {"c": "3"})


def test_tags_of_an_unknown_resource_are_not_found(client: Client) -> None:
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.list_tags_for_resource(resourceARN=ARN)


def test_tags_of_a_component_type_go_with_it(workspace: Client) -> None:
    make_type(workspace, tags={"team": "twins"})
    arn = workspace.get_component_type(workspaceId=WORKSPACE, componentTypeId=TYPE)["arn"]
    assert workspace.list_tags_for_resource(resourceARN=arn)["tags"] == {"team": "twins"}
    workspace.delete_component_type(workspaceId=WORKSPACE, componentTypeId=TYPE)
    workspace.get_component_type(workspaceId=WORKSPACE, componentTypeId=TYPE)
    with pytest.raises(workspace.exceptions.ResourceNotFoundException):
        workspace.list_tags_for_resource(resourceARN=arn)


def test_a_resource_has_at_most_50_tags(client: Client) -> None:
    client.create_workspace(workspaceId=WORKSPACE, tags={f"tag-{n}": "x" for n in range(50)})
    with pytest.raises(client.exceptions.TooManyTagsException, match="51 tags"):
        client.tag_resource(resourceARN=ARN, tags={"one-more": "x"})
