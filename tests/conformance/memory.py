"""A store in memory, for many random examples in little time."""

from __future__ import annotations

import bisect
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from chalicelib.model.entries import StoredEntry

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from tests.conformance.oracle import Stored


class MemoryStore:
    """Keeps every entry that it is given, also several of one key."""

    unique_keys = False

    def __init__(self) -> None:
        self.entries: dict[str, list[StoredEntry]] = {}

    def put(self, device_id: str, entries: Sequence[Stored], key_type: str) -> None:
        rows = self.entries.setdefault(device_id, [])
        for each in entries:
            key = Decimal(each.key) if key_type == "N" else each.key
            rows.append(StoredEntry(key, each.values, each.identity))
        rows.sort(key=lambda row: (str(row.key).encode(), row.identity))

    def store(self, _key_type: str) -> MemoryStore:
        return self

    def read(
        self,
        device_id: str,
        lower: Any,
        upper: Any,
        *,
        descending: bool,
        properties: Collection[str],
        limit: int | None,
    ) -> Iterator[StoredEntry]:
        rows = self.entries.get(device_id, [])
        keys = [str(row.key).encode() for row in rows]
        first = 0 if lower is None else bisect.bisect_left(keys, str(lower).encode())
        last = len(keys) if upper is None else bisect.bisect_right(keys, str(upper).encode())
        chosen = rows[first:last]
        yield from reversed(chosen) if descending else chosen
