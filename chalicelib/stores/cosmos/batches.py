"""Rows of Cosmos DB's queries as entries, one by one and column by column."""

from __future__ import annotations

import itertools
from decimal import Decimal
from operator import eq, itemgetter
from types import NoneType
from typing import TYPE_CHECKING, Any, Final

from chalicelib.model.entries import StoredColumn, StoredEntry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chalicelib.model.timestamps import SortKey

KEY_AND_IDENTITY: Final = 2
"""A row begins with the timestamp and the document's id."""


class RowBatch:
    """Rows of a query: the timestamp, the document's id, and a value of each property; see `EntryBatch`.

    Parameters
    ----------
    columns
        Of rows in the order of their keys. Those of the same key are put in the order of their
        identities.
    names
        The properties, in the order of their columns; None stands for no value.
    descending
        True for descending order.
    is_last
        See `EntryBatch`.

    Examples
    --------
    >>> batch = RowBatch([[9, 9], ["b", "a"], [4.25, None]], ["pressure"], descending=False)
    >>> batch.entry(1)
    StoredEntry(key=Decimal('9'), values={'pressure': 4.25}, identity='b')
    >>> batch.column("pressure", 0, 2)
    StoredColumn(kind='number', values=[4.25], rows=[1])
    """

    def __init__(
        self,
        columns: Sequence[Sequence[Any]],
        names: Sequence[str],
        *,
        descending: bool,
        is_last: bool = False,
    ) -> None:
        self.is_last = is_last
        if any(map(eq, columns[0], columns[0][1:])):
            same_keys = itertools.groupby(zip(*columns, strict=True), key=itemgetter(0))
            rows = (sorted(same, key=itemgetter(1), reverse=descending) for _, same in same_keys)
            columns = list(zip(*itertools.chain.from_iterable(rows), strict=True))
        keys, self._identities = columns[:KEY_AND_IDENTITY]
        self.keys: Sequence[SortKey] = (
            keys if {str}.issuperset(map(type, keys)) else list(map(_sort_key, keys))
        )
        self._columns = dict(zip(names, columns[KEY_AND_IDENTITY:], strict=True))

    def entry(self, index: int) -> StoredEntry:
        """Return one entry."""
        found = ((name, column[index]) for name, column in self._columns.items())
        values = {name: value for name, value in found if value is not None}
        return StoredEntry(self.keys[index], values, self._identities[index])

    def column(self, name: str, first: int, last: int) -> StoredColumn | None:
        """Return a property's values; see `EntryBatch.column`."""
        values: Sequence[Any] = self._columns[name][first:last]
        rows = None
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


def _sort_key(stored: Any) -> Any:
    """Return a number as a `Decimal`, and anything else as it is, for the Hot Reader to judge."""
    if isinstance(stored, bool) or not isinstance(stored, int | float):
        return stored
    # Some writers spell a whole number as 1769792400000.0.
    if isinstance(stored, int) or stored.is_integer():
        return Decimal(int(stored))
    return Decimal(repr(stored))
