"""The hot storage on Azure: a Cosmos DB container (API for NoSQL) partitioned by the device's id.

An entry is a document: the device's id, the timestamp, and each property as a field of its own beside
the `id` and the fields that Cosmos DB adds. The device's id and the timestamp may be within maps, as in
IoT Hub's documents: the settings' names are then joined by dots.
"""

from __future__ import annotations

import json
import re
import time
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from azure.cosmos import CosmosClient

from chalicelib.model.errors import HotStoreError, StoreUnavailableError
from chalicelib.model.locations import locations
from chalicelib.settings.secure_url import LOOPBACK_HOSTS
from chalicelib.stores.cosmos.batches import KEY_AND_IDENTITY, RowBatch
from chalicelib.stores.cosmos.errors import answer_in_time
from chalicelib.stores.cosmos.pages import KeptPages
from chalicelib.stores.cosmos.transport import PooledTransport, TokenTransport
from chalicelib.stores.hot_store import entries_of, read_ends

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from azure.core.credentials import TokenCredential
    from azure.cosmos import ContainerProxy

    from chalicelib.model.entries import DeviceId, EntryBatch, StoredEntry
    from chalicelib.model.locations import Location, Places
    from chalicelib.model.timestamps import SortKey
    from chalicelib.settings.cosmos import CosmosSettings
    from chalicelib.settings.hot_reader import HotReaderSettings
    from chalicelib.stores.cosmos.pages import Columns

_RETRIES: Final[Mapping[str, Any]] = {
    "retry_total": 2,
    "retry_backoff_max": 2,
    "retry_backoff_factor": 0.1,
}
# The caller of a Hot Reader waits for 29 seconds at most (API Gateway's limit), so an unavailable store
# must be noticed earlier. The SDK retries in two layers, one around the other, so few retries in each
# are many; `timeout` bounds them all for one page: no new try begins after it.
_CLIENT: Final[Mapping[str, Any]] = {
    "connection_timeout": 2,
    "read_timeout": 6,
    "timeout": 10,
    **_RETRIES,
    # Before a retry the SDK sleeps for as long as a 429 asks, whatever `timeout` says (azure-cosmos,
    # _retry_utility.Execute), so the caller is told to wait instead. 0 would be taken for the default.
    "retry_throttle_total": -1,
}
_PATH: Final = re.compile(r'/(?:"([^"]*)"|([^/]+))')
"""A name in a partition key's path, in quotes if it isn't an identifier."""
_GROWTH: Final = 4
_ANY_NUMBER: Final = -1
"""Lets Cosmos DB choose how many documents a page holds; without it, a page ends after 100."""
_LARGEST_PAGE: Final = 10_000
"""Documents; 4 MB end a page before."""


def connect(settings: CosmosSettings, entries: HotReaderSettings) -> CosmosHotStore:
    """Return the store that the settings name; nothing is sent yet."""
    return CosmosHotStore(
        LazyContainer(settings, entries.device_id_attribute).open,
        device_id_attribute=entries.device_id_attribute,
        timestamp_attribute=entries.timestamp_attribute,
    )


class CosmosHotStore:
    """A hot store that reads one partition with one query, page by page.

    Parameters
    ----------
    container
        Returns the container; called at each read, because the SDK's client can't be made without a
        request to the account.
    device_id_attribute, timestamp_attribute
        The fields with the partition key and the timestamp, each a string or a number: a name, or the
        names that lead to it, joined by dots. A document without a timestamp isn't an entry; one whose
        timestamp is of another type is, and the Hot Reader counts it as unreadable.
    """

    def __init__(
        self,
        container: Callable[[], ContainerProxy],
        *,
        device_id_attribute: str,
        timestamp_attribute: str,
    ) -> None:
        self._container = container
        self._device_id = _place(device_id_attribute)
        self._timestamp = _place(timestamp_attribute)

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
        query = {
            "query": self._query(properties, lower, upper, descending=descending),
            "parameters": _parameters(device=device_id, lower=lower, upper=upper),
            "partition_key": _json_value(device_id),
        }
        names = list(properties)
        for columns, is_last in self._pages(query, limit, KEY_AND_IDENTITY + len(names)):
            if columns[0]:
                yield RowBatch(columns, names, descending=descending, is_last=is_last)

    def _query(
        self,
        properties: Places,
        lower: SortKey | None,
        upper: SortKey | None,
        *,
        descending: bool,
    ) -> str:
        """Return the query; names are quoted, so a name may hold any character.

        Its rows are lists, which are parsed in half the time of maps. Of an undefined element there
        would be nothing in them, so it is replaced by null.
        """
        key = _field(self._timestamp)
        selected = [key, "c.id"]
        selected += [" ?? ".join([*map(_field, places), "null"]) for places in properties.values()]
        # Redundant as long as the partition is the device's, which `LazyContainer` checks.
        conditions = [f"{_field(self._device_id)} = @device"]
        # Whether ORDER BY leaves out documents without the field depends on the indexing policy.
        conditions.append(f"IS_DEFINED({key})")
        if lower is not None:
            conditions.append(f"{key} >= @lower")
        if upper is not None:
            conditions.append(f"{key} <= @upper")
        return (
            f"SELECT VALUE [{', '.join(selected)}] FROM c WHERE {' AND '.join(conditions)} "  # noqa: S608
            f"ORDER BY {key} {'DESC' if descending else 'ASC'}"
        )

    def _pages(
        self, query: Mapping[str, Any], limit: int | None, width: int
    ) -> Iterator[tuple[Columns, bool]]:
        """Yield the columns that a query finds, page by page, and whether they are the last ones.

        The next page is requested when it is needed, and all of them come within one time.
        """
        until = read_ends()
        size = _ANY_NUMBER if limit is None else min(limit, _LARGEST_PAGE)
        continuation: str | None = None
        while True:
            before = continuation
            page, continuation = answer_in_time(
                partial(self._page, self._container(), query, size, before, width),
                until,
                self._timestamp,
            )
            yield page, continuation is None
            if continuation is None:
                return
            if continuation == before:
                raise StoreUnavailableError("Cosmos DB answers the same page again and again.")
            # The caller takes more than its estimate: entries may lack properties.
            size = size if size == _ANY_NUMBER else min(size * _GROWTH, _LARGEST_PAGE)

    def _page(
        self,
        container: ContainerProxy,
        query: Mapping[str, Any],
        size: int,
        continuation: str | None,
        width: int,
        seconds: float,
    ) -> tuple[Columns, str | None]:
        # The pager's own `continuation_token` is that of the client's last answer, in whichever thread;
        # the hook gets the headers of this answer.
        found: list[tuple[Columns, str | None]] = []

        def keep(headers: Mapping[str, str], result: object) -> None:
            found.append((kept.columns(result), headers.get("x-ms-continuation")))

        kept = KeptPages(width)
        pages = container.query_items(
            **query,
            max_item_count=size,
            timeout=seconds,
            response_hook=keep,
            raw_response_hook=kept,
        ).by_page(continuation)
        next(pages, None)
        return found[-1]


