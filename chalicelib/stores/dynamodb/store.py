"""The hot storage on AWS: a DynamoDB table with the device's id as partition key, time as sort key."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, Final

import botocore
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as BotoConnectionError

from chalicelib.connections.answer_time import all_until
from chalicelib.model.errors import HotStoreError, StoreUnavailableError
from chalicelib.model.locations import projection
from chalicelib.stores.dynamodb.batches import ColumnBatch, ItemBatch, made_of_items
from chalicelib.stores.dynamodb.errors import cure, is_transient
from chalicelib.stores.dynamodb.index import DynamoDBIndexStore
from chalicelib.stores.dynamodb.pages import ItemColumns, page_client
from chalicelib.stores.hot_store import entries_of, read_ends

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from mypy_boto3_dynamodb import DynamoDBClient

    from chalicelib.model.entries import DeviceId, EntryBatch, StoredEntry
    from chalicelib.model.locations import Location, Places
    from chalicelib.model.timestamps import SortKey
    from chalicelib.settings.dynamodb import DynamoDBSettings
    from chalicelib.settings.hot_reader import HotReaderSettings
    from chalicelib.stores.hot_store import HotStore

# DynamoDB mostly answers within milliseconds.
CLIENT: Final = Config(
    connect_timeout=2,
    read_timeout=5,
    retries={"mode": "standard", "total_max_attempts": 3},
    max_pool_connections=32,
    # For each call botocore also checks the parameters, which are made here, and describes the machine
    # in the user agent. Neither is needed; together they are a sixth of a small page's time.
    parameter_validation=False,
    user_agent=f"multi-cloud-hot-reader Botocore/{botocore.__version__}",
)
"""The configuration of the hot table's client."""
_SMALLER: Final = 8
"""The part of the estimate that a second request of a page asks for."""
_SMALLEST_FOLLOW_UP: Final = 8
"""Items. Up to 512 bytes each, they cost one read unit of 4 KB together, so fewer save nothing."""
_GROWTH: Final = 4
"""The factor by which further requests grow when the caller takes more than its estimate."""
_LARGEST_LIMIT: Final = 1_000_000
"""Items; a page ends at 1 MB, long before that."""
_LONGEST_EXPRESSION: Final = 4_096
"""Bytes (Amazon DynamoDB developer guide, 'Quotas', 'Expression parameters')."""


def connect(settings: DynamoDBSettings, entries: HotReaderSettings) -> HotStore:
    """Return the store that the settings name; nothing is sent yet."""
    store = DynamoDBHotStore(
        page_client(CLIENT),
        table_name=settings.table_name,
        index_name=settings.index_name,
        device_id_attribute=entries.device_id_attribute,
        timestamp_attribute=entries.timestamp_attribute,
    )
    return store if settings.index_name is None else DynamoDBIndexStore(store)


