"""What reads bytes from outside, held against slow references: by Hypothesis, and in a soak by atheris."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise, takewhile
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from botocore.parsers import JSONParser, ResponseParserError

from chalicelib.contracts.wire_contract import history_query
from chalicelib.data_connector import remote_reader
from chalicelib.data_connector.failed_try import Failure
from chalicelib.hot_reader import next_token
from chalicelib.http.endpoint import HttpRequest
from chalicelib.model.errors import InvalidQueryError, StoreUnavailableError
from chalicelib.model.instants import parse_instant
from chalicelib.model.reads import HISTORY
from chalicelib.model.timestamps import Iso8601Format
from chalicelib.stores.cosmos import pages as cosmos_pages
from chalicelib.stores.dynamodb.pages import PageParser
from chalicelib.stores.firestore import transport as firestore_transport
from chalicelib.stores.firestore.batches import DocumentBatch
from tests.end_to_end.http.contract import the_contract
from tests.fuzzing.read_path import ENVELOPE, HEADERS, ask, contents_of, page
from tests.unit.chalicelib.stores.test_dynamodb_pages import entries, parsed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_TIMES: Final = ("2026-01-30T17:00:00Z", "2026-01-30T17:00:00.5Z", "2026-01-30T17:00:01Z")
_QUERY: Final = history_query(ENVELOPE["payload"])
_DATA_VALUE: Final = ("components", "schemas", "DataValue")
_DIGITS: Final = frozenset("0123456789")
_PLACES: Final = {name: [(name,)] for name in ("n", "s", "on")} | {"within": [("map", "x")]}


class Parser(NamedTuple):
    """Examples of what is read; and a function of any bytes, which fails if they are read wrongly."""

    examples: Sequence[bytes]
    check: Callable[[bytes], None]


def _next_token(content: bytes) -> None:
    token = content.decode("latin-1")
    try:
        position = next_token.decode(token, _QUERY)
    except InvalidQueryError:
        return
    assert contents_of(token)[1:-1] == list(position)
    assert contents_of(next_token.encode(position, _QUERY)) == contents_of(token)


def _timestamp(content: bytes) -> None:
    text = content.decode("latin-1")
    try:
        instant = parse_instant(text)
    except ValueError:
        instant = None
    assert instant == _instant(text)


def _instant(text: str) -> int | None:
    """Read a timestamp character by character; None if it is none."""
    if _shape(text[:19]) != "9999-99-99T99:99:99":
        return None
    fraction, zone = "", text[19:]
    if zone.startswith("."):
        fraction = "".join(takewhile(_DIGITS.__contains__, zone[1:]))
        zone = zone[1 + len(fraction) :] if fraction else ""
    offset = _offset(zone)
    parts = text[:19].replace("T", "-").replace(":", "-").split("-")
    try:
        moment = datetime(*map(int, parts), tzinfo=UTC) - timedelta(minutes=offset)  # type: ignore[arg-type, misc]
    except (ValueError, OverflowError, TypeError):
        return None
    seconds = int((moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1))
    return seconds * 10**9 + int(fraction[:9].ljust(9, "0"))


def _offset(zone: str) -> int | None:
    """Return the minutes of a zone; None if it is none."""
    if zone in ("Z", "z"):
        return 0
    if zone[:1] not in ("+", "-") or _shape(zone[1:]) not in ("99", "9999", "99:99"):
        return None
    hours, minutes = int(zone[1:3]), int(zone[3:].strip(":") or 0)
    total = hours * 60 + minutes
    return None if minutes > 59 or total > 14 * 60 else int(f"{zone[0]}{total}")


def _shape(text: str) -> str:
    return "".join("9" if each in _DIGITS else each for each in text)


def _keys(content: bytes) -> None:
    keys = sorted(set(content.decode("latin-1").split("\n")))
    timestamps = Iso8601Format()
    spelled = timestamps.plain_texts(keys)
    if spelled is not None:
        read = [timestamps.read(key) for key in keys]
        assert list(spelled) == [each.text for each in read]
        assert all(one.instant < other.instant for one, other in pairwise(read))


def _dynamodb_page(content: bytes) -> None:
    theirs = _page_by(JSONParser(), content)
    ours = _page_by(PageParser(), content)
    if ours in (None, theirs):  # a refusal is never wrong for what is damaged
        return
    # botocore also stumbles over parts that no property is in.
    assert theirs is None
    try:
        json.loads(content, strict=False)  # columns may have control characters in them
    except ValueError:
        raise AssertionError("a page that isn't JSON was read") from None


def _page_by(parser: JSONParser, content: bytes) -> Any:
    """Return the entries of a page, and whether there is another; None if it is refused."""
    try:
        page = parsed(parser, content)
        return entries(page["Items"], _PLACES), "LastEvaluatedKey" in page
    except (ResponseParserError, StoreUnavailableError, KeyError, ValueError):
        return None
    except (AttributeError, TypeError):
        assert type(parser) is JSONParser
        return None


def _cosmos_page(content: bytes) -> None:
    columns = cosmos_pages._columns(content, 3)
    if columns is not None:
        rows = json.loads(content)["Documents"]
        assert repr([list(row) for row in zip(*columns, strict=True)]) == repr(rows)


def _firestore_page(content: bytes) -> None:
    answered = firestore_transport._parsed(content)
    try:
        assert repr(answered) == repr(json.loads(content, parse_int=_number))
    except (ValueError, RecursionError):
        assert answered is None
    try:
        batch = DocumentBatch([each["document"] for each in answered], "t", {"v": [("v",)]})
    except (LookupError, TypeError):  # the store takes these for a malformed page
        return
    column = batch.column("v", 0, len(batch.keys))
    alone = [batch.entry(index).values.get("v") for index in range(len(batch.keys))]
    if column is not None:
        rows = range(len(alone)) if column.rows is None else column.rows
        assert [alone[row] for row in rows] == column.values
        assert [each for each in alone if each is not None] == column.values


def _number(digits: str) -> int | float:
    """Read a whole number; a longer one is a double in all that Firestore sends."""
    return int(digits) if -(2**63) <= int(digits) < 2**64 else float(digits)


def _answer_of_another_cloud(content: bytes) -> None:
    document = remote_reader._document(content, _QUERY)
    if isinstance(document, Failure):
        return
    assert document == json.loads(content)
    for each in (document, *document.get("followingPages", ())):
        values = [value for series in each["propertyValues"] for value in series["values"]]
        assert len(values) <= (_QUERY.max_results or 0)
        for value in values:
            assert _QUERY.start <= (_instant(value["time"]) or 0) <= _QUERY.end
            assert the_contract().problem(value["value"], _DATA_VALUE) is None


def _envelope(content: bytes) -> None:
    assert ask(HISTORY, HttpRequest("POST", HEADERS, body=content)).status in (200, 400)


def _json(document: Any) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


_ITEMS: Final = [
    {"timestamp": {"S": time}, "n": {"N": "21.5"}, "s": {"S": "x"}, "on": {"BOOL": True}}
    for time in _TIMES
]
_NESTED: Final = [item | {"map": {"M": {"x": {"N": "1"}, "y": {"S": "z"}}}} for item in _ITEMS]
_DOCUMENTS: Final = [
    {
        "document": {
            "name": f"projects/p/databases/d/documents/c/{number}",
            "fields": {"t": {"stringValue": time}, "v": value},
        }
    }
    for number, (time, value) in enumerate(
        zip(_TIMES, ({"doubleValue": 4}, {"integerValue": "7"}, {"nullValue": None}), strict=True)
    )
]
_OF_NO_TYPE: Final = {
    "document": {"name": "c/0", "fields": {"t": {"stringValue": _TIMES[0]}, "v": {}}}
}

PARSERS: Final = {
    "nextToken": Parser([page()["nextToken"].encode()], _next_token),
    "timestamp": Parser([*map(str.encode, _TIMES), b"2026-01-30T18:00:00+01:00"], _timestamp),
    "sort keys": Parser(["\n".join(_TIMES).encode(), "\n".join(_TIMES[1:]).encode()], _keys),
    "DynamoDB's page": Parser(
        [
            _json({"Count": 3, "Items": _ITEMS, "LastEvaluatedKey": _ITEMS[0]}),
            _json({"Count": 3, "Items": _NESTED}),
            _json({"Count": 1, "Items": [{"timestamp": {"B": "1769"}, "n": {"N": "1"}}]}),
        ],
        _dynamodb_page,
    ),
    "Cosmos DB's page": Parser(
        [
            _json(
                {
                    "Documents": [
                        [time, "id", value]
                        for time, value in zip(_TIMES, [1, 2.5, "x"], strict=True)
                    ]
                }
            )
        ],
        _cosmos_page,
    ),
    "Firestore's page": Parser(
        [
            _json(_DOCUMENTS),
            _json(_DOCUMENTS[:1] * 2),
            _json([_DOCUMENTS[0], _OF_NO_TYPE]),
            b'[{"document": {"half of a pair": "\\ud800", "doubleValue": 77777777700000458659}}]',
        ],
        _firestore_page,
    ),
    "answer of another cloud": Parser([_json(page())], _answer_of_another_cloud),
    "envelope": Parser([_json(ENVELOPE)], _envelope),
}
"""By name: whatever takes bytes of a client, a storage or another cloud."""
