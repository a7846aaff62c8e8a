"""The benchmarks' Cosmos DB answers as the local stand-in does."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks.azure.readers import container_of, hot_reader
from benchmarks.azure.server import CONTAINER, DATABASE, document, running
from benchmarks.dynamodb_server import Entries, device, key_of
from benchmarks.hot_readers import history, payload
from chalicelib.contracts import wire_contract
from local_cloud.azure.cosmos import LocalCosmos

if TYPE_CHECKING:
    from collections.abc import Iterator

    from azure.cosmos import ContainerProxy

ENTRIES = 20
ADDED = ("_rid", "_self", "_etag", "_attachments", "_ts")
ROWS = 'VALUE [c["timestamp"], c.id, c["status"] ?? null, c["missing"] ?? null, c.temperature]'
CONDITIONS = {
    "": {},
    ' AND c["timestamp"] >= @lower AND c["timestamp"] <= @upper': {
        "@lower": key_of(7),
        "@upper": key_of(16),
    },
    " AND c.timestamp >= @lower": {"@lower": key_of(7)[:19]},
    " AND c.timestamp <= @upper": {"@upper": key_of(16)[:19] + "~"},
}


@pytest.fixture(scope="module")
def containers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[ContainerProxy]]:
    with LocalCosmos(tmp_path_factory.mktemp("cosmos") / "log") as cosmos, running() as server:
        real = cosmos.create_container(DATABASE, CONTAINER)
        entries = Entries(device(ENTRIES))
        documents = [document(entries, number) for number in range(ENTRIES)]
        upserts: Any = [("upsert", (each,)) for each in documents]
        real.execute_item_batch(upserts, partition_key=device(ENTRIES))
        yield [real, container_of(server)]


@pytest.mark.parametrize("selected", [ROWS, "*"])
@pytest.mark.parametrize("condition", CONDITIONS)
@pytest.mark.parametrize("order", ["", " ASC", " DESC"])
@pytest.mark.parametrize("size", [-1, 1, 7, ENTRIES])
def test_the_same_pages(containers, selected, condition, order, size):
    parameters = {"@device": device(ENTRIES), **CONDITIONS[condition]}
    which = f'c["device_id"] = @device AND IS_DEFINED(c["timestamp"]){condition}'
    query = f'SELECT {selected} FROM c WHERE {which} ORDER BY c["timestamp"]{order}'  # noqa: S608
    real, lean = (
        [
            [without_added(each) for each in page]
            for page in container.query_items(
                query,
                parameters=[{"name": name, "value": parameters[name]} for name in parameters],
                partition_key=device(ENTRIES),
                max_item_count=size,
            ).by_page()
        ]
        for container in containers
    )
    assert lean == real
    assert len(real[0]) > 0


def without_added(found: Any) -> Any:
    """Return a document without the fields whose values only the database chooses, or a row as it is."""
    if isinstance(found, list):
        return found
    assert set(ADDED) <= set(found) or not set(ADDED) & set(found)
    return {name: value for name, value in found.items() if name not in ADDED}


def test_a_page_ends_at_four_megabytes(containers):
    _, lean = containers
    pages = lean.query_items(
        "SELECT * FROM c WHERE c.device_id = @device ORDER BY c.timestamp",
        parameters=[{"name": "@device", "value": device(30_000)}],
        partition_key=device(30_000),
        max_item_count=-1,
    ).by_page()
    read = [[each["timestamp"] for each in page] for page in pages]
    assert len(read) > 1
    assert list(itertools.chain(*read)) == [key_of(number) for number in range(30_000)]


# A second page of documents is four times as large as the first.
@pytest.mark.parametrize(("per_second", "documents"), [(1, 2), (10, 2 + 8 + 32)])
def test_the_newest_value_takes_two_documents_or_all_of_its_second(per_second, documents):
    with running() as server:
        reader, of = hot_reader(server), device(1_000_000, per_second=per_second)
        asked = {"iot_device_id": of, "selected_properties": ["temperature"]}
        assert reader.last_entry(wire_contract.last_entry_query(asked)).values
        last_entry = server.counts()
        page = payload(0, ["temperature"], max_results=1, order_by_time="DESCENDING")
        assert history(reader, page | asked).values == 1
        assert last_entry.items == server.counts().since(last_entry).items == documents


@pytest.mark.parametrize("order", ["ASCENDING", "DESCENDING"])
def test_a_page_of_the_hot_reader_takes_one_document_more_than_it_has_values(order):
    with running() as server:
        asked = payload(100_000, ["temperature"], max_results=200, order_by_time=order)
        assert history(hot_reader(server), asked).values == 200
        assert (server.counts().queries, server.counts().items) == (1, 201)
