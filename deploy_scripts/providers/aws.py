"""AWS: the hot storage is DynamoDB, and Chalice deploys the functions."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from chalicelib.model.errors import HotStoreError
from chalicelib.settings.dynamodb import DynamoDBSettings
from chalicelib.settings.hot_reader import HotReaderSettings
from deploy_scripts.providers.provider import Provider
from deploy_scripts.providers.telemetry import (
    DEVICE_ID,
    ENTRIES_AT_AN_END,
    SOME_ENTRIES,
    TIMESTAMP,
    Writer,
    pauses,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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


class DynamoDBProbe:
    """A look into a table.

    Parameters
    ----------
    client
        A boto3 client of `dynamodb`.
    table_name
        The table.
    entries
        The settings of a Hot Reader that reads it.

    Raises
    ------
    HotStoreError
        The table's keys aren't those that the settings name.
    """

    def __init__(self, client: DynamoDBClient, table_name: str, entries: HotReaderSettings) -> None:
        self.place = f"the DynamoDB table {table_name}"
        self._client = client
        self._table_name = table_name
        self._device_id = entries.device_id_attribute
        wanted = [self._device_id, entries.timestamp_attribute]
        table = client.describe_table(TableName=table_name)["Table"]
        keys = [each["AttributeName"] for each in table["KeySchema"]]
        if keys != wanted:
            raise HotStoreError(
                f"The keys of {self.place} are {' and '.join(keys)}, not {' and '.join(wanted)}. If "
                f"{keys[0]} holds the devices' ids and {keys[-1]} the time, set DEVICE_ID_ATTRIBUTE="
                f"{keys[0]} and TIMESTAMP_ATTRIBUTE={keys[-1]}."
            )

    def ends(self, device_id: str) -> list[Mapping[str, Any]]:
        """Return a device's first and last items; see `Probe.ends`."""
        items: list[Mapping[str, Any]] = []
        for forward in (True, False):
            items += self._client.query(
                TableName=self._table_name,
                KeyConditionExpression="#device = :device",
                ExpressionAttributeNames={"#device": self._device_id},
                ExpressionAttributeValues={":device": {"S": device_id}},
                ScanIndexForward=forward,
                Limit=ENTRIES_AT_AN_END,
            )["Items"]
        return [_stored(item) for item in items]

    def some(self) -> list[Mapping[str, Any]]:
        """Return the first items of a scan; see `Probe.some`."""
        page = self._client.scan(TableName=self._table_name, Limit=SOME_ENTRIES)
        return [_stored(item) for item in page["Items"]]


def _stored(item: Mapping[str, Any]) -> dict[str, Any]:
    from boto3.dynamodb.types import TypeDeserializer

    plain = TypeDeserializer().deserialize
    return {name: plain(value) for name, value in item.items()}


def _probe(environment: Environment) -> DynamoDBProbe:
    import boto3

    settings, entries = DynamoDBSettings.load(environment), HotReaderSettings.load(environment)
    return DynamoDBProbe(boto3.client("dynamodb"), settings.table_name, entries)


PROVIDER: Final = Provider("aws", "AWS", "DynamoDB", DynamoDBSettings, _writer, _probe)
