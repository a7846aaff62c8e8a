"""The hot storage on Google Cloud: a Firestore collection whose documents are the entries."""

from __future__ import annotations

import itertools
import math
import random
import re
import time
from decimal import Decimal
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

from chalicelib.model.errors import (
    ConfigurationError,
    HotReaderError,
    HotStoreError,
    StoreUnavailableError,
)
from chalicelib.model.instants import NativeTimestamp, utc_text
from chalicelib.model.locations import projection
from chalicelib.stores.firestore.batches import DocumentBatch
from chalicelib.stores.firestore.transport import (
    FirestoreFailure,
    LargeAnswerError,
    LateAnswerError,
    database_of,
    failure_in,
    malformed,
)
from chalicelib.stores.hot_store import entries_of, read_ends

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from chalicelib.model.entries import DeviceId, EntryBatch, StoredEntry
    from chalicelib.model.locations import Places
    from chalicelib.model.timestamps import SortKey
    from chalicelib.settings.firestore import FirestoreSettings
    from chalicelib.settings.hot_reader import HotReaderSettings
    from chalicelib.stores.firestore.batches import Value
    from chalicelib.stores.firestore.transport import FirestoreDatabase

_TRIES: Final = 3
_PAGE_SECONDS: Final = 6.0
"""Seconds for one try of a page, so that there is time for another."""
_LONGEST_PAUSE: Final = 0.4
"""Seconds before the second try, at most; twice as many before the third."""
_TRANSIENT: Final = frozenset(
    {
        "ABORTED",
        "CANCELLED",
        "DEADLINE_EXCEEDED",
        "INTERNAL",
        "RESOURCE_EXHAUSTED",
        "UNAVAILABLE",
    }
)
"""Errors that pass (Firestore documentation, 'Understand error codes')."""
_FIRST_PAGE: Final = 300
"""Documents, if the caller gives no estimate."""
_GROWTH: Final = 4
_LARGEST_PAGE: Final = 1_000
"""Documents. It bounds those that are billed in vain when the caller stops, and the time of a page."""
_NO_FIELD_NAME: Final = re.compile("__.*__", re.DOTALL)
_LONGEST_FIELD_NAME: Final = 1_500
"""Bytes (Firestore documentation, 'Quotas and limits')."""
_PLAIN_FIELD_NAME: Final = re.compile("[_a-zA-Z][_a-zA-Z0-9]*")


def connect(settings: FirestoreSettings, entries: HotReaderSettings) -> FirestoreHotStore:
    """Return the store that the settings name; no connection is made yet.

    Raises
    ------
    ConfigurationError
        The project or the credentials can't be determined, or the collection's path is malformed.
    """
    try:
        return FirestoreHotStore(
            database_of(settings),
            collection=settings.collection,
            device_id_attribute=entries.device_id_attribute,
            timestamp_attribute=entries.timestamp_attribute,
        )
    except ValueError as error:
        raise ConfigurationError(
            f"FIRESTORE_COLLECTION is {settings.collection!r}, which isn't a collection's path; it "
            "should look like hot-telemetry or twins/my-twin/telemetry"
        ) from error


