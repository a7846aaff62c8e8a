"""Subjects of the conformance suite: every store, and every host in front of one.

A new provider is one more module here, of its name (docs/adding-a-store.md). A test runs on all of them, unless it has many cases of a
rule that is the Hot Reader's own: then `each_store` has all of them, and `each_host` a few.
"""

from __future__ import annotations

import functools
import itertools
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from chalicelib.hot_reader.hot_reader import HotReader
from chalicelib.model.limits import LARGEST_PAYLOAD
from chalicelib.model.timestamps import (
    EpochMillisecondsFormat,
    EpochSecondsFormat,
    Iso8601Format,
    NativeFormat,
)
from chalicelib.stores.dynamodb.pages import page_session
from deploy_scripts.providers import PACKAGED, PROVIDERS
from local_cloud.aws.account import LocalAws
from local_cloud.aws.dynalite import Dynalite
from tests.conformance.asking import DirectAsker
from tests.conformance.batches import BatchingMemoryStore
from tests.conformance.dynamodb import DynamoDBTables, IndexedDynamoDBTables
from tests.conformance.hosts import (
    Chalice,
    Connector,
    HttpHost,
    Lambda,
    LambdaConnector,
)
from tests.conformance.memory import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from chalicelib.model.timestamps import TimestampFormat
    from chalicelib.stores.hot_store import HotStore
    from tests.conformance.asking import Asker
    from tests.conformance.hosts import Host
    from tests.conformance.oracle import Stored


@dataclass(frozen=True)
class Spelling:
    """A spelling of keys: the format, the type of the sort key, and the settings that say so."""

    timestamps: TimestampFormat
    key_type: str
    settings: dict[str, str]


SPELLINGS = {
    "iso8601": Spelling(Iso8601Format(), "S", {}),
    "mixed_offsets": Spelling(Iso8601Format(mixed_offsets=True), "S", {"MIXED_OFFSETS": "true"}),
    "iso8601_space": Spelling(
        Iso8601Format(separator=" "), "S", {"TIMESTAMP_FORMAT": "iso8601_space"}
    ),
    "epoch_seconds": Spelling(
        EpochSecondsFormat(as_text=False), "N", {"TIMESTAMP_FORMAT": "epoch_seconds"}
    ),
    "epoch_seconds_text": Spelling(
        EpochSecondsFormat(as_text=True), "S", {"TIMESTAMP_FORMAT": "epoch_seconds_text"}
    ),
    "epoch_milliseconds": Spelling(
        EpochMillisecondsFormat(as_text=False), "N", {"TIMESTAMP_FORMAT": "epoch_milliseconds"}
    ),
    "epoch_milliseconds_text": Spelling(
        EpochMillisecondsFormat(as_text=True), "S", {"TIMESTAMP_FORMAT": "epoch_milliseconds_text"}
    ),
    "native": Spelling(NativeFormat(), "T", {"TIMESTAMP_FORMAT": "native"}),
}
_DEVICE_NUMBERS = itertools.count()


class Tables(Protocol):
    """Tables of a store, by the type of their sort key: S (string), N (number) or T (timestamp).

    Attributes
    ----------
    unique_keys
        True if the store keeps one entry for each key of a device.
    """

    unique_keys: bool

    def put(self, device_id: str, entries: Sequence[Stored], key_type: str) -> None: ...

    def store(self, key_type: str) -> HotStore: ...


class HostedTables(Tables, Protocol):
    """Tables that a host can be told of.

    Attributes
    ----------
    native_timestamps
        True if the store has a type of its own for timestamps: the key type T.
    """

    native_timestamps: bool

    def settings(self, key_type: str) -> dict[str, str]: ...


@dataclass
class Direct:
    """Readers of a store, without a host."""

    tables: Tables

    def asker(
        self, spelling: Spelling, page_bytes: int, *, one_by_one: bool = False, **more: Any
    ) -> Asker:
        store: Any = self.tables.store(spelling.key_type)
        store = SimpleNamespace(read=store.read) if one_by_one else store
        return DirectAsker(HotReader(store, spelling.timestamps, page_bytes=page_bytes, **more))


@dataclass
class Hosted:
    """Readers of a store, behind a host."""

    tables: HostedTables
    host: Host

    def asker(self, spelling: Spelling, page_bytes: int) -> Asker:
        settings = self.tables.settings(spelling.key_type) | spelling.settings
        if page_bytes != LARGEST_PAYLOAD:
            settings["PAGE_BYTES"] = str(page_bytes)
        return self.host.asker(settings)


@dataclass
class Subject:
    """A device of its own, and readers of it."""

    readers: Direct | Hosted
    device_id: str = field(default_factory=lambda: f"device-{next(_DEVICE_NUMBERS)}")
    entries: list[Stored] = field(default_factory=list)

    def put(self, *entries: Stored, key_type: str = "S") -> None:
        self.entries += entries
        self.readers.tables.put(self.device_id, entries, key_type)

    def reader(
        self, spelling: str = "iso8601", *, page_bytes: int = LARGEST_PAYLOAD, **more: Any
    ) -> Asker:
        return self.readers.asker(SPELLINGS[spelling], page_bytes, **more)


@pytest.fixture(scope="session")
def aws() -> Iterator[LocalAws]:
    with LocalAws() as running:
        yield running


@pytest.fixture(scope="session")
def moto_tables(aws: LocalAws) -> DynamoDBTables:
    return DynamoDBTables(aws.client("dynamodb"))


