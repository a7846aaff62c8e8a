"""Azure: the hot storage is Cosmos DB, and Azure Functions run the Hot Readers."""

from __future__ import annotations

import hashlib
import itertools
import json
import logging
import re
import time
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from chalicelib.settings.cosmos import CosmosSettings
from chalicelib.settings.hot_reader import HotReaderSettings
from deploy_scripts.providers.provider import Functions, Provider, StorageKey
from deploy_scripts.providers.telemetry import (
    DEFAULT_LAYOUT,
    ENTRIES_AT_AN_END,
    SOME_ENTRIES,
    EntryLayout,
    Writer,
    pauses,
    with_numbers,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from azure.cosmos import ContainerProxy

    from chalicelib.model.entries import DeviceId
    from chalicelib.settings.environment import Environment
    from deploy_scripts.providers.telemetry import Entry

# --- sample telemetry -------------------------------------------------------------------------

_LARGEST_BATCH: Final = 1_500_000
"""Bytes, with room to spare, that a transactional batch takes (Azure documentation, 'Transactional
batch operations': 100 operations, 2 MB)."""
_SAFE_ID: Final = re.compile(r"[A-Za-z0-9:.+-]{1,255}")
"""Neither of `/ \\ ? #`, which a document's id mustn't hold, nor anything else that a URL changes."""
_TOO_MANY_REQUESTS: Final = 429
_EXACT: Final = 2**53
"""Every whole number up to this one is a double."""
_LONG: Final = 2**63


class CosmosWriter(Writer):
    """Writes entries as documents of a container that is partitioned by the device's id."""

    largest_batch = 100

    def __init__(self, container: ContainerProxy, layout: EntryLayout = DEFAULT_LAYOUT) -> None:
        super().__init__(f"the Cosmos DB container {container.id}", layout)
        self._container = container

    def _batches(self, entries: Iterable[Entry]) -> Iterator[Sequence[Entry]]:
        """Yield entries of one device each time, as a batch has one partition key."""
        for _, of_device in itertools.groupby(entries, key=lambda entry: entry.device_id):
            batch: list[Entry] = []
            size = 0
            for entry in of_device:
                bytes_more = len(json.dumps(self._document(entry)))
                full = len(batch) == self.largest_batch or size + bytes_more > _LARGEST_BATCH
                if batch and full:
                    yield batch
                    batch, size = [], 0
                batch.append(entry)
                size += bytes_more
            yield batch

    def _put(self, entries: Sequence[Entry]) -> None:
        from azure.cosmos.exceptions import CosmosBatchOperationError, CosmosHttpResponseError

        operations = [("upsert", (self._document(entry),)) for entry in entries]
        key = json_value(self._layout.stored_id(entries[0].device_id))
        for pause in pauses():
            try:
                self._container.execute_item_batch(operations, partition_key=key)
            except (CosmosHttpResponseError, CosmosBatchOperationError) as error:
                # The SDK has waited as Cosmos DB asked it to, some times.
                if error.status_code != _TOO_MANY_REQUESTS:
                    raise
                time.sleep(pause)
            else:
                return

    def _document(self, entry: Entry) -> dict[str, Any]:
        fields: dict[str, Any] = json_value(self._fields(entry))
        return {"id": document_id(entry.timestamp)} | fields


def document_id(timestamp: str) -> str:
    """Return the id of the document of a device's entry: the same for the same timestamp."""
    if _SAFE_ID.fullmatch(timestamp):
        return timestamp
    return hashlib.sha256(timestamp.encode()).hexdigest()


def json_value(value: Any) -> Any:
    """Turn a plain value into one that Cosmos DB keeps without a loss.

    Its numbers are doubles (Azure documentation, 'Constants' of the query language). A number whose
    digits a double doesn't keep is written as a string, which the declared types DOUBLE, INTEGER and
    LONG read as a number all the same.
    """
    return with_numbers(value, _json_number)


def _json_number(number: Decimal) -> int | float | str:
    whole = number.is_finite() and number == number.to_integral_value()
    if whole and abs(number) <= _EXACT:
        return int(number)
    double = float(number)
    kept = double == number or Decimal(repr(double)) == number
    # Within 64 bits it may be a LONG, whose digits JSON readers of doubles would round.
    return str(number) if not kept or (whole and abs(number) < _LONG) else double


def _writer(environment: Environment) -> CosmosWriter:
    from chalicelib.stores.cosmos.store import LazyContainer

    layout = EntryLayout.load(environment, nested_keys=True)
    container = LazyContainer(CosmosSettings.load(environment), ".".join(layout.device_id))
    return CosmosWriter(container.open(), layout)


# --- looking into it --------------------------------------------------------------------------


class CosmosProbe:
    """A look into a container that is partitioned by the device's id."""

    def __init__(self, container: ContainerProxy, entries: HotReaderSettings) -> None:
        self.place = f"the Cosmos DB container {container.id}"
        self._container = container
        device_id, timestamp = map(
            _quoted, (entries.device_id_attribute, entries.timestamp_attribute)
        )
        self._query = f"SELECT * FROM c WHERE {device_id} = @device ORDER BY {timestamp}"  # noqa: S608

    def ends(self, device_id: DeviceId) -> list[Mapping[str, Any]]:
        """Return a device's first and last documents; see `Probe.ends`."""
        found: list[Mapping[str, Any]] = []
        for order in ("ASC", "DESC"):
            documents = self._container.query_items(
                f"{self._query} {order}",
                parameters=[{"name": "@device", "value": json_value(device_id)}],
                partition_key=json_value(device_id),
                max_item_count=ENTRIES_AT_AN_END,
            )
            found += itertools.islice(documents, ENTRIES_AT_AN_END)
        return found

    def some(self) -> list[Mapping[str, Any]]:
        """Return the first documents of the container; see `Probe.some`."""
        documents = self._container.read_all_items(max_item_count=SOME_ENTRIES)
        return list(itertools.islice(documents, SOME_ENTRIES))


def _quoted(path: str) -> str:
    """Quote a field's path; each name is escaped as in JSON (query language, 'Constants')."""
    return "c" + "".join(f"[{json.dumps(name)}]" for name in path.split("."))


def _probe(environment: Environment) -> CosmosProbe:
    from chalicelib.stores.cosmos.store import LazyContainer

    settings, entries = CosmosSettings.load(environment), HotReaderSettings.load(environment)
    # What it logs is in the error, too.
    logging.getLogger("azure.identity").setLevel(logging.ERROR)
    return CosmosProbe(LazyContainer(settings, entries.device_id_attribute).open(), entries)


# --- functions --------------------------------------------------------------------------------


def _spelled(settings: Mapping[str, str]) -> str:
    """Spell settings as `az functionapp config appsettings set --settings @FILE` takes them."""
    listed = [
        {"name": name, "value": value, "slotSetting": False} for name, value in settings.items()
    ]
    return json.dumps(listed, indent=2) + "\n"


def _variables(settings: Mapping[str, str]) -> dict[str, str]:
    """Return the account that an endpoint in Azure's own domain names."""
    host = urlsplit(settings["COSMOS_ENDPOINT"]).hostname or ""
    account, _, domain = host.partition(".")
    return {"COSMOS_ACCOUNT": account} if domain.startswith("documents.azure.") else {}


_STORAGE: Final = (
    StorageKey("endpoint", "COSMOS_ENDPOINT", "the URL of the Cosmos DB account"),
    StorageKey("database", "COSMOS_DATABASE", "the database in the account", default="{twin}"),
    StorageKey(
        "container",
        "COSMOS_CONTAINER",
        "the container in the database",
        default="hot-telemetry",
    ),
)
_OPTIONS: Final = {
    "--app": "the function app",
    "--region": "the function app's",
    "--resource-group": "the function app's",
    "--storage-account": "for the function app's code",
    "--key-vault": "for the token",
    "--cosmos-resource-group": "the account's  [default: the function app's]",
}
PROVIDER: Final = Provider(
    "azure",
    "Azure",
    "Cosmos DB",
    CosmosSettings.load,
    _STORAGE,
    _writer,
    _probe,
    Functions(
        directory="functions/azure",
        entry="function_app.py",
        files=("host.json", "requirements.txt"),
        settings_suffix=".json",
        spelled=_spelled,
        options=_OPTIONS,
        # The remote build copies every file (Oryx, BaseBashBuildScript.sh.tpl).
        keeps_bytecode=True,
        variables=_variables,
    ),
)
