"""Writing into Cosmos DB: what a number, an id and a batch become."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from azure.cosmos.exceptions import CosmosHttpResponseError

from deploy_scripts.providers.azure import CosmosWriter, document_id, json_value
from deploy_scripts.providers.telemetry import Entry
from local_cloud.azure.cosmos import LocalCosmos

if TYPE_CHECKING:
    from collections.abc import Iterator

    from azure.cosmos import ContainerProxy


@pytest.fixture(scope="module")
def container(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ContainerProxy]:
    with LocalCosmos(tmp_path_factory.mktemp("cosmos") / "log") as running:
        yield running.create_container("twin", "hot-telemetry")


def documents(container: ContainerProxy, device_id: str) -> list[dict[str, Any]]:
    query = "SELECT * FROM c WHERE c.device_id = @device"
    parameters: list[dict[str, object]] = [{"name": "@device", "value": device_id}]
    found = container.query_items(query, parameters=parameters, partition_key=device_id)
    return [{k: v for k, v in each.items() if k[0] != "_"} for each in found]


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (Decimal("21.5"), 21.5),
        (Decimal("0.1"), 0.1),
        (Decimal("21.0"), 21),
        (Decimal("1e3"), 1000),
        (Decimal(2**53), 2**53),
        (-(2**53), -(2**53)),
        (Decimal("1e300"), 1e300),
        (2**63, float(2**63)),
    ],
)
def test_a_number_whose_digits_a_double_keeps_is_a_number(number, expected):
    written = json_value(number)
    assert (written, type(written)) == (expected, type(expected))
    assert Decimal(repr(json.loads(json.dumps(written)))) == Decimal(repr(expected))


@pytest.mark.parametrize(
    "digits",
    ["9007199254740993", "9223372036854775807", "0.10000000000000000555", "1e999", "NaN"],
)
def test_a_number_whose_digits_a_double_loses_is_text(digits):
    assert json_value(Decimal(digits)) == str(Decimal(digits))


def test_values_within_lists_and_maps_are_converted_too():
    value = {"a": [Decimal("1.5"), True, None, "x"], "b": {"c": Decimal(2)}}
    assert json_value(value) == {"a": [1.5, True, None, "x"], "b": {"c": 2}}


def test_an_id_is_the_timestamp_where_that_is_safe():
    assert document_id("2026-01-30T17:00:00.5+01:00") == "2026-01-30T17:00:00.5+01:00"


@pytest.mark.parametrize("timestamp", ["a/b", "a\\b", "a?b", "a#b", "a b", "é", "x" * 256])
def test_an_id_is_made_of_a_timestamp_that_isnt_safe(timestamp):
    made = document_id(timestamp)
    assert made == document_id(timestamp) != document_id(timestamp + "x")
    assert made.isalnum()


def test_entries_are_written_once_however_often(container):
    entries = [
        Entry(device_id, f"2026-01-30T17:{number // 60:02}:{number % 60:02}Z", {"n": number})
        for device_id in ("one", "two")
        for number in range(250)
    ]
    writer = CosmosWriter(container)
    told: list[int] = []
    assert writer.write(entries, progress=told.append) == 500
    assert told == [100, 100, 50] * 2
    writer.write(entries)
    for device_id in ("one", "two"):
        found = documents(container, device_id)
        assert sorted(each["n"] for each in found) == list(range(250))
        assert {each["timestamp"] for each in found} == {e.timestamp for e in entries}


def test_a_batch_stays_below_the_bytes_that_it_may_have(container):
    told: list[int] = []
    entries = [Entry("large", f"2026-01-30T17:00:0{n}Z", {"t": "x" * 600_000}) for n in range(5)]
    CosmosWriter(container).write(entries, progress=told.append)
    assert told == [2, 2, 1]


class Throttled:
    """Refuses some batches, then takes one."""

    id = "hot-telemetry"

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.batches = 0

    def execute_item_batch(self, _operations: Any, *, partition_key: str) -> None:
        self.batches += 1
        if self.statuses:
            raise CosmosHttpResponseError(status_code=self.statuses.pop(0), message="no")


def test_too_many_requests_are_waited_for(monkeypatch):
    pauses: list[float] = []
    monkeypatch.setattr("deploy_scripts.providers.azure.time.sleep", pauses.append)
    container: Any = Throttled(429, 429, 429)
    written = CosmosWriter(container).write([Entry("d", "2026-01-30T17:00:00Z", {})])
    assert (written, container.batches) == (1, 4)
    assert pauses == sorted(pauses)


def test_another_refusal_is_raised():
    container: Any = Throttled(403)
    with pytest.raises(CosmosHttpResponseError):
        CosmosWriter(container).write([Entry("d", "2026-01-30T17:00:00Z", {})])
    assert container.batches == 1
