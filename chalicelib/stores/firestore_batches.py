"""Firestore's documents as entries, one by one and column by column.

A value is a JSON object with one name, that of its type: `{"doubleValue": 21.5}` (REST reference, 'Value').
"""

from __future__ import annotations

import math
import re
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from types import NoneType
from typing import TYPE_CHECKING, Any, Final

from chalicelib.model.entries import StoredColumn, StoredEntry
from chalicelib.model.instants import NativeTimestamp, parse_instant

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from chalicelib.model.locations import Location, Places
    from chalicelib.model.timestamps import SortKey

Value = dict[str, Any]
"""A value as the API spells it."""
_MICROSECOND: Final = 1_000
"""Nanoseconds."""
_NULL: Final = "nullValue"
_INTEGER: Final = re.compile("-?[0-9]{1,19}")


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
        self._names: list[str] = [document["name"] for document in documents]
        self._fields: list[dict[str, Value]] = [document["fields"] for document in documents]
        self._properties = properties
        stored = [fields[timestamp] for fields in self._fields]
        if not {str}.issuperset(map(type, self._names)) or not {dict}.issuperset(map(type, stored)):
            raise TypeError("a document's name isn't a string, or its timestamp isn't a value")
        self.position = [stored[-1], {"referenceValue": self._names[-1]}]
        keys: list[Any] = [value.get("stringValue") for value in stored]
        self.keys: Sequence[SortKey] = (
            keys if {str}.issuperset(map(type, keys)) else list(map(_sort_key, stored))
        )

    def entry(self, index: int) -> StoredEntry:
        """Return one entry."""
        fields = self._fields[index]
        found = ((name, _found(fields, places)) for name, places in self._properties.items())
        values = {name: _plain(value) for name, value in found if value is not None}
        return StoredEntry(self.keys[index], values, self._names[index].rpartition("/")[2])

    def column(self, name: str, first: int, last: int) -> StoredColumn | None:
        """Return a property's values; see `EntryBatch.column`."""
        places = self._properties[name]
        values: list[Any]
        if len(places) == 1 and len(places[0]) == 1:
            ((field,),) = places
            values = [fields.get(field) for fields in self._fields[first:last]]
        else:
            values = [_found(fields, places) for fields in self._fields[first:last]]
        rows = None
        try:
            types = set().union(*values)
        except TypeError:  # some have none
            types = {_NULL}
        if _NULL in types:
            if not {dict, NoneType}.issuperset(map(type, values)):
                return None
            rows = [row for row, value in enumerate(values) if value and _NULL not in value]
            values = [values[row] for row in rows]
            types = set().union(*values)
        if types == {"stringValue"}:
            return StoredColumn("text", [value["stringValue"] for value in values], rows)
        if types == {"booleanValue"}:
            return StoredColumn("boolean", [value["booleanValue"] for value in values], rows)
        numbers = _numbers(values) if types <= {"integerValue", "doubleValue"} else None
        return None if numbers is None else StoredColumn("number", numbers, rows)


def _numbers(values: Sequence[Value]) -> list[float] | None:
    """Return numbers; None if one isn't finite."""
    try:
        # A double of 4.0 is spelled 4, and an integer is a string.
        numbers = [
            float(value["doubleValue"]) if "doubleValue" in value else int(value["integerValue"])
            for value in values
        ]
    except (TypeError, ValueError):
        return None
    return numbers if all(map(math.isfinite, numbers)) else None


def _found(fields: dict[str, Value], places: Sequence[Location]) -> Value | None:
    """Return the value at the first of some locations that there is; see `locations.value_at`."""
    for *outer, last in places:
        within = fields
        for name in outer:
            match within.get(name):
                case {"mapValue": {"fields": dict(inner)}}:
                    within = inner
                case _:
                    break
        else:
            if last in within:
                return within[last]
    return None


def _plain(value: Any) -> Any:
    """Return a plain value; see `StoredEntry.values`."""
    match value:
        case {"stringValue": str(text)}:
            return text
        case {"doubleValue": int() | float() | "NaN" | "Infinity" | "-Infinity" as number}:
            return float(number)
        case {"integerValue": str(digits)} if _INTEGER.fullmatch(digits):
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
