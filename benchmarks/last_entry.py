"""The last entry of a short and of a long history."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from benchmarks.dynamodb_server import device, running
from benchmarks.hot_readers import hot_reader
from benchmarks.measure import Finding, in_turn
from chalicelib.contracts import wire_contract

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.lean_server import LeanServer
    from chalicelib.hot_reader.hot_reader import HotReader

_SHORT: Final = 100
_LONG: Final = 1_000_000
_READS: Final = 20
"""In one round: one read alone takes less than the noise of a busy machine."""


def findings(quick: bool, report: Callable[[str], None]) -> Iterator[Finding]:  # noqa: FBT001 - the benchmarks' common signature
    """Measure the last entry; see `benchmarks.pages.findings`."""
    with running() as server:
        report("the last entry")
        yield finding(server, hot_reader(server), 1 if quick else 51, clock=time.perf_counter)


def finding(
    server: LeanServer,
    reader: HotReader,
    rounds: int,
    *,
    of: str = "",
    clock: Callable[[], float] = time.process_time,
) -> Finding:
    """Compare the last entry of a long history with that of a short one.

    Parameters
    ----------
    server, reader
        The server, and a Hot Reader of it.
    rounds
        How often each is read.
    of
        What the title begins with.
    clock
        What is compared.
    """
    items = 0
    for entries in (_SHORT, _LONG):
        before = server.counts()
        _read(reader, entries)
        items = max(items, server.counts().since(before).items)

    def reads_of(entries: int) -> Callable[[], None]:
        def run() -> None:
            for _ in range(_READS):
                _read(reader, entries)

        return run

    short, long = f"{_SHORT:,} entries", f"{_LONG:,} entries"
    timings = in_turn({short: reads_of(_SHORT), long: reads_of(_LONG)}, rounds=rounds, clock=clock)
    ratio = timings[long].median / timings[short].median
    return Finding(
        f"{of}the last entry of {_LONG:,} entries, against that of {_SHORT:,}",
        "at most 1.1 times as long, 2 items read",
        f"{ratio:.2f} times as long, {items} items read",
        ratio <= 1.1 and items == 2,
        timings,
        {"items": items, "reads per round": _READS},
    )


def _read(reader: HotReader, entries: int) -> None:
    asked = {"iot_device_id": device(entries), "selected_properties": ["temperature", "status"]}
    if len(reader.last_entry(wire_contract.last_entry_query(asked)).values) != 2:
        raise RuntimeError("the last entry isn't complete")
