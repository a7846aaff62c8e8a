"""Pages of a history: against the textbook reader, and against the least that any reader does."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import orjson
import urllib3

from benchmarks.baseline import TextbookReader
from benchmarks.dynamodb_server import PROPERTIES, TABLE, DynamoDBServer, device, running
from benchmarks.hot_readers import END, START, client_options, hot_reader, payload
from benchmarks.measure import Finding, in_turn
from chalicelib import twinmaker
from chalicelib.reads import HISTORY
from chalicelib.settings import LARGEST_TWINMAKER_PAGE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_LARGE_PAGE: Final = 8_000
"""Entries: about as many as DynamoDB reads for one Query."""
_LONG_HISTORY: Final = 100_000
_PAGES: Final = 10
"""In one round: a chart asks for one after another, and one alone is within the noise."""


def findings(quick: bool, report: Callable[[str], None]) -> Iterator[Finding]:  # noqa: FBT001 - the benchmarks' common signature
    """Measure large pages over HTTP, and TwinMaker's small ones.

    Parameters
    ----------
    quick
        True for few rounds.
    report
        Is told what is going on.
    """
    with running() as server:
        report(f"a page of {_LARGE_PAGE:,} entries with {len(PROPERTIES)} properties")
        yield from _large_page(server, rounds=2 if quick else 25)
        report(f"a page of {LARGEST_TWINMAKER_PAGE} values of {_LONG_HISTORY:,} entries")
        yield _small_page(server, rounds=2 if quick else 25)


def _large_page(server: DynamoDBServer, *, rounds: int) -> Iterator[Finding]:
    asked = payload(_LARGE_PAGE, list(PROPERTIES))
    reader = hot_reader(server)
    textbook = TextbookReader(TABLE, client_options(server))
    pool = urllib3.PoolManager()

    def ours() -> bytes:
        return HISTORY.answer(reader, HISTORY.from_payload(asked)).to_json()

    def baseline() -> bytes:
        return textbook.history(device(_LARGE_PAGE), list(PROPERTIES), START, END)

    def floor() -> bytes:
        page = pool.request("POST", server.url, body=sent).data
        return orjson.dumps(orjson.loads(page))

    ours()
    sent = server.last_request()
    _same_values(ours(), baseline())
    timings = in_turn({"hot reader": ours, "textbook": baseline, "floor": floor}, rounds=rounds)
    faster = timings["textbook"].median / timings["hot reader"].median
    slower = timings["hot reader"].median / timings["floor"].median
    figures = {"entries": _LARGE_PAGE, "values": _LARGE_PAGE * len(PROPERTIES)}
    title = f"{_LARGE_PAGE:,} entries with {len(PROPERTIES)} properties to JSON"
    yield Finding(
        f"{title}, against the textbook reader",
        "at least 8 times less time",
        f"{faster:.1f} times less time",
        faster >= 8,
        {name: timings[name] for name in ("hot reader", "textbook")},
        figures,
    )
    yield Finding(
        f"{title}, against fetching, parsing and dumping the same bytes",
        "at most 1.6 times as long",
        f"{slower:.2f} times as long",
        slower <= 1.6,
        {name: timings[name] for name in ("hot reader", "floor")},
        figures,
    )


def _small_page(server: DynamoDBServer, *, rounds: int) -> Finding:
    reader = hot_reader(server)
    textbook = TextbookReader(TABLE, client_options(server))
    event = _event()

    def ours(token: str | None = None) -> bytes:
        asked = event if token is None else event | {"nextToken": token}
        query = twinmaker.history_query(asked, device(_LONG_HISTORY))
        # The Lambda runtime makes JSON of the document.
        return json.dumps(HISTORY.answer(reader, query).document).encode()

    def baseline(token: str | None = None) -> bytes:
        return textbook.history(
            device(_LONG_HISTORY),
            ["temperature"],
            START,
            END,
            max_results=LARGEST_TWINMAKER_PAGE,
            start_key=None if token is None else json.loads(token),
        )

    def several(read: Callable[[str | None], bytes]) -> Callable[[], None]:
        def run() -> None:
            token = None
            for _ in range(_PAGES):
                token = orjson.loads(read(token))["nextToken"]

        return run

    _same_values(ours(), baseline())
    items = 0
    token = None
    for _ in range(_PAGES):
        before = server.counts()
        token = orjson.loads(ours(token))["nextToken"]
        items = max(items, server.counts().since(before).items)
    ways = {"hot reader": several(ours), "textbook": several(baseline)}
    timings = in_turn(ways, rounds=rounds)
    faster = timings["textbook"].median / timings["hot reader"].median
    return Finding(
        f"a TwinMaker page of {LARGEST_TWINMAKER_PAGE} values of {_LONG_HISTORY:,} entries, "
        "against the textbook reader",
        "at least 10 times less time, at most 201 items read",
        f"{faster:.1f} times less time, {items} items read",
        faster >= 10 and items <= 201,
        timings,
        {"items": items, "pages per round": _PAGES},
    )


def _event() -> dict[str, Any]:
    data_type = {"dataType": {"type": PROPERTIES["temperature"]}}
    return {
        "workspaceId": "benchmark",
        "entityId": "machine-1",
        "componentName": "sensor",
        "selectedProperties": ["temperature"],
        "properties": {"temperature": {"definition": data_type}},
        "startTime": START,
        "endTime": END,
        "maxResults": LARGEST_TWINMAKER_PAGE,
    }


def _same_values(ours: bytes, baseline: bytes) -> None:
    """Check that both answer the same: what is compared must be comparable."""
    values = [orjson.loads(answer)["propertyValues"] for answer in (ours, baseline)]
    if values[0] != values[1]:
        raise RuntimeError("the textbook reader and the Hot Reader don't answer the same")
