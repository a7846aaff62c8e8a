"""The hot storage on Google Cloud: a Firestore collection whose documents are the entries."""

from __future__ import annotations

import itertools
import random
import re
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from google.api_core.exceptions import (
    Aborted,
    Cancelled,
    DeadlineExceeded,
    FailedPrecondition,
    GoogleAPIError,
    InternalServerError,
    NotFound,
    PermissionDenied,
    ResourceExhausted,
    RetryError,
    ServiceUnavailable,
    Unauthenticated,
)
from google.api_core.retry import Retry
from google.auth.exceptions import DefaultCredentialsError
from google.cloud.firestore import Client
from google.cloud.firestore_v1.base_query import FieldFilter
from google.cloud.firestore_v1.field_path import FieldPath

from chalicelib.model.entries import StoredEntry
from chalicelib.model.errors import (
    ConfigurationError,
    HotReaderError,
    HotStoreError,
    StoreUnavailableError,
)
from chalicelib.model.instants import NativeTimestamp
from chalicelib.model.locations import projection, values_at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.cloud.firestore_v1.base_document import DocumentSnapshot
    from google.cloud.firestore_v1.document import DocumentReference
    from google.cloud.firestore_v1.query import Query

    from chalicelib.model.entries import DeviceId
    from chalicelib.model.locations import Places
    from chalicelib.model.timestamps import SortKey
    from chalicelib.settings.firestore import FirestoreSettings
    from chalicelib.settings.hot_reader import HotReaderSettings

