"""The benchmarks' Firestore answers as the local stand-in does, over REST and over gRPC."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import requests

from benchmarks.dynamodb_server import Entries, device, key_of
from benchmarks.gcp.readers import FirestoreTextbook, database, hot_reader
from benchmarks.gcp.server import COLLECTION, PROJECT, ROOT, rest_host, running
from benchmarks.hot_readers import END, START, history, payload
from benchmarks.measure import check_same_values
from local_cloud.gcp.firestore import LocalFirestore
from tests.firestore_client import client_of as client_of_stand_in

if TYPE_CHECKING:
    from collections.abc import Iterator

ENTRIES = 20
CONDITIONS = {
    "all": [],
    "within": [("GREATER_THAN_OR_EQUAL", key_of(7)), ("LESS_THAN_OR_EQUAL", key_of(16))],
    "from": [("GREATER_THAN_OR_EQUAL", key_of(7)[:19])],
    "until": [("LESS_THAN_OR_EQUAL", key_of(16)[:19] + "~")],
    "none": [("GREATER_THAN_OR_EQUAL", "2999")],
}


def condition(name: str, operator: str, value: str) -> dict[str, Any]:
    return {
        "fieldFilter": {
            "field": {"fieldPath": name},
            "op": operator,
            "value": {"stringValue": value},
        }
    }


def query_for(which: str, direction: str, **more: Any) -> dict[str, Any]:
    filters = [condition("device_id", "EQUAL", device(ENTRIES))]
    filters += [condition("timestamp", *each) for each in CONDITIONS[which]]
    return {
        "from": [{"collectionId": COLLECTION}],
        "where": {"compositeFilter": {"op": "AND", "filters": filters}},
        "orderBy": [
            {"field": {"fieldPath": name}, "direction": direction}
            for name in ("timestamp", "__name__")
        ],
        **more,
    }


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    log = tmp_path_factory.mktemp("firestore") / "log"
    with LocalFirestore(log, project=PROJECT) as local, running() as server:
        client = client_of_stand_in(local)
        batch = client.batch()
        for number in range(ENTRIES):
            item = Entries(device(ENTRIES)).item(number)
            fields = {name: float(of["N"]) if "N" in of else of["S"] for name, of in item.items()}
            batch.set(client.collection(COLLECTION).document(f"{number:020}"), fields)
        batch.commit()
        yield [local.host, rest_host(server)]


def documents(host: str, query: dict[str, Any]) -> list[Any]:
    found = requests.post(
        f"http://{host}/v1/{ROOT}:runQuery", json={"structuredQuery": query}, timeout=30
    )
    assert found.ok, found.text
    return [
        each.get("document", {}) | {"createTime": "", "updateTime": ""} for each in found.json()
    ]


@pytest.mark.parametrize("which", CONDITIONS)
@pytest.mark.parametrize("direction", ["ASCENDING", "DESCENDING"])
@pytest.mark.parametrize(
    "more",
    [
        {},
        {"limit": 7, "select": {"fields": [{"fieldPath": "status"}, {"fieldPath": "timestamp"}]}},
        {
            "startAt": {
                "values": [
                    {"stringValue": key_of(20)},
                    {"referenceValue": f"{ROOT}/{COLLECTION}/{20:020}"},
                ],
                "before": False,
            }
        },
    ],
    ids=str,
)
def test_the_same_documents(hosts, which, direction, more):
    real, lean = (documents(host, query_for(which, direction, **more)) for host in hosts)
    assert lean == real


def test_the_same_values_by_both_readers_and_as_many_documents():
    asked = payload(30, ["temperature"], max_results=20)
    with running() as server:
        ours = history(hot_reader(database(server)), asked).to_json()
        over_rest = server.counts()
        textbook = FirestoreTextbook(server).history(
            device(30), ["temperature"], START, END, max_results=20
        )
        check_same_values(ours, textbook[0])
        over_grpc = server.counts().since(over_rest)
    # One more shows that there is another page.
    assert (over_rest.items, over_grpc.items) == (21, 20)
