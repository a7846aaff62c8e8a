"""From configuration files to a TwinMaker that reads another cloud, by the commands that people type."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.model.reads import HISTORY, LAST_ENTRY
from demo.checks import only
from demo.stack import LocalCloud, Ports
from deploy_scripts import PROJECT
from deploy_scripts.project_files.inter_cloud import InterCloudConnections
from deploy_scripts.project_files.twin_configuration import TwinConfiguration
from tests.conformance import oracle
from tests.conformance.oracle import by_property, plain, read_back
from tests.end_to_end.http.service import Service
from tests.end_to_end.read_path.reading import by_twinmaker, stored

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST_FUNCTION_NAME = 64
"""AWS Lambda API reference, CreateFunction."""


@pytest.fixture(scope="module")
def local_cloud_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("local-cloud")


@pytest.fixture(scope="module")
def cloud(local_cloud_files: Path) -> Iterator[LocalCloud]:
    """The AWS account that is deployed to, and the Hot Readers on the other clouds."""
    with LocalCloud(
        directory=local_cloud_files, entries=50, ports=Ports(0, 0, 0), other_clouds=True
    ) as running:
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

    @property
    def connections(self) -> InterCloudConnections:
        return InterCloudConnections(self.directory / "config" / "config_inter_cloud.json")

    def providers(self, layer_3_hot: str, layer_4: str) -> None:
        document = {"layer_3_hot_provider": layer_3_hot, "layer_4_provider": layer_4}
        (self.directory / "config" / "config_providers.json").write_text(json.dumps(document))

    def connect(self) -> None:
        """Save what whoever deployed the other cloud's reader would save."""
        layout = TwinConfiguration.load(self.directory / "config").layout
        at = self.cloud.endpoints.clouds[layout.layer_3_hot]
        for read, url in ((HISTORY, at.hot_reader_url), (LAST_ENTRY, at.hot_reader_last_entry_url)):
            self.connections.put(layout, read, url=url, token=self.cloud.endpoints.token)

    def refused(self, verb: str, stage: str, *options: str) -> str:
        """Run a verb that must end with exit code 2."""
        where = ["--config", "config", "--project", str(self.directory), "--stage", stage]
        return self.run(sys.executable, "-m", "deploy_scripts", verb, *where, *options, code=2)

    def run(self, *command: str, code: int = 0) -> str:
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
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def chalice(self, verb: str, stage: str) -> str:
        return self.run(str(Path(sys.executable).with_name("chalice")), verb, "--stage", stage)

    def scripts(self, verb: str, stage: str, *options: str) -> str:
        where = ["--config", "config", "--project", str(self.directory), "--stage", stage]
        return self.run(sys.executable, "-m", "deploy_scripts", verb, *where, *options)

    def plan(self, stage: str) -> dict[str, Any]:
        where = ("--config", "config", "--stage", stage, "--format", "json")
        planned: dict[str, Any] = json.loads(
            self.run(sys.executable, "-m", "deploy_scripts", "plan", *where)
        )
        return planned

    def listing(self) -> dict[str, Any]:
        """List everything in the account that a deployment could leave behind."""
        client, twinmaker = self.cloud.aws.client, self.cloud.twinmaker()
        workspaces = twinmaker.list_workspaces()["workspaceSummaries"]
        return {
            "functions": self.functions(),
            "function urls": self.function_urls(),
            "roles": {each["RoleName"] for each in client("iam").list_roles()["Roles"]},
            "apis": [each["id"] for each in client("apigateway").get_rest_apis()["items"]],
            "parameters": [
                each["Name"] for each in client("ssm").describe_parameters()["Parameters"]
            ],
            "role policies": client("iam").list_role_policies(RoleName="workspace")["PolicyNames"],
            "twinmaker": {
                each["workspaceId"]: (
                    twinmaker.list_component_types(workspaceId=each["workspaceId"])[
                        "componentTypeSummaries"
                    ],
                    twinmaker.list_entities(workspaceId=each["workspaceId"])["entitySummaries"],
                )
                for each in workspaces
            },
            "connections": set(self.connections.load()),
        }

    def read_by_twinmaker(self) -> None:
        """Read every entity's history and newest entry, which must be what is in the hot storage."""
        twinmaker = self.cloud.twinmaker()
        components = [
            (entity["entityId"], component["componentName"], component["componentTypeId"])
            for entity in twinmaker.list_entities(workspaceId="deployed")["entitySummaries"]
            for component in twinmaker.get_entity(
                workspaceId="deployed", entityId=entity["entityId"]
            )["components"].values()
        ]
        devices = {f"factory-twin-{device.id}": device for device in self.cloud.devices}
        assert {type_id for _, _, type_id in components} == devices.keys()
        for entity_id, component_name, type_id in components:
            device = devices[type_id]
            asked = {
                "workspaceId": "deployed",
                "entityId": entity_id,
                "componentName": component_name,
                "selectedProperties": [each.name for each in device.properties],
            }
            names = asked["selectedProperties"]
            entries = stored(self.cloud, device.id)
            ever = ("2000-01-01T00:00:00Z", "2100-01-01T00:00:00Z")
            pages = by_twinmaker(twinmaker, **asked, startTime=ever[0], endTime=ever[1])
            assert read_back(pages) == by_property(oracle.history(entries, names, *ever), names)
            answer = twinmaker.get_property_value(**asked)["propertyValues"]
            assert {name: plain(only(each["propertyValue"])) for name, each in answer.items()} == {
                name: plain(value) for name, value in oracle.newest(entries).values.items()
            }

    def pointed_at(self, device_id: str) -> set[str]:
        """Return the functions that a device's component type points at."""
        found = self.cloud.twinmaker().get_component_type(
            workspaceId="deployed", componentTypeId=f"factory-twin-{device_id}"
        )
        arns = [each["implementedBy"]["lambda"]["arn"] for each in found["functions"].values()]
        return {arn.rpartition(":")[2] for arn in arns}

    def function_urls(self) -> list[str]:
        client = self.cloud.aws.client("lambda")
        found = []
        for name in self.functions():
            with contextlib.suppress(client.exceptions.ResourceNotFoundException):
                found.append(client.get_function_url_config(FunctionName=name)["FunctionUrl"])
        return found

    def functions(self) -> set[str]:
        listed = self.cloud.aws.client("lambda").list_functions()["Functions"]
        return {each["FunctionName"] for each in listed}


