"""The Hot Reader and the textbook reader of the benchmarks' Cosmos DB."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from azure.cosmos import CosmosClient

from benchmarks.azure.server import CONTAINER, DATABASE, KEY
from benchmarks.baseline import TextbookReader
from benchmarks.dynamodb_server import DEVICE_ID, TIMESTAMP
from chalicelib.hot_reader.hot_reader import HotReader
from chalicelib.model.limits import LARGEST_PAYLOAD
from chalicelib.model.timestamps import Iso8601Format
from chalicelib.settings.cosmos import CosmosSettings
from chalicelib.stores.cosmos.store import CosmosHotStore, LazyContainer

if TYPE_CHECKING:
    from azure.cosmos import ContainerProxy

    from benchmarks.baseline import Asked, Page
    from benchmarks.lean_server import LeanServer


def hot_reader(server: LeanServer) -> HotReader:
    """Return a Hot Reader, as the function makes it."""
    settings = CosmosSettings(server.url, DATABASE, CONTAINER, KEY)
    store = CosmosHotStore(
        LazyContainer(settings, DEVICE_ID).open,
        device_id_attribute=DEVICE_ID,
        timestamp_attribute=TIMESTAMP,
    )
    return HotReader(store, Iso8601Format(), page_bytes=LARGEST_PAYLOAD)


def container_of(server: LeanServer) -> ContainerProxy:
    """Return the container, as the SDK's documentation opens it."""
    client = CosmosClient(server.url, KEY, enable_endpoint_discovery=False)
    return client.get_database_client(DATABASE).get_container_client(CONTAINER)


class CosmosTextbook(TextbookReader):
    """The reader that one writes first: `SELECT *`, dicts. It keeps its client, and knows the types.

    Parameters
    ----------
    server
        The server to read.
    """

    def __init__(self, server: LeanServer) -> None:
        self._container = container_of(server)

    def _page(self, asked: Asked) -> Page:
        pages: Any = self._container.query_items(
            "SELECT * FROM c WHERE c.device_id = @device AND c.timestamp >= @start "
            "AND c.timestamp <= @end ORDER BY c.timestamp",
            parameters=[
                {"name": "@device", "value": asked.device_id},
                {"name": "@start", "value": asked.start},
                {"name": "@end", "value": asked.end},
            ],
            partition_key=asked.device_id,
            max_item_count=-1 if asked.size is None else asked.size,
        ).by_page(asked.token)
        return list(next(pages)), pages.continuation_token
