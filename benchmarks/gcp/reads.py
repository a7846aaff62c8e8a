"""Firestore: pages and the last entry, against the textbook reader and the least that any reader does.

Processor time is compared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson
import urllib3

from benchmarks import filters, last_entry
from benchmarks.dynamodb_server import PROPERTIES
from benchmarks.gcp import cold_start
from benchmarks.gcp.readers import FirestoreTextbook, database, hot_reader
from benchmarks.gcp.server import running
from benchmarks.hot_readers import history, payload
from benchmarks.memory import paging
from benchmarks.pages import LARGE_PAGE, large_page, small_pages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.measure import Finding
    from chalicelib.hot_reader.hot_reader import HotReader
    from chalicelib.stores.firestore.transport import FirestoreDatabase

_MANY: Final = 250_000


def findings(quick: bool, report: Callable[[str], None]) -> Iterator[Finding]:  # noqa: FBT001 - the benchmarks' common signature
    """Measure pages, filters and the last entry; see `benchmarks.pages.findings`."""
    rounds = 1 if quick else 15
    entries = 1_000 if quick else LARGE_PAGE
    with running() as server:
        report(f"a page of {entries:,} entries with {len(PROPERTIES)} properties")
        of = database(server)
        reader, textbook = hot_reader(of), FirestoreTextbook(server)
        ways = (reader, textbook, _asked_again(of, reader, entries))
        yield from large_page(*ways, rounds, of="Firestore: ", faster=15, slower=2, entries=entries)
        report("small pages")
        yield small_pages(server, reader, textbook, rounds, of="Firestore: ", times=5)
        report("the last entry")
        yield last_entry.finding(server, reader, rounds, of="Firestore: ")
        report("a filter")
        yield filters.finding(server, reader, rounds, store="Firestore")
        yield paging(reader, 10_000 if quick else _MANY, report, of="Firestore: ")
        if not quick:  # they take long
            yield from cold_start.findings(server, rounds, report)


def _asked_again(of: FirestoreDatabase, reader: HotReader, entries: int) -> Callable[[], object]:
    """Return what `pages.asked_again` does: a page takes several requests, which the server doesn't keep."""
    pool = urllib3.PoolManager()
    sent: list[tuple[str, bytes]] = []
    urlopen = of.pool.urlopen

    def keep(method: str, url: str, *, body: bytes, **options: Any) -> Any:
        sent.append((url, body))
        return urlopen(method, url, body=body, **options)

    of.pool.urlopen = keep  # type: ignore[assignment,method-assign]
    history(reader, payload(entries, list(PROPERTIES))).to_json()
    of.pool.urlopen = urlopen  # type: ignore[method-assign]
    return lambda: [
        orjson.dumps(orjson.loads(pool.request("POST", url, body=body).data)) for url, body in sent
    ]
