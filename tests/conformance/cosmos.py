"""A container of the local Cosmos DB."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.stores.cosmos import CosmosHotStore
from deploy_scripts.providers.azure import json_value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from local_cloud.azure.cosmos import LocalCosmos
    from tests.conformance.oracle import Stored

_DATABASE, _CONTAINER = "conformance", "hot-telemetry"


class CosmosContainers:
    """One container does for timestamps of both types: a field may hold either."""

    unique_keys = False

    def __init__(self, cosmos: LocalCosmos) -> None:
        self._cosmos = cosmos
        self._container = cosmos.create_container(_DATABASE, _CONTAINER)

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
            lambda: self._container,
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
