"""Writing into Firestore: what a number, an id and a batch become."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from google.api_core.exceptions import PermissionDenied

from deploy_scripts.providers.gcp import FirestoreWriter, document_id, field_value
from deploy_scripts.providers.telemetry import Entry
from local_cloud.gcp.firestore import LocalFirestore
from tests.firestore_client import client_of
from tests.firestore_server import FirestoreServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.cloud.firestore import Client


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