class DynamoDBHotStore:
    """A hot store that reads a table by Query, page by page of at most 1 MB.

    Of an index, `DynamoDBIndexStore` makes a hot store.

    Parameters
    ----------
    client
        A low-level DynamoDB client.
    table_name
        The hot table.
    device_id_attribute, timestamp_attribute
        The names of the partition key and of the sort key, each a string or a number.
    index_name
        The secondary index with these keys; None if they are the table's own.
    """

    def __init__(
        self,
        client: DynamoDBClient,
        *,
        table_name: str,
        device_id_attribute: str,
        timestamp_attribute: str,
        index_name: str | None = None,
    ) -> None:
        self._client = client
        self._table_name = table_name
        self._index_name = index_name
        self._place = f"the table {table_name!r}"
        if index_name is not None:
            self._place = f"the index {index_name!r} of {self._place}"
        self._device_id_attribute = device_id_attribute
        self._timestamp_attribute = timestamp_attribute

    def key_beyond_index(
        self, device_id: DeviceId, lower: SortKey | None, upper: SortKey | None
    ) -> list[str] | None:
        """Return the names of the rest of the table's key; see `IndexQueries.key_beyond_index`."""
        request = self._request(device_id, lower, upper, descending=False, properties={}, limit=1)
        page = self._query(request, read_ends())
        position = page.get("LastEvaluatedKey")
        if position is None:
            return None
        return sorted({*position} - {self._device_id_attribute, self._timestamp_attribute})

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
        return entries_of(
            self.read_batches(
                device_id, lower, upper, descending=descending, properties=properties, limit=limit
            )
        )

    def read_batches(
        self,
        device_id: DeviceId,
        lower: SortKey | None,
        upper: SortKey | None,
        *,
        descending: bool,
        properties: Places,
        limit: int | None,
    ) -> Iterator[EntryBatch]:
        """Yield a device's entries, one batch for each page; see `BatchingHotStore.read_batches`."""
        request = self._request(
            device_id, lower, upper, descending=descending, properties=properties, limit=limit
        )
        follow_up = max((limit or 0) // _SMALLER, _SMALLEST_FOLLOW_UP)
        until = read_ends()
        while True:
            page = self._query(request, until)
            with made_of_items():
                items: Any = page["Items"]
                if isinstance(items, ItemColumns) and not items.have_all(properties):
                    items = items.items()
            is_last = "LastEvaluatedKey" not in page
            if isinstance(items, ItemColumns):
                yield ColumnBatch(items, self._timestamp_attribute, properties, is_last=is_last)
            elif items:
                yield ItemBatch(items, self._timestamp_attribute, properties, is_last=is_last)
            if is_last:
                return
            if page["LastEvaluatedKey"] == request.get("ExclusiveStartKey"):
                raise StoreUnavailableError("DynamoDB answers the same page again and again.")
            request["ExclusiveStartKey"] = page["LastEvaluatedKey"]
            if "Limit" in request:
                # Mostly the rest of a second is missing, seldom as much again.
                request["Limit"] = min(follow_up, _LARGEST_LIMIT)
                follow_up *= _GROWTH

    def _request(
        self,
        device_id: DeviceId,
        lower: SortKey | None,
        upper: SortKey | None,
        *,
        descending: bool,
        properties: Places,
        limit: int | None,
    ) -> dict[str, Any]:
        names = {"#device": self._device_id_attribute}
        values = {":device": _attribute(device_id)}
        condition = "#device = :device"
        if lower is not None or upper is not None:
            names["#time"] = self._timestamp_attribute
        if lower is not None and upper is not None:
            condition += " AND #time BETWEEN :lower AND :upper"
        elif lower is not None:
            condition += " AND #time >= :lower"
        elif upper is not None:
            condition += " AND #time <= :upper"
        if lower is not None:
            values[":lower"] = _attribute(lower)
        if upper is not None:
            values[":upper"] = _attribute(upper)

        wanted, placeholders = _projection(
            [(self._timestamp_attribute,), *itertools.chain(*properties.values())]
        )
        request: dict[str, Any] = {
            "TableName": self._table_name,
            "KeyConditionExpression": condition,
            "ProjectionExpression": wanted,
            "ExpressionAttributeNames": names | placeholders,
            "ExpressionAttributeValues": values,
            "ScanIndexForward": not descending,
        }
        if self._index_name is not None:
            request["IndexName"] = self._index_name
        if limit is not None:
            request["Limit"] = min(limit, _LARGEST_LIMIT)
        return request

    def _query(self, request: dict[str, Any], until: float) -> Mapping[str, Any]:
        try:
            # A position that is none is found out when it is sent back.
            with all_until(until), made_of_items():
                return self._client.query(**request)
        except (HTTPClientError, BotoConnectionError) as error:
            raise StoreUnavailableError(f"DynamoDB can't be reached: {error}") from error
        except ClientError as error:
            if is_transient(error):
                raise StoreUnavailableError(
                    f"DynamoDB is throttling or unavailable: {error}"
                ) from error
            raise HotStoreError(
                f"DynamoDB refuses to read {self._place}: {error}. "
                f"{cure(error, self._table_name, self._index_name)}"
            ) from error
        except BotoCoreError as error:
            raise HotStoreError(f"DynamoDB can't be queried: {error}") from error


def _projection(places: Iterable[Location]) -> tuple[str, dict[str, str]]:
    """Return a ProjectionExpression, and the names that its placeholders stand for.

    If it would be too long, it names attributes of the item as a whole.
    """
    for wanted in (projection(places), projection(place[:1] for place in places)):
        names = dict.fromkeys(itertools.chain(*wanted))
        placeholders = {name: f"#p{number}" for number, name in enumerate(names)}
        expression = ", ".join(".".join(map(placeholders.__getitem__, each)) for each in wanted)
        if len(expression) <= _LONGEST_EXPRESSION:
            break
    return expression, {placeholder: name for name, placeholder in placeholders.items()}


def _attribute(key: DeviceId | SortKey) -> dict[str, str]:
    return {"S": key} if isinstance(key, str) else {"N": str(key)}
