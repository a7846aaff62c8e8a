"""Google Cloud: the hot storage is Firestore, and Cloud Functions run the Hot Readers."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, Final

from chalicelib.settings.firestore import FirestoreSettings
from chalicelib.settings.hot_reader import HotReaderSettings
from deploy_scripts.providers.provider import Functions, Provider, StorageKey
from deploy_scripts.providers.telemetry import (
    DEFAULT_LAYOUT,
    ENTRIES_AT_AN_END,
    SOME_ENTRIES,
    EntryLayout,
    Writer,
    with_numbers,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from decimal import Decimal

    from google.cloud.firestore import Client

    from chalicelib.model.entries import DeviceId
    from chalicelib.settings.environment import Environment
    from deploy_scripts.providers.telemetry import Entry


def client_of(settings: FirestoreSettings) -> Client:
    """Return Google's client of the settings' database; it connects when it is used."""
    from google.cloud.firestore import Client

    from chalicelib.stores.firestore.transport import identity

    if settings.emulator is not None:  # the client reads where it is by itself
        return Client(project=settings.project, database=settings.database)
    credentials, project = identity(settings)
    return Client(project=project, credentials=credentials, database=settings.database)


# --- sample telemetry -------------------------------------------------------------------------

_PATIENCE_SECONDS: Final = 300.0
_COMMIT_SECONDS: Final = 60.0
_LARGEST_INTEGER: Final = 2**63


class FirestoreWriter(Writer):
    """Writes entries as documents of a collection, and waits up to five minutes if it throttles."""

    largest_batch = 500
    """Documents in a commit, which may hold 10 MiB (Firestore documentation, 'Quotas and limits')."""

    def __init__(
        self, client: Client, collection: str, layout: EntryLayout = DEFAULT_LAYOUT
    ) -> None:
        super().__init__(f"the Firestore collection {collection}", layout)
        self._client = client
        self._collection = client.collection(collection)

    def _put(self, entries: Sequence[Entry]) -> None:
        from google.api_core import exceptions
        from google.api_core.retry import Retry, if_exception_type

        batch = self._client.batch()
        for entry in entries:
            fields = field_value(self._fields(entry))
            reference = self._collection.document(document_id(entry.device_id, entry.timestamp))
            batch.set(reference, fields)
        # A collection begins with 500 writes a second (Firestore documentation, 'Best practices').
        throttled = if_exception_type(
            exceptions.Aborted,
            exceptions.DeadlineExceeded,
            exceptions.InternalServerError,
            exceptions.ResourceExhausted,
            exceptions.ServiceUnavailable,
        )
        patience = Retry(throttled, initial=0.1, maximum=10.0, timeout=_PATIENCE_SECONDS)
        batch.commit(retry=patience, timeout=_COMMIT_SECONDS)


def document_id(device_id: str, timestamp: object) -> str:
    """Return an entry's document id: the same for the same device and timestamp.

    It is a hash, as an id must not hold a `/`, nor be `.`, `..` or `__x__`, nor exceed 1,500 bytes, and
    ids that follow each other slow writing down (Firestore documentation, 'Best practices').
    """
    return hashlib.sha256(f"{len(device_id)}:{device_id}{timestamp}".encode()).hexdigest()[:40]


def field_value(value: Any) -> Any:
    """Turn a plain value into one that Firestore keeps: numbers become 64-bit integers or doubles."""
    return with_numbers(value, _number)


def _number(value: Decimal) -> int | float:
    exponent = value.as_tuple().exponent
    is_whole = isinstance(exponent, int) and exponent >= 0
    if is_whole and -_LARGEST_INTEGER <= value < _LARGEST_INTEGER:
        return int(value)
    return float(value)


def _writer(environment: Environment) -> FirestoreWriter:
    settings = FirestoreSettings.load(environment)
    return FirestoreWriter(client_of(settings), settings.collection, EntryLayout.load(environment))


# --- looking into it --------------------------------------------------------------------------


class FirestoreProbe:
    """A look into a collection, by the indexes that a Hot Reader needs."""

    def __init__(self, client: Client, collection: str, entries: HotReaderSettings) -> None:
        self.place = f"the Firestore collection {collection}"
        self._collection = client.collection(collection)
        self._entries = entries

    def ends(self, device_id: DeviceId) -> list[Mapping[str, Any]]:
        """Return a device's first and last documents; see `Probe.ends`."""
        from google.cloud.firestore_v1.base_query import FieldFilter
        from google.cloud.firestore_v1.field_path import FieldPath

        device, time = (
            FieldPath(name).to_api_repr()
            for name in (self._entries.device_id_attribute, self._entries.timestamp_attribute)
        )
        of_device = self._collection.where(filter=FieldFilter(device, "==", field_value(device_id)))
        return [
            document.to_dict() or {}
            for order in (of_device.ASCENDING, of_device.DESCENDING)
            for document in of_device.order_by(time, order).limit(ENTRIES_AT_AN_END).stream()
        ]

    def some(self) -> list[Mapping[str, Any]]:
        """Return the first documents by their ids; see `Probe.some`."""
        return [each.to_dict() or {} for each in self._collection.limit(SOME_ENTRIES).stream()]


def _probe(environment: Environment) -> FirestoreProbe:
    settings, entries = FirestoreSettings.load(environment), HotReaderSettings.load(environment)
    return FirestoreProbe(client_of(settings), settings.collection, entries)


# --- functions --------------------------------------------------------------------------------


def _spelled(settings: Mapping[str, str]) -> str:
    """Spell settings as the YAML that `gcloud functions deploy --env-vars-file` takes.

    Its values must be strings; a string in JSON is one in YAML, too (YAML 1.2.2, section 1.3).
    """
    return "".join(f"{name}: {json.dumps(value)}\n" for name, value in settings.items())


_STORAGE: Final = (
    StorageKey(
        "collection",
        "FIRESTORE_COLLECTION",
        "the path of the collection",
        default="{twin}-hot-telemetry",
    ),
    StorageKey("database", "FIRESTORE_DATABASE", "the database in the project"),
    StorageKey("project", "FIRESTORE_PROJECT", "the project, if it isn't the functions' own"),
)
_OPTIONS: Final = {
    "--app": "the history's function  [default: hot-reader]",
    "--region": "the functions'",
    "--project": "the functions'",
}
PROVIDER: Final = Provider(
    "gcp",
    "Google Cloud",
    "Firestore",
    FirestoreSettings.load,
    _STORAGE,
    _writer,
    _probe,
    Functions(
        directory="functions/gcp",
        entry="main.py",
        files=("requirements.txt",),
        settings_suffix=".yaml",
        spelled=_spelled,
        options=_OPTIONS,
    ),
)
