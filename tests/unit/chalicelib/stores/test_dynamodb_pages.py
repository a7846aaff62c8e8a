"""Pages of items are parsed into what botocore's own parser makes of them."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from botocore.parsers import JSONParser, ResponseParserFactory
from botocore.session import Session
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.model.entries import StoredColumn
from chalicelib.model.locations import locations
from chalicelib.stores.dynamodb_batches import ColumnBatch, ItemBatch
from chalicelib.stores.dynamodb_pages import (
    ItemColumns,
    PageParser,
    PageParserFactory,
    page_session,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from chalicelib.model.entries import EntryBatch, StoredEntry
    from chalicelib.model.locations import Places

SHAPE: Any = Session().get_service_model("dynamodb").operation_model("Query").output_shape
TIME = "timestamp"
ITEM = {TIME: {"S": "2026-01-30T17:00:00Z"}, "n": {"N": "21.5"}, "on": {"BOOL": True}}

texts = st.one_of(
    st.text(max_size=9),
    st.sampled_from(
        ['"', "}", "{", '"}', '"},{"timestamp":{"S":"', "\\", "é", "}}]", '"Items":[{']
    ),
).filter(lambda text: text.isprintable())
attributes: list[st.SearchStrategy[Any]] = [
    st.fixed_dictionaries({"S": texts}),
    st.fixed_dictionaries({"N": st.integers().map(str)}),
    st.fixed_dictionaries({"BOOL": st.booleans()}),
    st.just({"NULL": True}),
    st.fixed_dictionaries({"L": st.lists(st.fixed_dictionaries({"S": texts}), max_size=2)}),
    st.just({"M": {}}),
    st.just({"B": "aGVsbG8="}),
]
names = st.one_of(
    st.sampled_from(["a", "b", "Items", "N"]), texts.filter(lambda text: text not in ("", TIME))
)


@st.composite
def pages(draw: st.DrawFn) -> dict[str, Any]:
    """Items that are alike, but for a few."""
    kinds = draw(st.dictionaries(names, st.sampled_from(attributes), max_size=4))
    items = []
    for number in range(draw(st.integers(0, 6))):
        item = {TIME: {"S": f"2026-01-30T17:00:{number:02}Z"}}
        item |= {name: draw(kind) for name, kind in kinds.items()}
        if not draw(st.integers(0, 20)):
            item |= draw(st.dictionaries(names, st.one_of(attributes), max_size=2))
        items.append(item)
    page: dict[str, Any] = {"Count": len(items), "Items": items, "ScannedCount": len(items)}
    if draw(st.booleans()):
        key = {"LastEvaluatedKey": {TIME: {"S": draw(texts)}}}
        page = draw(st.sampled_from([key | page, page | key]))
    return page


def parsed(parser: JSONParser, body: bytes) -> dict[str, Any]:
    response = {"body": body, "headers": {}, "status_code": 200}
    page = parser.parse(response, SHAPE)
    assert isinstance(page, dict)
    return page


def places_of(names: Iterable[str]) -> Places:
    return {name: [(name,)] for name in names}


def entries(items: Any) -> list[StoredEntry]:
    if not items:
        return []
    batch: EntryBatch
    if isinstance(items, ItemColumns):
        batch = ColumnBatch(items, TIME, places_of(items.columns))
    else:
        batch = ItemBatch(items, TIME, places_of(itertools.chain(*items)))
    return [batch.entry(index) for index in range(len(batch.keys))]


@given(pages(), st.sampled_from([orjson.dumps, lambda page: json.dumps(page).encode()]))
@settings(max_examples=200)
def test_a_page_is_what_botocore_makes_of_it(page: Any, dumps: Callable[[Any], bytes]):
    ours, standard = parsed(PageParser(), dumps(page)), parsed(JSONParser(), dumps(page))
    assert entries(ours.pop("Items")) == entries(standard.pop("Items"))
    assert ours == standard


@given(pages())
@settings(max_examples=200)
def test_columns_are_those_of_the_items(page: Any):
    ours, standard = (parsed(each, orjson.dumps(page)) for each in (PageParser(), JSONParser()))
    if not isinstance(ours["Items"], ItemColumns):
        return
    names = [*page["Items"][0], "missing"]
    columns = ColumnBatch(ours["Items"], TIME, places_of(names))
    items = ItemBatch(standard["Items"], TIME, places_of(names))
    last = len(columns.keys)
    assert columns.keys == items.keys
    for name in names:
        for first in range(last):
            assert columns.column(name, first, last) == items.column(name, first, last)


def test_a_plain_page_comes_as_columns():
    page = {"Count": 3, "Items": [ITEM] * 3, "LastEvaluatedKey": {TIME: ITEM[TIME]}}
    items = parsed(PageParser(), orjson.dumps(page))["Items"]
    assert items == ItemColumns(
        {
            TIME: ("S", ["2026-01-30T17:00:00Z"] * 3),
            "n": ("N", ["21.5"] * 3),
            "on": ("BOOL", [True] * 3),
        }
    )


def test_a_field_of_a_dotted_name_comes_as_a_column_and_what_is_within_a_map_does_not():
    columns = ItemColumns(
        {TIME: ("S", ["1", "2"]), "a.b": ("N", ["3", "4"]), "c": ("S", ["5"] * 2)}
    )
    places = {"dotted": locations("a.b"), "within": locations("c.d"), "below": locations("c", "a")}
    batch = ColumnBatch(columns, TIME, places)
    nothing = StoredColumn("text", (), ())
    assert {name: batch.column(name, 0, 2) for name in places} == {
        "dotted": StoredColumn("number", ["3", "4"], None),
        "within": nothing,
        "below": nothing,
    }
    assert batch.entry(1).values == {"dotted": 4}


@pytest.mark.parametrize(
    "odd",
    [
        {**ITEM, "text": {"S": "a\\b"}},
        {**ITEM, "text": {"S": 'a"b'}},
        {**ITEM, "text": {"S": "a}b"}},
        {**ITEM, "n": {"S": "21.5"}},
        {TIME: ITEM[TIME]},
        dict(reversed(ITEM.items())),
    ],
)
def test_a_page_with_an_odd_item_comes_as_items(odd):
    page = {"Count": 3, "Items": [ITEM, odd, ITEM]}
    assert parsed(PageParser(), orjson.dumps(page))["Items"] == page["Items"]


@pytest.mark.parametrize(
    "body",
    [b"[]", b"null", b"7", b'{"Items": {}}', b'{"Items":[{"a":{"S":"\xff"}}]}', b"[" * 100_000],
)
def test_what_botocore_would_stumble_over_is_no_page(body):
    assert parsed(PageParser(), body).keys() == {"ResponseMetadata"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"not JSON",
        b'{"Items": null}',
        b'{"Items":[{"a":{"S":"x"}}]',
    ],
)
def test_what_is_no_page_is_left_to_botocore(body):
    def outcome(parser: JSONParser) -> Any:
        try:
            return parsed(parser, body)
        except Exception as error:  # noqa: BLE001 - whatever botocore raises
            return type(error)

    assert outcome(PageParser()) == outcome(JSONParser())


def test_a_position_that_is_null_is_none():
    body = b'{"Count": 0, "Items": [], "LastEvaluatedKey": null}'
    assert "LastEvaluatedKey" not in parsed(PageParser(), body)


def test_an_error_is_left_to_botocore():
    response = {
        "body": b'{"__type": "com.amazonaws.dynamodb#ThrottlingException", "message": "Slow down"}',
        "headers": {"x-amzn-requestid": "1"},
        "status_code": 400,
    }
    error = PageParser().parse(response, SHAPE)
    assert error == JSONParser().parse(response, SHAPE)
    assert error["Error"]["Code"] == "ThrottlingException"


def test_other_protocols_and_defaults_are_botocores():
    ours, standard = PageParserFactory(), ResponseParserFactory()
    for factory in (ours, standard):
        factory.set_parser_defaults(blob_parser=len)
    assert type(ours.create_parser("rest-xml")) is type(standard.create_parser("rest-xml"))
    assert isinstance(ours.create_parser("json"), PageParser)
    assert ours.create_parser("json")._blob_parser is len


def test_without_the_hook_botocore_parses(monkeypatch):
    monkeypatch.delattr(Session, "register_component")
    parser = page_session().get_component("response_parser_factory").create_parser("json")
    assert type(parser) is JSONParser
