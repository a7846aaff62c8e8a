"""Firestore: pages and the last entry, against the textbook reader and the least that any reader does.

Processor time is compared.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

import orjson
import urllib3

from benchmarks import filters, last_entry
from benchmarks.dynamodb_server import PROPERTIES, device
from benchmarks.gcp import cold_start
from benchmarks.gcp.readers import TextbookReader, database, hot_reader
from benchmarks.gcp.server import running
from benchmarks.hot_readers import END, START, history, payload
from benchmarks.measure import Finding, check_same_values, in_turn
from benchmarks.memory import paging
from benchmarks.pages import small_pages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.lean_server import LeanServer

_LARGE_PAGE: Final = 8_000
"""Entries."""
_MANY: Final = 250_000


def findings(quick: bool, report: Callable[[str], None]) -> Iterator[Finding]:  # noqa: FBT001 - the benchmarks' common signature
    """Measure pages, filters and the last entry; see `benchmarks.pages.findings`."""
    rounds = 1 if quick else 15
    entries = 1_000 if quick else _LARGE_PAGE
    with running() as server:
        report(f"a page of {entries:,} entries with {len(PROPERTIES)} properties")
        yield from _large_page(server, entries, rounds)
        report("small pages")
        reader = hot_reader(database(server))
        yield small_pages(server, reader, TextbookReader(server), rounds, of="Firestore", times=5)
        report("the last entry")
        yield last_entry.finding(server, reader, rounds, of="Firestore: ")
        report("a filter")
        yield filters.finding(server, reader, rounds, store="Firestore")
        yield paging(reader, 10_000 if quick else _MANY, report, of="Firestore: ")
        if not quick:  # they take long
            yield from cold_start.findings(server, rounds, report)


def _large_page(server: LeanServer, entries: int, rounds: int) -> Iterator[Finding]:
    asked = payload(entries, list(PROPERTIES))
    of = database(server)
    reader, textbook = hot_reader(of), TextbookReader(server)
    pool = urllib3.PoolManager()
    sent: list[tuple[str, bytes]] = []

    def ours() -> bytes:
        return history(reader, asked).to_json()

    def baseline() -> bytes:
        return textbook.history(device(entries), list(PROPERTIES), START, END)[0]

    def floor() -> list[bytes]:
        pages = (pool.request("POST", url, body=body).data for url, body in sent)
        return [orjson.dumps(orjson.loads(page)) for page in pages]

    check_same_values(ours(), baseline())
    urlopen = of.pool.urlopen

    def keep(method: str, url: str, *, body: bytes, **options: Any) -> Any:
        sent.append((url, body))
        return urlopen(method, url, body=body, **options)

    of.pool.urlopen = keep  # type: ignore[assignment,method-assign]
    ours()
    of.pool.urlopen = urlopen  # type: ignore[method-assign]
    ways = {"hot reader": ours, "textbook": baseline, "floor": floor}
    timings = in_turn(ways, rounds=rounds, clock=time.process_time)
    faster = timings["textbook"].median / timings["hot reader"].median
    slower = timings["hot reader"].median / timings["floor"].median
    title = f"Firestore: {entries:,} entries with {len(PROPERTIES)} properties to JSON"
    yield Finding(
        f"{title}, against the textbook reader",
        "at least 15 times less processor time",
        f"{faster:.1f} times less",
        faster >= 15,
        {name: timings[name] for name in ("hot reader", "textbook")},
    )
    yield Finding(
        f"{title}, against fetching, parsing and dumping the same bytes",
        "at most 2 times as much processor time",
        f"{slower:.2f} times as much",
        slower <= 2,
        {name: timings[name] for name in ("hot reader", "floor")},
    )
