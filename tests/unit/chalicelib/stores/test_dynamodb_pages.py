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
from chalicelib.stores.dynamodb.batches import ColumnBatch, ItemBatch
from chalicelib.stores.dynamodb.pages import (
    ItemColumns,
    PageParser,
    PageParserFactory,
    page_session,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from chalicelib.model.entries import EntryBatch, StoredEntry
    from chalicelib.model.locations import Location, Places

SHAPE: Any = Session().get_service_model("dynamodb").operation_model("Query").output_shape
TIME = "timestamp"
ITEM = {
    TIME: {"S": "2026-01-30T17:00:00Z"},
    "n": {"N": "21.5"},
    "m": {"M": {"on": {"BOOL": True}, "m": {"M": {"M": {"S": "x"}}}}},
}

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
PLAIN: list[st.SearchStrategy[Any]] = [
    st.fixed_dictionaries({"S": st.sampled_from(["x", "{", ""])}),
    *attributes[1:3],
]
names = st.one_of(
    st.sampled_from(["a", "b", "Items", "N", "M"]),
    texts.filter(lambda text: text not in ("", TIME)),
)


@st.composite
def pages(draw: st.DrawFn) -> dict[str, Any]:
    """Items that are alike, but for a few."""
    tame = st.dictionaries(st.sampled_from("abNM"), st.sampled_from(PLAIN), min_size=1)
    wild = st.dictionaries(names, st.sampled_from(attributes), max_size=4)
    kinds = draw(st.one_of(tame, wild))
    maps = draw(st.lists(st.sampled_from(["a", "m", "M"]), max_size=2))
    maps_first = draw(st.booleans())

    def fields() -> dict[str, Any]:
        return {name: draw(kind) for name, kind in kinds.items()}

    items = []
    for number in range(draw(st.integers(0, 6))):
        item = {TIME: {"S": f"2026-01-30T17:00:{number:02}Z"}}
        within = fields()
        for name in maps:
            outer = {name: {"M": within}}
            within = outer | fields() if maps_first else fields() | outer
        item |= within
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


def paths(fields: dict[str, Any]) -> Iterator[Location]:
    """Yield the locations of an item, maps and what is in them."""
    for name, attribute in fields.items():
        yield (name,)
        yield from ((name, *rest) for rest in paths(attribute.get("M", {})))


def places_of(items: Iterable[dict[str, Any]], *, maps: bool) -> Places:
    """Return properties of all locations in some items, those of maps as a whole only if wanted."""
    found = dict.fromkeys(itertools.chain.from_iterable(map(paths, items)))
    whole = {path[:-1] for path in found}
    return {str(path): [path] for path in found if maps or path not in whole}


def batch_of(items: Any, places: Places) -> EntryBatch:
    if isinstance(items, ItemColumns):
        if items.have_all(places):
            return ColumnBatch(items, TIME, places)
        items = items.items()
    return ItemBatch(items, TIME, places)


def entries(items: Any, places: Places) -> list[StoredEntry]:
    if not items:
        return []
    batch = batch_of(items, places)
    return [batch.entry(index) for index in range(len(batch.keys))]


@given(
    pages(), st.sampled_from([orjson.dumps, lambda page: json.dumps(page).encode()]), st.booleans()
)
@settings(max_examples=200)
def test_a_page_is_what_botocore_makes_of_it(page: Any, dumps: Callable[[Any], bytes], maps: bool):
    ours, standard = parsed(PageParser(), dumps(page)), parsed(JSONParser(), dumps(page))
    places = places_of(page["Items"], maps=maps)
    assert entries(ours.pop("Items"), places) == entries(standard.pop("Items"), places)
    assert ours == standard


@given(pages())
@settings(max_examples=200)
def test_columns_are_those_of_the_items(page: Any):
    ours, standard = (parsed(each, orjson.dumps(page)) for each in (PageParser(), JSONParser()))
    if not isinstance(ours["Items"], ItemColumns):
        return
    places = {**places_of(page["Items"], maps=False), "missing": [("missing",)]}
    columns = ColumnBatch(ours["Items"], TIME, places)
    items = ItemBatch(standard["Items"], TIME, places)
    last = len(columns.keys)
    assert columns.keys == items.keys
    for name in places:
        for first in range(last):
            assert columns.column(name, first, last) == items.column(name, first, last)


def test_a_plain_page_comes_as_columns():
    page = {"Count": 3, "Items": [ITEM] * 3, "LastEvaluatedKey": {TIME: ITEM[TIME]}}
    items = parsed(PageParser(), orjson.dumps(page))["Items"]
    assert items == ItemColumns(
        {
            (TIME,): ("S", ["2026-01-30T17:00:00Z"] * 3),
            ("n",): ("N", ["21.5"] * 3),
            ("m", "on"): ("BOOL", [True] * 3),
            ("m", "m", "M"): ("S", ["x"] * 3),
        },
        b"",
    )


def test_a_field_of_a_dotted_name_comes_as_a_column_and_nothing_is_within_a_string():
    columns = ItemColumns(
        {(TIME,): ("S", ["1", "2"]), ("a.b",): ("N", ["3", "4"]), ("c",): ("S", ["5"] * 2)}, b""
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
        {**ITEM, "m": {"M": {}}},
        {**ITEM, "m": {"M": {"on": {"BOOL": True}, "m": {"S": "x"}}}},
        {**ITEM, "m": {"M": {"on": {"BOOL": True}}}, "M": {"S": "x"}},
    ],
)
def test_a_page_with_an_odd_item_comes_as_items(odd):
    for items in itertools.permutations([ITEM, odd, ITEM]):
        page = {"Count": 3, "Items": [*items]}
        assert parsed(PageParser(), orjson.dumps(page))["Items"] == page["Items"]


@pytest.mark.parametrize(
    "item",
    [
        b'"n":{"N":"1"},"n":{"N":"2"}',
        b'"m":{"M":{"n":{"N":"1"}}},"m":{"M":{"o":{"N":"2"}}}',
        b'"m":{"M":{"n":{"N":"1"}},"n":{"N":"2"}}',
    ],
)
def test_what_the_service_never_sends_is_read_as_json(item):
    body = b'{"Items":[{"timestamp":{"S":"1"},' + item + b"}]}"
    assert parsed(PageParser(), body)["Items"] == orjson.loads(body)["Items"]


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
        b'{"Items":[{"a":{"S":"x"}},{"a":{"S":"x"}x},{"a":{"S":"x"}}]}',
        b'{"Items":[{"a":{"S":"x"},{"b":{"S":"x"}}]}',
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


def test_values_of_another_type_than_theirs_are_no_column():
    items: list[Any] = [{TIME: {"S": "2026-01-30T17:00:00Z"}, "n": {"S": None}}]
    assert ItemBatch(items, TIME, {"n": [("n",)]}).column("n", 0, 1) is None
