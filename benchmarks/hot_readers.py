"""Hot Readers of the benchmarks' DynamoDB server, as the functions make them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from benchmarks.dynamodb_server import (
    CREDENTIALS,
    DEVICE_ID,
    PROPERTIES,
    REGION,
    TABLE,
    TIMESTAMP,
    device,
)
from chalicelib.contracts import wire_contract
from chalicelib.contracts.answers import HistoryAnswer
from chalicelib.hot_reader.hot_reader import HotReader
from chalicelib.model.limits import LARGEST_PAYLOAD
from chalicelib.model.timestamps import Iso8601Format
from chalicelib.stores.dynamodb.pages import page_client
from chalicelib.stores.dynamodb.store import CLIENT, DynamoDBHotStore

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.lean_server import LeanServer

START: Final = "2025-12-31T00:00:00Z"
END: Final = "2030-01-01T00:00:00Z"


def client_options(server: LeanServer) -> dict[str, Any]:
    """Return what a client of the server is made with."""
    return {"endpoint_url": server.url, "region_name": REGION, **CREDENTIALS}


def hot_reader(server: LeanServer) -> HotReader:
    """Return a Hot Reader."""
    return HotReader(hot_store(server), Iso8601Format(), page_bytes=LARGEST_PAYLOAD)


def hot_store(server: LeanServer) -> DynamoDBHotStore:
    """Return its store."""
    client = page_client(CLIENT, **client_options(server))
    return DynamoDBHotStore(
        client, table_name=TABLE, device_id_attribute=DEVICE_ID, timestamp_attribute=TIMESTAMP
    )


def payload(entries: int, selected: Sequence[str], **more: Any) -> dict[str, Any]:
    """Return the payload that asks for the history of the device with so many entries."""
    return {
        "iot_device_id": device(entries),
        "entity_id": "machine-1",
        "component_name": "sensor",
        "selected_properties": list(selected),
        "property_types": {name: PROPERTIES[name] for name in selected},
        "start_time": START,
        "end_time": END,
        **more,
    }


def history(reader: HotReader, payload: Mapping[str, Any]) -> HistoryAnswer:
    """Read the page that a payload of the wire contract asks for."""
    query = wire_contract.history_query(payload)
    return HistoryAnswer(query, reader.history(query))
