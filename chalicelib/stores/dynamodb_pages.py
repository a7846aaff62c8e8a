"""Pages of DynamoDB items, parsed as a whole instead of shape by shape.

botocore walks every AttributeValue by its shape, which takes ten times as long as all the rest of a
large page (docs/performance.md), and returns what was sent, except that it decodes binary values; they
stay Base64 here. Most pages are plainer still, and are taken apart into columns. Signing, retries,
checksums and errors stay botocore's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson
from botocore.parsers import JSONParser, ResponseParserFactory
from botocore.session import Session

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_PAGE_SHAPE: Final = "QueryOutput"
_ITEMS: Final = b'"Items":[{'
_END: Final = b"}}]"
_ATTRIBUTE: Final = re.compile(
    r',(?P<first>\{)?"(?P<name>[^"]*)":\{"(?:(?P<kind>[SN])":"|(?P<truth>BOOL)":)'
)
"""The beginning of an item's attribute, up to its value."""


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
        By attribute name: the type (`S`, `N` or `BOOL`), and the value in each item.
    """

    columns: Mapping[str, tuple[str, Sequence[Any]]]


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
    width = parts.index("") + 1
    if len(parts) % width != 1 or any(parts[width - 1 :: width]):
        return None
    columns: dict[str, tuple[str, Sequence[Any]]] = {}
    for place in range(width - 1):
        column = _column(parts[place : len(parts) - 1 : width], first=place == 0)
        if column is None or column[0] in columns:
            return None
        name, kind, values = column
        columns[name] = kind, values
    return page | {"Items": ItemColumns(columns)}


def _column(parts: Sequence[str], *, first: bool) -> tuple[str, str, Sequence[Any]] | None:
    """Read one attribute of all items: its name, type and values."""
    match = _ATTRIBUTE.match(parts[0])
    if match is None or bool(match["first"]) != first:
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
        return match["name"], "BOOL", [text == "true" for text in texts]
    if joined.count('"') != len(parts) * (beginning.count('"') + 1):
        return None
    return match["name"], match["kind"], texts


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
