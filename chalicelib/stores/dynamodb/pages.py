"""Pages of DynamoDB items, parsed as a whole instead of shape by shape.

botocore walks every AttributeValue by its shape, which takes ten times as long as all the rest of a
large page (docs/performance.md), and returns what was sent, except that it decodes binary values; they
stay Base64 here. Most pages are plainer still, and are taken apart into columns. Signing, retries and
errors stay botocore's.
"""

from __future__ import annotations

import itertools
import re
import zlib
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import orjson
from botocore.parsers import JSONParser, ResponseParserFactory
from botocore.session import Session

from chalicelib.connections.answer_time import seconds_left, with_bounded_answers_of_sdk
from chalicelib.connections.sdk_errors import STUMBLES
from chalicelib.model.errors import StoreUnavailableError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from botocore.awsrequest import AWSResponse
    from botocore.config import Config

    from chalicelib.model.locations import Location, Places

_PAGE_SHAPE: Final = "QueryOutput"
_ITEMS: Final = b'"Items":[{'
_END: Final = b"}}]"
_ATTRIBUTE: Final = re.compile(
    r',(?P<first>\{)?(?P<maps>(?:"[^"]*":\{"M":\{)*)'
    r'"(?P<name>[^"]*)":\{"(?:(?P<kind>[SN])":"|(?P<truth>BOOL)":)'
)
"""The beginning of an item's attribute, up to its value, with the maps that begin before it."""
_MAP: Final = re.compile(r'"([^"]*)":\{"M":\{')
_FIRST_ERROR: Final = 300
"""The status from which on botocore takes an answer for an error."""
_CHECKSUM: Final = "x-amz-crc32"
_PAUSE: Final = 0.05
"""Seconds before a page is asked for again that isn't whole."""


class PageParser(JSONParser):
    """A parser that reads a page of items as a whole, and everything else as botocore does.

    It overrides a private method of botocore, which may go away: then botocore parses pages itself.
    Whatever isn't JSON is left to botocore as well.
    """

    def _handle_json_body(self, raw_body: Any, shape: Any) -> Any:
        page = _page(raw_body) if getattr(shape, "name", None) == _PAGE_SHAPE else None
        if page is not None:
            return page
        return super()._handle_json_body(raw_body, shape)  # type: ignore[misc] # not in the stubs

    def parse(self, response: Any, shape: Any) -> Any:
        """Parse an answer; as an empty one, or as an error without a message, what botocore stumbles over."""
        try:
            return super().parse(response, shape)
        except STUMBLES:
            status = response["status_code"]
            error = {"Error": {"Code": str(status), "Message": "The answer isn't JSON."}}
            metadata = {"HTTPStatusCode": status, "HTTPHeaders": dict(response["headers"])}
            return (error if status >= _FIRST_ERROR else {}) | {"ResponseMetadata": metadata}


def _page(raw_body: bytes) -> dict[str, Any] | None:
    """Parse a page; without items if it has none, and None if it isn't JSON."""
    try:
        page = _page_of_columns(raw_body) or orjson.loads(raw_body)
    except ValueError:  # not JSON, or not UTF-8
        return None
    if not isinstance(page, dict) or not isinstance(page.get("Items"), list | ItemColumns):
        return {}  # botocore would stumble over some of these
    # botocore leaves out what is null.
    if page.get("LastEvaluatedKey", {}) is None:
        del page["LastEvaluatedKey"]
    return page


@dataclass(frozen=True, slots=True)
class ItemColumns:
    """Items that all have the same attributes, of the same types, in the same order.

    Attributes
    ----------
    columns
        By location, in the item or in maps in it: the type (`S`, `N` or `BOOL`), and the value in each item.
    page
        The page's JSON.
    """

    columns: Mapping[Location, tuple[str, Sequence[Any]]]
    page: bytes = field(compare=False, repr=False)

    def have_all(self, properties: Places) -> bool:
        """Say whether no property is a map, as a whole: of these there are the values only."""
        maps = {place[:depth] for place in self.columns for depth in range(1, len(place))}
        return maps.isdisjoint(itertools.chain(*properties.values()))

    def items(self) -> list[dict[str, Any]]:
        """Return the items as they came."""
        items: list[dict[str, Any]] = orjson.loads(self.page)["Items"]
        return items


