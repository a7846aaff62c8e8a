"""Firestore, for the conformance suite."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.firestore import FirestoreHotStore
from deploy_scripts.hot_storage.firestore import FirestoreWriter
from deploy_scripts.sample_telemetry import Entry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from google.cloud.firestore import Client

    from tests.conformance.oracle import Stored


class FirestoreCollections:
    """Collections of one database, one for each type of timestamp."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def put(self, device_id: str, entries: Sequence[Stored], key_type: str) -> None:
        writer = FirestoreWriter(self.client, f"hot-telemetry-{key_type}")
        writer.write(
            Entry(device_id, int(each.key) if key_type == "N" else each.key, each.values)  # type: ignore[arg-type]
            for each in entries
        )

    def store(self, key_type: str) -> FirestoreHotStore:
        return FirestoreHotStore(
            self.client,
            collection=f"hot-telemetry-{key_type}",
            device_id_attribute="device_id",
            timestamp_attribute="timestamp",
        )
