"""Writes telemetry into a Firestore collection."""

from __future__ import annotations

import hashlib
from decimal import Decimal
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from google.api_core.exceptions import (
    Aborted,
    DeadlineExceeded,
    InternalServerError,
    ResourceExhausted,
    ServiceUnavailable,
)
from google.api_core.retry import Retry, if_exception_type

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from google.cloud.firestore import Client

    from deploy_scripts.hot_storage import Entry

_BATCH: Final = 500
"""Documents in a commit, which may hold 10 MiB (Firestore documentation, 'Quotas and limits')."""
_PATIENCE: Final = Retry(
    predicate=if_exception_type(
        Aborted, DeadlineExceeded, InternalServerError, ResourceExhausted, ServiceUnavailable
    ),
    initial=0.1,
    maximum=10.0,
    timeout=300.0,
)
"""A collection begins with 500 writes a second (Firestore documentation, 'Best practices')."""
_COMMIT_SECONDS: Final = 60.0
_LARGEST_INTEGER: Final = 2**63


class FirestoreWriter:
    """Writes entries as documents; an entry that is there already is written again, not added.

    Parameters
    ----------
    client
        A client of the database.
    collection
        The collection's path.
    device_id_attribute, timestamp_attribute
        The names of the fields that get the device's id and the timestamp.
    """

    def __init__(
        self,
        client: Client,
        collection: str,
        *,
        device_id_attribute: str = "device_id",
        timestamp_attribute: str = "timestamp",
    ) -> None:
        self._client = client
        self._collection = client.collection(collection)
        self._device_id_attribute = device_id_attribute
        self._timestamp_attribute = timestamp_attribute

    def write(
        self, entries: Iterable[Entry], *, progress: Callable[[int], None] = lambda _count: None
    ) -> int:
        """Write entries; wait as long as the database throttles, up to five minutes.

        Parameters
        ----------
        entries
            What to write.
        progress
            Is told how many more entries have been written.

        Returns
        -------
        int
            How many were written.

        Raises
        ------
        google.api_core.exceptions.GoogleAPIError
            Firestore refuses, or throttles for too long.
        """
        written = 0
        waiting = iter(entries)
        while batch := list(islice(waiting, _BATCH)):
            self._commit(batch)
            progress(len(batch))
            written += len(batch)
        return written

    def _commit(self, entries: list[Entry]) -> None:
        batch = self._client.batch()
        for entry in entries:
            fields = field_value(entry.values)
            fields[self._device_id_attribute] = entry.device_id
            fields[self._timestamp_attribute] = entry.timestamp
            reference = self._collection.document(document_id(entry.device_id, entry.timestamp))
            batch.set(reference, fields)
        batch.commit(retry=_PATIENCE, timeout=_COMMIT_SECONDS)


def document_id(device_id: str, timestamp: object) -> str:
    """Return an entry's document id: the same for the same device and timestamp.

    It is a hash, as an id must not hold a `/`, nor be `.`, `..` or `__x__`, nor exceed 1,500 bytes, and
    ids that follow each other slow writing down (Firestore documentation, 'Best practices').
    """
    return hashlib.sha256(f"{len(device_id)}:{device_id}{timestamp}".encode()).hexdigest()[:40]


def field_value(value: Any) -> Any:
    """Turn a plain value into one that Firestore keeps: numbers become 64-bit integers or doubles."""
    match value:
        case Decimal():
            return _number(value)
        case list():
            return [field_value(item) for item in value]
        case dict():
            return {name: field_value(item) for name, item in value.items()}
    return value


def _number(value: Decimal) -> int | float:
    exponent = value.as_tuple().exponent
    is_whole = isinstance(exponent, int) and exponent >= 0
    if is_whole and -_LARGEST_INTEGER <= value < _LARGEST_INTEGER:
        return int(value)
    return float(value)