def _page_of_columns(raw_body: bytes) -> dict[str, Any] | None:
    """Take the columns out of a page's JSON, without making items first.

    It takes a fraction of the time, and most pages are plain enough. Without a backslash, every quote
    begins or ends a string, so whatever looks like JSON's structure is.

    Returns
    -------
    dict[str, Any] | None
        The page, with `ItemColumns`; None for a page that isn't plain enough.
    """
    first, last = raw_body.find(_ITEMS) + len(_ITEMS), raw_body.rfind(_END)
    if b"\\" in raw_body or not len(_ITEMS) <= first < last:
        return None
    page = orjson.loads(raw_body[: first - 1] + raw_body[last + len(_END) - 1 :])
    if not isinstance(page, dict) or page.get("Items") != []:
        return None
    # `,{"a":{"S":"x"` `,"b":{"N":"1"` `` `,{"a":{"S":"y"` ... ``
    parts = f",{{{raw_body[first:last].decode()}}}}}".split("}")
    places = _places(parts)
    width = len(places)
    if not width or len(parts) % width != 1:
        return None
    columns: dict[Location, tuple[str, Sequence[Any]]] = {}
    for number, place in enumerate(places):
        of_all = parts[number : len(parts) - 1 : width]
        if place is None:
            if any(of_all):
                return None
            continue
        column = _column(of_all)
        if column is None:
            return None
        columns[place] = column
    return page | {"Items": ItemColumns(columns, raw_body)}


def _places(parts: Sequence[str]) -> list[Location | None]:
    """Return where in the first item the value of each part is, and None where a map or the item ends.

    Nothing if the item isn't plain enough.
    """
    places: list[Location | None] = []
    seen: set[Location] = set()
    outer: Location = ()
    map_ended = False  # but not yet its attribute
    for part in parts:
        if not part:
            places.append(None)
            if map_ended:
                map_ended = False
            elif outer:
                outer, map_ended = outer[:-1], True
            else:
                return places
            continue
        match = _ATTRIBUTE.match(part)
        if match is None or map_ended or bool(match["first"]) != (not places):
            break
        for name in (*_MAP.findall(match["maps"]), match["name"]):
            outer = (*outer, name)
            if outer in seen:  # the latter would count
                return []
            seen.add(outer)
        places.append(outer)
        outer = outer[:-1]
    return []


def _column(parts: Sequence[str]) -> tuple[str, Sequence[Any]] | None:
    """Read one attribute of all items: its type and values."""
    match = _ATTRIBUTE.match(parts[0])
    if match is None:
        return None
    beginning, end = match[0], "" if match["truth"] else '"'
    # No part contains a closing brace, so joining and splitting by one restores the parts.
    joined = "}".join(parts)
    texts = joined[len(beginning) : len(joined) - len(end)].split(f"{end}}}{beginning}")
    if len(texts) != len(parts) or not joined.endswith(end):
        return None
    if match["truth"]:
        if not {"true", "false"}.issuperset(texts):
            return None
        return "BOOL", [text == "true" for text in texts]
    if joined.count('"') != len(parts) * (beginning.count('"') + 1):
        return None
    return match["kind"], texts


class PageParserFactory(ResponseParserFactory):
    """A factory of `PageParser` in place of botocore's own parser of the JSON protocol."""

    def __init__(self) -> None:
        super().__init__()
        self._parser_defaults: dict[str, Any] = {}

    def set_parser_defaults(self, **kwargs: Any) -> None:
        """Set arguments of every parser to come."""
        super().set_parser_defaults(**kwargs)
        self._parser_defaults.update(kwargs)

    def create_parser(self, protocol_name: str) -> Any:
        """Return a parser of a protocol's answers."""
        standard = super().create_parser(protocol_name)
        return PageParser(**self._parser_defaults) if type(standard) is JSONParser else standard


def page_session() -> Session:
    """Return a botocore session whose clients parse pages of items fast, if botocore lets them."""
    session = Session()
    register = getattr(session, "register_component", None)
    if register is not None:
        register("response_parser_factory", PageParserFactory())
    return session


def page_client(config: Config, **options: Any) -> Any:
    """Return a client of DynamoDB for pages of items.

    An answer has the configuration's `read_timeout` as a whole. A page that is cut off, or whose checksum is
    wrong, is asked for again: botocore looks at neither in its standard mode of retries.

    Parameters
    ----------
    config
        The client's configuration.
    options
        Further arguments of botocore's `create_client`.
    """
    client: Any = with_bounded_answers_of_sdk(
        page_session().create_client("dynamodb", config=config, **options)
    )
    made_with: Any = config  # botocore's stubs lack what it was made with
    tries = made_with.retries["total_max_attempts"]

    def in_time(**_: Any) -> None:
        if seconds_left() <= 0:
            raise StoreUnavailableError("DynamoDB hasn't answered in time.")

    def again(response: tuple[AWSResponse, Any] | None, attempts: int, **_: Any) -> float | None:
        if response is None or response[0].status_code != HTTPStatus.OK or _is_whole(*response):
            return None
        if attempts == tries:
            raise StoreUnavailableError("DynamoDB's answer isn't a page of items, or is cut off.")
        return _PAUSE

    client.meta.events.register("before-send.dynamodb.Query", in_time)
    client.meta.events.register("needs-retry.dynamodb.Query", again)
    return client


def _is_whole(response: AWSResponse, page: Any) -> bool:
    checksum = response.headers.get(_CHECKSUM)
    if checksum is not None and checksum != str(zlib.crc32(response.content)):
        return False
    return "Items" in page
