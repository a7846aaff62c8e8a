"""AWS: the hot storage is DynamoDB, and Chalice deploys the functions."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from chalicelib.model.errors import HotStoreError
from chalicelib.settings.dynamodb import DynamoDBSettings
from chalicelib.settings.hot_reader import HotReaderSettings
from deploy_scripts.providers.provider import Provider, StorageKey
from deploy_scripts.providers.telemetry import (
    DEFAULT_LAYOUT,
    ENTRIES_AT_AN_END,
    SOME_ENTRIES,
    EntryLayout,
    Writer,
    pauses,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mypy_boto3_dynamodb import DynamoDBClient

    from chalicelib.model.entries import DeviceId
    from chalicelib.settings.environment import Environment
    from deploy_scripts.providers.telemetry import Entry


class DynamoDBWriter(Writer):
    """Writes entries as items of a table that exists."""

    largest_batch = 25
    """The most items that BatchWriteItem takes (DynamoDB API reference)."""

    def __init__(
        self, client: DynamoDBClient, table_name: str, layout: EntryLayout = DEFAULT_LAYOUT
    ) -> None:
        super().__init__(f"the DynamoDB table {table_name}", layout)
        self._client = client
        self._table_name = table_name

    def _put(self, entries: Sequence[Entry]) -> None:
        from boto3.dynamodb.types import TypeSerializer

        attributes = TypeSerializer().serialize
        waiting: list[Any] = [
            {"PutRequest": {"Item": attributes(self._fields(entry))["M"]}} for entry in entries
        ]
        for pause in pauses():
            answer = self._client.batch_write_item(RequestItems={self._table_name: waiting})
            waiting = list(answer.get("UnprocessedItems", {}).get(self._table_name, []))
            if not waiting:
                return
            time.sleep(pause)  # the table throttles (DynamoDB API reference, BatchWriteItem)


def _writer(environment: Environment) -> DynamoDBWriter:
    import boto3

    table_name = DynamoDBSettings.load(environment).table_name
    return DynamoDBWriter(boto3.client("dynamodb"), table_name, EntryLayout.load(environment))


class DynamoDBProbe:
    """A look into a table.

    Raises `HotStoreError`: the keys of the table or index aren't those that the settings name.
    """

    def __init__(
        self, client: DynamoDBClient, settings: DynamoDBSettings, entries: HotReaderSettings
    ) -> None:
        self._client = client
        self._entries = entries
        self._where: Any = {"TableName": settings.table_name}
        self.place = f"the DynamoDB table {settings.table_name}"
        if settings.index_name is not None:
            self._where["IndexName"] = settings.index_name
            self.place = f"the index {settings.index_name} of {self.place}"
        self._check_keys(client.describe_table(TableName=settings.table_name)["Table"])

    def _check_keys(self, table: Mapping[str, Any]) -> None:
        keys: dict[str | None, list[str]] = {None: _names(table)}
        for kind in ("GlobalSecondaryIndexes", "LocalSecondaryIndexes"):
            keys |= {each["IndexName"]: _names(each) for each in table.get(kind) or ()}
        chosen, entries = self._where.get("IndexName"), self._entries
        wanted = [entries.device_id_attribute, entries.timestamp_attribute]
        if chosen not in keys:
            known = ", ".join(name for name in keys if name) or "none"
            raise HotStoreError(
                f"There isn't {self.place}. Its indexes: {known}. Correct DYNAMODB_INDEX_NAME."
            )
        if keys[chosen] != wanted:
            fitting = [name for name, names in keys.items() if names == wanted]
            raise HotStoreError(
                f"The keys of {self.place} are {' and '.join(keys[chosen])}, not "
                f"{' and '.join(wanted)}. {_use(fitting[0]) if fitting else _rename(keys[chosen])}"
            )
        types = {
            each["AttributeName"]: each["AttributeType"] for each in table["AttributeDefinitions"]
        }
        stored = {"S": "string", "N": "number"}.get(types[wanted[0]], "binary")
        if stored != ("number" if entries.numeric_device_ids else "string"):
            raise HotStoreError(
                f"The devices' ids in {self.place} are of the type {stored}: set "
                f"DEVICE_ID_TYPE={stored}."
            )

    def ends(self, device_id: DeviceId) -> list[Mapping[str, Any]]:
        """Return a device's first and last items; see `Probe.ends`."""
        from boto3.dynamodb.types import TypeSerializer

        items: list[Mapping[str, Any]] = []
        for forward in (True, False):
            items += self._client.query(
                **self._where,
                KeyConditionExpression="#device = :device",
                ExpressionAttributeNames={"#device": self._entries.device_id_attribute},
                ExpressionAttributeValues={":device": TypeSerializer().serialize(device_id)},
                ScanIndexForward=forward,
                Limit=ENTRIES_AT_AN_END,
            )["Items"]
        return [_stored(item) for item in items]

    def some(self) -> list[Mapping[str, Any]]:
        """Return the first items of a scan; see `Probe.some`."""
        page = self._client.scan(**self._where, Limit=SOME_ENTRIES)
        return [_stored(item) for item in page["Items"]]


def _names(keys: Mapping[str, Any]) -> list[str]:
    """Return the names of a table's or an index's keys, the partition key first."""
    schema = sorted(keys["KeySchema"], key=lambda key: str(key["KeyType"]))
    return [each["AttributeName"] for each in schema]


def _use(index: str | None) -> str:
    if index is None:
        return "Those are the keys of the table itself: leave DYNAMODB_INDEX_NAME out."
    return f"An index has these: set DYNAMODB_INDEX_NAME={index}."


def _rename(keys: list[str]) -> str:
    return (
        f"If {keys[0]} holds the devices' ids and {keys[-1]} the time, set DEVICE_ID_ATTRIBUTE="
        f"{keys[0]} and TIMESTAMP_ATTRIBUTE={keys[-1]}."
    )


def _stored(item: Mapping[str, Any]) -> dict[str, Any]:
    from boto3.dynamodb.types import TypeDeserializer

    plain = TypeDeserializer().deserialize
    return {name: plain(value) for name, value in item.items()}


def _probe(environment: Environment) -> DynamoDBProbe:
    import boto3

    settings, entries = DynamoDBSettings.load(environment), HotReaderSettings.load(environment)
    return DynamoDBProbe(boto3.client("dynamodb"), settings, entries)


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
PROVIDER: Final = Provider(
    "aws", "AWS", "DynamoDB", DynamoDBSettings.load, _STORAGE, _writer, _probe
)
