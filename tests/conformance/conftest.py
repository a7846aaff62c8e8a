"""The stores that the conformance suite runs against. A new store is one more fixture here."""

from __future__ import annotations

import bisect
import itertools
from contextlib import ExitStack
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.dynamodb import DynamoDBHotStore
from chalicelib.hot_reader import HotReader
from chalicelib.hot_store import StoredEntry
from chalicelib.settings import LARGEST_PAYLOAD
from chalicelib.timestamps import EpochMillisecondsFormat, Iso8601Format
from deploy_scripts.local_cloud.aws import LocalAws
from deploy_scripts.local_cloud.firestore import LocalFirestore
from deploy_scripts.sample_telemetry import attribute_value
from tests.conformance.firestore import FirestoreCollections
from tests.conformance.oracle import Stored
from tests.dynalite import Dynalite

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from chalicelib.hot_store import HotStore
    from chalicelib.timestamps import TimestampFormat

FORMATS: dict[str, tuple[TimestampFormat, str]] = {
    "iso8601": (Iso8601Format(), "S"),
    "mixed_offsets": (Iso8601Format(mixed_offsets=True), "S"),
    "epoch_milliseconds": (EpochMillisecondsFormat(as_text=False), "N"),
    "epoch_milliseconds_text": (EpochMillisecondsFormat(as_text=True), "S"),
}
_DEVICE_NUMBERS = itertools.count()


class MemoryStore:
    """A store in memory, for many random examples in little time."""

    def __init__(self) -> None:
        self.entries: dict[str, list[StoredEntry]] = {}
        self.taken = 0

    def put(self, device_id: str, entries: Sequence[Stored]) -> None:
        rows = {row.key: row for row in self.entries.get(device_id, [])}
        rows |= {each.key: StoredEntry(each.key, each.values) for each in entries}
        self.entries[device_id] = sorted(rows.values(), key=lambda row: str(row.key).encode())

    def read(
        self,
        device_id: str,
        lower: Any,
        upper: Any,
        *,
        descending: bool,
        properties: Collection[str],
        limit: int | None,
    ) -> Iterator[StoredEntry]:
        rows = self.entries.get(device_id, [])
        keys = [str(row.key).encode() for row in rows]
        first = 0 if lower is None else bisect.bisect_left(keys, str(lower).encode())
        last = len(keys) if upper is None else bisect.bisect_right(keys, str(upper).encode())
        chosen = rows[first:last]
        for row in reversed(chosen) if descending else chosen:
            self.taken += 1
            yield row


class DynamoDBTables:
    """Tables of one DynamoDB endpoint, one for each type of sort key."""

    def __init__(self, client: Any) -> None:
        self.client = client
        for key_type in ("S", "N"):
            client.create_table(
                TableName=f"hot-telemetry-{key_type}",
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
                TableName=f"hot-telemetry-{key_type}", WaiterConfig={"Delay": 1}
            )

    def put(self, device_id: str, entries: Sequence[Stored], key_type: str) -> None:
        requests = [
            {
                "PutRequest": {
                    "Item": {name: attribute_value(value) for name, value in each.values.items()}
                    | {"device_id": {"S": device_id}, "timestamp": {key_type: each.key}}
                }
            }
            for each in entries
        ]
        for first in range(0, len(requests), 25):
            self.client.batch_write_item(
                RequestItems={f"hot-telemetry-{key_type}": requests[first : first + 25]}
            )

    def store(self, key_type: str) -> DynamoDBHotStore:
        return DynamoDBHotStore(
            self.client,
            table_name=f"hot-telemetry-{key_type}",
            device_id_attribute="device_id",
            timestamp_attribute="timestamp",
        )


@dataclass
class Subject:
    """A device in a store, and readers of it."""

    tables: DynamoDBTables | FirestoreCollections | MemoryStore
    device_id: str = field(default_factory=lambda: f"device-{next(_DEVICE_NUMBERS)}")
    entries: list[Stored] = field(default_factory=list)

    def put(self, *entries: Stored, key_type: str = "S") -> None:
        self.entries += entries
        if isinstance(self.tables, MemoryStore):
            rows = [Stored(Decimal(e.key) if key_type == "N" else e.key, e.values) for e in entries]  # type: ignore[arg-type]
            self.tables.put(self.device_id, rows)
        else:
            self.tables.put(self.device_id, entries, key_type)

    def reader(
        self, timestamp_format: str = "iso8601", *, page_bytes: int = LARGEST_PAYLOAD
    ) -> HotReader:
        timestamps, key_type = FORMATS[timestamp_format]
        store: HotStore = (
            self.tables if isinstance(self.tables, MemoryStore) else self.tables.store(key_type)
        )
        return HotReader(store, timestamps, page_bytes=page_bytes)


@pytest.fixture(scope="session")
def moto_tables() -> Iterator[DynamoDBTables]:
    with LocalAws() as aws:
        yield DynamoDBTables(aws.client("dynamodb"))


@pytest.fixture(scope="session")
def dynalite_tables(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DynamoDBTables]:
    with ExitStack() as stack:
        log = tmp_path_factory.mktemp("dynalite") / "log"
        yield DynamoDBTables(stack.enter_context(Dynalite(log)).client())


@pytest.fixture(scope="session")
def firestore_collections() -> Iterator[FirestoreCollections]:
    with LocalFirestore() as firestore:
        yield FirestoreCollections(firestore.client())


@pytest.fixture(params=["memory", "dynamodb-moto", "dynamodb-dynalite", "firestore"])
def subject(request: pytest.FixtureRequest) -> Subject:
    """A device of its own in each store."""
    match request.param:
        case "memory":
            return Subject(MemoryStore())
        case "dynamodb-moto":
            return Subject(request.getfixturevalue("moto_tables"))
        case "firestore":
            return Subject(request.getfixturevalue("firestore_collections"))
        case _:
            return Subject(request.getfixturevalue("dynalite_tables"))
