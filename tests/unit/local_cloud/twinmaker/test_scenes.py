from __future__ import annotations

import pytest

from .twin import WORKSPACE, Client

SCENE = {"workspaceId": WORKSPACE, "sceneId": "hall"}
CONTENT = {"contentLocation": "s3://bucket/hall.json"}


def test_a_scene_is_shown_as_it_was_created_and_updated(workspace: Client) -> None:
    created = workspace.create_scene(
        **SCENE,
        **CONTENT,
        capabilities=["DYNAMIC_SCENE"],
        sceneMetadata={"a": "b"},
        tags={"x": "y"},
    )
    workspace.update_scene(**SCENE, description="The hall")
    found = workspace.get_scene(**SCENE)
    assert found["arn"] == created["arn"]
    assert created["arn"].endswith(f":workspace/{WORKSPACE}/scene/hall")
    assert found["contentLocation"] == CONTENT["contentLocation"]
    assert (found["capabilities"], found["sceneMetadata"]) == (["DYNAMIC_SCENE"], {"a": "b"})
    assert found["description"] == "The hall"
    assert workspace.list_tags_for_resource(resourceARN=found["arn"])["tags"] == {"x": "y"}


def test_scenes_are_listed_in_pages(workspace: Client) -> None:
    for name in ("a1", "a2", "a3"):
        workspace.create_scene(workspaceId=WORKSPACE, sceneId=name, **CONTENT)
    first = workspace.list_scenes(workspaceId=WORKSPACE, maxResults=2, nextToken="")
    second = workspace.list_scenes(workspaceId=WORKSPACE, nextToken=first["nextToken"])
    listed = [*first["sceneSummaries"], *second["sceneSummaries"]]
    assert [each["sceneId"] for each in listed] == ["a1", "a2", "a3"]


def test_a_scene_goes_with_its_tags_and_keeps_its_workspace_until_then(workspace: Client) -> None:
    arn = workspace.create_scene(**SCENE, **CONTENT)["arn"]
    with pytest.raises(workspace.exceptions.ConflictException, match="exists already"):
        workspace.create_scene(**SCENE, **CONTENT)
    with pytest.raises(workspace.exceptions.ValidationException, match=r"scenes \['hall'\]"):
        workspace.delete_workspace(workspaceId=WORKSPACE)
    workspace.delete_scene(**SCENE)
    for gone in (workspace.get_scene, workspace.update_scene, workspace.delete_scene):
        with pytest.raises(workspace.exceptions.ResourceNotFoundException, match="no scene hall"):
            gone(**SCENE)
    with pytest.raises(workspace.exceptions.ResourceNotFoundException):
        workspace.list_tags_for_resource(resourceARN=arn)
    workspace.delete_workspace(workspaceId=WORKSPACE)
