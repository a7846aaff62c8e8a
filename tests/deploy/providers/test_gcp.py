"""Google Cloud: what is written into Firestore, and how the functions are packaged and published."""

from __future__ import annotations

import json
from contextlib import ExitStack
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import grpc
import pytest
import yaml
from click.testing import CliRunner
from google.api_core.datetime_helpers import DatetimeWithNanoseconds
from google.api_core.exceptions import PermissionDenied

from chalicelib.model.reads import READS
from chalicelib.settings.firestore import FirestoreSettings
from chalicelib.settings.hot_reader import HotReaderSettings
from deploy_scripts import PROJECT
from deploy_scripts.__main__ import cli
from deploy_scripts.package.contents import contents
from deploy_scripts.providers import PACKAGED
from deploy_scripts.providers.gcp import FirestoreProbe, FirestoreWriter, document_id, field_value
from deploy_scripts.providers.telemetry import Entry
from local_cloud.gcp.firestore import LocalFirestore
from local_cloud.gcp.functions import LocalCloudFunction
from tests.deploy.deployment import Account
from tests.deploy.existing_storage import PUMP, TOKEN, ExistingProject, documented, measured
from tests.deploy.providers.contract import *  # noqa: F403
from tests.deploy.providers.contract import Case, flags, without_publish
from tests.firestore_client import client_of
from tests.firestore_commits import CommitServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from google.cloud.firestore import Client


def read_settings(text: str) -> dict[str, str]:
    loaded: dict[str, str] = yaml.safe_load(text)
    return loaded


@pytest.fixture(scope="module")
def case() -> Case:
    return Case(
        cloud="gcp",
        storage={},
        settings=("FIRESTORE_COLLECTION",),
        read_settings=read_settings,
        places={"--project": "my-project", "--region": "europe-west1", "--app": "my-reader"},
        command="gcloud",
        answers={"--format=value(serviceConfig.uri)": "https://{2}.run.app"},
        shows=("secrets", "describe"),
        makes=("secrets", "create"),
        file_flag="--data-file",
        urls=("https://my-reader.run.app", "https://my-reader-last-entry.run.app"),
        in_flags=(
            ("--app", ("iam", "service-accounts", "create"), "3"),
            ("--project", ("functions",), "--project"),
            ("--project", ("secrets",), "--project"),
            ("project", ("firestore",), "--project"),
            ("project", ("projects", "add-iam-policy-binding"), "2"),
            ("--region", ("functions",), "--region"),
            ("database", ("firestore",), "--database"),
            ("collection", ("firestore",), "--collection-group"),
        ),
    )


# --- sample telemetry -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with LocalFirestore(tmp_path_factory.mktemp("firestore") / "log") as local:
        yield client_of(local)


@pytest.fixture
def entries() -> list[Entry]:
    return [Entry("a/b", f"2026-01-30T17:00:{n % 60:02}.{n:04}Z", {"n": n}) for n in range(1_201)]


def test_entries_are_written_in_batches_and_only_once(client: Client, entries: list[Entry]):
    written: list[int] = []
    writer = FirestoreWriter(client, "entries")
    for _ in range(2):
        assert writer.write(iter(entries), progress=written.append) == 1_201
    assert written == [500, 500, 201] * 2
    stored = [
        each.to_dict() for each in client.collection("entries").order_by("timestamp").stream()
    ]
    expected = [{"device_id": "a/b", "timestamp": e.timestamp, **e.values} for e in entries]
    expected.sort(key=lambda document: document["timestamp"])
    assert stored == expected


def test_a_database_that_throttles_is_waited_for(entries: list[Entry]):
    throttled = [grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.UNAVAILABLE]
    with CommitServer(throttled) as server:
        assert FirestoreWriter(server.client(), "entries").write(entries[:3]) == 3
        assert [len(each.writes) for each in server.commits] == [3]


