"""The Hot Reader and the textbook reader of the benchmarks' Firestore."""

from __future__ import annotations

from typing import TYPE_CHECKING

from google.auth.credentials import AnonymousCredentials
from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter

from benchmarks.baseline import TextbookReader
from benchmarks.dynamodb_server import DEVICE_ID, TIMESTAMP
from benchmarks.gcp.server import COLLECTION, PROJECT, grpc_host, rest_host
from chalicelib.hot_reader.hot_reader import HotReader
from chalicelib.model.limits import LARGEST_PAYLOAD
from chalicelib.model.timestamps import Iso8601Format
from chalicelib.settings.firestore import FirestoreSettings
from chalicelib.stores.firestore.store import FirestoreHotStore
from chalicelib.stores.firestore.transport import FirestoreDatabase, database_of

if TYPE_CHECKING:
    from benchmarks.baseline import Asked, Page
    from benchmarks.lean_server import LeanServer


def database(server: LeanServer) -> FirestoreDatabase:
    """Return the database, as the function makes it."""
    return database_of(
        FirestoreSettings(PROJECT, "(default)", COLLECTION, emulator=rest_host(server))
    )


def hot_reader(of: FirestoreDatabase) -> HotReader:
    """Return a Hot Reader of the database, as the function makes it."""
    store = FirestoreHotStore(
        of, collection=COLLECTION, device_id_attribute=DEVICE_ID, timestamp_attribute=TIMESTAMP
    )
    return HotReader(store, Iso8601Format(), page_bytes=LARGEST_PAYLOAD)


def client_of(server: LeanServer) -> firestore.Client:
    """Return Google's client."""
    client = firestore.Client(project=PROJECT, credentials=AnonymousCredentials())  # type: ignore[no-untyped-call]
    # Otherwise only the environment of this whole process could name the host.
    client._emulator_host = grpc_host(server)
    return client


class FirestoreTextbook(TextbookReader):
    """The reader that one writes first: `stream()`, `to_dict()`. It keeps its client, and knows the types.

    Parameters
    ----------
    server
        The server to read.
    """

    def __init__(self, server: LeanServer) -> None:
        self._collection = client_of(server).collection(COLLECTION)

    def _page(self, asked: Asked) -> Page:
        query = (
            self._collection.where(filter=FieldFilter("device_id", "==", asked.device_id))
            .where(filter=FieldFilter("timestamp", ">=", asked.start))
            .where(filter=FieldFilter("timestamp", "<=", asked.end))
            .order_by("timestamp")
        )
        if asked.token is not None:
            query = query.start_after({"timestamp": asked.token})
        if asked.size is not None:
            query = query.limit(asked.size)
        found = [snapshot.to_dict() or {} for snapshot in query.stream()]
        return found, found[-1]["timestamp"] if found and asked.size is not None else None
