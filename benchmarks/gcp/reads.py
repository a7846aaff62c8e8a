"""Firestore: pages and the last entry, against the textbook reader and the least that any reader does.

Processor time is compared.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

import orjson
import urllib3

from benchmarks import filters
from benchmarks.dynamodb_server import PROPERTIES, device
from benchmarks.gcp import cold_start
from benchmarks.gcp.readers import TextbookReader, database, hot_reader
from benchmarks.gcp.server import running
from benchmarks.hot_readers import END, START, history, payload
from benchmarks.measure import Finding, check_same_values, in_turn
from benchmarks.memory import paging
from chalicelib.contracts import wire_contract
from chalicelib.model.limits import LARGEST_TWINMAKER_PAGE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from benchmarks.lean_server import LeanServer
    from benchmarks.measure import Timing
    from chalicelib.hot_reader.hot_reader import HotReader

_LARGE_PAGE: Final = 8_000
"""Entries."""
_LONG_HISTORY: Final = 100_000
_SHORT: Final = 100
_LONG: Final = 1_000_000
_MANY: Final = 250_000
_PAGES: Final = 10
"""One after another in one round, as a chart asks for them: one alone is within the noise."""
_READS: Final = 20
"""Of the last entry in one round."""


def findings(quick: bool, report: Callable[[str], None]) -> Iterator[Finding]:  # noqa: FBT001 - the benchmarks' common signature
    """Measure pages, filters and the last entry; see `benchmarks.pages.findings`."""
    rounds = 2 if quick else 15
    entries = 1_000 if quick else _LARGE_PAGE
    with running() as server:
        report(f"a page of {entries:,} entries with {len(PROPERTIES)} properties")
        yield from _large_page(server, entries, rounds)
        report(f"a page of {LARGEST_TWINMAKER_PAGE} values of {_LONG_HISTORY:,} entries")
        yield _small_pages(server, rounds)
        report(f"the last entry of {_SHORT:,} and of {_LONG:,} entries")
        yield _last_entry(server, rounds)
        reader = hot_reader(database(server))
        report("a filter")
        yield filters.finding(server, reader, rounds, store="Firestore")
        yield paging(reader, 10_000 if quick else _MANY, report, of="Firestore: ")
        if not quick:  # they take long
            yield from cold_start.findings(server, rounds, report)


def _in_turn(ways: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, Timing]:
    return in_turn(ways, rounds=rounds, clock=time.process_time)


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
    timings = _in_turn({"hot reader": ours, "textbook": baseline, "floor": floor}, rounds)
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


def _small_pages(server: LeanServer, rounds: int) -> Finding:
    reader, textbook = hot_reader(database(server)), TextbookReader(server)
    selected = ["temperature"]
    asked = payload(_LONG_HISTORY, selected, max_results=LARGEST_TWINMAKER_PAGE)

    def ours(token: str | None = None) -> tuple[bytes, Any]:
        page = history(reader, asked | {"next_token": token}).to_json()
        return page, orjson.loads(page)["nextToken"]

    def baseline(token: str | None = None) -> tuple[bytes, Any]:
        size = LARGEST_TWINMAKER_PAGE
        return textbook.history(
            device(_LONG_HISTORY), selected, START, END, max_results=size, token=token
        )

    def several(read: Callable[[str | None], tuple[bytes, Any]]) -> Callable[[], None]:
        def run() -> None:
            token = None
            for _ in range(_PAGES):
                _, token = read(token)

        return run

    check_same_values(ours()[0], baseline()[0])
    before = server.counts()
    several(ours)()
    documents = server.counts().since(before).items / _PAGES
    timings = _in_turn({"hot reader": several(ours), "textbook": several(baseline)}, rounds)
    faster = timings["textbook"].median / timings["hot reader"].median
    return Finding(
        f"Firestore: {_PAGES} pages of {LARGEST_TWINMAKER_PAGE} values, one after another, of "
        f"{_LONG_HISTORY:,} entries, against a textbook reader that asks for as few documents",
        "at least 5 times less processor time, at most 201 documents read a page",
        f"{faster:.2f} times less, {documents:g} documents",
        faster >= 5 and documents <= 201,
        timings,
        {"documents": documents},
    )


def _last_entry(server: LeanServer, rounds: int) -> Finding:
    reader = hot_reader(database(server))
    documents = 0
    for entries in (_SHORT, _LONG):
        before = server.counts()
        _read_last(reader, entries)
        documents = max(documents, server.counts().since(before).items)

    def reads_of(entries: int) -> Callable[[], None]:
        def run() -> None:
            for _ in range(_READS):
                _read_last(reader, entries)

        return run

    short, long = f"{_SHORT:,} entries", f"{_LONG:,} entries"
    timings = _in_turn({short: reads_of(_SHORT), long: reads_of(_LONG)}, rounds)
    ratio = timings[long].median / timings[short].median
    return Finding(
        f"Firestore: the last entry of {_LONG:,} entries, against that of {_SHORT:,}",
        "at most 1.1 times as much processor time, 2 documents read",
        f"{ratio:.2f} times as much, {documents} documents read",
        ratio <= 1.1 and documents == 2,
        timings,
        {"documents": documents, "reads per round": _READS},
    )


def _read_last(reader: HotReader, entries: int) -> None:
    asked = {"iot_device_id": device(entries), "selected_properties": ["temperature", "status"]}
    if len(reader.last_entry(wire_contract.last_entry_query(asked)).values) != 2:
        raise RuntimeError("the last entry isn't complete")
