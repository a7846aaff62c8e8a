"""Pages of DynamoDB items, parsed by orjson instead of shape by shape.

botocore walks every AttributeValue by its shape, which takes ten times as long as all the rest of a
large page. What it would hand out is what travels, but for binary values, which stay Base64 here.
Signing, retries, checksums and errors stay botocore's.
"""

from __future__ import annotations

from typing import Any, Final

import orjson
from botocore.parsers import JSONParser, ResponseParserFactory
from botocore.session import Session

_PAGE_SHAPE: Final = "QueryOutput"


class PageParser(JSONParser):
    """Parses a page of items by orjson, and everything else as botocore does.

    It overrides a method that botocore doesn't promise to keep. Without it, botocore parses pages,
    too; what isn't a page in form is left to botocore as well.
    """

    def _handle_json_body(self, raw_body: Any, shape: Any) -> Any:
        page = _page(raw_body) if getattr(shape, "name", None) == _PAGE_SHAPE else None
        if page is not None:
            return page
        return super()._handle_json_body(raw_body, shape)  # type: ignore[misc] # not in the stubs


def _page(raw_body: Any) -> dict[str, Any] | None:
    try:
        page = orjson.loads(raw_body)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(page, dict) or not isinstance(page.get("Items"), list):
        return None
    # botocore leaves out what is null.
    if page.get("LastEvaluatedKey", {}) is None:
        del page["LastEvaluatedKey"]
    return page


class PageParserFactory(ResponseParserFactory):
    """Makes a `PageParser` where botocore would make its own parser for the JSON protocol."""

    def __init__(self) -> None:
        super().__init__()
        self._parser_defaults: dict[str, Any] = {}

    def set_parser_defaults(self, **kwargs: Any) -> None:
        """Take arguments for every parser to come."""
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
