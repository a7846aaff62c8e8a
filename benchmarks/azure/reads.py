"""Cosmos DB: pages and the last entry, against the textbook reader and the least that any reader does.

Processor time is compared: the SDK's own calls take most of a small page's.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import orjson
import urllib3

from benchmarks import filters, last_entry
from benchmarks.azure import cold_start
from benchmarks.azure.readers import TextbookReader, hot_reader
from benchmarks.azure.server import running
from benchmarks.dynamodb_server import PROPERTIES, device
from benchmarks.hot_readers import END, START, history, payload
from benchmarks.measure import Finding, check_same_values, in_turn
from benchmarks.memory import paging
from benchmarks.pages import small_pages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.lean_server import LeanServer

_LARGE_PAGE: Final = 8_000
"""Entries."""
_LONG: Final = 1_000_000


def findings(quick: bool, report: Callable[[str], None]) -> Iterator[Finding]:  # noqa: FBT001 - the benchmarks' common signature
    """Measure pages, the last entry, memory and the cold start; see `benchmarks.pages.findings`."""
    rounds = 1 if quick else 25
    with running() as server:
        report(f"a page of {_LARGE_PAGE:,} entries with {len(PROPERTIES)} properties")
        yield from _large_page(server, rounds)
        report("small pages")
        reader = hot_reader(server)
        yield small_pages(server, reader, TextbookReader(server), rounds, of="Cosmos DB", times=1.3)
        report("the last entry")
        yield last_entry.finding(server, reader, rounds, of="Cosmos DB: ")
        report("a filter")
        yield filters.finding(server, reader, rounds, store="Cosmos DB")
        yield paging(reader, 9_000 if quick else _LONG, report, of="Cosmos DB: ")
        yield from cold_start.findings(server, 1 if quick else 16, report)


def _large_page(server: LeanServer, rounds: int) -> Iterator[Finding]:
    asked = payload(_LARGE_PAGE, list(PROPERTIES))
    reader, textbook = hot_reader(server), TextbookReader(server)
    pool = urllib3.PoolManager()

    def ours() -> bytes:
        return history(reader, asked).to_json()

    def baseline() -> bytes:
        return textbook.history(device(_LARGE_PAGE), list(PROPERTIES), START, END)[0]

    def floor() -> bytes:
        page = pool.request("POST", server.url, body=sent, headers={"x-ms-max-item-count": "-1"})
        return orjson.dumps(orjson.loads(page.data))

    check_same_values(ours(), baseline())
    ours()
    sent = server.last_request()
    ways = {"hot reader": ours, "textbook": baseline, "floor": floor}
    timings = in_turn(ways, rounds=rounds, clock=time.process_time)
    faster = timings["textbook"].median / timings["hot reader"].median
    slower = timings["hot reader"].median / timings["floor"].median
    title = f"Cosmos DB: {_LARGE_PAGE:,} entries with {len(PROPERTIES)} properties to JSON"
    yield Finding(
        f"{title}, against the textbook reader",
        "at least 5 times less processor time",
        f"{faster:.1f} times less",
        faster >= 5,
        {name: timings[name] for name in ("hot reader", "textbook")},
    )
    yield Finding(
        f"{title}, against fetching, parsing and dumping the same bytes",
        "at most 2.5 times as much processor time",
        f"{slower:.2f} times as much",
        slower <= 2.5,
        {name: timings[name] for name in ("hot reader", "floor")},
    )
