"""A deployment that is tried: it names what the real one changes, and changes nothing itself."""

from __future__ import annotations

import json
import platform
import zipfile
from typing import TYPE_CHECKING, Final

import pytest

from tests.deploy.killing import is_write

if TYPE_CHECKING:
    from pathlib import Path

    from tests.deploy.killing import Run, World

LAYOUTS: Final = [("azure", "aws"), ("aws", "azure")]
FUNCTION: Final = "hot-reader-multicloud"


def writes(run: Run) -> list[str]:
    return [each for each in run.requests if is_write(each)]


def deployed_by_chalice(run: Run, mark: str) -> list[str]:
    """The lines about what Chalice deploys, without the mark that they start with."""
    lines = [line.removeprefix(mark) for line in run.output.splitlines() if line.startswith(mark)]
    kinds = ("function ", "role ", "REST API", "rest api ")
    return [line for line in lines if line.startswith(kinds)]


def registered(run: Run, mark: str) -> list[str]:
    return [
        line.removeprefix(mark) for line in run.output.splitlines() if line.startswith(f"{mark} ")
    ]


@pytest.mark.parametrize("layout", LAYOUTS, ids="/".join)
def test_an_unchanged_deployment_writes_nothing(world: World, layout: tuple[str, str]) -> None:
    world.providers(*layout)
    world.deploy()
    deployed = world.everything()
    tried, again = world.deploy("--dry-run"), world.deploy()
    assert writes(tried) == writes(again) == []
    assert "would" not in tried.output
    assert "changed:" not in again.output
    assert world.everything() == deployed


def test_a_first_deployment_and_a_switch_of_the_layout_are_named_before_they_are_made(
    world: World,
) -> None:
    """From nothing to connectors for TwinMaker, and from there to endpoints."""
    for layout in LAYOUTS:
        world.providers(*layout)
        before = world.everything()
        tried = world.deploy("--dry-run")
        assert writes(tried) == []
        assert world.everything() == before
        made = world.deploy()
        foreseen = deployed_by_chalice(tried, "would change: ")
        assert foreseen
        assert deployed_by_chalice(made, "changed: ") == foreseen
        assert registered(tried, "dry run") == registered(made, "ok") != []
    assert "function hot-reader-multicloud: created" in foreseen
    assert [each for each in foreseen if each.endswith("last-entry: deleted")]
    assert "would change: new token in ssm:/factory-twin/killed" in tried.output
    assert "would change: throttling of the API: 100 requests per second" in tried.output
    assert "would change: connection aws_l3_to_azure_l4_hot_reader: the API's /hot-reader" in (
        tried.output
    )


def test_what_was_changed_by_hand_is_named_and_put_right(world: World) -> None:
    world.providers("aws", "azure")
    world.deploy()
    deployed = world.everything()
    lambda_, iam, gateway = (world.aws.client(name) for name in ("lambda", "iam", "apigateway"))
    name = {"FunctionName": FUNCTION}
    arn = lambda_.get_function(**name)["Configuration"]["FunctionArn"]
    lambda_.update_function_configuration(**name, Timeout=3, Environment={"Variables": {"A": "b"}})
    lambda_.tag_resource(Resource=arn, Tags={"mine": "yes"})
    lambda_.put_function_concurrency(**name, ReservedConcurrentExecutions=5)
    role = f"{FUNCTION}-api_handler"
    statement = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_role_policy(RoleName=role, PolicyName=role, PolicyDocument=document)
    (api,) = gateway.get_rest_apis()["items"]
    gateway.create_deployment(restApiId=api["id"], stageName="api")
    compression = {"op": "replace", "path": "/minimumCompressionSize", "value": "7"}
    edge = {"op": "replace", "path": "/endpointConfiguration/types/REGIONAL", "value": "EDGE"}
    assert api["endpointConfiguration"]["types"] == ["REGIONAL"]
    gateway.update_rest_api(restApiId=api["id"], patchOperations=[compression, edge])
    tried = world.deploy("--dry-run")
    variables = ("A", "DIGITAL_TWIN_INFO", "DYNAMODB_TABLE_NAME", "INTER_CLOUD_TOKEN")
    named = [
        f"role {role}: its policy",
        f"function {FUNCTION}: timeout, tags, {', '.join(f'variable {each}' for each in variables)}",
        f"function {FUNCTION}: reserved concurrency removed, was 5",
        f"REST API {api['id']}: paths",
        f"REST API {api['id']}: compression or endpoint type",
    ]
    assert deployed_by_chalice(tried, "would change: ") == named
    assert writes(tried) == []
    assert deployed_by_chalice(world.deploy(), "changed: ") == named
    assert world.everything() == deployed


def test_a_device_that_left_the_configuration_is_named_and_pruned_when_asked(world: World) -> None:
    world.providers("azure", "aws")
    world.deploy()
    devices = world.config / "config_iot_devices.json"
    (device,) = json.loads(devices.read_text())
    devices.write_text(json.dumps([device | {"id": "temperature-sensor-2"}]))
    type_1, type_2 = (f"factory-twin-temperature-sensor-{number}" for number in (1, 2))
    named = world.deploy().output
    assert f"component type {type_1}: left over" in named
    tried = world.deploy("--prune", "--dry-run")
    pruned = world.deploy("--prune")
    assert registered(tried, "dry run") == registered(pruned, "ok")
    types = world.twinmaker().list_component_types(workspaceId="killed")["componentTypeSummaries"]
    ours = [each["componentTypeId"] for each in types]
    own = {each for each in ours if not each.startswith("com.amazon.")}
    assert own == {type_2, f"{type_2}-latest"}


@pytest.mark.parametrize("library", ["thing==1.0", "nowhere==1.0"])
def test_a_package_without_one_of_its_libraries_ends_a_deployment_before_anything_is_written(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, library: str
) -> None:
    """Chalice would deploy it with a warning, if there is a wheel for another platform only."""
    here = platform.machine()
    wheel = tmp_path / f"thing-1.0-py3-none-linux_{here}.whl"
    with zipfile.ZipFile(wheel, "w") as made:
        made.writestr(
            "thing-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: thing\nVersion: 1.0\n"
        )
        made.writestr("thing-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\n")
        made.writestr("thing-1.0.dist-info/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    (world.directory / "requirements.txt").write_text(library)
    stages = world.directory / ".chalice" / "config.json"
    other = "x86_64" if here == "aarch64" else "arm64"
    stages.write_text(json.dumps(json.loads(stages.read_text()) | {"lambda_architecture": other}))
    world.providers("aws", "azure")
    before = world.everything()
    for _ in range(2):  # a package that was built once isn't built again
        refused = world.try_to("deploy")
        assert refused.code == 1
        assert "could not install dependencies" in refused.output
        assert library in refused.output
        assert writes(refused) == []
        assert world.everything() == before
