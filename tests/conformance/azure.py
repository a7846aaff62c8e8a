"""Azure in the conformance suite: a container of a local Cosmos DB, and the Hot Readers over it."""

from __future__ import annotations

import copy
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from chalicelib.model.reads import READS
from chalicelib.stores.cosmos.store import CosmosHotStore
from deploy_scripts import PROJECT
from deploy_scripts.providers.azure import json_value
from local_cloud.azure.cosmos import LocalCosmos
from local_cloud.azure.functions import LocalAzureFunctions
from local_cloud.child_process import free_port
from tests.conformance.asking import TOKEN, HttpAsker
from tests.conformance.hosts import HttpHost, twin_info

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from azure.cosmos import ContainerProxy

    from tests.conformance.oracle import Stored

_DATABASE, _CONTAINER = "conformance", "hot-telemetry"


class Tables:
    """One container does for timestamps of both types: a field may hold either."""

    unique_keys = False
    native_timestamps = False

    def __init__(self, cosmos: LocalCosmos) -> None:
        self._cosmos = cosmos
        self._container = cosmos.create_container(_DATABASE, _CONTAINER)
        self._read: Any = self._container

    def by_standard_parser(self) -> Tables:
        """Return the same container, with pages parsed by the SDK: what a Hot Reader falls back to."""
        tables = copy.copy(self)
        tables._read = WithoutHook(self._container)
        return tables

    def put(self, device_id: str, entries: Sequence[Stored], key_type: str) -> None:
        upserts = [
            (
                "upsert",
                (
                    {name: json_value(value) for name, value in each.values.items()}
                    | {
                        "id": f"{each.key}~{each.identity}",
                        "device_id": device_id,
                        "timestamp": int(each.key) if key_type == "N" else each.key,
                    },
                ),
            )
            for each in entries
        ]
        for first in range(0, len(upserts), 100):
            batch = upserts[first : first + 100]
            self._container.execute_item_batch(batch, partition_key=device_id)

    def store(self, _key_type: str) -> CosmosHotStore:
        return CosmosHotStore(
            lambda: self._read,
            device_id_attribute="device_id",
            timestamp_attribute="timestamp",
        )

    def settings(self, _key_type: str) -> dict[str, str]:
        """Return what a function must be told to read it."""
        return {
            "COSMOS_ENDPOINT": self._cosmos.endpoint,
            "COSMOS_DATABASE": _DATABASE,
            "COSMOS_CONTAINER": _CONTAINER,
            "COSMOS_KEY": self._cosmos.key,
        }


class WithoutHook:
    """A container of an SDK that has no hook for raw answers."""

    def __init__(self, container: ContainerProxy) -> None:
        self._container = container

    def query_items(self, *, raw_response_hook: object, **asked: Any) -> Any:
        return self._container.query_items(**asked)


class Functions(HttpHost):
    """Azure Functions: an app with both readers."""

    def start(self, settings: Mapping[str, str]) -> HttpAsker:
        app = LocalAzureFunctions(
            {
                "DIGITAL_TWIN_INFO": twin_info("azure", "aws"),
                "INTER_CLOUD_TOKEN": TOKEN,
                **settings,
            },
            app=PROJECT / "functions" / "azure",
            port=free_port(),
            log=self.place(),
        )
        self._stack.enter_context(app)
        return HttpAsker({read: app.url + read.path for read in READS}, app.output)


@contextmanager
def tables(directory: Path) -> Iterator[Tables]:
    """Run the storage until the block ends."""
    with LocalCosmos(directory / "log") as cosmos:
        yield Tables(cosmos)
