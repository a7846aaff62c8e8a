"""The local Firestore starts, keeps what the store needs of the real one, and ends with its parent."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from contextlib import suppress
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from google.api_core.exceptions import GoogleAPICallError, PermissionDenied
from google.cloud.firestore_v1.base_query import FieldFilter

from deploy_scripts import PROJECT
from deploy_scripts.hot_storage import Entry
from deploy_scripts.hot_storage.firestore import FirestoreWriter, document_id, field_value
from local_cloud import child_process
from local_cloud.gcp import firestore
from local_cloud.gcp.firestore import LocalFirestore
from tests.firestore_server import FirestoreServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from google.cloud.firestore import Client

PATIENCE_SECONDS = 30


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with LocalFirestore(tmp_path_factory.mktemp("firestore") / "log") as local:
        yield local.client()


def test_a_package_that_is_missing_is_told_with_its_remedy(monkeypatch, tmp_path: Path):
    monkeypatch.setattr(child_process, "PROJECT", tmp_path)
    with pytest.raises(RuntimeError, match="make test"):
        LocalFirestore(tmp_path / "log")


def test_a_server_that_ends_is_told_with_what_it_printed(monkeypatch, tmp_path: Path):
    broken = tmp_path / "broken.mjs"
    broken.write_text("throw new Error('no memory left')")
    monkeypatch.setattr(firestore, "node_command", lambda *_: ["node", broken])
    with pytest.raises(RuntimeError, match="no memory left"):
        LocalFirestore(tmp_path / "log").start()


def test_its_environment_is_all_that_the_sdk_needs(tmp_path: Path):
    with LocalFirestore(tmp_path / "log", project="elsewhere") as local:
        program = (
            "from google.cloud.firestore import Client\n"
            "print([each.id for each in Client(project='elsewhere').collection('c').stream()])"
        )
        local.client().collection("c").document("d").set({})
        ended = subprocess.run(
            [sys.executable, "-c", program],
            env=os.environ | local.environment,
            capture_output=True,
            text=True,
            check=True,
            timeout=PATIENCE_SECONDS,
        )
    assert ended.stdout == "['d']\n"


def test_it_ends_when_the_process_that_started_it_is_killed(tmp_path: Path):
    program = (
        "import os, pathlib, signal, sys\n"
        "from local_cloud.gcp.firestore import LocalFirestore\n"
        "local = LocalFirestore(pathlib.Path(sys.argv[1])).__enter__()\n"
        "print(local.host, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "log")],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )
    host, _, port = killed.stdout.strip().partition(":")
    with socket.socket() as connection, suppress(ConnectionResetError):
        connection.settimeout(PATIENCE_SECONDS)
        if connection.connect_ex((host, int(port))) == 0:
            # It was about to end: then it ends the connection, too.
            while connection.recv(1_024):
                pass


def test_what_it_does_not_know_is_an_error_not_a_wrong_answer(client: Client):
    client.collection("c").document("d").set({"n": [1]})
    with pytest.raises(GoogleAPICallError):
        list(client.collection("c").where(filter=FieldFilter("n", "array_contains", 1)).stream())


def test_a_range_holds_values_of_its_own_type_only(client: Client):
    for number, value in enumerate(["1", 1, 1.5, True, None, b"1"]):
        client.collection("types").document(f"d{number}").set({"n": value})
    found = client.collection("types").where(filter=FieldFilter("n", ">=", 1)).stream()
    assert [each.id for each in found] == ["d1", "d2"]


@pytest.fixture
def entries() -> list[Entry]:
    return [Entry("a/b", f"2026-01-30T17:00:{n % 60:02}.{n:04}Z", {"n": n}) for n in range(1_201)]


def test_entries_are_written_in_batches_and_only_once(client: Client, entries: list[Entry]):
    written: list[int] = []
    writer = FirestoreWriter(client, "entries", device_id_attribute="d", timestamp_attribute="t")
    for _ in range(2):
        assert writer.write(iter(entries), progress=written.append) == 1_201
    assert written == [500, 500, 201] * 2
    stored = [each.to_dict() for each in client.collection("entries").order_by("t").stream()]
    expected = sorted(({"d": "a/b", "t": e.timestamp, **e.values} for e in entries), key=_timestamp)
    assert stored == expected


def _timestamp(document: dict[str, str]) -> str:
    return document["t"]


def test_a_database_that_throttles_is_waited_for(entries: list[Entry]):
    throttled = [grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.UNAVAILABLE]
    with FirestoreServer(commit_failures=throttled) as server:
        assert FirestoreWriter(server.client(), "entries").write(entries[:3]) == 3
        assert [len(each.writes) for each in server.commits] == [3]


def test_a_database_that_refuses_is_an_error(entries: list[Entry]):
    refused = [grpc.StatusCode.PERMISSION_DENIED]
    with FirestoreServer(commit_failures=refused) as server, pytest.raises(PermissionDenied):
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
