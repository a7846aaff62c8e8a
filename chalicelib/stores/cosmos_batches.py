"""Rows of Cosmos DB's queries as entries, one by one and column by column."""

from __future__ import annotations

from decimal import Decimal
from operator import eq
from types import NoneType
from typing import TYPE_CHECKING, Any, Final

from chalicelib.model.entries import StoredColumn, StoredEntry
from chalicelib.model.locations import value_at, values_at
from chalicelib.stores.hot_store import in_identity_order

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from chalicelib.model.locations import Places
    from chalicelib.model.timestamps import SortKey

KEY: Final = "k"
"""The column with the timestamp."""
IDENTITY: Final = "i"
"""The column with the document's id."""


class RowBatch:
    """Rows of a query, each a map of its columns; see `EntryBatch`.

    Parameters
    ----------
    rows
        In the order of their keys. Those of the same key are put in the order of their identities, so
        all of them must be there.
    properties
        By the name of each property, the columns where its value may be; see `HotStore.read`.
    descending
        True for descending order.

    Examples
    --------
    >>> rows = [{"k": 9, "i": "b", "p0": 4.25}, {"k": 9, "i": "a", "p0": None}]
    >>> batch = RowBatch(rows, {"pressure": [("p0",)]}, descending=False)
    >>> batch.entry(1)
    StoredEntry(key=Decimal('9'), values={'pressure': 4.25}, identity='b')
    >>> batch.column("pressure", 0, 2)
    StoredColumn(kind='number', values=[4.25], rows=[1])
    """

    def __init__(
        self, rows: Sequence[Mapping[str, Any]], properties: Places, *, descending: bool
    ) -> None:
        keys = [row[KEY] for row in rows]
        if any(map(eq, keys, keys[1:])):
            entries = (StoredEntry(row[KEY], row, row[IDENTITY]) for row in rows)
            rows = [entry.values for entry in in_identity_order(entries, descending=descending)]
            keys = [row[KEY] for row in rows]
        self.keys: Sequence[SortKey] = (
            keys if {str}.issuperset(map(type, keys)) else list(map(_sort_key, keys))
        )
        self._rows = rows
        self._properties = properties

    def entry(self, index: int) -> StoredEntry:
        """Return one entry."""
        row = self._rows[index]
        return StoredEntry(self.keys[index], values_at(row, self._properties), row[IDENTITY])

    def column(self, name: str, first: int, last: int) -> StoredColumn | None:
        """Return a property's values; see `EntryBatch.column`."""
        places = self._properties[name]
        rows = None
        if len(places) == 1:
            ((column,),) = places
            values = [row.get(column) for row in self._rows[first:last]]
        else:
            values = [value_at(row, places) for row in self._rows[first:last]]
        kinds = set(map(type, values))
        if NoneType in kinds:
            kinds.remove(NoneType)
            rows = [row for row, value in enumerate(values) if value is not None]
            values = [values[row] for row in rows]
        if kinds <= {str}:
            return StoredColumn("text", values, rows)
        if kinds <= {int, float}:
            return StoredColumn("number", values, rows)
        return StoredColumn("boolean", values, rows) if kinds == {bool} else None


def last_key_begins(rows: Sequence[Mapping[str, Any]]) -> int:
    """Return the index of the first of those rows that have the same key as the last one."""
    index = len(rows)
    while index and rows[index - 1][KEY] == rows[-1][KEY]:
        index -= 1
    return index


def _sort_key(stored: Any) -> Any:
    """Return a number as a `Decimal`, and anything else as it is, for the Hot Reader to judge."""
    if isinstance(stored, bool) or not isinstance(stored, int | float):
        return stored
    # Some writers spell a whole number as 1769792400000.0.
    if isinstance(stored, int) or stored.is_integer():
        return Decimal(int(stored))
    return Decimal(repr(stored))