class FirestoreHotStore:
    """A hot store that reads a collection with one query per page, each from the end of the one before.

    A page is limited because documents are billed when they are sent, wanted or not. Every query needs
    a composite index: device id ascending, and timestamp in the query's order.

    Parameters
    ----------
    database
        The database.
    collection
        The collection's path; its documents carry the device's id, the timestamp and the properties as
        fields.
    device_id_attribute, timestamp_attribute
        The names of the fields with the device's id (a string or a number) and the timestamp (one of
        them, or of Firestore's own type).

    Raises
    ------
    ValueError
        The path isn't one of a collection.
    """

    def __init__(
        self,
        database: FirestoreDatabase,
        *,
        collection: str,
        device_id_attribute: str,
        timestamp_attribute: str,
    ) -> None:
        names = collection.split("/")
        if not all(names) or len(names) % 2 == 0:
            raise ValueError(f"{collection!r} isn't the path of a collection")
        self._database = database
        *parent, self._collection = names
        self._parent = "/".join(parent)
        self._device_id_attribute = device_id_attribute
        self._timestamp_attribute = timestamp_attribute

    def read(
        self,
        device_id: DeviceId,
        lower: SortKey | None,
        upper: SortKey | None,
        *,
        descending: bool,
        properties: Places,
        limit: int | None,
    ) -> Iterator[StoredEntry]:
        """Yield a device's entries; see `HotStore.read`."""
        return entries_of(
            self.read_batches(
                device_id, lower, upper, descending=descending, properties=properties, limit=limit
            )
        )

    def read_batches(
        self,
        device_id: DeviceId,
        lower: SortKey | None,
        upper: SortKey | None,
        *,
        descending: bool,
        properties: Places,
        limit: int | None,
    ) -> Iterator[EntryBatch]:
        """Yield a device's entries, one batch for each page; see `BatchingHotStore.read_batches`."""
        query = self._query(device_id, lower, upper, descending=descending, properties=properties)
        largest = _LARGEST_PAGE
        size = min(limit or _FIRST_PAGE, largest)
        give_up = read_ends()
        tries = 0
        while True:
            batch, failure, received = self._page(query | {"limit": size}, properties, give_up)
            if batch is not None:
                position = {"values": batch.position, "before": False}
                if position == query.get("startAt"):
                    raise StoreUnavailableError("Firestore answers the same page again and again.")
                query["startAt"] = position
                batch.is_last = failure is None and received < size
                yield batch
            if failure is None:
                if received < size:
                    return
                # The caller takes more than its estimate: entries may lack properties.
                size = min(size * _GROWTH, largest)
                tries = 0
                continue
            if isinstance(failure, LateAnswerError | LargeAnswerError) and size > 1:
                largest = size = max(size // _GROWTH, 1)
                if isinstance(failure, LargeAnswerError):
                    continue
            # Received documents are kept: only a try that brought none counts.
            tries = 1 if batch else tries + 1
            pause = random.uniform(0, tries * _LONGEST_PAUSE)  # noqa: S311 - no secret
            is_over = tries == _TRIES or time.monotonic() + pause >= give_up
            if is_over or failure.status not in _TRANSIENT:
                raise self._explained(failure) from failure
            time.sleep(pause)

    def _page(
        self, query: Value, properties: Places, give_up: float
    ) -> tuple[DocumentBatch | None, FirestoreFailure | None, int]:
        """Return the documents of a page, what ended it before its time, and their number."""
        seconds = min(_PAGE_SECONDS, give_up - time.monotonic())
        if seconds <= 0:
            message = "the read takes longer than it may"
            return None, FirestoreFailure("DEADLINE_EXCEEDED", message), 0
        try:
            answered = self._database.run_query(self._parent, query, seconds)
        except FirestoreFailure as failure:
            return None, failure, 0
        return self._taken_apart(answered, properties)

    def _taken_apart(
        self, answered: Sequence[Any], properties: Places
    ) -> tuple[DocumentBatch | None, FirestoreFailure | None, int]:
        """Return what `_page` does, of what is streamed for a query."""
        failure = None
        try:
            documents = list(map(itemgetter("document"), answered))
        except (LookupError, TypeError):
            # Some parts only report progress, or the end.
            if not {dict}.issuperset(map(type, answered)):
                return None, malformed(), 0
            if any("error" in each for each in answered):
                failure = next(filter(None, map(failure_in, answered)), malformed())
            documents = [each["document"] for each in answered if "document" in each]
        if not documents:
            # If there are none, the time of the read is there (REST reference, 'documents.runQuery').
            is_whole = failure or any("readTime" in each for each in answered)
            return None, failure if is_whole else malformed(), 0
        try:
            batch = DocumentBatch(documents, self._timestamp_attribute, properties)
        except (LookupError, TypeError):
            return None, malformed(), 0
        return batch, failure, len(documents)

    def _query(
        self,
        device_id: DeviceId,
        lower: SortKey | None,
        upper: SortKey | None,
        *,
        descending: bool,
        properties: Places,
    ) -> Value:
        timestamp = _path(self._timestamp_attribute)
        filters = [_filter(_path(self._device_id_attribute), "EQUAL", device_id)]
        if lower is not None:
            filters.append(_filter(timestamp, "GREATER_THAN_OR_EQUAL", lower))
        if upper is not None:
            filters.append(_filter(timestamp, "LESS_THAN_OR_EQUAL", upper))
        direction = "DESCENDING" if descending else "ASCENDING"
        places = itertools.chain([(self._timestamp_attribute,)], *properties.values())
        wanted = projection(place for place in places if all(map(_can_be_a_field, place)))
        return {
            "select": {"fields": [{"fieldPath": _path(*place)} for place in wanted]},
            "from": [{"collectionId": self._collection}],
            "where": {"compositeFilter": {"op": "AND", "filters": filters}},
            "orderBy": [
                {"field": {"fieldPath": path}, "direction": direction}
                for path in (timestamp, "__name__")
            ],
        }

    def _explained(self, error: FirestoreFailure) -> HotReaderError:
        if error.status in _TRANSIENT:
            return StoreUnavailableError(f"Firestore is throttling or unavailable: {error}")
        return HotStoreError(
            f"Firestore refuses to read the collection {self._collection!r}: {error}. "
            f"{self._cure(error)}"
        )

    def _cure(self, error: FirestoreFailure) -> str:
        """Return what to do about a refusal, which often only its message tells from others."""
        message = str(error)
        match error.status:
            case "FAILED_PRECONDITION" if "API is not available" in message:
                # Said of a database in Datastore mode.
                return (
                    "The database isn't one of Firestore in Native mode, and no other can be read. Set "
                    "FIRESTORE_DATABASE to one that is; a project may have several."
                )
            case "FAILED_PRECONDITION" if "index" in message and "building" in message:
                return "The read works once the index is built."
            case "FAILED_PRECONDITION" if "index" in message:
                return (
                    "It needs two indexes; once they are there, and built, it can be read. Create them "
                    f"with:\n{self._index_command('ascending')}\n{self._index_command('descending')}"
                )
            case "PERMISSION_DENIED" if "disabled" in message:
                return (
                    "Enable the API with:\ngcloud services enable firestore.googleapis.com "
                    f"--project='{self._database.project}'"
                )
            case "PERMISSION_DENIED":
                return (
                    "Give the function's service account the role roles/datastore.viewer in "
                    f"FIRESTORE_PROJECT ({self._database.project})."
                )
            case "UNAUTHENTICATED":
                return "Check the credentials: on Google Cloud, those of the function's service account."
            case "NOT_FOUND":
                return "Check FIRESTORE_PROJECT and FIRESTORE_DATABASE."
        return "Check FIRESTORE_COLLECTION, DEVICE_ID_ATTRIBUTE and TIMESTAMP_ATTRIBUTE."

    def _index_command(self, order: str) -> str:
        return (
            f"gcloud firestore indexes composite create --project='{self._database.project}' "
            f"--database='{self._database.name}' "
            f"--collection-group='{self._collection}' --query-scope=COLLECTION "
            f"--field-config=field-path='{_path(self._device_id_attribute)}',order=ascending "
            f"--field-config=field-path='{_path(self._timestamp_attribute)}',order={order}"
        )


def _filter(path: str, operator: str, value: DeviceId | SortKey) -> Value:
    return {"fieldFilter": {"field": {"fieldPath": path}, "op": operator, "value": _sent(value)}}


def _path(*names: str) -> str:
    """Quote the names that lead to a field, so that dots and quotes in them have no other meaning."""
    return ".".join(name if _PLAIN_FIELD_NAME.fullmatch(name) else _quoted(name) for name in names)


def _quoted(name: str) -> str:
    escaped = name.replace("\\", "\\\\").replace("`", "\\`")
    return f"`{escaped}`"


def _can_be_a_field(name: str) -> bool:
    """Say whether a document can have such a field; Firestore refuses a query for any other."""
    return (
        name != ""
        and not _NO_FIELD_NAME.fullmatch(name)
        and len(name.encode()) <= _LONGEST_FIELD_NAME
    )


def _sent(key: DeviceId | SortKey) -> Value:
    match key:
        case NativeTimestamp(instant):
            return {"timestampValue": utc_text(instant)}
        case Decimal():
            whole = key.to_integral_value()
            # Integers have 64 bits.
            if whole == key and abs(whole) < 2**63:
                return {"integerValue": str(int(key))}
            number = float(key)
            infinity = "Infinity" if number > 0 else "-Infinity"
            return {"doubleValue": number if math.isfinite(number) else infinity}
    return {"stringValue": key}