@pytest.fixture(scope="session")
def dynalite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dynalite]:
    with Dynalite(tmp_path_factory.mktemp("dynalite") / "log") as dynalite:
        yield dynalite


@pytest.fixture(scope="session")
def dynalite_tables(dynalite: Dynalite) -> DynamoDBTables:
    """Pages of items are parsed as the Hot Readers parse them."""
    return DynamoDBTables(dynalite.client(page_session()))


@pytest.fixture(scope="session")
def standard_parser_tables(dynalite: Dynalite, dynalite_tables: DynamoDBTables) -> DynamoDBTables:
    """Pages of items are parsed by botocore: what a Hot Reader falls back to."""
    return dynalite_tables.read_by(dynalite.client())


@pytest.fixture(scope="session")
def indexed_tables(dynalite: Dynalite) -> IndexedDynamoDBTables:
    return IndexedDynamoDBTables(dynalite.client(page_session()))


@pytest.fixture(scope="session")
def chalice(aws: LocalAws, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpHost]:
    with ExitStack() as stack:
        yield Chalice(tmp_path_factory.mktemp("chalice"), stack, aws)


@dataclass
class Cloud:
    """Another cloud: its storage, and hosts that may be told of it, started when first needed."""

    tables: HostedTables
    host: HttpHost
    connector: Connector


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Cloud]]:
    """Each other cloud by its provider's name, from the module of that name here."""
    with ExitStack() as stack:

        @functools.cache
        def started(provider: str) -> Cloud:
            module = import_module(f"tests.conformance.{provider}")
            tables = stack.enter_context(module.tables(tmp_path_factory.mktemp("tables")))
            host = module.Functions(tmp_path_factory.mktemp(provider), stack)
            return Cloud(tables, host, Connector(host))

        yield started


def _direct(tables: str):
    return lambda fixture: Direct(fixture(tables))


def _hosted(tables: str, host):
    return lambda fixture: Hosted(fixture(tables), host(fixture))


def _store_name(provider: str) -> str:
    return PROVIDERS[provider].store.replace(" ", "-").lower()


def _has_native_timestamps(provider: str) -> bool:
    found: bool = import_module(f"tests.conformance.{provider}").Tables.native_timestamps
    return found


def _tables_of(provider: str, fixture: Callable[[str], Any]) -> Direct:
    return Direct(fixture("cloud")(provider).tables)


def _has_standard_parser(provider: str) -> bool:
    return hasattr(import_module(f"tests.conformance.{provider}").Tables, "by_standard_parser")


def _standard_parser_tables_of(provider: str, fixture: Callable[[str], Any]) -> Direct:
    return Direct(fixture("cloud")(provider).tables.by_standard_parser())


def _host_of(provider: str, fixture: Callable[[str], Any]) -> Hosted:
    cloud = fixture("cloud")(provider)
    return Hosted(cloud.tables, cloud.host)


def _connector_of(provider: str, fixture: Callable[[str], Any]) -> Hosted:
    cloud = fixture("cloud")(provider)
    return Hosted(cloud.tables, cloud.connector)


STORES = {
    "memory": lambda _fixture: Direct(MemoryStore()),
    "memory-batches": lambda _fixture: Direct(BatchingMemoryStore(64)),
    "dynamodb-dynalite": _direct("dynalite_tables"),
    "dynamodb-dynalite-standard-parser": _direct("standard_parser_tables"),
    "dynamodb-index": _direct("indexed_tables"),
    **{_store_name(name): partial(_tables_of, name) for name in PACKAGED},
    **{
        f"{_store_name(name)}-standard-parser": partial(_standard_parser_tables_of, name)
        for name in PACKAGED
        if _has_standard_parser(name)
    },
}
"""Each store, without a host."""

HOSTS = {
    "dynamodb-moto": _direct("moto_tables"),
    "lambda": _hosted("dynalite_tables", lambda fixture: Lambda(fixture("aws"))),
    "chalice": _hosted("dynalite_tables", lambda fixture: fixture("chalice")),
    **{name: partial(_host_of, name) for name in PACKAGED},
    "connector-lambda": _hosted("dynalite_tables", lambda fixture: LambdaConnector(fixture("aws"))),
    "connector-chalice": _hosted("dynalite_tables", lambda fixture: Connector(fixture("chalice"))),
    **{f"connector-{name}": partial(_connector_of, name) for name in PACKAGED},
}
"""Each host, and a data connector in front of it; and a second implementation of DynamoDB."""

READERS = STORES | HOSTS

each_store = pytest.mark.parametrize("readers", STORES, indirect=True, scope="session")
"""For all cases of a rule that no host has a part in."""

each_store_of_native_timestamps = pytest.mark.parametrize(
    "readers",
    ["memory", "memory-batches", *map(_store_name, filter(_has_native_timestamps, PACKAGED))],
    indirect=True,
    scope="session",
)
"""The same for what only a store with a type of its own for timestamps can keep."""

each_host = pytest.mark.parametrize("readers", HOSTS, indirect=True, scope="session")
"""For some of them, which show that each host passes on what the rule is about."""


@pytest.fixture(scope="session", params=READERS)
def readers(request: pytest.FixtureRequest) -> Direct | Hosted:
    made: Direct | Hosted = READERS[request.param](request.getfixturevalue)
    return made


@pytest.fixture
def subject(readers: Direct | Hosted) -> Subject:
    """A device of its own in each store, behind each host."""
    return Subject(readers)
