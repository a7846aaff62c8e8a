"""A container of the local Cosmos DB."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.cosmos import CosmosHotStore
from deploy_scripts.hot_storage.cosmos import CosmosWriter
from deploy_scripts.sample_telemetry import Entry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deploy_scripts.local_cloud.cosmos import LocalCosmos
    from tests.conformance.oracle import Stored


class CosmosContainers:
    """One container does for timestamps of both types: a field may hold either."""

    unique_keys = True

    def __init__(self, cosmos: LocalCosmos) -> None:
        self.container = cosmos.create_container("conformance", "hot-telemetry")

    def put(self, device_id: str, entries: Sequence[Stored], key_type: str) -> None:
        writer = CosmosWriter(
            self.container,
            device_id_attribute="device_id",
            timestamp_attribute="timestamp",
            numeric_timestamps=key_type == "N",
        )
        writer.write(Entry(device_id, each.key, each.values) for each in entries)

    def store(self, _key_type: str) -> CosmosHotStore:
        return CosmosHotStore(
            lambda: self.container,
            device_id_attribute="device_id",
            timestamp_attribute="timestamp",
        )
