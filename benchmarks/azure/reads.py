"""Cosmos DB: pages and the last entry, against the textbook reader and the least that any reader does.

Processor time is compared: the SDK's own calls take most of a small page's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from benchmarks import filters, last_entry
from benchmarks.azure import cold_start
from benchmarks.azure.readers import CosmosTextbook, hot_reader
from benchmarks.azure.server import running
from benchmarks.dynamodb_server import PROPERTIES
from benchmarks.memory import paging
from benchmarks.pages import LARGE_PAGE, asked_again, large_page, small_pages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.measure import Finding

_LONG: Final = 1_000_000


def findings(quick: bool, report: Callable[[str], None]) -> Iterator[Finding]:  # noqa: FBT001 - the benchmarks' common signature
    """Measure pages, the last entry, memory and the cold start; see `benchmarks.pages.findings`."""
    rounds = 1 if quick else 25
    with running() as server:
        report(f"a page of {LARGE_PAGE:,} entries with {len(PROPERTIES)} properties")
        reader, textbook = hot_reader(server), CosmosTextbook(server)
        whole = {"x-ms-max-item-count": "-1"}
        ways = (reader, textbook, asked_again(server, reader, whole))
        yield from large_page(*ways, rounds, of="Cosmos DB: ", faster=5, slower=2.5)
        report("small pages")
        yield small_pages(server, reader, textbook, rounds, of="Cosmos DB: ", times=1.3)
        report("the last entry")
        yield last_entry.finding(server, reader, rounds, of="Cosmos DB: ")
        report("a filter")
        yield filters.finding(server, reader, rounds, store="Cosmos DB")
        yield paging(reader, 9_000 if quick else _LONG, report, of="Cosmos DB: ")
        yield from cold_start.findings(server, 1 if quick else 16, report)