_TRIES: Final = 3
_QUERY_SECONDS: Final = 8.0
"""Seconds for one page: an unavailable store must be noticed before the caller gives up, after 29 s."""
_LONGEST_PAUSE: Final = 0.4
"""Seconds before the second try, at most; twice as many before the third."""
_NO_RETRY: Final = Retry(predicate=lambda _error: False)
"""No retries by the SDK: in the middle of a page they never end, and before its first document they fail.

`None` in place of this breaks the SDK when an error occurs.
"""
_WORTH_A_RETRY: Final = (Aborted, InternalServerError, ServiceUnavailable)
_UNAVAILABLE: Final = (
    *_WORTH_A_RETRY,
    Cancelled,
    DeadlineExceeded,
    ResourceExhausted,
    RetryError,
)
"""Transient errors (Firestore documentation, 'Understand error codes')."""
_FIRST_PAGE: Final = 300
"""Documents, if the caller gives no estimate."""
_GROWTH: Final = 4
_LARGEST_PAGE: Final = 1_000
"""Documents. It bounds those that are billed in vain when the caller stops, and the time of a page."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NO_FIELD_NAME: Final = re.compile("__.*__", re.DOTALL)
_LONGEST_FIELD_NAME: Final = 1_500
"""Bytes (Firestore documentation, 'Quotas and limits')."""


def client_of(settings: FirestoreSettings) -> Client:
    """Return a client of the settings' database; no connection is made yet.

    functions-framework loads a function before it forks, and a gRPC connection doesn't survive a fork.

    Raises
    ------
    ConfigurationError
        The project or the credentials can't be determined.
    """
    try:
        return Client(project=settings.project, database=settings.database)
    except DefaultCredentialsError as error:
        raise ConfigurationError(
            f"There are no Google credentials ({error}). On Google Cloud, the function's service "
            "account gives them; on your machine: gcloud auth application-default login"
        ) from error
    except OSError as error:  # the SDK's error for an unknown project
        raise ConfigurationError(
            f"FIRESTORE_PROJECT is not set, and the project can't be determined ({error}). Set it to "
            "something like: my-project-1234"
        ) from error


def connect(settings: FirestoreSettings, entries: HotReaderSettings) -> FirestoreHotStore:
    """Return the store that the settings name; no connection is made yet.

    Raises
    ------
    ConfigurationError
        The project or the credentials can't be determined, or the collection's path is malformed.
    """
    try:
        return FirestoreHotStore(
            client_of(settings),
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
    client
        A client of the database.
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
        self, client: Client, *, collection: str, device_id_attribute: str, timestamp_attribute: str
    ) -> None:
        self._client = client
        self._collection = client.collection(collection)
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
        query = self._query(device_id, lower, upper, descending=descending, properties=properties)
        size = min(limit or _FIRST_PAGE, _LARGEST_PAGE)
        tries = 0
        while True:
            received = 0
            try:
                for document in query.limit(size).stream(retry=_NO_RETRY, timeout=_QUERY_SECONDS):
                    received += 1
                    entry, position = self._entry(document, properties)
                    yield entry
            except GoogleAPIError as error:
                # Received documents are kept: only a try that brought none counts.
                tries = 1 if received else tries + 1
                if tries == _TRIES or not isinstance(error, _WORTH_A_RETRY):
                    raise self._explained(error) from error
                time.sleep(random.uniform(0, tries * _LONGEST_PAUSE))  # noqa: S311 - no secret
            else:
                if received < size:
                    return
                # The caller takes more than its estimate: entries may lack properties.
                size = min(size * _GROWTH, _LARGEST_PAGE)
                tries = 0
            if received:
                query = query.start_after(position)

    def _query(
        self,
        device_id: DeviceId,
        lower: SortKey | None,
        upper: SortKey | None,
        *,
        descending: bool,
        properties: Places,
    ) -> Query:
        timestamp = _path(self._timestamp_attribute)
        query = self._collection.where(
            filter=FieldFilter(_path(self._device_id_attribute), "==", _sent(device_id))
        )
        if lower is not None:
            query = query.where(filter=FieldFilter(timestamp, ">=", _sent(lower)))
        if upper is not None:
            query = query.where(filter=FieldFilter(timestamp, "<=", _sent(upper)))
        direction = query.DESCENDING if descending else query.ASCENDING
        places = itertools.chain([(self._timestamp_attribute,)], *properties.values())
        wanted = projection(place for place in places if all(map(_can_be_a_field, place)))
        return (
            query.order_by(timestamp, direction)
            .order_by("__name__", direction)
            .select(_path(*place) for place in wanted)
        )

    def _entry(
        self,
        document: DocumentSnapshot[DocumentReference],
        properties: Places,
    ) -> tuple[StoredEntry, list[Any]]:
        """Return a document's entry, and its position among others."""
        fields = document.to_dict() or {}
        stored = fields[self._timestamp_attribute]
        key = _key(stored)
        at = _sent(key) if isinstance(key, NativeTimestamp) else stored
        values = values_at(fields, properties)
        return StoredEntry(key, values, document.id), [at, document.reference]

    def _explained(self, error: GoogleAPIError) -> HotReaderError:
        if isinstance(error, _UNAVAILABLE):
            return StoreUnavailableError(f"Firestore is throttling or unavailable: {error}")
        return HotStoreError(
            f"Firestore refuses to read the collection {self._collection.id!r}: {error}. "
            f"{self._cure(error)}"
        )

    def _cure(self, error: GoogleAPIError) -> str:
        """Return what to do about a refusal, which often only its message tells from others."""
        message = str(error)
        match error:
            case FailedPrecondition() if "API is not available" in message:
                # Said of a database in Datastore mode.
                return (
                    "The database isn't one of Firestore in Native mode, and no other can be read. Set "
                    "FIRESTORE_DATABASE to one that is; a project may have several."
                )
            case FailedPrecondition() if "index" in message and "building" in message:
                return "The read works once the index is built."
            case FailedPrecondition() if "index" in message:
                return (
                    "It needs two indexes; once they are there, and built, it can be read. Create them "
                    f"with:\n{self._index_command('ascending')}\n{self._index_command('descending')}"
                )
            case PermissionDenied() if "disabled" in message:
                return (
                    "Enable the API with:\ngcloud services enable firestore.googleapis.com "
                    f"--project='{self._client.project}'"
                )
            case PermissionDenied():
                return (
                    "Give the function's service account the role roles/datastore.viewer in "
                    f"FIRESTORE_PROJECT ({self._client.project})."
                )
            case Unauthenticated():
                return "Check the credentials: on Google Cloud, those of the function's service account."
            case NotFound():
                return "Check FIRESTORE_PROJECT and FIRESTORE_DATABASE."
        return "Check FIRESTORE_COLLECTION, DEVICE_ID_ATTRIBUTE and TIMESTAMP_ATTRIBUTE."

    def _index_command(self, order: str) -> str:
        return (
            f"gcloud firestore indexes composite create --project='{self._client.project}' "
            f"--database='{self._client._database}' "  # no public name of it
            f"--collection-group='{self._collection.id}' --query-scope=COLLECTION "
            f"--field-config=field-path='{_path(self._device_id_attribute)}',order=ascending "
            f"--field-config=field-path='{_path(self._timestamp_attribute)}',order={order}"
        )


def _path(*names: str) -> str:
    """Quote the names that lead to a field, so that dots and quotes in them have no other meaning."""
    return FieldPath(*names).to_api_repr()


def _can_be_a_field(name: str) -> bool:
    """Say whether a document can have such a field; Firestore refuses a query for any other."""
    return (
        name != ""
        and not _NO_FIELD_NAME.fullmatch(name)
        and len(name.encode()) <= _LONGEST_FIELD_NAME
    )


def _sent(key: DeviceId | SortKey) -> str | int | float | datetime:
    match key:
        case NativeTimestamp(instant):
            # Firestore keeps microseconds (API reference, 'Value'), which a `datetime` has.
            return _EPOCH + timedelta(microseconds=instant // 1_000)
        case Decimal():
            whole = key.to_integral_value()
            # Integers have 64 bits.
            return int(key) if whole == key and abs(whole) < 2**63 else float(key)
    return key


def _key(stored: Any) -> Any:
    """Return a sort key; what isn't one is returned as it is, for the Hot Reader to judge."""
    match stored:
        case datetime():
            # The SDK loses its `nanosecond` where it copies; the microseconds are all that there is.
            return NativeTimestamp((stored - _EPOCH) // timedelta(microseconds=1) * 1_000)
        case int() | float() if not isinstance(stored, bool):
            return Decimal(stored)
    return stored
