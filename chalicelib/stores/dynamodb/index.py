"""A DynamoDB table whose order of time is that of a secondary index.

Unlike a table, an index may hold several entries of one device and instant.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any, Protocol

from chalicelib.stores.hot_store import HotStore

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from chalicelib.model.entries import DeviceId, StoredEntry
    from chalicelib.model.locations import Places
    from chalicelib.model.timestamps import SortKey


class IndexQueries(HotStore, Protocol):
    """Queries of an index, which yields entries of the same key in any order."""

    def key_beyond_index(
        self, device_id: DeviceId, lower: SortKey | None, upper: SortKey | None
    ) -> list[str] | None:
        """Return the names of the table's key attributes that aren't keys of the index.

        None if they are unknown, as there is no entry between the two bounds.
        """


class DynamoDBIndexStore:
    """A hot store that reads a secondary index by Query.

    What distinguishes entries of one device and instant is the table's own key, which every index has
    (Amazon DynamoDB developer guide, 'Attribute projections'). Its names aren't known, and asking for
    the table's description would take a permission that a Hot Reader hasn't got; but the position of a
    Query in an index holds them, too.

    Parameters
    ----------
    index
        Queries of the index.
    """

    def __init__(self, index: IndexQueries) -> None:
        self._index = index
        self._table_key: list[str] | None = None

    def read(
        self,
        device_id: DeviceId,
        lower: SortKey | None,
        upper: SortKey | None,
        *,
        descending: bool,
        properties: Places,
        limit: int | None,
    ) -> Iterator[StoredEntry]:
        """Yield a device's entries; see `HotStore.read`."""
        if self._table_key is None:
            # Two requests at once ask twice, and learn the same.
            self._table_key = self._index.key_beyond_index(device_id, lower, upper)
        # Longer than the name of any property, so that none is another's. Without a key there is no
        # entry, or a single one.
        longer = "_" * max(map(len, properties), default=0)
        table_key = {f"{longer}_{name}": [(name,)] for name in self._table_key or ()}
        entries = self._index.read(
            device_id,
            lower,
            upper,
            descending=descending,
            properties={**properties, **table_key},
            limit=limit,
        )
        for entry in entries:
            yield entry._replace(identity=_identity(entry.values, table_key))


def _identity(values: Mapping[str, Any], table_key: Iterable[str]) -> str:
    return json.dumps([values[name] for name in table_key], default=_spelled)


def _spelled(value: Any) -> str:
    """Spell the parts of a key that JSON has no type for: numbers with all digits, and bytes."""
    return base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)
