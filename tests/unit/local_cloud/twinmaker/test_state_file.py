"""A file that outlives the process."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from local_cloud.twinmaker import LocalTwinMaker
from local_cloud.twinmaker.__main__ import main

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
    client_of,
    entry,
    history,
    make_entity,
    make_type,
)

if TYPE_CHECKING:
    from pathlib import Path


def everything(client: Client) -> Any:
    """Show all that can be shown."""
    where = {"workspaceId": WORKSPACE}
    types = client.list_component_types(**where)["componentTypeSummaries"]
    entities = client.list_entities(**where)["entitySummaries"]
    scenes = client.list_scenes(**where)["sceneSummaries"]
    workspace = client.get_workspace(**where)
    shown = [
        workspace,
        *(client.get_component_type(**where, componentTypeId=t["componentTypeId"]) for t in types),
        *(client.get_entity(**where, entityId=each["entityId"]) for each in entities),
        *(client.get_scene(**where, sceneId=each["sceneId"]) for each in scenes),
        client.list_tags_for_resource(resourceARN=workspace["arn"]),
    ]
    for each in shown:
        del each["ResponseMetadata"]
    return shown


def make_all(client: Client) -> None:
    client.create_workspace(workspaceId=WORKSPACE, tags={"a": "b"})
    group = {"g": {"groupType": "TABULAR", "propertyNames": ["colour"]}}
    make_type(client, propertyDefinitions=PROPERTIES, functions=FUNCTIONS, propertyGroups=group)
    parts = {"pump": {"componentTypeId": TYPE}}
    make_type(client, "com.example.heir", extendsFrom=[TYPE], compositeComponentTypes=parts)
    red = {"colour": {"value": {"stringValue": "red"}}}
    make_entity(
        client,
        components={COMPONENT: {"componentTypeId": "com.example.heir", "properties": red}},
        compositeComponents={f"{COMPONENT}/pump": {"properties": red}},
    )
    location = {"contentLocation": "s3://bucket/scene.json"}
    client.create_scene(workspaceId=WORKSPACE, sceneId="scene", **location)


def test_what_was_created_is_there_after_a_restart_and_can_be_read(
    tmp_path: Path, connector: Connector
) -> None:
    file = tmp_path / "twin.json"
    with LocalTwinMaker(invoke=connector, state_file=file) as running:
        client = client_of(running.url)
        make_all(client)
        before = everything(client)
    connector.answer = {"propertyValues": [entry((START, {"doubleValue": 1.5}))]}
    with LocalTwinMaker(invoke=connector, state_file=file) as running:
        client = client_of(running.url)
        everything(client)  # what was changing when it was last written comes to rest
        assert everything(client) == before
        assert history(client)["propertyValues"]
        client.delete_scene(workspaceId=WORKSPACE, sceneId="scene")
    with LocalTwinMaker(invoke=connector, state_file=file) as running:
        assert client_of(running.url).list_scenes(workspaceId=WORKSPACE)["sceneSummaries"] == []


def test_what_only_reads_writes_nothing_and_neither_does_what_fails(
    tmp_path: Path, connector: Connector
) -> None:
    file = tmp_path / "twin.json"
    with LocalTwinMaker(invoke=connector, state_file=file) as running:
        client = client_of(running.url)
        client.list_workspaces()
        with pytest.raises(client.exceptions.ValidationException):
            client.create_entity(workspaceId=WORKSPACE, entityName=ENTITY)
    assert not file.exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "isn't a state file"),
        ("[]", "isn't a state file"),
        (json.dumps({"version": 1, "tags": {}, "spaces": [{"workspace": {}}]}), "isn't a state"),
        (json.dumps({"version": 2}), "is of version 2"),
    ],
)
def test_a_file_of_something_else_is_refused_and_left_alone(
    tmp_path: Path, text: str, message: str
) -> None:
    file = tmp_path / "other.json"
    file.write_text(text)
    result = CliRunner().invoke(main, ["--state", str(file)])
    assert result.exit_code == 1
    assert message in result.output
    assert file.read_text() == text


def test_a_file_in_no_folder_is_refused_at_once(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["--state", str(tmp_path / "none" / "twin.json")])
    assert "its folder doesn't exist" in result.output
