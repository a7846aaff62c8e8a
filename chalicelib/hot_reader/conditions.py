"""The conditions of a query, which an entry must meet to be returned."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.model.data_value import UnrepresentableValueError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chalicelib.model.entries import EntryBatch, StoredEntry
    from chalicelib.model.query import HistoryQuery
    from chalicelib.model.results import Flaws


class Conditions:
    """The test of entries by a query's filters, all of which must hold.

    An entry whose value has no comparable one of the declared type doesn't pass, and is counted.

    Parameters
    ----------
    query
        The query.
    flaws
        Takes what can't be compared.

    Raises
    ------
    InvalidQueryError
        A filter doesn't fit its property's type.

    Examples
    --------
    >>> from chalicelib.model.entries import StoredEntry
    >>> from chalicelib.model.property_filter import PropertyFilter
    >>> from chalicelib.model.query import HistoryQuery
    >>> from chalicelib.model.results import Flaws
    >>> warm = PropertyFilter("temperature", ">", {"doubleValue": 20})
    >>> query = HistoryQuery(
    ...     device_id="pump-1", selected_properties=("p",), start=0, end=9, filters=(warm,)
    ... )
    >>> Conditions(query, Flaws()).met_by(StoredEntry("1970-01-01T00:00:00Z", {"temperature": 21}))
    True
    """

    def __init__(self, query: HistoryQuery, flaws: Flaws) -> None:
        self._flaws = flaws
        self._conditions = [
            (each.property_name, each.condition(query.property_types.get(each.property_name)))
            for each in query.filters
        ]

    def met_by(self, entry: StoredEntry) -> bool:
        """Test one entry."""
        for name, condition in self._conditions:
            stored = entry.values.get(name)
            try:
                if stored is None or not condition.holds(stored):
                    return False
            except UnrepresentableValueError as error:
                self._flaws.add_value(name, entry.key, error)
                return False
        return True

    def rows(self, batch: EntryBatch, first: int, last: int) -> Sequence[int] | None:
        """Test the entries from `first` to before `last` at once, with the result of `met_by` for each.

        Returns
        -------
        Sequence[int] | None
            Those that pass, counted from `first`; None if each has to be tested by itself.
        """
        rows: Sequence[int] | None = range(last - first)
        for name, condition in self._conditions:
            if not rows:
                break
            column = batch.column(name, first, last)
            rows = None if column is None else condition.rows(column.of(rows, last - first))
        return rows
