"""The hot storage on AWS: a DynamoDB table with the device's id as partition key, time as sort key."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as BotoConnectionError

from chalicelib.errors import HotStoreError, StoreUnavailableError
from chalicelib.hot_store import StoredEntry

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from mypy_boto3_dynamodb import DynamoDBClient

    from chalicelib.settings import DynamoDBSettings, HotReaderSettings
    from chalicelib.timestamps import SortKey

# API Gateway gives a request 29 seconds: a store that is away must be known to be before.
_CLIENT: Final = Config(
    connect_timeout=2,
    read_timeout=8,
    retries={"mode": "standard", "total_max_attempts": 3},
    max_pool_connections=32,
)
_UNAVAILABLE: Final = frozenset(
    {
        "InternalServerError",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ServiceUnavailable",
        "ThrottlingException",
    }
)
"""Error codes that waiting cures (Amazon DynamoDB developer guide, 'Error handling')."""
_GROWTH: Final = 4
_LARGEST_LIMIT: Final = 1_000_000
"""Items; a page's megabyte ends it long before."""


def connect(settings: DynamoDBSettings, entries: HotReaderSettings) -> DynamoDBHotStore:
    """Return the store that the settings name; nothing is sent yet."""
    return DynamoDBHotStore(
        boto3.client("dynamodb", config=_CLIENT),
        table_name=settings.table_name,
        device_id_attribute=entries.device_id_attribute,
        timestamp_attribute=entries.timestamp_attribute,
    )


class DynamoDBHotStore:
    """Reads a table with one Query per page of at most 1 MB, following `LastEvaluatedKey`.

    Parameters
    ----------
    client
        A low-level DynamoDB client.
    table_name
        The hot table.
    device_id_attribute, timestamp_attribute
        The names of the partition key (text) and of the sort key (text or number).
    """

    def __init__(
        self,
        client: DynamoDBClient,
        *,
        table_name: str,
        device_id_attribute: str,
        timestamp_attribute: str,
    ) -> None:
        self._client = client
        self._table_name = table_name
        self._device_id_attribute = device_id_attribute
        self._timestamp_attribute = timestamp_attribute

    def read(
        self,
        device_id: str,
        lower: SortKey | None,
        upper: SortKey | None,
        *,
        descending: bool,
        properties: Collection[str],
        limit: int | None,
    ) -> Iterator[StoredEntry]:
        """Yield a device's entries; see `HotStore.read`."""
        request = self._request(device_id, lower, upper, descending, properties, limit)
        while True:
            page = self._query(request)
            for item in page["Items"]:
                yield self._entry(item)
            if "LastEvaluatedKey" not in page:
                return
            request["ExclusiveStartKey"] = page["LastEvaluatedKey"]
            if "Limit" in request:
                # The caller takes more than it thought: entries lack properties, say.
                request["Limit"] = min(request["Limit"] * _GROWTH, _LARGEST_LIMIT)

    def _request(
        self,
        device_id: str,
        lower: SortKey | None,
        upper: SortKey | None,
        descending: bool,  # noqa: FBT001
        properties: Collection[str],
        limit: int | None,
    ) -> dict[str, Any]:
        names = {"#device": self._device_id_attribute}
        values = {":device": {"S": device_id}}
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

        wanted = sorted({self._timestamp_attribute, *properties})
        placeholders = {f"#p{number}": name for number, name in enumerate(wanted)}
        request: dict[str, Any] = {
            "TableName": self._table_name,
            "KeyConditionExpression": condition,
            "ProjectionExpression": ", ".join(placeholders),
            "ExpressionAttributeNames": names | placeholders,
            "ExpressionAttributeValues": values,
            "ScanIndexForward": not descending,
        }
        if limit is not None:
            request["Limit"] = min(limit, _LARGEST_LIMIT)
        return request

    def _query(self, request: dict[str, Any]) -> Mapping[str, Any]:
        try:
            return self._client.query(**request)
        except (HTTPClientError, BotoConnectionError) as error:
            raise StoreUnavailableError(f"DynamoDB can't be reached: {error}") from error
        except ClientError as error:
            code = error.response["Error"]["Code"]
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            if code in _UNAVAILABLE or status >= 500:
                raise StoreUnavailableError(f"DynamoDB is throttling or away: {error}") from error
            raise HotStoreError(
                f"DynamoDB refuses to read the table {self._table_name!r}: {error}. Check "
                "DYNAMODB_TABLE_NAME, the key attribute settings, and the function's policy."
            ) from error
        except BotoCoreError as error:
            raise HotStoreError(f"DynamoDB can't be asked: {error}") from error

    def _entry(self, item: Mapping[str, Mapping[str, Any]]) -> StoredEntry:
        values = {name: _plain(attribute) for name, attribute in item.items()}
        return StoredEntry(values[self._timestamp_attribute], values)


def _attribute(key: SortKey) -> dict[str, str]:
    return {"S": key} if isinstance(key, str) else {"N": str(key)}


def _plain(attribute: Mapping[str, Any]) -> Any:
    """Take a value out of its AttributeValue (API reference, 'AttributeValue')."""
    ((kind, value),) = attribute.items()
    return _PLAIN[kind](value)


def _same(value: Any) -> Any:
    return value


_PLAIN: Final[Mapping[str, Callable[[Any], Any]]] = {
    "S": _same,
    "N": Decimal,
    "BOOL": _same,
    "NULL": lambda _: None,
    "L": lambda items: [_plain(item) for item in items],
    "M": lambda items: {name: _plain(item) for name, item in items.items()},
    "SS": list,
    "NS": lambda numbers: [Decimal(number) for number in numbers],
    "B": _same,
    "BS": list,
}
