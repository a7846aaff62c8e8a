"""The conditions of a query, which an entry must meet to be returned."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.model.data_value import UnrepresentableValueError

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.model.entries import StoredEntry
    from chalicelib.model.query import HistoryQuery
    from chalicelib.model.results import Flaws


def conditions(query: HistoryQuery, flaws: Flaws) -> Callable[[StoredEntry], bool]:
    """Return the test of an entry by a query's filters.

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
    """
    tests = [
        (each.property_name, each.condition(query.property_types.get(each.property_name)))
        for each in query.filters
    ]

    def matches(entry: StoredEntry) -> bool:
        for name, holds in tests:
            stored = entry.values.get(name)
            try:
                if stored is None or not holds(stored):
                    return False
            except UnrepresentableValueError as error:
                flaws.add_value(name, entry.key, error)
                return False
        return True

    return matches
