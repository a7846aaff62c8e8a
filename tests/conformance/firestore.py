"""Collections of a Firestore database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.stores.firestore import FirestoreHotStore
from deploy_scripts.providers.gcp import field_value
from tests.firestore_client import client_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from local_cloud.gcp.firestore import LocalFirestore
    from tests.conformance.oracle import Stored


class FirestoreCollections:
    """Collections of one database, one for each type of timestamp."""

    unique_keys = False

    def __init__(self, local: LocalFirestore) -> None:
        self._environment = local.environment
        self._client = client_of(local)

    def name(self, key_type: str) -> str:
        return f"hot-telemetry-{key_type}"

    def put(self, device_id: str, entries: Sequence[Stored], key_type: str) -> None:
        batch = self._client.batch()
        for each in entries:
            # Of entries with the same key, ids are in the order of identities.
            document_id = f"{device_id}:{each.key}:{each.identity}"
            fields = field_value(each.values)
            fields["device_id"] = device_id
            fields["timestamp"] = int(each.key) if key_type == "N" else each.key
            batch.set(self._client.collection(self.name(key_type)).document(document_id), fields)
        batch.commit()

    def store(self, key_type: str) -> FirestoreHotStore:
        return FirestoreHotStore(
            self._client,
            collection=self.name(key_type),
            device_id_attribute="device_id",
            timestamp_attribute="timestamp",
        )

    def settings(self, key_type: str) -> dict[str, str]:
        """Return what a function must be told to read them."""
        return self._environment | {"FIRESTORE_COLLECTION": self.name(key_type)}
