"""From configuration files to a TwinMaker that reads another cloud, by the commands that people type.

Each test deploys to an account of its own. Verbs run in forks of a process that has imported them, and
functions without libraries in their packages; one test does all of it as people do.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from demo.stack import LocalCloud, Ports
from tests.deploy.deployment import AWAY, TOKEN, WORKSPACE, Account, Deployment
from tests.end_to_end.http.service import Service

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LONGEST_FUNCTION_NAME = 64
"""AWS Lambda API reference, CreateFunction."""


@pytest.fixture(scope="module")
def local_cloud_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("local-cloud")


@pytest.fixture(scope="module")
def cloud(local_cloud_files: Path) -> Iterator[LocalCloud]:
    """The Hot Readers on the other clouds."""
    with LocalCloud(
        directory=local_cloud_files, entries=50, ports=Ports(0, 0, 0), other_clouds=True
    ) as running:
        yield running


@pytest.fixture
def account() -> Iterator[Account]:
    with Account() as account:
        yield account


@pytest.fixture
def deployment(tmp_path: Path, account: Account, cloud: LocalCloud) -> Deployment:
    return Deployment(tmp_path, account, cloud)


@pytest.fixture
def workspace(account: Account) -> tuple[str, ...]:
    return account.workspace


def test_a_function_url_is_for_layouts_with_endpoints_on_aws(deployment):
    deployment.providers("azure", "aws")
    refused = deployment.refused("deploy", "multicloud", "--endpoint", "function-url")
    assert "--endpoint is for hot storage on AWS" in refused


def test_a_layout_is_deployed_switched_and_destroyed(deployment, workspace):
    """Hot storage moves from another cloud to AWS, and then the twin moves away."""
    before = deployment.listing()
    deployment.providers("azure", "aws")
    deployment.connect()
    deployment.load_telemetry()
    deployment.scripts("deploy", "multicloud", *TOKEN, *workspace)
    verified = deployment.scripts("verify", "multicloud", "--workspace", WORKSPACE)
    assert "GetPropertyValueHistory" in verified
    deployment.read_by_twinmaker()
    connectors = deployment.pointed_at("pump-1")
    assert connectors == {
        "hot-reader-multicloud-digital-twin-data-connector",
        "hot-reader-multicloud-digital-twin-data-connector-last-entry",
    }
    first = deployment.listing()
    again = deployment.scripts("deploy", "multicloud", *TOKEN, *workspace)
    assert deployment.listing() == first
    assert "as it should be" in again
    assert "agrees with the configuration" in again

    deployment.providers("aws", "aws")
    moved = deployment.scripts("deploy", "multicloud", *TOKEN, *workspace)
    assert "deleted ssm:" in moved
    assert deployment.listing()["parameters"] == before["parameters"]
    assert deployment.pointed_at("pump-1") == {
        "hot-reader-multicloud-hot-reader",
        "hot-reader-multicloud-hot-reader-last-entry",
    }
    assert not connectors & deployment.account.functions()
    deployment.scripts("verify", "multicloud", "--workspace", WORKSPACE)

    shown = deployment.scripts("destroy", "multicloud", *TOKEN, *AWAY, "--dry-run")
    assert "nothing was changed" in shown
    assert deployment.account.functions() > before["functions"]
    deployment.scripts("destroy", "multicloud", *TOKEN, *AWAY)
    after = deployment.listing()
    # The connection to the other cloud's readers belongs to whoever deployed those.
    after["connections"] -= {name for name in after["connections"] if name.startswith("azure_l3")}
    assert after == before
    assert "gone" in deployment.scripts("destroy", "multicloud", *TOKEN, *AWAY)


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
    assert "'pump-'" in deployment.refused("deploy", "multicloud", *TOKEN, *workspace)
    assert files[1].read_text() == stages
    assert {**deployment.listing(), "connections": before["connections"]} == before


def test_a_twin_that_reads_google_cloud_is_planned_deployed_verified_and_destroyed(
    deployment, workspace
):
    before = deployment.listing()
    deployment.providers("gcp", "aws")
    missing = deployment.plan("multicloud")["missing"]
    assert [each for each in missing if "gcp_l3_to_aws_l4_hot_reader" in each]
    assert "has no connection" in deployment.refused("deploy", "multicloud", *TOKEN, *workspace)
    assert deployment.listing() == before
    deployment.connect()
    planned = deployment.plan("multicloud")
    assert [each["provider"] for each in planned["clouds"]] == ["gcp", "aws"]
    assert not [each for each in planned["missing"] if "connection" in each]

    deployment.typed("deploy", "multicloud", *TOKEN, *workspace)
    (aws,) = (each for each in planned["clouds"] if each["provider"] == "aws")
    made = deployment.account.functions() - before["functions"]
    assert made == {each["deployed_name"] for each in aws["functions"]}
    assert made == deployment.pointed_at("pump-1")
    assert "All is well" in deployment.scripts("verify", "multicloud", "--workspace", WORKSPACE)
    deployment.read_by_twinmaker()
    first = deployment.listing()
    again = deployment.scripts("deploy", "multicloud", *TOKEN, *workspace)
    assert deployment.listing() == first
    assert "agrees with the configuration" in again

    deployment.scripts("destroy", "multicloud", *TOKEN, *AWAY)
    after = deployment.listing()
    # The connections belong to whoever deployed the readers on Google Cloud.
    assert after["connections"] == {
        "gcp_l3_to_aws_l4_hot_reader",
        "gcp_l3_to_aws_l4_hot_reader_last_entry",
    }
    assert {**after, "connections": before["connections"]} == before


def test_endpoints_are_deployed_published_and_destroyed(deployment, cloud):
    """First by the API, then by a Function URL, which a switch of the layout leaves."""
    deployment.load_telemetry()
    before = deployment.listing()
    deployment.providers("aws", "azure")
    deployment.scripts("deploy", "multicloud", *TOKEN)
    first = deployment.listing()
    assert first["connections"] == {
        "aws_l3_to_azure_l4_hot_reader",
        "aws_l3_to_azure_l4_hot_reader_last_entry",
    }
    shown = deployment.scripts("deploy", "multicloud", "--endpoint", "function-url")
    assert "nothing throttles a Function URL" in shown
    (url,) = deployment.account.function_urls()
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
    deployment.scripts("deploy", "multicloud", *TOKEN)
    assert deployment.listing() == first
    deployment.providers("aws", "gcp")
    deployment.scripts("deploy", "multicloud", *TOKEN)
    assert deployment.listing()["connections"] == {
        "aws_l3_to_gcp_l4_hot_reader",
        "aws_l3_to_gcp_l4_hot_reader_last_entry",
    }
    assert {each.url for each in deployment.connections.load().values()} == {
        f"{url}hot-reader",
        f"{url}hot-reader-last-entry",
    }
    record.unlink()
    trial = deployment.scripts("destroy", "multicloud", *TOKEN, "--yes", "--dry-run")
    assert "would delete Function URL of hot-reader-multicloud" in trial
    assert "would run" in trial
    assert not record.exists()
    assert deployment.account.function_urls() == [url]
    ended = deployment.scripts("destroy", "multicloud", *TOKEN, "--yes")
    assert "deleted Function URL of hot-reader-multicloud" in ended
    assert deployment.listing() == before


def ask_both_endpoints(deployment: Deployment, cloud: LocalCloud, url: str) -> None:
    """Read all of a device at a deployed URL, which has to answer by the contract."""
    token = deployment.connections.load()["aws_l3_to_azure_l4_hot_reader"].token
    service = Service(url.rstrip("/"))
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


def test_twinmaker_reads_another_cloud_through_the_deployed_package(deployment, account, workspace):
    deployment.package_the_libraries()
    deployment.providers("azure", "aws")
    deployment.connect()
    before = account.functions()
    deployment.typed("configure", "multicloud", "--token-name", "/factory-twin/caller")
    deployment.typed_chalice("deploy", "multicloud")
    made = account.functions() - before
    assert {name.partition("multicloud-")[2] for name in made} == {
        "digital-twin-data-connector",
        "digital-twin-data-connector-last-entry",
    }
    assert all(len(name) <= LONGEST_FUNCTION_NAME for name in made)

    deployment.typed("register", "multicloud", *workspace)
    again = deployment.scripts("register", "multicloud", *workspace)
    assert "updated" not in again

    newest = max(
        (entry for entry in deployment.cloud.telemetry() if entry.device_id == "pump-1"),
        key=lambda entry: entry.timestamp[:19],
    )
    answer: dict[str, Any] = account.twinmaker().get_property_value(
        workspaceId=WORKSPACE,
        entityId="pump-1",
        componentName="latest",
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
    assert account.functions() == before


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
def test_deploying_twice_by_hand_and_deleting_leaves_nothing(deployment, account, layer_4):
    stage = "multicloud" if layer_4 == "azure" else "singlecloud"
    before = (account.functions(), account.roles(), account.apis())
    deployment.chalice("deploy", stage)
    first = (account.functions(), account.roles())
    assert first[0] > before[0]
    assert len(account.apis()) - len(before[2]) == (1 if layer_4 == "azure" else 0)
    deployment.chalice("deploy", stage)
    assert (account.functions(), account.roles()) == first
    deployment.chalice("delete", stage)
    assert (account.functions(), account.roles(), account.apis()) == before
