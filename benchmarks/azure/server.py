"""A lean Cosmos DB that only answers queries of one partition, over entries that it makes up.

It honours conditions on the device's id and the timestamp, the order, a page's size, continuations and
rows of some fields or whole documents. `tests/benchmarks` compares it with the local stand-in.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Final

import orjson

from benchmarks import lean_server
from benchmarks.dynamodb_server import DEVICE_ID, TIMESTAMP, Entries
from benchmarks.lean_server import Handler

if TYPE_CHECKING:
    from collections.abc import Mapping

DATABASE: Final = "twin"
CONTAINER: Final = "hot-telemetry"
KEY: Final = "dGhlIGtleSBvZiB0aGUgYmVuY2htYXJrcw=="
_PAGE_BYTES: Final = 4 * 1_048_576
"""The largest page (Azure documentation, 'Pagination in Azure Cosmos DB')."""
_PAGE: Final = 100
"""Documents of a page whose size isn't asked for."""
_QUERY: Final = re.compile(
    r"SELECT (?:\*|VALUE \[(.+?)\]) FROM c WHERE (.+) ORDER BY (\S+)(?: (ASC|DESC))?"
)
_FIELD: Final = re.compile(r'c(?:\["(\w+)"\]|\.(\w+))')
_CONDITION: Final = re.compile(r"(\S+) (=|>=|<=) (@\w+)")


def document(entries: Entries, number: int) -> dict[str, Any]:
    """Make an entry, with the fields that Cosmos DB adds."""
    item = entries.item(number)
    values = {name: orjson.loads(of["N"]) if "N" in of else of["S"] for name, of in item.items()}
    return values | {
        "id": values[TIMESTAMP],
        "_rid": f"4kYyAJBVyPw{number:08}==",
        "_self": f"dbs/4kYyAA==/colls/4kYyAJBVyPw=/docs/4kYyAJBVyPw{number:08}==/",
        "_etag": f'"00000000-0000-0000-0000-{number:012}"',
        "_attachments": "attachments/",
        "_ts": 1767225600 + number,
    }


def answer(
    query: str, parameters: Mapping[str, str], size: int, continuation: int
) -> tuple[list[Any], int | None]:
    """Answer a query: the documents or rows of a page, and the continuation if there are more.

    Raises
    ------
    ValueError
        The query is one that this server doesn't know.
    """
    match = _QUERY.fullmatch(query)
    if match is None or _name(match[3]) != TIMESTAMP:
        raise ValueError(f"a query that isn't known: {query}")
    selected, conditions, _, order = match.groups()
    device_id, lowest, highest = "", "", "~"
    for each in conditions.split(" AND "):
        condition = _CONDITION.fullmatch(each)
        if condition is None:
            continue  # that the timestamp is defined, which it always is
        name, operator, value = _name(condition[1]), condition[2], parameters[condition[3]]
        if (name, operator) == (DEVICE_ID, "="):
            device_id = value
        elif operator == ">=":
            lowest = value
        else:
            highest = value
    entries = Entries(device_id)
    first, last = bisect_left(entries, lowest), bisect_right(entries, highest)
    numbers = range(first, last)[:: -1 if order == "DESC" else 1][continuation:]
    fields = None if selected is None else _fields(selected)
    documents: list[Any] = []
    room = _PAGE_BYTES
    for number in numbers[: None if size < 0 else size]:
        found: Any = document(entries, number)
        if fields is not None:
            found = [found.get(name) for name in fields]
        room -= len(orjson.dumps(found)) if size < 0 else 0
        if room < 0:
            break
        documents.append(found)
    more = len(documents) < len(numbers)
    return documents, continuation + len(documents) if more else None


def _fields(selected: str) -> list[str]:
    return [_name(each.removesuffix(" ?? null")) for each in selected.split(", ")]


def _name(field: str) -> str:
    match = _FIELD.fullmatch(field)
    if match is None:
        raise ValueError(f"a field that isn't known: {field}")
    return match[1] or match[2]


@lru_cache(maxsize=64)
def _encoded(body: bytes, size: int, continuation: int) -> tuple[bytes, int | None, int]:
    """Answer a request that was seen before at once."""
    request = orjson.loads(body)
    parameters = {each["name"]: each["value"] for each in request["parameters"]}
    documents, more = answer(request["query"], parameters, size, continuation)
    page = {"_rid": "4kYyAJBVyPw=", "Documents": documents, "_count": len(documents)}
    return orjson.dumps(page), more, len(documents)


class _Handler(Handler):
    def query(self, body: bytes, headers: Mapping[bytes, bytes]) -> tuple[bytes, str, int]:
        """Answer a query."""
        size = int(headers.get(b"x-ms-max-item-count", _PAGE))
        content, more, count = _encoded(body, size, int(headers.get(b"x-ms-continuation", 0)))
        charged = "x-ms-request-charge: 2.83\r\nx-ms-session-token: 0:-1#1\r\n"
        return content, charged + (f"x-ms-continuation: {more}\r\n" if more else ""), count

    def description(self, path: bytes) -> bytes:
        """Describe the account or the container."""
        return _ACCOUNT if path == b"/" else _CONTAINER_PROPERTIES


_ACCOUNT: Final = orjson.dumps(
    {
        "id": "benchmark",
        "writableLocations": [],
        "readableLocations": [],
        "userConsistencyPolicy": {"defaultConsistencyLevel": "Session"},
    }
)
_CONTAINER_PROPERTIES: Final = orjson.dumps(
    {
        "id": CONTAINER,
        "_rid": "4kYyAJBVyPw=",
        "_self": "dbs/4kYyAA==/colls/4kYyAJBVyPw=/",
        "partitionKey": {"paths": [f"/{DEVICE_ID}"], "kind": "Hash", "version": 2},
    }
)


running = partial(lean_server.running, "benchmarks.azure.server")
"""Runs the server in a separate process."""


if __name__ == "__main__":
    lean_server.serve(_Handler)
