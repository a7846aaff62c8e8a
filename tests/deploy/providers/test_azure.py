"""Azure: what is written into Cosmos DB, and how the functions are packaged and published."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import pytest
from azure.cosmos import PartitionKey
from azure.cosmos.exceptions import CosmosHttpResponseError
from click.testing import CliRunner

from chalicelib.model.reads import READS
from chalicelib.settings.cosmos import CosmosSettings
from chalicelib.settings.hot_reader import HotReaderSettings
from deploy_scripts import PROJECT
from deploy_scripts.__main__ import cli
from deploy_scripts.project_files.twin_configuration import Device, TwinConfiguration
from deploy_scripts.providers.azure import CosmosProbe, CosmosWriter, document_id, json_value
from deploy_scripts.providers.telemetry import Entry
from deploy_scripts.verify.hot_storage import Storage, check_hot_storage
from local_cloud.azure.cosmos import LocalCosmos
from local_cloud.azure.functions import LocalAzureFunctions
from local_cloud.child_process import free_port
from tests.deploy.deployment import Account
from tests.deploy.existing_storage import PUMP, TOKEN, ExistingProject, documented, measured
from tests.deploy.providers.contract import *  # noqa: F403
from tests.deploy.providers.contract import Case, flags

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from azure.cosmos import ContainerProxy

ENDPOINT: Final = "https://factory.documents.azure.com"
INFO: Final = json.dumps(
    {
        "config": {"digital_twin_name": "twin"},
        "config_providers": {"layer_3_hot_provider": "azure", "layer_4_provider": "aws"},
    }
)


def read_settings(text: str) -> dict[str, str]:
    listed: list[dict[str, Any]] = json.loads(text)
    assert all(set(each) == {"name", "value", "slotSetting"} for each in listed)
    return {each["name"]: each["value"] for each in listed}


@pytest.fixture(scope="module")
def case() -> Case:
    return Case(
        cloud="azure",
        storage={"endpoint": ENDPOINT},
        settings=("COSMOS_ENDPOINT", "COSMOS_DATABASE", "COSMOS_CONTAINER"),
        read_settings=read_settings,
        places={
            "--app": "my-app",
            "--region": "westeurope",
            "--resource-group": "my-group",
            "--storage-account": "mystorage",
            "--key-vault": "my-vault",
        },
        command="az",
        answers={
            "principalId": "principal-1",
            "id": "id-1",
            "defaultHostName || properties.defaultHostName": "my-app.azurewebsites.net",
        },
        shows=("keyvault", "secret", "show"),
        makes=("keyvault", "secret", "set"),
        file_flag="--file",
        urls=(
            "https://my-app.azurewebsites.net/hot-reader",
            "https://my-app.azurewebsites.net/hot-reader-last-entry",
        ),
        in_flags=(
            ("--app", ("functionapp",), "--name"),
            ("--region", ("functionapp", "create"), "--flexconsumption-location"),
            ("--resource-group", ("functionapp",), "--resource-group"),
            ("--storage-account", ("storage", "account", "create"), "--name"),
            ("--storage-account", ("functionapp", "create"), "--storage-account"),
            ("--key-vault", ("keyvault", "secret", "set"), "--vault-name"),
            ("--cosmos-resource-group", ("cosmosdb",), "--resource-group"),
        ),
    )


# --- sample telemetry -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def container(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ContainerProxy]:
    with LocalCosmos(tmp_path_factory.mktemp("cosmos") / "log") as running:
        yield running.create_container("twin", "hot-telemetry")


def documents(container: ContainerProxy, device_id: str) -> list[dict[str, Any]]:
    query = "SELECT * FROM c WHERE c.device_id = @device"
    parameters: list[dict[str, object]] = [{"name": "@device", "value": device_id}]
    found = container.query_items(query, parameters=parameters, partition_key=device_id)
    return [{k: v for k, v in each.items() if k[0] != "_"} for each in found]


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (Decimal("21.5"), 21.5),
        (Decimal("0.1"), 0.1),
        (Decimal("21.0"), 21),
        (Decimal("1e3"), 1000),
        (Decimal(2**53), 2**53),
        (-(2**53), -(2**53)),
        (Decimal("1e300"), 1e300),
        (2**63, float(2**63)),
    ],
)
def test_a_number_whose_digits_a_double_keeps_is_a_number(number, expected):
    written = json_value(number)
    assert (written, type(written)) == (expected, type(expected))
    assert Decimal(repr(json.loads(json.dumps(written)))) == Decimal(repr(expected))


@pytest.mark.parametrize(
    "digits",
    ["9007199254740993", "9223372036854775807", "0.10000000000000000555", "1e999", "NaN"],
)
def test_a_number_whose_digits_a_double_loses_is_text(digits):
    assert json_value(Decimal(digits)) == str(Decimal(digits))


def test_values_within_lists_and_maps_are_converted_too():
    value = {"a": [Decimal("1.5"), True, None, "x"], "b": {"c": Decimal(2)}}
    assert json_value(value) == {"a": [1.5, True, None, "x"], "b": {"c": 2}}


def test_an_id_is_the_timestamp_where_that_is_safe():
    assert document_id("2026-01-30T17:00:00.5+01:00") == "2026-01-30T17:00:00.5+01:00"


@pytest.mark.parametrize("timestamp", ["a/b", "a\\b", "a?b", "a#b", "a b", "é", "x" * 256])
def test_an_id_is_made_of_a_timestamp_that_isnt_safe(timestamp):
    made = document_id(timestamp)
    assert made == document_id(timestamp) != document_id(timestamp + "x")
    assert made.isalnum()


def test_entries_are_written_once_however_often(container):
    entries = [
        Entry(device_id, f"2026-01-30T17:{number // 60:02}:{number % 60:02}Z", {"n": number})
        for device_id in ("one", "two")
        for number in range(250)
    ]
    writer = CosmosWriter(container)
    told: list[int] = []
    assert writer.write(entries, progress=told.append) == 500
    assert told == [100, 100, 50] * 2
    writer.write(entries)
    for device_id in ("one", "two"):
        found = documents(container, device_id)
        assert sorted(each["n"] for each in found) == list(range(250))
        assert {each["timestamp"] for each in found} == {e.timestamp for e in entries}


def test_a_batch_stays_below_the_bytes_that_it_may_have(container):
    told: list[int] = []
    entries = [Entry("large", f"2026-01-30T17:00:0{n}Z", {"t": "x" * 600_000}) for n in range(5)]
    CosmosWriter(container).write(entries, progress=told.append)
    assert told == [2, 2, 1]


class Throttled:
    """Refuses some batches, then takes one."""

    id = "hot-telemetry"

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.batches = 0

    def execute_item_batch(self, _operations: Any, *, partition_key: str) -> None:
        self.batches += 1
        if self.statuses:
            raise CosmosHttpResponseError(status_code=self.statuses.pop(0), message="no")


def test_too_many_requests_are_waited_for(monkeypatch):
    pauses: list[float] = []
    monkeypatch.setattr("deploy_scripts.providers.azure.time.sleep", pauses.append)
    container: Any = Throttled(429, 429, 429)
    written = CosmosWriter(container).write([Entry("d", "2026-01-30T17:00:00Z", {})])
    assert (written, container.batches) == (1, 4)
    assert pauses == sorted(pauses)


def test_another_refusal_is_raised():
    container: Any = Throttled(403)
    with pytest.raises(CosmosHttpResponseError):
        CosmosWriter(container).write([Entry("d", "2026-01-30T17:00:00Z", {})])
    assert container.batches == 1


def load(environment: dict[str, str], *options: str, code: int = 0) -> str:
    command = ["load-telemetry", "--cloud", "azure", *options]
    done = CliRunner().invoke(cli, command, env=environment)
    assert done.exit_code == code, done.output
    return done.output


def twin_devices(device_id: str) -> list[Device]:
    devices = TwinConfiguration.load(PROJECT / "config").devices
    return [each for each in devices if each.id == device_id]


def test_sample_telemetry_is_loaded_and_again_without_doubling_it(tmp_path):
    with LocalCosmos(tmp_path / "log") as cosmos:
        container = cosmos.create_container("twin", "telemetry")
        told = {
            "COSMOS_DATABASE": "twin",
            "COSMOS_CONTAINER": "telemetry",
            "COSMOS_ENDPOINT": cosmos.endpoint,
            "COSMOS_KEY": cosmos.key,
        }
        for _ in range(2):
            shown = load(told, "--device", "pump-1", "--entries", "7")
            assert "7 entries of pump-1 in the Cosmos DB container telemetry" in shown
            documents = list(container.read_all_items())
            assert {each["device_id"] for each in documents} == {"pump-1"}
            assert len(documents) == 7
        looked = Storage("azure", told | {"DIGITAL_TWIN_INFO": INFO}, twin_devices("pump-1"))
        assert "entries of 1 devices" in check_hot_storage(looked, (), "pump-1").detail
        missing = load(told | {"COSMOS_DATABASE": "none"}, "--entries", "1", code=1)
        assert "COSMOS_DATABASE" in missing
        assert "COSMOS_ENDPOINT is not set" in load({"COSMOS_ENDPOINT": ""}, code=2)


# --- looking into it --------------------------------------------------------------------------


def test_a_look_finds_the_ends_of_a_device_and_some_of_whatever_device(container: ContainerProxy):
    keys = [f"2026-01-30T17:00:0{second}Z" for second in range(9)] + [1769792400]
    for key in keys:
        body = {"id": str(key), "device_id": "looked-1", "meta": {"at": key}}
        container.upsert_item({**body, "payload": {"speed": 88}})
    container.upsert_item({"id": "x", "device_id": "looked-2"})
    entries = HotReaderSettings.load({"DIGITAL_TWIN_INFO": INFO, "TIMESTAMP_ATTRIBUTE": "meta.at"})
    probe = CosmosProbe(container, entries)
    found = [each["meta"]["at"] for each in probe.ends("looked-1")]
    # Numbers come before strings (query language, 'ORDER BY').
    assert found == [1769792400, *keys[:2], *reversed(keys[6:9])]
    assert {each["device_id"] for each in probe.some()} >= {"looked-1", "looked-2"}


# --- functions --------------------------------------------------------------------------------


def test_the_settings_lead_to_the_container_without_a_key(command):
    command.ok()
    at = CosmosSettings.load(command.settings())
    assert (at.endpoint, at.database, at.container) == (ENDPOINT, "factory-twin", "hot-telemetry")
    assert at.key is None
    command.storage(database="d", container="c")
    command.ok()
    at = CosmosSettings.load(command.settings())
    assert (at.endpoint, at.database, at.container) == (ENDPOINT, "d", "c")


def test_the_endpoint_is_needed(command):
    command.twin.write("config_storage.json", {"azure": {}})
    refusal = command.refused()
    assert "COSMOS_ENDPOINT is not set" in refusal
    assert "The section 'azure' of config_storage.json" in refusal


@pytest.mark.parametrize("endpoint", ["http://factory.documents.azure.com", "factory"])
def test_an_endpoint_that_credentials_must_not_be_sent_to_is_told_at_packaging(command, endpoint):
    command.storage(endpoint=endpoint)
    assert "COSMOS_ENDPOINT" in command.refused()


def test_the_account_is_in_the_function_apps_resource_group_unless_an_option_says_otherwise(
    published,
):
    (words,) = published.shell.words("cosmosdb")
    assert flags(words)["--resource-group"] == "my-group"


def test_the_function_app_may_read_its_container_only(published):
    (words,) = published.shell.words("cosmosdb")
    assert flags(words) == {
        "--account-name": "factory",
        "--resource-group": "my-group",
        "--principal-id": "principal-1",
        "--role-definition-id": "00000000-0000-0000-0000-000000000001",
        "--scope": "/dbs/factory-twin/colls/hot-telemetry",
        "--output": "none",
    }


def test_the_function_app_gets_the_settings_file_and_a_reference_to_the_token(published):
    (words,) = published.shell.words("functionapp", "config", "appsettings", "set")
    position = words.index("--settings")
    assert words[position + 1 : position + 3] == [
        f"@{published.command.settings_file}",
        "INTER_CLOUD_TOKEN=@Microsoft.KeyVault(VaultName=my-vault;SecretName=inter-cloud-token)",
    ]


def test_an_instance_answers_several_requests_at_once(published):
    """Azure lets an instance of Python answer one, unless it is set."""
    (words,) = published.shell.words("functionapp", "scale", "config", "set")
    assert flags(words)["--trigger-settings"] == "perInstanceConcurrency=4"
    assert flags(words)["--trigger-type"] == "http"


def test_a_host_that_doesnt_start_is_given_up(published):
    (words,) = published.shell.words("functionapp", "deployment", "source", "config-zip")
    assert flags(words)["--timeout"] == "600"


def test_an_endpoint_outside_azures_own_domain_has_its_account_filled_in(command):
    command.storage(endpoint="https://cosmos.example.com")
    done = command.ok()
    assert re.search(r"^COSMOS_ACCOUNT=$", done.stdout, re.MULTILINE)


# --- containers that something else fills -----------------------------------------------------


def message(at: datetime, values: dict[str, Any]) -> dict[str, Any]:
    """A message as IoT Hub's own endpoint stores it."""
    return {
        "deviceId": PUMP,
        "Properties": {},
        "SystemProperties": {
            "iothub-connection-device-id": PUMP,
            "iothub-enqueuedtime": f"{at:%FT%T}.5000000Z",
            "iothub-message-source": "Telemetry",
        },
        "iothub-name": "factory",
        "Body": values,
    }


