"""A store in memory, for many random examples in little time."""

from __future__ import annotations

import bisect
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from chalicelib.model.entries import StoredEntry
from chalicelib.model.instants import NativeTimestamp, parse_instant
from chalicelib.model.locations import values_at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from chalicelib.model.entries import DeviceId
    from chalicelib.model.locations import Places
    from tests.conformance.oracle import Stored

_KEYS: dict[str, Callable[[str], Any]] = {
    "S": str,
    "N": Decimal,
    "T": lambda key: NativeTimestamp(parse_instant(key)),
}


class MemoryStore:
    """Keeps every entry that it is given, also several of one key."""

    unique_keys = False

    def __init__(self) -> None:
        self.entries: dict[DeviceId, list[StoredEntry]] = {}

    def put(self, device_id: DeviceId, entries: Sequence[Stored], key_type: str) -> None:
        rows = self.entries.setdefault(device_id, [])
        for each in entries:
            key = _KEYS[key_type](each.key)
            rows.append(StoredEntry(key, each.values, each.identity))
        rows.sort(key=lambda row: (row.key, row.identity))

    def store(self, _key_type: str) -> MemoryStore:
        return self

    def read(
        self,
        device_id: DeviceId,
        lower: Any,
        upper: Any,
        *,
        descending: bool,
        properties: Places,
        limit: int | None,
    ) -> Iterator[StoredEntry]:
        rows = self.entries.get(device_id, [])
        keys: list[Any] = [row.key for row in rows]
        first = 0 if lower is None else bisect.bisect_left(keys, lower)
        last = len(keys) if upper is None else bisect.bisect_right(keys, upper)
        chosen = rows[first:last]
        for row in reversed(chosen) if descending else chosen:
            yield row._replace(values=values_at(row.values, properties))
