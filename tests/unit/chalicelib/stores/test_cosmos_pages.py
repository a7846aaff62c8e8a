"""Pages of documents that are parsed by orjson, against the same pages parsed by the SDK."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from azure.cosmos import CosmosClient
from hypothesis import given
from hypothesis import strategies as st
from werkzeug import Response

from chalicelib.model.entries import StoredColumn
from chalicelib.stores.cosmos import CosmosHotStore
from chalicelib.stores.cosmos_batches import RowBatch
from chalicelib.stores.cosmos_pages import _documents
from tests.conformance.azure import WithoutHook
from tests.unit.chalicelib.stores.test_cosmos import KEY, Account, at

if TYPE_CHECKING:
    from azure.cosmos import ContainerProxy
    from pytest_httpserver import HTTPServer

    from chalicelib.model.entries import EntryBatch

SAME = {
    "fields of several types": ["1", '"a"', "true", "null", "[1, {}]", '{"a": 1.5}'],
    "numbers": ["-0", "-0.0", "1.0", "1e5", "0.1", "5e-324", "1.7976931348623157e308"],
    "whole numbers of 64 bits": [str(2**63 - 1), str(2**53 + 1), str(-(2**53) - 1)],
    "longer whole numbers": [str(2**64), str(-(2**63) - 1), "123456789012345678901234567890"],
    "longer whole numbers within lists": [f"[{2**64}]"],
    "numbers of many digits": ["0.1234567890123456789", "0.0012345678901234567"],
    "numbers beyond a double": ["1e400", "-1e400"],
    "constants of JavaScript": ["NaN", "Infinity", "-Infinity"],
    "half of a surrogate pair": [r'"\ud800"', '"a"'],
    "a whole surrogate pair": [r'"\ud83c\udf21"', '"\\u0000"', r'"\\"'],
    "a name twice": ['{"a": 1, "a": 2}'],
}


def page_of(values: list[str], *, first: int = 0, more: str | None = None) -> Response:
    documents = [
        f'{{"k": "{at(each)}", "i": "{each}", "p0": {value}}}'
        for each, value in enumerate(values, first)
    ]
    body = f'{{"_rid": "x", "Documents": [{", ".join(documents)}], "_count": {len(values)}}}'
    headers = {} if more is None else {"x-ms-continuation": more}
    return Response(body, content_type="application/json", headers=headers)


@pytest.fixture
def account(httpserver: HTTPServer) -> Account:
    return Account(httpserver)


@pytest.fixture
def container(account: Account) -> ContainerProxy:
    client = CosmosClient(account.url, KEY, enable_endpoint_discovery=False)
    return client.get_database_client("twin").get_container_client("hot-telemetry")


def batches(container: Any, **more: Any) -> list[EntryBatch]:
    store = CosmosHotStore(
        lambda: container, device_id_attribute="device_id", timestamp_attribute="timestamp"
    )
    asked = {"descending": False, "properties": {"n": [("n",)]}, "limit": None, **more}
    return list(store.read_batches("d", None, None, **asked))


def told(found: list[EntryBatch]) -> str:
    """Spell entries so that 1 and 1.0 differ, and NaN is the same as itself."""
    return repr([batch.entry(index) for batch in found for index in range(len(batch.keys))])


@pytest.mark.parametrize("values", SAME.values(), ids=SAME)
def test_values_are_the_same_as_the_sdk_reads_them(account, container, values):
    account.answers = [page_of(values)]
    found = told(batches(container))
    assert found == told(batches(WithoutHook(container)))
    assert found.count("StoredEntry") == len(values)


@given(
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.floats(), st.integers(), st.text()), st.lists
    )
)
def test_so_is_any_json(value):
    body = json.dumps({"Documents": [value]}).encode()
    parsed = _documents(body)
    assert parsed is None or repr(parsed) == repr(json.loads(body)["Documents"])


def test_the_sdk_sees_one_number_in_place_of_a_page(account, container):
    account.answers = [
        page_of(["1", "2.5"], more="more"),
        page_of(["3"], first=2),
    ]
    watched = Watched(container)
    first, last = batches(watched)
    assert [len(page) for page in watched.pages] == [1, 1]
    assert {type(each) for page in watched.pages for each in page} == {int}
    # The last entry of a page waits: the next page may go on with its key.
    assert (first.keys, last.keys) == ([at(0)], [at(1), at(2)])
    assert last.column("n", 0, 2) == StoredColumn("number", [2.5, 3], None)


class Watched:
    """A container that keeps what the SDK has made of each page."""

    def __init__(self, container: ContainerProxy) -> None:
        self._container = container
        self.pages: list[list[Any]] = []

    def query_items(self, *, response_hook: Any, **asked: Any) -> Any:
        def hook(headers: Any, result: Any) -> None:
            self.pages.append(result["Documents"])
            response_hook(headers, result)

        return self._container.query_items(response_hook=hook, **asked)


ROWS = [
    {"k": "1", "i": "a", "p0": 1, "p1": "x", "p2": True, "p3": [1], "p4": None},
    {"k": "2", "i": "b", "p0": 2.5, "p2": False, "p3": "y", "p5": 7},
    {"k": "3", "i": "c", "p0": 3, "p1": "z", "p2": True, "p3": 1, "p4": 5, "p5": 8},
]
COLUMNS = {
    "numbers": (["p0"], StoredColumn("number", [1, 2.5, 3], None)),
    "gaps": (["p1"], StoredColumn("text", ["x", "z"], [0, 2])),
    "truths": (["p2"], StoredColumn("boolean", [True, False, True], None)),
    "mixed": (["p3"], None),
    "missing": (["p9"], StoredColumn("text", [], [])),
    "number and truth": (["p9", "p2"], StoredColumn("boolean", [True, False, True], None)),
    # A null is a value: what comes after it isn't looked at.
    "dotted or within a map": (["p4", "p5"], StoredColumn("number", [7, 5], [1, 2])),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_a_column_has_the_values_that_the_entries_have(name):
    places = {name: [(place,) for place in places] for name, (places, _) in COLUMNS.items()}
    batch = RowBatch(ROWS, places, descending=False)
    column = batch.column(name, 0, 3)
    assert column == COLUMNS[name][1]
    if column is not None:
        found = [batch.entry(index).values.get(name) for index in range(3)]
        assert [value for value in found if value is not None] == column.values
