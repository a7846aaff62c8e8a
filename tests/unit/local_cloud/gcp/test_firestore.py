"""The local Firestore starts, keeps what the store needs of the real one, and ends with its parent."""

from __future__ import annotations

import math
import os
import socket
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import grpc
import pytest
from google.api_core.exceptions import GoogleAPICallError
from google.auth.credentials import AnonymousCredentials
from google.cloud.firestore import GeoPoint
from google.cloud.firestore_v1.base_query import FieldFilter
from google.cloud.firestore_v1.services.firestore import FirestoreClient
from google.cloud.firestore_v1.services.firestore.transports import (
    FirestoreGrpcTransport,
    FirestoreRestTransport,
)
from google.cloud.firestore_v1.types import RunQueryRequest, RunQueryResponse

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
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalFirestore]:
    with LocalFirestore(tmp_path_factory.mktemp("firestore") / "log") as local:
        yield local


@pytest.fixture(scope="module")
def client(local: LocalFirestore) -> Client:
    return client_of(local)


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


VALUES = {
    "string": "\U0001f321 \uffff",
    "empty": "",
    "large": 2**63 - 1,
    "small": -(2**63),
    "whole": 20.0,
    "double": 1e-300,
    "not a number": math.nan,
    "infinite": -math.inf,
    "true": True,
    "null": None,
    "first": datetime(1, 1, 1, tzinfo=UTC),
    "last": datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    "second": datetime(2026, 1, 30, 17, tzinfo=UTC),
    "bytes": bytes(range(256)),
    "point": GeoPoint(-0.5, 180),
    "map": {"a.b`": [1, {"c": None}], "empty": {}, "list": []},
}


@pytest.fixture(scope="module")
def parent(client: Client) -> str:
    """Entries of two devices, and the resource that their collection is in."""
    collection = client.collection("both")
    batch = client.batch()
    for number in range(20):
        fields = {"device_id": f"d{number % 2}", "at": f"{number // 4:02}", **VALUES}
        fields["reference"] = collection.document("other")
        batch.set(collection.document(f"é{number:02}"), fields)
    batch.commit()
    return f"{client._database_string}/documents"


@pytest.fixture(scope="module")
def clients(local: LocalFirestore) -> list[FirestoreClient]:
    """Google's own, over gRPC and over REST."""
    channel = grpc.insecure_channel(local.host)
    rest = FirestoreRestTransport(
        host=local.host, credentials=AnonymousCredentials(), url_scheme="http"
    )
    return [
        FirestoreClient(transport=FirestoreGrpcTransport(channel=channel)),
        FirestoreClient(transport=rest),
    ]


@pytest.mark.parametrize("direction", ["ASCENDING", "DESCENDING"])
@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"limit": 3},
        {"select": {"fields": [{"field_path": "map.`a.b\\\\``"}, {"field_path": "whole"}]}},
        {"start_at": {"values": [{"string_value": "02"}], "before": True}},
        {"start_at": {"values": [{"string_value": "99"}]}},
    ],
    ids=str,
)
def test_rest_answers_what_grpc_does(clients, parent, asked, direction):
    wanted = [("device_id", "EQUAL", "d1"), ("at", "GREATER_THAN_OR_EQUAL", "01")]
    filters = [
        {
            "field_filter": {
                "field": {"field_path": path},
                "op": op,
                "value": {"string_value": v},
            }
        }
        for path, op, v in wanted
    ]
    query = {
        "from_": [{"collection_id": "both"}],
        "where": {"composite_filter": {"op": "AND", "filters": filters}},
        "order_by": [
            {"field": {"field_path": path}, "direction": direction} for path in ("at", "__name__")
        ],
        **asked,
    }
    request = RunQueryRequest({"parent": parent, "structured_query": query})
    over_grpc, over_rest = (
        [RunQueryResponse.to_dict(each).get("document") for each in client.run_query(request)]
        for client in clients
    )
    assert repr(over_rest) == repr(over_grpc)
    assert len(over_grpc) >= 1


def test_what_it_does_not_know_is_an_error_over_rest_too(clients, parent):
    query = {"from_": [{"collection_id": "both"}], "offset": 1}
    request = RunQueryRequest({"parent": parent, "structured_query": query})
    with pytest.raises(GoogleAPICallError, match="offset"):
        list(clients[1].run_query(request))
