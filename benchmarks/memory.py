"""Memory while a client pages through a long history."""

from __future__ import annotations

import gc
import tracemalloc
from typing import TYPE_CHECKING, Final

from benchmarks.dynamodb_server import running
from benchmarks.hot_readers import history, hot_reader, payload
from benchmarks.measure import Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from chalicelib.hot_reader.hot_reader import HotReader

_MEGABYTE: Final = 1024 * 1024
_PAGE_VALUES: Final = 8_000


def findings(quick: bool, report: Callable[[str], None]) -> Iterator[Finding]:  # noqa: FBT001 - the benchmarks' common signature
    """Page through a history, and see what is left after each page; see `benchmarks.pages.findings`."""
    entries = 30_000 if quick else 1_000_000
    with running() as server:
        yield paging(hot_reader(server), entries, report)


def paging(
    reader: HotReader, entries: int, report: Callable[[str], None], *, of: str = ""
) -> Finding:
    """Page through the device with so many entries.

    Parameters
    ----------
    reader, entries
        The Hot Reader, and the entries of the device.
    report
        Called with each step.
    of
        Begins the finding's title.
    """
    asked = payload(entries, ["temperature"], max_results=_PAGE_VALUES)
    peaks: list[float] = []
    kept: list[float] = []
    values, token = 0, None
    tracemalloc.start()
    try:
        while not peaks or token is not None:
            report(f"{values:,} of {entries:,} entries read")
            tracemalloc.reset_peak()
            answer = history(reader, asked | {"next_token": token})
            answer.to_json()
            values += answer.values
            token = answer.page.next_token
            del answer
            peaks.append(tracemalloc.get_traced_memory()[1] / _MEGABYTE)
            gc.collect()
            kept.append(tracemalloc.get_traced_memory()[0] / _MEGABYTE)
    finally:
        tracemalloc.stop()
    if values != entries:
        raise RuntimeError(f"{values} of {entries} values came")
    # The first pages fill caches.
    settled = len(kept) // 10 + 1
    growth = kept[-1] - kept[settled]
    peak_growth = max(peaks[settled:]) / max(peaks[: settled + 1])
    return Finding(
        f"{of}memory for paging through {entries:,} entries, {_PAGE_VALUES:,} a page",
        "flat: within 5 % and 1 MB",
        f"peak {max(peaks):.1f} MB, {peak_growth:.2f} times that of the first pages; "
        f"{growth:+.2f} MB kept from page {settled + 1} to page {len(kept)}",
        peak_growth <= 1.05 and growth <= 1,
        figures={"pages": len(kept), "peak MB": round(max(peaks), 2), "kept MB": round(growth, 3)},
    )