def test_a_database_that_refuses_is_an_error(entries: list[Entry]):
    refused = [grpc.StatusCode.PERMISSION_DENIED]
    with CommitServer(refused) as server, pytest.raises(PermissionDenied):
        FirestoreWriter(server.client(), "entries").write(entries[:3])


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (Decimal(21), 21),
        (Decimal("21.0"), 21.0),
        (Decimal("1E+3"), 1_000),
        (Decimal(2**63 - 1), 2**63 - 1),
        (Decimal(2**63), float(2**63)),
        ([Decimal("0.5"), {"a": Decimal(1)}], [0.5, {"a": 1}]),
        (True, True),
        (None, None),
        ("21", "21"),
    ],
)
def test_numbers_are_kept_as_the_database_has_them(value: Any, kept: Any):
    assert repr(field_value(value)) == repr(kept)


def test_every_entry_has_a_document_of_its_own():
    named = [("a", "1"), ("a1", ""), ("", "a1"), (".", "."), ("__a", "b__"), ("x" * 4_000, "1")]
    ids = {document_id(device_id, timestamp) for device_id, timestamp in named}
    assert len(ids) == len(named)
    assert all(each.isalnum() and len(each) < 100 for each in ids)


def test_sample_telemetry_is_loaded_and_again_without_doubling_it(tmp_path):
    with LocalFirestore(tmp_path / "log") as firestore:
        told = {"FIRESTORE_COLLECTION": "telemetry"} | firestore.environment
        command = ["load-telemetry", "--cloud", "gcp", "--device", "pump-1", "--entries", "7"]
        for _ in range(2):
            done = CliRunner().invoke(cli, command, env=told)
            assert done.exit_code == 0, done.output
            assert "7 entries of pump-1 in the Firestore collection telemetry" in done.output
            documents = list(client_of(firestore).collection("telemetry").stream())
            assert len(documents) == 7
        told |= {"FIRESTORE_COLLECTION": "native", "TIMESTAMP_FORMAT": "native"}
        assert CliRunner().invoke(cli, command, env=told).exit_code == 0
        stored = client_of(firestore).collection("native").stream()
        timestamps = [each.get("timestamp") for each in stored]
        assert [type(each) for each in timestamps] == [DatetimeWithNanoseconds] * 7
        done = CliRunner().invoke(cli, command, env={"FIRESTORE_COLLECTION": ""})
        assert (done.exit_code, "FIRESTORE_COLLECTION is not set" in done.output) == (2, True)


# --- looking into it --------------------------------------------------------------------------


def test_a_look_finds_the_ends_of_a_device_and_some_of_whatever_device(client: Client):
    keys = [datetime(2026, 1, 30, 17, 0, second, tzinfo=UTC) for second in range(9)]
    collection = client.collection("looked-at")
    for key in [*keys, "2026-01-30T17:00:00Z"]:
        collection.document(str(key)).set({"id": 17, "at.time": key, "payload": {"speed": 88}})
    collection.document("x").set({"id": 18})
    info = {
        "config": {"digital_twin_name": "twin"},
        "config_providers": {"layer_3_hot_provider": "gcp", "layer_4_provider": "aws"},
    }
    names = {"DEVICE_ID_ATTRIBUTE": "id", "TIMESTAMP_ATTRIBUTE": "at.time"}
    entries = HotReaderSettings.load({"DIGITAL_TWIN_INFO": json.dumps(info), **names})
    probe = FirestoreProbe(client, "looked-at", entries)
    found = [each["at.time"] for each in probe.ends(Decimal(17))]
    # Timestamps come before strings (guide, 'Value type ordering').
    assert found == [*keys[:3], "2026-01-30T17:00:00Z", *reversed(keys[-2:])]
    assert {each["id"] for each in probe.some()} == {17, 18}


# --- functions --------------------------------------------------------------------------------


def test_the_settings_lead_to_the_collection(command):
    command.ok()
    at = FirestoreSettings.load(command.settings())
    assert at == FirestoreSettings(None, "(default)", "factory-twin-hot-telemetry")
    command.storage(project="p", database="d", collection="a/b/c")
    command.ok()
    at = FirestoreSettings.load(command.settings())
    assert at == FirestoreSettings("p", "d", "a/b/c")


def test_the_database_is_in_the_functions_project_unless_an_option_says_otherwise(published):
    given = {flags(words)["--project"] for words in published.shell.words("firestore")}
    assert given == {"my-project"}


