"""The Hot Reader and the textbook reader of the benchmarks' Firestore."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from google.auth.credentials import AnonymousCredentials
from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter

from benchmarks.baseline import data_value, reference
from benchmarks.dynamodb_server import DEVICE_ID, PROPERTIES, TIMESTAMP
from benchmarks.gcp.server import COLLECTION, PROJECT, grpc_host, rest_host
from chalicelib.hot_reader.hot_reader import HotReader
from chalicelib.model.limits import LARGEST_PAYLOAD
from chalicelib.model.timestamps import Iso8601Format
from chalicelib.settings.firestore import FirestoreSettings
from chalicelib.stores.firestore import FirestoreHotStore
from chalicelib.stores.firestore_transport import FirestoreDatabase, database_of

if TYPE_CHECKING:
    from collections.abc import Sequence

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


class TextbookReader:
    """The reader that one writes first: `stream()`, `to_dict()`, `json.dumps`.

    It keeps its client, and knows the types.

    Parameters
    ----------
    server
        The server to read.
    """

    def __init__(self, server: LeanServer) -> None:
        self._collection = client_of(server).collection(COLLECTION)

    def history(
        self,
        device_id: str,
        selected: Sequence[str],
        start: str,
        end: str,
        *,
        max_results: int | None = None,
        token: str | None = None,
    ) -> tuple[bytes, str | None]:
        """Return a page of a device's history as JSON, and the token of the next one.

        Parameters
        ----------
        device_id, selected, start, end, max_results
            What to read; `max_results` is for one property, and without it one page holds all.
        token
            The timestamp that the page before ended with.
        """
        query = (
            self._collection.where(filter=FieldFilter("device_id", "==", device_id))
            .where(filter=FieldFilter("timestamp", ">=", start))
            .where(filter=FieldFilter("timestamp", "<=", end))
            .order_by("timestamp")
        )
        if token is not None:
            query = query.start_after({"timestamp": token})
        if max_results is not None:
            query = query.limit(max_results)
        values: dict[str, list[Any]] = {name: [] for name in selected}
        token = None
        for snapshot in query.stream():
            document = snapshot.to_dict() or {}
            token = document["timestamp"]
            for name in selected:
                if name in document:
                    value = data_value(document[name], PROPERTIES[name])
                    values[name].append({"time": document["timestamp"], "value": value})
        answer: dict[str, Any] = {
            "propertyValues": [
                {"entityPropertyReference": reference(name), "values": values[name]}
                for name in selected
            ]
        }
        if max_results is not None and token is not None:
            answer["nextToken"] = token
        return json.dumps(answer).encode(), token
