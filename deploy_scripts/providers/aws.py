"""AWS: the hot storage is DynamoDB, and Chalice deploys the functions."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from chalicelib.settings.dynamodb import DynamoDBSettings
from deploy_scripts.providers.provider import Provider, StorageKey
from deploy_scripts.providers.telemetry import DEVICE_ID, TIMESTAMP, Writer, pauses

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mypy_boto3_dynamodb import DynamoDBClient

    from chalicelib.settings.environment import Environment
    from deploy_scripts.providers.telemetry import Entry


class DynamoDBWriter(Writer):
    """Writes entries as items of a table that exists.

    Parameters
    ----------
    client
        A boto3 client of `dynamodb`.
    table_name
        The table; its keys have the Hot Readers' default names.
    """

    largest_batch = 25
    """The most items that BatchWriteItem takes (DynamoDB API reference)."""

    def __init__(self, client: DynamoDBClient, table_name: str) -> None:
        super().__init__(f"the DynamoDB table {table_name}")
        self._client = client
        self._table_name = table_name

    def _put(self, entries: Sequence[Entry]) -> None:
        from boto3.dynamodb.types import TypeSerializer

        attributes = TypeSerializer().serialize
        waiting: list[Any] = [
            {"PutRequest": {"Item": attributes(_item(entry))["M"]}} for entry in entries
        ]
        for pause in pauses():
            answer = self._client.batch_write_item(RequestItems={self._table_name: waiting})
            waiting = list(answer.get("UnprocessedItems", {}).get(self._table_name, []))
            if not waiting:
                return
            time.sleep(pause)  # the table throttles (DynamoDB API reference, BatchWriteItem)


def _item(entry: Entry) -> dict[str, Any]:
    return entry.values | {DEVICE_ID: entry.device_id, TIMESTAMP: entry.timestamp}


def _writer(environment: Environment) -> DynamoDBWriter:
    import boto3

    table_name = DynamoDBSettings.load(environment).table_name
    return DynamoDBWriter(boto3.client("dynamodb"), table_name)


_STORAGE: Final = (
    StorageKey(
        "table",
        "DYNAMODB_TABLE_NAME",
        "the table's name: 3 to 255 letters, digits, '_', '.' and '-', and no ARN",
        pattern=r"^[a-zA-Z0-9_.\-]{3,255}$",
        default="{twin}-hot-telemetry",
    ),
    StorageKey(
        "index",
        "DYNAMODB_INDEX_NAME",
        "a secondary index of the table: 3 to 255 letters, digits, '_', '.' and '-'",
        pattern=r"^[a-zA-Z0-9_.\-]{3,255}$",
    ),
)
"""The patterns are those of a name (DynamoDB developer guide, 'Naming rules')."""
PROVIDER: Final = Provider("aws", "AWS", "DynamoDB", DynamoDBSettings, _STORAGE, _writer)
