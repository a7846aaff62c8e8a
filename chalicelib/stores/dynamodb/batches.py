"""Pages of DynamoDB items as entries, one by one and column by column."""

from __future__ import annotations

import base64
from contextlib import contextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, Literal

from chalicelib.model.entries import StoredColumn, StoredEntry
from chalicelib.model.errors import StoreUnavailableError
from chalicelib.model.locations import between, value_at, value_at_in_all, values_at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from chalicelib.model.locations import Places
    from chalicelib.model.timestamps import SortKey
    from chalicelib.stores.dynamodb.pages import ItemColumns


class ItemBatch:
    """The items of a page; see `EntryBatch`.

    Parameters
    ----------
    items
        At least one, as they came.
    timestamp_attribute
        The name of the sort key.
    properties
        Where the values are; see `HotStore.read`.
    is_last
        See `EntryBatch`.

    Examples
    --------
    >>> item = {"time": {"S": "2026-01-30T17:00:00Z"}, "payload": {"M": {"p": {"N": "4.20"}}}}
    >>> batch = ItemBatch([item], "time", {"pressure": [("payload", "p")]})
    >>> batch.entry(0).values["pressure"]
    Decimal('4.20')
    >>> batch.column("pressure", 0, 1)
    StoredColumn(kind='number', values=['4.20'], rows=None)
    """

    def __init__(
        self,
        items: Sequence[Mapping[str, Mapping[str, Any]]],
        timestamp_attribute: str,
        properties: Places,
        *,
        is_last: bool = False,
    ) -> None:
        self.is_last = is_last
        self._items = items
        self._properties = {
            # `M` leads into a map.
            name: [between(place, "M") for place in places]
            for name, places in properties.items()
        }
        with made_of_items():
            (kind,) = items[0][timestamp_attribute]
            keys = [item[timestamp_attribute][kind] for item in items]
            self.keys: Sequence[SortKey] = keys if kind == "S" else list(map(_PLAIN[kind], keys))

    def entry(self, index: int) -> StoredEntry:
        """Return one entry."""
        attributes = values_at(self._items[index], self._properties)
        with made_of_items():
            values = {name: _plain(attribute) for name, attribute in attributes.items()}
        return StoredEntry(self.keys[index], values)

    def column(self, name: str, first: int, last: int) -> StoredColumn | None:
        """Return a property's values; see `EntryBatch.column`."""
        places, rows = self._properties[name], None
        items = self._items[first:last]
        attributes = value_at_in_all(items, places)
        if attributes is None:
            attributes = [value_at(item, places) for item in items]
        if None in attributes:
            rows = [row for row, attribute in enumerate(attributes) if attribute is not None]
            attributes = [attributes[row] for row in rows]
        if not attributes:
            return StoredColumn("text", (), ())
        kind = next(iter(attributes[0]), "")
        if kind not in _COLUMN_KINDS:
            return None
        try:
            values = [attribute[kind] for attribute in attributes]
        except (KeyError, TypeError):  # one is stored as another type
            return None
        if not {bool if kind == "BOOL" else str}.issuperset(map(type, values)):
            return None
        return StoredColumn(_COLUMN_KINDS[kind], values, rows)


class ColumnBatch:
    """The items of a page that came as columns; see `EntryBatch`.

    Parameters
    ----------
    items
        At least one.
    timestamp_attribute
        The name of the sort key.
    properties
        Where the values are; see `HotStore.read`. None is a map (`ItemColumns.have_all`).
    is_last
        See `EntryBatch`.
    """

    def __init__(
        self,
        items: ItemColumns,
        timestamp_attribute: str,
        properties: Places,
        *,
        is_last: bool = False,
    ) -> None:
        self.is_last = is_last
        columns = items.columns
        self._columns = {
            name: columns[found]
            for name, places in properties.items()
            if (found := next(filter(columns.__contains__, places), None))
        }
        with made_of_items():
            kind, keys = columns[timestamp_attribute,]
            self.keys: Sequence[SortKey] = keys if kind == "S" else list(map(_PLAIN[kind], keys))

    def entry(self, index: int) -> StoredEntry:
        """Return one entry."""
        with made_of_items():
            values = {
                name: _PLAIN[kind](values[index]) for name, (kind, values) in self._columns.items()
            }
        return StoredEntry(self.keys[index], values)

    def column(self, name: str, first: int, last: int) -> StoredColumn | None:
        """Return a property's values; see `EntryBatch.column`."""
        if name not in self._columns:
            return StoredColumn("text", (), ())
        kind, values = self._columns[name]
        return StoredColumn(_COLUMN_KINDS[kind], values[first:last], None)


@contextmanager
def made_of_items() -> Iterator[None]:
    """Turn what fails on an answer that isn't made of items into an error with a name."""
    try:
        yield
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise StoreUnavailableError(
            f"DynamoDB's answer isn't made of the items asked for: {error!r}"
        ) from error


def _plain(attribute: Mapping[str, Any]) -> Any:
    """Return the plain value of an AttributeValue (API reference, 'AttributeValue')."""
    ((kind, value),) = attribute.items()
    return _PLAIN[kind](value)


def _same(value: Any) -> Any:
    return value


def _binary(value: str | bytes) -> bytes:
    """Read a binary value: decoded by botocore, or still Base64 as it travels."""
    return base64.b64decode(value) if isinstance(value, str) else value


_PLAIN: Final[Mapping[str, Callable[[Any], Any]]] = {
    "S": _same,
    "N": Decimal,
    "BOOL": _same,
    "NULL": lambda _: None,
    "L": lambda items: [_plain(item) for item in items],
    "M": lambda items: {name: _plain(item) for name, item in items.items()},
    "SS": list,
    "NS": lambda numbers: [Decimal(number) for number in numbers],
    "B": _binary,
    "BS": lambda values: [_binary(value) for value in values],
}
_COLUMN_KINDS: Final[Mapping[str, Literal["number", "text", "boolean"]]] = {
    "N": "number",
    "S": "text",
    "BOOL": "boolean",
}
