"""Pages of a history: against the textbook reader, and against the least that any reader does."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

import orjson
import urllib3

from benchmarks import filters
from benchmarks.baseline import DynamoDBTextbook
from benchmarks.dynamodb_server import PROPERTIES, device, running
from benchmarks.hot_readers import END, START, client_options, history, hot_reader, payload
from benchmarks.measure import Finding, check_same_values, in_turn
from chalicelib.model.limits import LARGEST_TWINMAKER_PAGE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from benchmarks.baseline import TextbookReader
    from benchmarks.lean_server import LeanServer
    from chalicelib.hot_reader.hot_reader import HotReader

LARGE_PAGE: Final = 8_000
"""Entries: about as many as DynamoDB reads for one Query."""
_LONG_HISTORY: Final = 100_000
_PAGES: Final = 10
"""One after another in one round, as a chart asks for them: one alone is within the noise."""


def findings(quick: bool, report: Callable[[str], None]) -> Iterator[Finding]:  # noqa: FBT001 - the benchmarks' common signature
    """Measure large pages over HTTP, TwinMaker's small ones, and filtered ones.

    Parameters
    ----------
    quick
        True for few rounds.
    report
        Called with each step.
    """
    rounds = 1 if quick else 25
    with running() as server:
        reader, options = hot_reader(server), client_options(server)
        textbook = DynamoDBTextbook(options)
        report(f"a page of {LARGE_PAGE:,} entries with {len(PROPERTIES)} properties")
        ways = (reader, textbook, asked_again(server, reader))
        yield from large_page(*ways, rounds, faster=8, slower=1.6, clock=time.perf_counter)
        report(f"a page of {LARGEST_TWINMAKER_PAGE} values of {_LONG_HISTORY:,} entries")
        yield small_pages(server, reader, textbook, rounds, times=10)
        unlimited = DynamoDBTextbook(options, limit=False)
        which = "that names no Limit and reads a megabyte"
        yield small_pages(server, reader, unlimited, rounds, times=10, pages=1, which=which)
        report("a filter")
        yield filters.finding(server, reader, rounds, store="DynamoDB")


def asked_again(
    server: LeanServer, reader: HotReader, headers: Mapping[str, str] | None = None
) -> Callable[[], object]:
    """Return what fetches, parses and dumps the bytes of a large page, and does nothing else.

    Parameters
    ----------
    server, reader
        The server, and a Hot Reader of it, whose request is sent again.
    headers
        Those that the answer depends on.
    """
    pool = urllib3.PoolManager()
    history(reader, payload(LARGE_PAGE, list(PROPERTIES))).to_json()
    sent = server.last_request()
    return lambda: orjson.dumps(
        orjson.loads(pool.request("POST", server.url, body=sent, headers=headers).data)
    )


def large_page(
    reader: HotReader,
    textbook: TextbookReader,
    floor: Callable[[], object],
    rounds: int,
    *,
    of: str = "",
    faster: float,
    slower: float,
    entries: int = LARGE_PAGE,
    clock: Callable[[], float] = time.process_time,
) -> Iterator[Finding]:
    """Compare a large page with that of a textbook reader, and with the least that any reader does.

    Parameters
    ----------
    reader, textbook, floor, rounds
        The ways, and how often each is taken; see `asked_again`.
    of
        What the titles begin with.
    faster, slower
        How many times less it should take than the textbook reader, and how many times as much as the floor.
    entries
        Those of the page.
    clock
        What is compared.
    """
    selected = list(PROPERTIES)
    asked = payload(entries, selected)

    def ours() -> bytes:
        return history(reader, asked).to_json()

    def baseline() -> bytes:
        return textbook.history(device(entries), selected, START, END)[0]

    check_same_values(ours(), baseline())
    ways = {"hot reader": ours, "textbook": baseline, "floor": floor}
    timings = in_turn(ways, rounds=rounds, clock=clock)
    less = timings["textbook"].median / timings["hot reader"].median
    more = timings["hot reader"].median / timings["floor"].median
    figures = {"entries": entries, "values": entries * len(selected)}
    title = f"{of}{entries:,} entries with {len(selected)} properties to JSON"
    time_of = "processor time" if clock is time.process_time else "time"
    yield Finding(
        f"{title}, against the textbook reader",
        f"at least {faster:g} times less {time_of}",
        f"{less:.1f} times less",
        less >= faster,
        {name: timings[name] for name in ("hot reader", "textbook")},
        figures,
    )
    yield Finding(
        f"{title}, against fetching, parsing and dumping the same bytes",
        f"at most {slower:g} times as much {time_of}",
        f"{more:.2f} times as much",
        more <= slower,
        {name: timings[name] for name in ("hot reader", "floor")},
        figures,
    )


def small_pages(
    server: LeanServer,
    reader: HotReader,
    textbook: TextbookReader,
    rounds: int,
    *,
    of: str = "",
    times: float,
    pages: int = _PAGES,
    which: str = "that asks for as few entries",
) -> Finding:
    """Compare small pages with those of a textbook reader.

    Parameters
    ----------
    server, reader
        The server, and a Hot Reader of it.
    textbook, which
        The textbook reader, and what it is like.
    rounds
        How often the pages are read.
    of
        What the title begins with.
    times
        How many times less processor time they should take.
    pages
        How many are read, one after another.
    """
    size, selected = LARGEST_TWINMAKER_PAGE, ["temperature"]
    asked = payload(_LONG_HISTORY, selected, max_results=size)

    def ours(token: str | None = None) -> tuple[bytes, Any]:
        page = history(reader, asked | {"next_token": token}).to_json()
        return page, orjson.loads(page)["nextToken"]

    def baseline(token: str | None = None) -> tuple[bytes, Any]:
        of_device = device(_LONG_HISTORY)
        return textbook.history(of_device, selected, START, END, max_results=size, token=token)

    def several(read: Callable[[str | None], tuple[bytes, Any]]) -> Callable[[], None]:
        def run() -> None:
            token = None
            for _ in range(pages):
                _, token = read(token)

        return run

    check_same_values(ours()[0], baseline()[0])
    before = server.counts()
    several(ours)()
    items = server.counts().since(before).items / pages
    ways = {"hot reader": several(ours), "textbook": several(baseline)}
    timings = in_turn(ways, rounds=rounds, clock=time.process_time)
    faster = timings["textbook"].median / timings["hot reader"].median
    return Finding(
        f"{of}{pages} pages of {size} values, one after another, of {_LONG_HISTORY:,} entries, "
        f"against a textbook reader {which}",
        f"at least {times:g} times less processor time, at most 201 entries read a page",
        f"{faster:.2f} times less, {items:g} entries",
        faster >= times and items <= 201,
        timings,
        {"entries read a page": items},
    )