@pytest.fixture
def deployment(tmp_path: Path, cloud: LocalCloud) -> Deployment:
    return Deployment(tmp_path, cloud)


OPTIONS = ("--token-name", "/factory-twin/deployed")


@pytest.fixture(scope="module")
def workspace(cloud: LocalCloud) -> tuple[str, ...]:
    """Return the options that name TwinMaker's workspace; it is created by the first deployment."""
    iam = cloud.aws.client("iam")
    iam.create_role(RoleName="workspace", AssumeRolePolicyDocument="{}")
    role = iam.get_role(RoleName="workspace")["Role"]["Arn"]
    return (
        *("--workspace", "deployed", "--create-workspace", "--entities"),
        *("--role-arn", role, "--s3-location", "arn:aws:s3:::twinmaker"),
    )


def test_a_function_url_is_for_layouts_with_endpoints_on_aws(deployment):
    deployment.providers("azure", "aws")
    refused = deployment.refused("deploy", "multicloud", "--endpoint", "function-url")
    assert "--endpoint is for hot storage on AWS" in refused


def test_a_layout_is_deployed_switched_and_destroyed(deployment, workspace):
    """Hot storage moves from another cloud to AWS, and then the twin moves away."""
    before = deployment.listing()
    away = ("--workspace", "deployed", "--delete-workspace", "--yes")
    deployment.providers("azure", "aws")
    deployment.connect()
    deployment.scripts("deploy", "multicloud", *OPTIONS, *workspace)
    verified = deployment.scripts("verify", "multicloud", "--workspace", "deployed")
    assert "GetPropertyValueHistory" in verified
    deployment.read_by_twinmaker()
    connectors = deployment.pointed_at("pump-1")
    assert connectors == {
        "hot-reader-multicloud-digital-twin-data-connector",
        "hot-reader-multicloud-digital-twin-data-connector-last-entry",
    }
    first = deployment.listing()
    again = deployment.scripts("deploy", "multicloud", *OPTIONS, *workspace)
    assert deployment.listing() == first
    assert "as it should be" in again
    assert "agrees with the configuration" in again

    deployment.providers("aws", "aws")
    moved = deployment.scripts("deploy", "multicloud", *OPTIONS, *workspace)
    assert "deleted ssm:" in moved
    assert deployment.listing()["parameters"] == before["parameters"]
    assert deployment.pointed_at("pump-1") == {
        "hot-reader-multicloud-hot-reader",
        "hot-reader-multicloud-hot-reader-last-entry",
    }
    assert not connectors & deployment.functions()
    deployment.scripts("verify", "multicloud", "--workspace", "deployed")

    shown = deployment.scripts("destroy", "multicloud", *OPTIONS, *away, "--dry-run")
    assert "nothing was changed" in shown
    assert deployment.functions() > before["functions"]
    deployment.scripts("destroy", "multicloud", *OPTIONS, *away)
    after = deployment.listing()
    # The connection to the other cloud's readers belongs to whoever deployed those.
    after["connections"] -= {name for name in after["connections"] if name.startswith("azure_l3")}
    assert after == before
    assert "gone" in deployment.scripts("destroy", "multicloud", *OPTIONS, *away)


