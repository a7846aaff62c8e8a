"""Pages of a history: against the textbook reader, and against the least that any reader does."""

from __future__ import annotations

import json
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Protocol

import orjson
import urllib3

from benchmarks import filters
from benchmarks.baseline import TextbookReader
from benchmarks.dynamodb_server import PROPERTIES, TABLE, device, running
from benchmarks.hot_readers import END, START, client_options, history, hot_reader, payload
from benchmarks.measure import Finding, check_same_values, in_turn
from chalicelib.model.limits import LARGEST_TWINMAKER_PAGE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from benchmarks.lean_server import LeanServer
    from chalicelib.hot_reader.hot_reader import HotReader

_LARGE_PAGE: Final = 8_000
"""Entries: about as many as DynamoDB reads for one Query."""
_LONG_HISTORY: Final = 100_000
_PAGES: Final = 10
"""One after another in one round, as a chart asks for them: one alone is within the noise."""


class PagingReader(Protocol):
    """A textbook reader that pages by tokens."""

    def history(
        self,
        device_id: str,
        selected: Sequence[str],
        start: str,
        end: str,
        *,
        max_results: int | None = None,
        token: Any = None,
    ) -> tuple[bytes, Any]:
        """Return a page of a device's history as JSON, and the token of the next one."""


def findings(quick: bool, report: Callable[[str], None]) -> Iterator[Finding]:  # noqa: FBT001 - the benchmarks' common signature
    """Measure large pages over HTTP, TwinMaker's small ones, and filtered ones.

    Parameters
    ----------
    quick
        True for few rounds.
    report
        Called with each step.
    """
    with running() as server:
        report(f"a page of {_LARGE_PAGE:,} entries with {len(PROPERTIES)} properties")
        yield from _large_page(server, rounds=1 if quick else 25)
        report(f"a page of {LARGEST_TWINMAKER_PAGE} values of {_LONG_HISTORY:,} entries")
        yield from _small_page(server, rounds=1 if quick else 25)
        report("a filter")
        yield filters.finding(server, hot_reader(server), 1 if quick else 25, store="DynamoDB")


def _large_page(server: LeanServer, *, rounds: int) -> Iterator[Finding]:
    asked = payload(_LARGE_PAGE, list(PROPERTIES))
    reader = hot_reader(server)
    textbook = TextbookReader(TABLE, client_options(server))
    pool = urllib3.PoolManager()

    def ours() -> bytes:
        return history(reader, asked).to_json()

    def baseline() -> bytes:
        return textbook.history(device(_LARGE_PAGE), list(PROPERTIES), START, END)

    def floor() -> bytes:
        page = pool.request("POST", server.url, body=sent).data
        return orjson.dumps(orjson.loads(page))

    ours()
    sent = server.last_request()
    check_same_values(ours(), baseline())
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


def _small_page(server: LeanServer, *, rounds: int) -> Iterator[Finding]:
    reader = hot_reader(server)
    textbook = TextbookReader(TABLE, client_options(server))
    selected = ["temperature"]
    asked = payload(_LONG_HISTORY, selected, max_results=LARGEST_TWINMAKER_PAGE)

    def ours(token: str | None = None) -> bytes:
        return history(reader, asked | {"next_token": token}).to_json()

    def baseline(token: str | None = None, *, limit: bool = True) -> bytes:
        return textbook.history(
            device(_LONG_HISTORY),
            selected,
            START,
            END,
            max_results=LARGEST_TWINMAKER_PAGE,
            limit=limit,
            start_key=None if token is None else json.loads(token),
        )

    def several(read: Callable[[str | None], bytes]) -> Callable[[], None]:
        def run() -> None:
            token = None
            for _ in range(_PAGES):
                token = orjson.loads(read(token))["nextToken"]

        return run

    check_same_values(ours(), baseline())
    check_same_values(ours(), baseline(limit=False))
    items = 0
    token = None
    for _ in range(_PAGES):
        before = server.counts()
        token = orjson.loads(ours(token))["nextToken"]
        items = max(items, server.counts().since(before).items)
    target = "at least 10 times less processor time, at most 201 items read"
    title = f"a page of {LARGEST_TWINMAKER_PAGE} values of {_LONG_HISTORY:,} entries, against"
    comparisons: dict[str, dict[str, Callable[[], object]]] = {
        "the textbook reader": {"hot reader": several(ours), "textbook": several(baseline)},
        "the textbook reader without Limit, which reads a megabyte": {
            "hot reader": ours,
            "textbook without Limit": partial(baseline, limit=False),
        },
    }
    for name, ways in comparisons.items():
        timings = in_turn(ways, rounds=rounds, clock=time.process_time)
        hot, textbook_reader = timings.values()
        faster = textbook_reader.median / hot.median
        measured = f"{faster:.1f} times less processor time, {items} items read"
        met = faster >= 10 and items <= 201
        yield Finding(f"{title} {name}", target, measured, met, timings, {"items": items})


def small_pages(
    server: LeanServer,
    reader: HotReader,
    textbook: PagingReader,
    rounds: int,
    *,
    of: str,
    times: float,
) -> Finding:
    """Compare small pages with those of a textbook reader that asks for as few documents.

    Parameters
    ----------
    server, reader
        The server, and a Hot Reader of it.
    textbook
        Reads a page of a device's history; see `PagingReader`.
    rounds
        How often the pages are read.
    of
        The store's name.
    times
        How many times less processor time they should take.
    """
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
    ways = {"hot reader": several(ours), "textbook": several(baseline)}
    timings = in_turn(ways, rounds=rounds, clock=time.process_time)
    faster = timings["textbook"].median / timings["hot reader"].median
    return Finding(
        f"{of}: {_PAGES} pages of {LARGEST_TWINMAKER_PAGE} values, one after another, of "
        f"{_LONG_HISTORY:,} entries, against a textbook reader that asks for as few documents",
        f"at least {times:g} times less processor time, at most 201 documents read a page",
        f"{faster:.2f} times less, {documents:g} documents",
        faster >= times and documents <= 201,
        timings,
        {"documents": documents},
    )
