"""Pages of rows that are taken apart by orjson, against the same pages parsed by the SDK."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from azure.cosmos import CosmosClient
from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug import Response

from chalicelib.model.entries import StoredColumn
from chalicelib.stores.cosmos.batches import RowBatch
from chalicelib.stores.cosmos.pages import _columns
from chalicelib.stores.cosmos.store import CosmosHotStore
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
    "what separates rows, in a string": ['"],["', '"a"'],
    "what separates rows, in lists": ["[[1],[2]]", "[[1]]", "[]"],
}


def page_of(values: list[str], *, first: int = 0, more: str | None = None) -> Response:
    rows = [f'["{at(each)}","{each}",{value}]' for each, value in enumerate(values, first)]
    body = f'{{"_rid":"x","Documents":[{",".join(rows)}],"_count":{len(values)}}}'
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


@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")])
@settings(max_examples=40)
@given(
    st.lists(
        st.recursive(
            st.one_of(st.none(), st.booleans(), st.floats(), st.integers(), st.text('[],"a')),
            st.lists,
        ),
        min_size=1,
    )
)
def test_so_is_any_json(separators, values):
    rows = [["key", "identity", value] for value in values]
    columns = _columns(json.dumps({"Documents": rows}, separators=separators).encode(), 3)
    assert columns is None or repr([list(row) for row in zip(*columns, strict=True)]) == repr(rows)


@pytest.mark.parametrize("rows", [[[1, 2], [3, 4, 5, 6]], [[1, 2, 3, 4], [5, 6]], [[], [1, 2, 3]]])
def test_rows_of_other_widths_are_left_to_the_sdk(rows):
    assert _columns(json.dumps({"Documents": rows}, separators=(",", ":")).encode(), 3) is None


def test_the_sdk_sees_one_number_in_place_of_a_page(account, container):
    account.answers = [
        page_of(["1", "2.5"], more="more"),
        page_of(["3"], first=2),
    ]
    watched = Watched(container)
    first, last = batches(watched)
    assert [len(page) for page in watched.pages] == [1, 1]
    assert {type(each) for page in watched.pages for each in page} == {int}
    assert [*first.keys, *last.keys] == [at(0), at(1), at(2)]
    assert last.column("n", 0, 1) == StoredColumn("number", [3], None)


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


COLUMNS: dict[str, tuple[list[Any], StoredColumn | None]] = {
    "numbers": ([1, 2.5, 3], StoredColumn("number", [1, 2.5, 3], None)),
    "gaps": (["x", None, "z"], StoredColumn("text", ["x", "z"], [0, 2])),
    "truths": ([True, False, True], StoredColumn("boolean", [True, False, True], None)),
    "mixed": ([[1], "y", 1], None),
    "missing": ([None, None, None], StoredColumn("text", [], [])),
}


def test_a_column_has_the_values_that_the_entries_have():
    columns: list[list[Any]] = [
        ["1", "2", "3"],
        ["a", "b", "c"],
        *(values for values, _ in COLUMNS.values()),
    ]
    batch = RowBatch(columns, list(COLUMNS), descending=False)
    for name, (values, column) in COLUMNS.items():
        assert batch.column(name, 0, 3) == column
        assert [batch.entry(index).values.get(name) for index in range(3)] == values