def test_a_name_that_twinmaker_refuses_ends_a_deployment_before_it_begins(deployment, workspace):
    before = deployment.listing()
    deployment.providers("azure", "aws")
    deployment.connect()
    files = [
        deployment.directory / "config" / "config_iot_devices.json",
        deployment.directory / ".chalice" / "config.json",
    ]
    files[0].write_text(files[0].read_text().replace('"pump-1"', '"pump-"'))
    stages = files[1].read_text()
    assert "'pump-'" in deployment.refused("deploy", "multicloud", *OPTIONS, *workspace)
    assert files[1].read_text() == stages
    assert {**deployment.listing(), "connections": before["connections"]} == before


def test_a_twin_that_reads_google_cloud_is_planned_deployed_verified_and_destroyed(
    deployment, workspace
):
    before = deployment.listing()
    deployment.providers("gcp", "aws")
    missing = deployment.plan("multicloud")["missing"]
    assert [each for each in missing if "gcp_l3_to_aws_l4_hot_reader" in each]
    assert "has no connection" in deployment.refused("deploy", "multicloud", *OPTIONS, *workspace)
    assert deployment.listing() == before
    deployment.connect()
    planned = deployment.plan("multicloud")
    assert [each["provider"] for each in planned["clouds"]] == ["gcp", "aws"]
    assert not [each for each in planned["missing"] if "connection" in each]

    deployment.scripts("deploy", "multicloud", *OPTIONS, *workspace)
    (aws,) = (each for each in planned["clouds"] if each["provider"] == "aws")
    made = deployment.functions() - before["functions"]
    assert made == {each["deployed_name"] for each in aws["functions"]}
    assert made == deployment.pointed_at("pump-1")
    assert "All is well" in deployment.scripts("verify", "multicloud", "--workspace", "deployed")
    deployment.read_by_twinmaker()
    first = deployment.listing()
    again = deployment.scripts("deploy", "multicloud", *OPTIONS, *workspace)
    assert deployment.listing() == first
    assert "agrees with the configuration" in again

    away = ("--workspace", "deployed", "--delete-workspace", "--yes")
    deployment.scripts("destroy", "multicloud", *OPTIONS, *away)
    after = deployment.listing()
    # The connections belong to whoever deployed the readers on Google Cloud.
    assert after["connections"] == {
        "gcp_l3_to_aws_l4_hot_reader",
        "gcp_l3_to_aws_l4_hot_reader_last_entry",
    }
    assert {**after, "connections": before["connections"]} == before