class LazyContainer:
    """A container, opened when it is first needed: the SDK's client sends a request when it is made.

    Parameters
    ----------
    settings
        The account, the database and the container.
    device_id_attribute
        The field that the container must be partitioned by; see `CosmosHotStore`.
    """

    def __init__(self, settings: CosmosSettings, device_id_attribute: str) -> None:
        self._settings = settings
        self._device_id = _place(device_id_attribute)
        self._opened: ContainerProxy | None = None

    def open(self) -> ContainerProxy:
        """Return the container, the same one each time; a failure is tried again next time.

        Raises
        ------
        StoreUnavailableError, HotStoreError
            The account or the container can't be read, or isn't partitioned by the device's id.
        """
        opened = self._opened
        if opened is None:
            # Without a lock: if the account is unavailable, no request waits for another's attempts.
            # Two first requests at once make two clients, and the later one is kept.
            until = min(time.monotonic() + _CLIENT["timeout"], read_ends())
            opened = self._opened = answer_in_time(self._open, until)
        return opened

    def _open(self, seconds: float) -> ContainerProxy:
        settings = self._settings
        here = urlsplit(settings.endpoint).hostname in LOOPBACK_HOSTS
        client = CosmosClient(
            settings.endpoint,
            settings.key or _identity(),
            # An emulator signs its own certificate, and gives itself host names that don't resolve.
            connection_verify=not here,
            enable_endpoint_discovery=not here,
            transport=PooledTransport(),
            **_CLIENT,
        )
        database = client.get_database_client(settings.database)
        container = database.get_container_client(settings.container)
        # No extra request: the SDK reads this before its first query anyway, and keeps it.
        partition_key = container.read(timeout=seconds)["partitionKey"]
        paths = [str(path) for path in partition_key["paths"]]
        self._check_partition_key(paths)
        return container

    def _check_partition_key(self, paths: Sequence[str]) -> None:
        found = [tuple(quoted or name for quoted, name in _PATH.findall(path)) for path in paths]
        if found == [self._device_id]:
            return
        expected = "/".join(["", *self._device_id])
        cure = f"Use a container with the partition key {expected}"
        if len(found) == 1 and not any("." in name for name in found[0]):
            cure += (
                f", or set DEVICE_ID_ATTRIBUTE to {'.'.join(found[0])} if that is where the id of the "
                "device is"
            )
        raise HotStoreError(
            f"The container {self._settings.container!r} is partitioned by "
            f"{', '.join(paths)}, so a device's entries can't be read by its id, which "
            f"DEVICE_ID_ATTRIBUTE says is in {expected}. {cure}."
        )


def _identity() -> TokenCredential:
    """Return the function's managed identity or, on an engineer's machine, the signed-in one."""
    from azure.identity import DefaultAzureCredential  # slow to load, and unneeded with a key

    return DefaultAzureCredential(transport=TokenTransport(), **_RETRIES)


def _place(attribute: str) -> Location:
    """Return the names that lead to a key: a query has one order, so a dot always leads into a map."""
    return locations(attribute)[-1]


def _field(place: Sequence[str]) -> str:
    """Quote a field's names; a string constant is escaped as in JSON (query language, 'Constants')."""
    return "c" + "".join(f"[{json.dumps(name, ensure_ascii=False)}]" for name in place)


def _parameters(**values: DeviceId | SortKey | None) -> list[dict[str, object]]:
    return [
        {"name": f"@{name}", "value": _json_value(value)}
        for name, value in values.items()
        if value is not None
    ]


def _json_value(value: DeviceId | SortKey) -> Any:
    if not isinstance(value, Decimal):
        return value
    whole = value.to_integral_value()
    return int(whole) if whole == value else float(value)