def test_the_functions_account_may_read_the_database_and_the_token_only(published):
    bindings = [words for _, words, _ in published.calls if "add-iam-policy-binding" in words]
    account = "serviceAccount:my-reader@my-project.iam.gserviceaccount.com"
    assert {flags(words)["--member"] for words in bindings} == {account}
    assert [(*words[:3], flags(words)["--role"]) for words in bindings] == [
        ("projects", "add-iam-policy-binding", "my-project", "roles/datastore.viewer"),
        ("secrets", *bindings[1][1:3], "roles/secretmanager.secretAccessor"),
    ]
    # Firestore documentation, 'Configure per-database access permissions'.
    expression, _, title = flags(bindings[0])["--condition"].partition(",")
    assert expression == 'expression=resource.name=="projects/my-project/databases/(default)"'
    assert title == "title=my-reader-reads-one-database"
    assert bindings[1][2] == "my-reader-inter-cloud-token"


def test_both_functions_get_the_code_the_settings_and_a_reference_to_the_token(published):
    deployed = {words[2]: flags(words) for words in published.shell.words("functions", "deploy")}
    assert {name: each["--entry-point"] for name, each in deployed.items()} == {
        "my-reader": "hot_reader",
        "my-reader-last-entry": "hot_reader_last_entry",
    }
    for each in deployed.values():
        assert each["--env-vars-file"] == str(published.command.settings_file)
        variable, _, secret = each["--set-secrets"].partition("=")
        assert (variable, secret) == ("INTER_CLOUD_TOKEN", "my-reader-inter-cloud-token:latest")
        assert each["--service-account"] == "my-reader@my-project.iam.gserviceaccount.com"
        source = published.directory / each["--source"]
        code = {
            path.relative_to(source).as_posix(): path.read_bytes()
            for path in source.rglob("*")
            if path.is_file()
        }
        assert code == contents(PROJECT, PACKAGED["gcp"])


def test_an_instance_of_both_functions_answers_several_requests_at_once(published):
    """More than one takes a whole CPU, and one is what Google Cloud allows unless it is set."""
    for words in published.shell.words("functions", "deploy"):
        assert flags(words)["--concurrency"] == "4"
        assert flags(words)["--cpu"] == "1"


def test_each_direction_of_reading_has_its_index(command, shell):
    command.storage(device_id_attribute="d", timestamp_attribute="t", collection="a/b/c")
    assert shell.run(without_publish(command.script())).returncode == 0
    indexes = [words for _, words, _ in shell.calls() if words[:2] == ["firestore", "indexes"]]
    assert [[word for word in words if "field-config" in word] for words in indexes] == [
        [
            "--field-config=field-path=d,order=ascending",
            f"--field-config=field-path=t,order={order}",
        ]
        for order in ("ascending", "descending")
    ]
    assert {flags(words)["--collection-group"] for words in indexes} == {"c"}


# --- a collection that something else fills ---------------------------------------------------


def test_a_collection_that_something_else_fills_is_charted(tmp_path: Path):
    storage = documented("Projects of the larger deployer")[2]
    with ExitStack() as running:
        firestore = running.enter_context(LocalFirestore(tmp_path / "store.log"))
        account = running.enter_context(Account())
        (tmp_path / "project").mkdir()
        project = ExistingProject(tmp_path / "project", account, storage)
        project.environment |= firestore.environment
        collection = client_of(firestore).collection(project.section["collection"])
        for at, values in measured():
            collection.add({"device_id": PUMP, "timestamp": f"{at:%FT%TZ}", **values})
        settings = read_settings(project.package().read_text())
        urls = {}
        for read in READS:
            function = LocalCloudFunction(
                read.hot_reader.replace("-", "_"),
                {**settings, **firestore.environment, "INTER_CLOUD_TOKEN": TOKEN},
                source=PROJECT / "functions" / "gcp" / "main.py",
                log=tmp_path / f"{read.hot_reader}.log",
            )
            running.enter_context(function)
            urls[read.hot_reader] = f"{function.url}{read.path}"
        project.connect_to(urls)
        project.walk()