@pytest.mark.parametrize(
    ("heading", "number", "key", "item"),
    [
        (
            "Projects of the larger deployer",
            1,
            "device_id",
            lambda at, values: {"device_id": PUMP, "timestamp": f"{at:%FT%TZ}", **values},
        ),
        ("IoT Hub's endpoint in Cosmos DB", 0, "deviceId", message),
    ],
    ids=["larger deployer", "IoT Hub"],
)
def test_a_container_that_something_else_fills_is_charted(tmp_path, heading, number, key, item):
    storage = documented(heading)[number]
    with LocalCosmos(tmp_path / "store.log") as cosmos, Account() as account:
        storage["azure"]["endpoint"] = cosmos.endpoint
        (tmp_path / "project").mkdir()
        project = ExistingProject(tmp_path / "project", account, storage)
        project.environment["COSMOS_KEY"] = cosmos.key
        database = cosmos.client().create_database(project.section["database"])
        container = database.create_container(project.section["container"], PartitionKey(f"/{key}"))
        for count, (at, values) in enumerate(measured()):
            container.create_item({"id": str(count), **item(at, values)})
        settings = read_settings(project.package().read_text())
        with LocalAzureFunctions(
            {**settings, "COSMOS_KEY": cosmos.key, "INTER_CLOUD_TOKEN": TOKEN},
            app=PROJECT / "functions" / "azure",
            port=free_port(),
            log=tmp_path / "functions.log",
        ) as app:
            project.connect_to({read.hot_reader: f"{app.url}{read.path}" for read in READS})
            project.walk()
