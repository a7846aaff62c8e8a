"""The Hot Reader and the textbook reader of the benchmarks' Cosmos DB."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from azure.cosmos import CosmosClient

from benchmarks.azure.server import CONTAINER, DATABASE, KEY
from benchmarks.baseline import data_value, reference
from benchmarks.dynamodb_server import DEVICE_ID, PROPERTIES, TIMESTAMP
from chalicelib.hot_reader.hot_reader import HotReader
from chalicelib.model.limits import LARGEST_PAYLOAD
from chalicelib.model.timestamps import Iso8601Format
from chalicelib.settings.cosmos import CosmosSettings
from chalicelib.stores.cosmos import CosmosHotStore, LazyContainer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from azure.cosmos import ContainerProxy

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


class TextbookReader:
    """The reader that one writes first: `SELECT *`, dicts, `json.dumps`.

    It keeps its client, and knows the types.

    Parameters
    ----------
    server
        The server to read.
    """

    def __init__(self, server: LeanServer) -> None:
        self._container = container_of(server)

    def history(
        self,
        device_id: str,
        selected: Sequence[str],
        start: str,
        end: str,
        *,
        max_results: int | None = None,
        token: str | None = None,
    ) -> tuple[bytes, str | None]:
        """Return a page of a device's history as JSON, and the token of the next one.

        Parameters
        ----------
        device_id, selected, start, end, max_results
            What to read; `max_results` is for one property, and without it one page holds all.
        token
            Where the page before ended.
        """
        pages: Any = self._container.query_items(
            "SELECT * FROM c WHERE c.device_id = @device AND c.timestamp >= @start "
            "AND c.timestamp <= @end ORDER BY c.timestamp",
            parameters=[
                {"name": "@device", "value": device_id},
                {"name": "@start", "value": start},
                {"name": "@end", "value": end},
            ],
            partition_key=device_id,
            max_item_count=-1 if max_results is None else max_results,
        ).by_page(token)
        values: dict[str, list[Any]] = {name: [] for name in selected}
        for document in next(pages):
            for name in selected:
                if name in document:
                    value = data_value(document[name], PROPERTIES[name])
                    values[name].append({"time": document["timestamp"], "value": value})
        answer: dict[str, Any] = {
            "propertyValues": [
                {"entityPropertyReference": reference(name), "values": values[name]}
                for name in selected
            ]
        }
        if pages.continuation_token:
            answer["nextToken"] = pages.continuation_token
        return json.dumps(answer).encode(), pages.continuation_token
