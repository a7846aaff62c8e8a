"""Firestore's documents as entries, one by one and column by column.

A value is a JSON object with one name, that of its type: `{"doubleValue": 21.5}` (REST reference, 'Value').
"""

from __future__ import annotations

import math
import re
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from operator import itemgetter
from types import NoneType
from typing import TYPE_CHECKING, Any, Final

from chalicelib.model.entries import StoredColumn, StoredEntry
from chalicelib.model.instants import NativeTimestamp, parse_instant
from chalicelib.model.locations import between, value_at, value_at_in_all, values_at

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from chalicelib.model.locations import Places
    from chalicelib.model.timestamps import SortKey

Value = dict[str, Any]
"""A value as the API spells it."""
_MICROSECOND: Final = 1_000
"""Nanoseconds."""
_DOUBLE: Final = "doubleValue"
_INTEGER: Final = "integerValue"
_DIGITS: Final = re.compile("-?[0-9]{1,19}")


@dataclass(frozen=True, slots=True)
class OtherValue:
    """A value that no DataValue can express: bytes, a reference, a point on Earth, a timestamp.

    Attributes
    ----------
    type
        The name of its type, such as `bytesValue`.
    """

    type: str


class DocumentBatch:
    """Documents of a page; see `EntryBatch`.

    Parameters
    ----------
    documents
        In the order of their keys.
    timestamp
        The field with the timestamp.
    properties
        Where the values are; see `HotStore.read`.

    Attributes
    ----------
    position
        The last document's, as values of a query's cursor.
    is_last
        See `EntryBatch`.

    Raises
    ------
    LookupError, TypeError
        A document isn't one, or has no timestamp.

    Examples
    --------
    >>> fields = {"t": {"integerValue": "9"}, "pressure": {"doubleValue": 4}}
    >>> documents = [{"name": "projects/p/databases/d/documents/c/id", "fields": fields}]
    >>> batch = DocumentBatch(documents, "t", {"pressure": [("pressure",)]})
    >>> batch.entry(0)
    StoredEntry(key=Decimal('9'), values={'pressure': 4.0}, identity='id')
    >>> batch.column("pressure", 0, 1)
    StoredColumn(kind='number', values=[4.0], rows=None)
    """

    def __init__(
        self, documents: Sequence[Mapping[str, Any]], timestamp: str, properties: Places
    ) -> None:
        self.is_last = False
        self._documents = documents
        self._fields: list[dict[str, Value]] = list(map(itemgetter("fields"), documents))
        self._properties = {
            name: [between(place, "mapValue", "fields") for place in places]
            for name, places in properties.items()
        }
        "".join(map(itemgetter("name"), documents))  # fails if one isn't a string
        keys: list[Any] = []
        with suppress(KeyError):
            stored = map(itemgetter(timestamp), self._fields)
            keys = list(map(itemgetter("stringValue"), stored))
        if not keys or not {str}.issuperset(map(type, keys)):
            keys = [_sort_key(fields[timestamp]) for fields in self._fields]
        self.keys: Sequence[SortKey] = keys
        self.position = [self._fields[-1][timestamp], {"referenceValue": documents[-1]["name"]}]

    def entry(self, index: int) -> StoredEntry:
        """Return one entry."""
        found = values_at(self._fields[index], self._properties)
        values = {name: _plain(value) for name, value in found.items() if value is not None}
        identity = self._documents[index]["name"].rpartition("/")[2]
        return StoredEntry(self.keys[index], values, identity)

    def column(self, name: str, first: int, last: int) -> StoredColumn | None:
        """Return a property's values; see `EntryBatch.column`."""
        places, documents = self._properties[name], self._fields[first:last]
        found = value_at_in_all(documents, places)
        if found is None:
            return _mixed_column([value_at(fields, places) for fields in documents])
        with suppress(LookupError, TypeError, ValueError):
            # All have a value of the first one's type, or this fails.
            (kind,) = found[0]
            return _column(kind, list(map(itemgetter(kind), found)), None)
        return _mixed_column(found)


def _mixed_column(values: Sequence[Value | None]) -> StoredColumn | None:
    """Return values as a column if all that there are may be in one."""
    if not {dict, NoneType}.issuperset(map(type, values)):
        return None
    # A null adds no value either.
    rows = [
        row for row, value in enumerate(values) if value is not None and "nullValue" not in value
    ]
    present = [value for value in values if value is not None and "nullValue" not in value]
    if not all(present):  # One without a type is looked at by itself.
        return None
    kinds = {kind for value in present for kind in value}
    whole = rows if len(rows) < len(values) else None
    if len(kinds) == 1:
        (kind,) = kinds
        return _column(kind, [value[kind] for value in present], whole)
    if kinds and kinds <= {_DOUBLE, _INTEGER}:
        numbers = list(map(_plain, present))
        is_plain = {int, float}.issuperset(map(type, numbers)) and math.isfinite(sum(numbers))
        return StoredColumn("number", numbers, whole) if is_plain else None
    return StoredColumn("text", [], whole) if not kinds else None


def _column(kind: str, found: list[Any], rows: Sequence[int] | None) -> StoredColumn | None:
    """Return the contents of values of one type as a column, if there can be one."""
    types = set(map(type, found))
    if kind == "stringValue" and types == {str}:
        return StoredColumn("text", found, rows)
    if kind == "booleanValue" and types == {bool}:
        return StoredColumn("boolean", found, rows)
    if kind == _INTEGER and types == {str}:
        with suppress(ValueError):
            return StoredColumn("number", list(map(int, found)), rows)
    # NaN and infinity are strings.
    if kind == _DOUBLE and types <= {int, float} and math.isfinite(sum(found)):
        # 4.0 is spelled 4.
        return StoredColumn("number", list(map(float, found)) if int in types else found, rows)
    return None


def _plain(value: Any) -> Any:
    """Return a plain value; see `StoredEntry.values`."""
    match value:
        case {"stringValue": str(text)}:
            return text
        case {"doubleValue": int() | float() | "NaN" | "Infinity" | "-Infinity" as number}:
            return float(number)
        case {"integerValue": str(digits)} if _DIGITS.fullmatch(digits):
            return int(digits)
        case {"booleanValue": bool(flag)}:
            return flag
        case {"nullValue": _}:
            return None
        case {"arrayValue": {"values": list(each)}}:
            return list(map(_plain, each))
        case {"mapValue": {"fields": dict(fields)}}:
            return {name: _plain(each) for name, each in fields.items()}
        # Empty ones have neither.
        case {"arrayValue": {**rest}} if not rest:
            return []
        case {"mapValue": {**rest}} if not rest:
            return {}
    return OtherValue(next(iter(value), "") if isinstance(value, dict) else str(value))


def _sort_key(value: Value) -> Any:
    """Return a sort key; what isn't one is returned as it is, for the Hot Reader to judge."""
    match value:
        case {"timestampValue": str(text)}:
            with suppress(ValueError):
                # The microseconds are all that the service keeps (REST reference, 'Value').
                return NativeTimestamp(parse_instant(text) // _MICROSECOND * _MICROSECOND)
    plain = _plain(value)
    is_number = isinstance(plain, int | float) and not isinstance(plain, bool)
    return Decimal(plain) if is_number else plain
