"""Stored entries, one by one or column by column."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from chalicelib.model.timestamps import SortKey

DeviceId = str | Decimal
"""A device's id as a store keeps it: a string, or a number."""


class StoredEntry(NamedTuple):
    """One entry as the store keeps it.

    Attributes
    ----------
    key
        Its sort key: a string, a `Decimal` with all digits, or a timestamp of the store's own type.
    values
        Values by the properties' names, as plain values: str, bool, int, float, Decimal, list, dict, None.
        A number keeps its digits, so a store that has them yields Decimal, not float.
    identity
        An id that distinguishes and orders entries of the same key, in a store that allows several.
    """

    key: SortKey
    values: Mapping[str, Any]
    identity: str = ""


class StoredColumn(NamedTuple):
    """The values of one property over several entries, all stored in the same way.

    Attributes
    ----------
    kind
        How they are stored: `number` as numbers, `text` as strings, `boolean` as booleans.
    values
        The values: for `number` either int and float, or strings that spell numbers with all their
        digits; str for `text`, bool for `boolean`.
    rows
        The entries that have them, counted from 0; None if all have.

    Examples
    --------
    >>> StoredColumn("number", ["4.1", "4.3"], [0, 2]).of([1, 2], 3)
    StoredColumn(kind='number', values=['4.3'], rows=[2])
    """

    kind: Literal["number", "text", "boolean"]
    values: Sequence[Any]
    rows: Sequence[int] | None

    def of(self, rows: Sequence[int], count: int) -> StoredColumn:
        """Return the values of some of `count` entries, which are counted as before."""
        if len(rows) == count:
            return self
        if self.rows is None:
            return StoredColumn(self.kind, [self.values[row] for row in rows], rows)
        values = dict(zip(self.rows, self.values, strict=True))
        rows = [row for row in rows if row in values]
        return StoredColumn(self.kind, [values[row] for row in rows], rows)


class EntryBatch(Protocol):
    """Consecutive entries, which are available column by column, too.

    Attributes
    ----------
    keys
        Their sort keys, in the order of the entries.
    is_last
        True if the store is known to have no entry behind them.
    """

    keys: Sequence[SortKey]
    is_last: bool

    def entry(self, index: int) -> StoredEntry:
        """Return one entry."""

    def column(self, name: str, first: int, last: int) -> StoredColumn | None:
        """Return a property's values of the entries from `first` to before `last`.

        None if they aren't all stored in the same way, or not in one of `StoredColumn`'s.
        """
