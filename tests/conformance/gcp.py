"""Google Cloud in the conformance suite: collections of a local Firestore, and the Hot Readers over them."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from chalicelib.model.reads import READS
from chalicelib.settings.firestore import FirestoreSettings
from chalicelib.stores.firestore.store import FirestoreHotStore
from chalicelib.stores.firestore.transport import database_of
from deploy_scripts import PROJECT
from deploy_scripts.providers.gcp import field_value
from local_cloud.gcp.firestore import LocalFirestore
from local_cloud.gcp.functions import LocalCloudFunction
from tests.conformance.asking import TOKEN, HttpAsker
from tests.conformance.hosts import HttpHost, twin_info
from tests.firestore_client import client_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from tests.conformance.oracle import Stored

_TIMESTAMPS: Mapping[str, Callable[[str], Any]] = {
    "S": str,
    "N": int,
    "T": datetime.fromisoformat,
}


class Tables:
    """Collections of one database, one for each type of timestamp."""

    unique_keys = False
    native_timestamps = True

    def __init__(self, local: LocalFirestore) -> None:
        self._environment = local.environment
        self._client = client_of(local)

    def name(self, key_type: str) -> str:
        return f"hot-telemetry-{key_type}"

    def put(self, device_id: str, entries: Sequence[Stored], key_type: str) -> None:
        batch = self._client.batch()
        for each in entries:
            # Of entries with the same key, ids are in the order of identities.
            document_id = f"{quote(device_id, safe='')}:{each.key}:{each.identity}"
            fields = field_value(each.values)
            fields["device_id"] = device_id
            fields["timestamp"] = _TIMESTAMPS[key_type](each.key)
            batch.set(self._client.collection(self.name(key_type)).document(document_id), fields)
        batch.commit()

    def store(self, key_type: str) -> FirestoreHotStore:
        settings = FirestoreSettings.load(self.settings(key_type))
        return FirestoreHotStore(
            database_of(settings),
            collection=settings.collection,
            device_id_attribute="device_id",
            timestamp_attribute="timestamp",
        )

    def settings(self, key_type: str) -> dict[str, str]:
        """Return what a function must be told to read them."""
        return self._environment | {"FIRESTORE_COLLECTION": self.name(key_type)}


class Functions(HttpHost):
    """functions-framework, with both readers in one function."""

    def start(self, settings: Mapping[str, str]) -> HttpAsker:
        function = LocalCloudFunction(
            "hot_readers",
            {
                "DIGITAL_TWIN_INFO": twin_info("gcp", "aws"),
                "INTER_CLOUD_TOKEN": TOKEN,
                **settings,
            },
            source=PROJECT / "functions" / "gcp" / "main.py",
            log=self.place(),
        )
        self._stack.enter_context(function)
        return HttpAsker({read: function.url + read.path for read in READS}, function.output)


@contextmanager
def tables(directory: Path) -> Iterator[Tables]:
    """Run the storage until the block ends."""
    with LocalFirestore(directory / "log") as local:
        yield Tables(local)