def test_endpoints_are_deployed_published_and_destroyed(deployment, workspace, cloud):
    """First by the API, then by a Function URL, which a switch of the layout leaves."""
    del workspace  # makes the role that is listed
    before = deployment.listing()
    deployment.providers("aws", "azure")
    deployment.scripts("deploy", "multicloud", *OPTIONS)
    first = deployment.listing()
    assert first["connections"] == {
        "aws_l3_to_azure_l4_hot_reader",
        "aws_l3_to_azure_l4_hot_reader_last_entry",
    }
    shown = deployment.scripts("deploy", "multicloud", "--endpoint", "function-url")
    assert "nothing throttles a Function URL" in shown
    (url,) = deployment.function_urls()
    assert deployment.listing() == first | {"function urls": [url]}
    first = deployment.listing()
    ask_both_endpoints(deployment, cloud, url)
    verified = deployment.scripts("verify", "multicloud")
    assert f"ok Function URL: {url}" in verified
    assert "All is well" in verified

    mistyped = deployment.refused("destroy", "multiclod", "--yes")
    assert "no stage multiclod" in mistyped
    record = deployment.directory / ".chalice" / "deployed" / "multicloud.json"
    record.unlink()  # as if it had been deployed elsewhere
    deployment.scripts("deploy", "multicloud", *OPTIONS)
    assert deployment.listing() == first
    deployment.providers("aws", "gcp")
    deployment.scripts("deploy", "multicloud", *OPTIONS)
    assert deployment.listing()["connections"] == {
        "aws_l3_to_gcp_l4_hot_reader",
        "aws_l3_to_gcp_l4_hot_reader_last_entry",
    }
    assert {each.url for each in deployment.connections.load().values()} == {
        f"{url}hot-reader",
        f"{url}hot-reader-last-entry",
    }
    record.unlink()
    trial = deployment.scripts("destroy", "multicloud", *OPTIONS, "--yes", "--dry-run")
    assert "would delete Function URL of hot-reader-multicloud" in trial
    assert "would run" in trial
    assert not record.exists()
    assert deployment.function_urls() == [url]
    ended = deployment.scripts("destroy", "multicloud", *OPTIONS, "--yes")
    assert "deleted Function URL of hot-reader-multicloud" in ended
    assert deployment.listing() == before


def ask_both_endpoints(deployment: Deployment, cloud: LocalCloud, url: str) -> None:
    """Read all of a device at a deployed URL, which has to answer by the contract."""
    token = deployment.connections.load()["aws_l3_to_azure_l4_hot_reader"].token
    service = Service(url.rstrip("/"), deployment.directory / "no-log")
    names = ["pressure", "running"]
    times = {"start_time": "2000-01-01T00:00:00Z", "end_time": "2100-01-01T00:00:00Z"}
    query = {"iot_device_id": "pump-1", "selected_properties": names, **times}
    history = service.request("POST", "/hot-reader", token=token, json={"payload": query})
    stored = [entry for entry in cloud.telemetry() if entry.device_id == "pump-1"]
    assert stored
    assert sum(len(each["values"]) for each in history.json()["propertyValues"]) == sum(
        len(entry.values.keys() & {*names}) for entry in stored
    )
    assert history.headers["Content-Encoding"] == "gzip"  # nobody but the function does it
    repeated = {"iot_device_id": "pump-1", "selected_properties": names}
    newest = service.request("GET", "/hot-reader-last-entry", token=token, params=repeated)
    assert newest.json()["propertyValues"].keys() == {*names}
    for wrong in (None, "another-token-of-good-length"):
        assert service.request("POST", "/hot-reader", token=wrong, json={}).status_code == 401


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


def test_the_environment_file_is_all_that_a_plain_sdk_needs(cloud, local_cloud_files, tmp_path):
    file = local_cloud_files / "environment"
    script = "import boto3; print(boto3.client('iottwinmaker').list_workspaces())"
    bare = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    done = subprocess.run(
        ["bash", "-c", f'. "{file}" && exec "{sys.executable}" -c "{script}"'],
        cwd=tmp_path,
        env=bare,
        capture_output=True,
        text=True,
        check=False,
    )
    assert cloud.endpoints.workspace_id in done.stdout, done.stderr


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
