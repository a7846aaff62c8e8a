"""From configuration files to a TwinMaker that reads another cloud, by the commands that people type."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from deploy_scripts.inter_cloud import InterCloudConnections
from deploy_scripts.local_cloud.stack import PROJECT, LocalCloud, Ports
from deploy_scripts.twin_configuration import TwinConfiguration

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST_FUNCTION_NAME = 64
"""AWS Lambda API reference, CreateFunction."""


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    """The other cloud (its HTTP endpoints), and the AWS account that is deployed to."""
    directory = tmp_path_factory.mktemp("local-cloud")
    with LocalCloud(directory=directory, entries=50, ports=Ports(0, 0, 0)) as running:
        yield running


class Deployment:
    """A copy of the project, and the commands run in it."""

    def __init__(self, directory: Path, cloud: LocalCloud) -> None:
        self.directory = directory
        self.cloud = cloud
        ignored = shutil.ignore_patterns("__pycache__", "deployed", "deployments")
        for name in ("chalicelib", ".chalice", "config"):
            shutil.copytree(PROJECT / name, directory / name, ignore=ignored)
        for name in ("app.py", "requirements.txt"):
            shutil.copy(PROJECT / name, directory)

    def providers(self, layer_3_hot: str, layer_4: str) -> None:
        document = {"layer_3_hot_provider": layer_3_hot, "layer_4_provider": layer_4}
        (self.directory / "config" / "config_providers.json").write_text(json.dumps(document))

    def connect(self) -> None:
        """Save what whoever deployed the other cloud's reader would save."""
        config = self.directory / "config"
        connections = InterCloudConnections(config / "config_inter_cloud.json")
        at = self.cloud.endpoints
        for last_entry, url in ((False, at.hot_reader_url), (True, at.hot_reader_last_entry_url)):
            layout = TwinConfiguration.load(config).layout
            connections.put(layout, last_entry=last_entry, url=url, token=at.token)

    def run(self, *command: str) -> str:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
        environment |= self.cloud.aws.environment
        environment["AWS_ENDPOINT_URL_IOTTWINMAKER"] = self.cloud.endpoints.twinmaker_url
        environment["PYTHONPATH"] = str(PROJECT)
        done = subprocess.run(
            command,
            cwd=self.directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def chalice(self, verb: str, stage: str) -> str:
        return self.run(str(Path(sys.executable).with_name("chalice")), verb, "--stage", stage)

    def scripts(self, verb: str, stage: str, *options: str) -> str:
        where = ["--config", "config", "--project", str(self.directory), "--stage", stage]
        return self.run(sys.executable, "-m", "deploy_scripts", verb, *where, *options)

    def functions(self) -> set[str]:
        listed = self.cloud.aws.client("lambda").list_functions()["Functions"]
        return {each["FunctionName"] for each in listed}


@pytest.fixture
def deployment(tmp_path: Path, cloud: LocalCloud) -> Deployment:
    return Deployment(tmp_path, cloud)


def test_twinmaker_reads_another_cloud_through_the_deployed_package(deployment, cloud):
    deployment.providers("azure", "aws")
    deployment.connect()
    before = deployment.functions()
    deployment.scripts("configure", "multicloud", "--token-name", "/factory-twin/caller")
    deployment.chalice("deploy", "multicloud")
    made = deployment.functions() - before
    assert {name.partition("multicloud-")[2] for name in made} == {
        "digital-twin-data-connector",
        "digital-twin-data-connector-last-entry",
    }
    assert all(len(name) <= LONGEST_FUNCTION_NAME for name in made)

    iam = cloud.aws.client("iam")
    iam.create_role(RoleName="twinmaker", AssumeRolePolicyDocument="{}")
    role = iam.get_role(RoleName="twinmaker")["Role"]["Arn"]
    options = ("--workspace", "deployed", "--create-workspace", "--entities")
    bucket = ("--s3-location", "arn:aws:s3:::twinmaker")
    deployment.scripts("register", "multicloud", *options, "--role-arn", role, *bucket)
    again = deployment.scripts("register", "multicloud", *options, "--role-arn", role, *bucket)
    assert "updated" not in again

    newest = max(
        (entry for entry in cloud.telemetry() if entry.device_id == "pump-1"),
        key=lambda entry: entry.timestamp[:19],
    )
    answer: dict[str, Any] = cloud.twinmaker().get_property_value(
        workspaceId="deployed",
        entityId="pump-1",
        componentName="telemetry",
        selectedProperties=["pressure", "rotationSpeed", "running"],
    )
    got = {
        name: next(iter(each["propertyValue"].values()))
        for name, each in answer["propertyValues"].items()
    }
    assert got == {
        name: value if isinstance(value, bool) else float(value)
        for name, value in newest.values.items()
    }
    deployment.chalice("delete", "multicloud")
    assert deployment.functions() == before


@pytest.mark.parametrize("layer_4", ["azure", "aws"])
def test_deploying_twice_by_hand_and_deleting_leaves_nothing(deployment, cloud, layer_4):
    stage = "multicloud" if layer_4 == "azure" else "singlecloud"

    def roles() -> set[str]:
        return {each["RoleName"] for each in cloud.aws.client("iam").list_roles()["Roles"]}

    def apis() -> list[Any]:
        found: list[Any] = cloud.aws.client("apigateway").get_rest_apis()["items"]
        return found

    before = (deployment.functions(), roles(), apis())
    deployment.chalice("deploy", stage)
    first = (deployment.functions(), roles())
    assert first[0] > before[0]
    assert len(apis()) == (1 if layer_4 == "azure" else 0)
    deployment.chalice("deploy", stage)
    assert (deployment.functions(), roles()) == first
    deployment.chalice("delete", stage)
    assert (deployment.functions(), roles(), apis()) == before
