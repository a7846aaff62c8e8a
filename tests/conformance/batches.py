"""Stores of plain entries that also hand them out in batches, as DynamoDB's pages come."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from chalicelib.model.entries import StoredColumn
from tests.conformance.memory import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chalicelib.model.entries import StoredEntry


@dataclass
class PlainBatch:
    """Some entries."""

    entries: list[StoredEntry]
    is_last: bool = False

    def __post_init__(self) -> None:
        self.keys = [entry.key for entry in self.entries]

    def entry(self, index: int) -> StoredEntry:
        return self.entries[index]

    def column(self, name: str, first: int, last: int) -> StoredColumn | None:
        found = [each.values.get(name, _MISSING) for each in self.entries[first:last]]
        rows = [row for row, value in enumerate(found) if value is not _MISSING]
        values = [found[row] for row in rows]
        kinds = {type(value) for value in values}
        if not values:
            return StoredColumn("text", (), ())
        if kinds == {Decimal}:
            return StoredColumn("number", list(map(str, values)), rows)
        if kinds == {str}:
            return StoredColumn("text", values, rows)
        return StoredColumn("boolean", values, rows) if kinds == {bool} else None


_MISSING = object()


class BatchingMemoryStore(MemoryStore):
    """Hands out its entries in batches of one size.

    Parameters
    ----------
    size
        How many entries a batch has; the last one may have fewer.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self._size = size

    def read_batches(self, *asked: Any, **more: Any) -> Iterator[PlainBatch]:
        entries = list(self.read(*asked, **more))
        for first in range(0, len(entries), self._size):
            end = first + self._size
            yield PlainBatch(entries[first:end], is_last=end >= len(entries))
