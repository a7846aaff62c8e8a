"""Both reads of a store, by the settings."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.hot_reader.hot_reader import HotReader
from chalicelib.hot_reader.service import HotReaderService, answer
from chalicelib.model.entries import StoredEntry
from chalicelib.model.query import AnyQuery, DevicesQuery, HistoryQuery, LastEntryQuery
from chalicelib.model.timestamps import Iso8601Format
from chalicelib.observability.json_lines import JsonLogObservability
from chalicelib.settings.hot_reader import HotReaderSettings
from chalicelib.stores.hot_store import read_ends
from tests.conformance.memory import MemoryStore
from tests.conformance.oracle import Stored

if TYPE_CHECKING:
    from collections.abc import Iterator


def test_values_are_where_settings_configuration_and_query_say():
    device = {
        "id": "pump-1",
        "properties": [
            {"name": name, "dataType": "DOUBLE", "source": f"Pump.{name}"} for name in "abc"
        ],
    }
    info: dict[str, Any] = {
        "config": {"digital_twin_name": "my-twin"},
        "config_providers": {"layer_3_hot_provider": "aws", "layer_4_provider": "azure"},
        "config_iot_devices": [device],
    }
    environment = {"DIGITAL_TWIN_INFO": json.dumps(info), "VALUES_PATH": " Body "}
    store = MemoryStore()
    stored = {"Body": {"Pump": {"a": 1, "b": 2, "c": 3}, "other": 4}, "Pump": {"a": 5}}
    store.put("pump-1", [Stored("1970-01-01T00:00:00Z", stored)], "S")
    query = HistoryQuery(
        device_id="pump-1",
        selected_properties=("a", "b"),
        property_sources={"b": "other"},
        start=0,
        end=9,
    )
    service = HotReaderService(store, HotReaderSettings.load(environment))
    with JsonLogObservability("test", emit=lambda _level, _line: None).request("t") as record:
        answer = service.answer(query, record)
    values = [each["values"][0]["value"] for each in answer.document["propertyValues"]]
    assert values == [{"doubleValue": 1}, {"doubleValue": 4}]


class Timed:
    """A store that records how long each of its reads may take."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def read(self, *_: Any, **__: Any) -> Iterator[StoredEntry]:
        self.seconds.append(read_ends() - time.monotonic())
        # The values that are asked for are in none, so that older entries are read, too.
        yield StoredEntry("1970-01-01T00:00:01Z", {"b": 1})
        yield StoredEntry("1970-01-01T00:00:00Z", {"b": 1})


HISTORY = HistoryQuery(device_id="d", selected_properties=("a",), start=0, end=9)


@pytest.mark.parametrize(
    ("query", "reads"),
    [
        (HISTORY, 1),
        (DevicesQuery(tuple(replace(HISTORY, device_id=each) for each in "defg")), 4),
        (LastEntryQuery(device_id="d", selected_properties=("a",)), 2),
    ],
    ids=["history", "histories", "last entry"],
)
def test_all_reads_of_an_answer_end_in_the_hosts_time(query: AnyQuery, reads: int) -> None:
    store = Timed()
    reader = HotReader(store, Iso8601Format(), page_bytes=1_000)
    answer(reader, query, seconds=5)
    assert len(store.seconds) == reads
    assert all(each <= 3 for each in store.seconds)
    assert read_ends() - time.monotonic() > 3
