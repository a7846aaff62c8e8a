"""A history of which a filter keeps little: what is read for it, and how long that takes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from benchmarks.dynamodb_server import PROPERTIES
from benchmarks.hot_readers import history, payload
from benchmarks.measure import Finding, in_turn

if TYPE_CHECKING:
    from benchmarks.lean_server import LeanServer
    from chalicelib.hot_reader.hot_reader import HotReader

_ENTRIES: Final = 8_000
_HOT: Final = {"propertyName": "temperature", "operator": ">=", "value": {"doubleValue": 29.7}}
"""Holds for 7 entries of 977."""


def finding(server: LeanServer, reader: HotReader, rounds: int, *, store: str) -> Finding:
    """Compare a filtered history with the whole of it.

    Parameters
    ----------
    server, reader
        The server, and a Hot Reader of it.
    rounds
        How often each is read.
    store
        The store's name.
    """
    asked = payload(_ENTRIES, list(PROPERTIES))
    filtered = asked | {"property_filters": [_HOT]}
    before = server.counts()
    values = history(reader, filtered).values
    read = server.counts().since(before).items
    timings = in_turn(
        {
            "filter": lambda: history(reader, filtered).to_json(),
            "no filter": lambda: history(reader, asked).to_json(),
        },
        rounds=rounds,
        clock=time.process_time,
    )
    ratio = timings["filter"].median / timings["no filter"].median
    return Finding(
        f"{store}: a filter that one of 140 entries meets, over {_ENTRIES:,} entries with "
        f"{len(PROPERTIES)} properties, against all of them",
        "at most 1.5 times as much; what is read is told",
        f"{ratio:.1f} times as much processor time, {read:,} entries read for {values:,} values",
        ratio <= 1.5,
        timings,
        {"entries read": read, "values": values},
    )
