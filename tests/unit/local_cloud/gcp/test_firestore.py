"""The local Firestore starts, keeps what the store needs of the real one, and ends with its parent."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from google.api_core.exceptions import GoogleAPICallError
from google.cloud.firestore_v1.base_query import FieldFilter

from deploy_scripts import PROJECT
from local_cloud import child_process
from local_cloud.gcp import firestore
from local_cloud.gcp.firestore import LocalFirestore
from tests.firestore_client import client_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from google.cloud.firestore import Client

PATIENCE_SECONDS = 30


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with LocalFirestore(tmp_path_factory.mktemp("firestore") / "log") as local:
        yield client_of(local)


def test_a_package_that_is_missing_is_told_with_its_remedy(monkeypatch, tmp_path: Path):
    monkeypatch.setattr(child_process, "PROJECT", tmp_path)
    with pytest.raises(RuntimeError, match="npm ci"):
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
        client_of(local).collection("c").document("d").set({})
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
