"""Hot tables on a DynamoDB endpoint."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.types import TypeSerializer

from chalicelib.stores.dynamodb.index import DynamoDBIndexStore
from chalicelib.stores.dynamodb.store import DynamoDBHotStore

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.conformance.oracle import Stored


def attributes(values: Mapping[str, Any]) -> dict[str, Any]:
    return dict(TypeSerializer().serialize(values)["M"])


class DynamoDBTables:
    """Tables of one DynamoDB endpoint, one for each type of sort key."""

    unique_keys = True
    native_timestamps = False

    def __init__(self, client: Any) -> None:
        self.client = client
        for key_type in ("S", "N"):
            client.create_table(
                TableName=self.name(key_type),
                KeySchema=[
                    {"AttributeName": "device_id", "KeyType": "HASH"},
                    {"AttributeName": "timestamp", "KeyType": "RANGE"},
                ],
                AttributeDefinitions=[
                    {"AttributeName": "device_id", "AttributeType": "S"},
                    {"AttributeName": "timestamp", "AttributeType": key_type},
                ],
                BillingMode="PAY_PER_REQUEST",
            )
            client.get_waiter("table_exists").wait(
                TableName=self.name(key_type), WaiterConfig={"Delay": 1}
            )

    def read_by(self, client: Any) -> DynamoDBTables:
        """Return the same tables, read by another client."""
        tables = copy.copy(self)
        tables.client = client
        return tables

    def name(self, key_type: str) -> str:
        return f"hot-telemetry-{key_type}"

    def put(self, device_id: str, entries: Sequence[Stored], key_type: str) -> None:
        requests = [
            {
                "PutRequest": {
                    "Item": attributes(each.values)
                    | {"device_id": {"S": device_id}, "timestamp": {key_type: each.key}}
                }
            }
            for each in entries
        ]
        for first in range(0, len(requests), 25):
            self.client.batch_write_item(
                RequestItems={self.name(key_type): requests[first : first + 25]}
            )

    def store(self, key_type: str) -> DynamoDBHotStore:
        return DynamoDBHotStore(
            self.client,
            table_name=self.name(key_type),
            device_id_attribute="device_id",
            timestamp_attribute="timestamp",
        )

    def settings(self, key_type: str) -> dict[str, str]:
        """Return what a function must be told to read them."""
        return {
            "DYNAMODB_TABLE_NAME": self.name(key_type),
            "AWS_ENDPOINT_URL_DYNAMODB": self.client.meta.endpoint_url,
        }


class IndexedDynamoDBTables:
    """Tables whose own key is an id, and which a global secondary index puts in the order of time."""

    unique_keys = False
    native_timestamps = False

    def __init__(self, client: Any) -> None:
        self._client = client
        for key_type in ("S", "N"):
            client.create_table(
                TableName=f"ids-{key_type}",
                KeySchema=[{"AttributeName": "item", "KeyType": "HASH"}],
                AttributeDefinitions=[
                    {"AttributeName": "item", "AttributeType": "S"},
                    {"AttributeName": "device_id", "AttributeType": "S"},
                    {"AttributeName": "timestamp", "AttributeType": key_type},
                ],
                GlobalSecondaryIndexes=[
                    {
                        "IndexName": "by-time",
                        "KeySchema": [
                            {"AttributeName": "device_id", "KeyType": "HASH"},
                            {"AttributeName": "timestamp", "KeyType": "RANGE"},
                        ],
                        "Projection": {"ProjectionType": "ALL"},
                    }
                ],
                BillingMode="PAY_PER_REQUEST",
            )

    def put(self, device_id: str, entries: Sequence[Stored], key_type: str) -> None:
        for each in entries:
            keys = {
                # Of entries with the same key, ids are in the order of identities.
                "item": {"S": f"{device_id}:{each.key}:{each.identity}"},
                "device_id": {"S": device_id},
                "timestamp": {key_type: each.key},
            }
            self._client.put_item(TableName=f"ids-{key_type}", Item=attributes(each.values) | keys)

    def store(self, key_type: str) -> DynamoDBIndexStore:
        return DynamoDBIndexStore(
            DynamoDBHotStore(
                self._client,
                table_name=f"ids-{key_type}",
                index_name="by-time",
                device_id_attribute="device_id",
                timestamp_attribute="timestamp",
            )
        )
