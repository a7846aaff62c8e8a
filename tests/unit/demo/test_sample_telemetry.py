"""Sample telemetry: the same for the same seed, believable, and written completely."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from werkzeug import Request, Response

from chalicelib.model.data_value import DataType, to_data_value
from chalicelib.model.timestamps import NANOSECONDS, parse_instant
from demo import sample_telemetry
from demo.stack import create_hot_table
from deploy_scripts.hot_storage.dynamodb import DynamoDBWriter, attribute_value
from deploy_scripts.project_files.twin_configuration import Device, DeviceProperty

if TYPE_CHECKING:
    from deploy_scripts.hot_storage import Entry

END = datetime(2026, 1, 30, 18, tzinfo=UTC)
MANY = 3_000
DEVICE = Device(
    "machine-1",
    (
        DeviceProperty("temperature", DataType("DOUBLE"), "Celsius"),
        DeviceProperty("pressure", DataType("DOUBLE"), "Bar"),
        DeviceProperty("rotationSpeed", DataType("INTEGER"), "RPM"),
        DeviceProperty("total", DataType("LONG")),
        DeviceProperty("running", DataType("BOOLEAN")),
        DeviceProperty("status", DataType("STRING")),
        DeviceProperty("levels", DataType("LIST", DataType("DOUBLE"))),
        DeviceProperty("axes", DataType("MAP", DataType("DOUBLE"))),
    ),
)


def generate(count: int = MANY, device: Device = DEVICE, **options: object) -> list[Entry]:
    return list(sample_telemetry.generate(device, count, end=END, **options))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def entries():
    return generate()


@pytest.fixture(scope="module")
def instants(entries):
    return [parse_instant(entry.timestamp) for entry in entries]


class TestGenerate:
    def test_gives_the_same_for_the_same_seed(self, entries):
        assert generate(seed=1) == entries

    def test_gives_something_else_for_another_seed(self, entries):
        assert generate(seed=2) != entries

    def test_gives_each_device_its_own(self, entries):
        other = generate(device=Device("machine-2", DEVICE.properties))
        assert [entry.values for entry in other] != [entry.values for entry in entries]
        assert {entry.device_id for entry in other} == {"machine-2"}

    @pytest.mark.parametrize("count", [0, 1, 2, 25, 100])
    def test_gives_as_many_as_are_asked_for(self, count):
        assert len(generate(count)) == count

    def test_gives_distinct_instants_the_oldest_first(self, instants):
        assert all(one < next_one for one, next_one in pairwise(instants))

    @pytest.mark.parametrize("seconds", [1, 2, 60])
    def test_keeps_that_order_at_any_interval(self, seconds):
        entries = generate(500, interval=timedelta(seconds=seconds))
        instants = [parse_instant(entry.timestamp) for entry in entries]
        assert all(one < next_one for one, next_one in pairwise(instants))

    @pytest.mark.parametrize("seed", range(20))
    def test_ends_at_the_end_or_less_than_an_interval_before(self, seed):
        (entry,) = generate(1, seed=seed)
        instant = parse_instant(entry.timestamp) / NANOSECONDS
        assert END.timestamp() - 30 <= instant <= END.timestamp()

    def test_falls_silent_now_and_then(self, instants):
        pauses = [(later - one) / NANOSECONDS for one, later in pairwise(instants)]
        gaps = [pause for pause in pauses if pause > 31]
        assert 0 < len(gaps) < MANY / 50
        assert max(gaps) <= 40 * 30 + 1

    def test_spells_instants_in_several_ways(self, entries):
        spellings = {
            entry.timestamp[19:].translate(str.maketrans("123456789", "0" * 9)) for entry in entries
        }
        assert spellings == {"Z", "+00:00", ".000Z", ".000000000Z"}
        assert any(entry.timestamp.endswith(".000Z") for entry in entries)

    def test_lacks_a_property_here_and_there(self, entries):
        for each in DEVICE.properties:
            lacking = sum(each.name not in entry.values for entry in entries)
            assert 0 < lacking < MANY / 10

    def test_gives_values_that_their_types_can_express(self, entries):
        types = {each.name: each.data_type for each in DEVICE.properties}
        for entry in entries:
            for name, value in entry.values.items():
                assert to_data_value(value, types[name])

    def test_gives_values_that_change(self, entries):
        for each in DEVICE.properties:
            seen = {str(entry.values.get(each.name)) for entry in entries}
            assert len(seen) > 2, each.name

    def test_counts_upwards(self, entries):
        totals = [entry.values["total"] for entry in entries if "total" in entry.values]
        assert totals == sorted(totals)

    def test_stays_near_the_level_of_a_unit(self, entries):
        values = [entry.values["pressure"] for entry in entries if "pressure" in entry.values]
        assert all(Decimal(5) < value < Decimal(10) for value in values)


def test_the_latest_round_minute_has_begun():
    now = datetime(2026, 1, 30, 17, 59, 59, 999_999, tzinfo=UTC)
    assert sample_telemetry.latest_round_minute(now) == datetime(2026, 1, 30, 17, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "attribute"),
    [
        (True, {"BOOL": True}),
        (None, {"NULL": True}),
        (7, {"N": "7"}),
        (Decimal("21.50"), {"N": "21.50"}),
        ("", {"S": ""}),
        ([1, "a"], {"L": [{"N": "1"}, {"S": "a"}]}),
        ({"x": [False]}, {"M": {"x": {"L": [{"BOOL": False}]}}}),
    ],
)
def test_plain_values_become_attribute_values(value, attribute):
    assert attribute_value(value) == attribute


class BusyTable:
    """Answers BatchWriteItem as a table that takes at most so many items at once."""

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self.sent: list[int] = []
        self.items: list[dict[str, object]] = []

    def answer(self, request: Request) -> Response:
        ((table, puts),) = json.loads(request.data)["RequestItems"].items()
        taken, left = puts[: self._at_once], puts[self._at_once :]
        self.sent.append(len(puts))
        self.items += [put["PutRequest"]["Item"] for put in taken]
        return Response(json.dumps({"UnprocessedItems": {table: left} if left else {}}))


@pytest.fixture
def client(httpserver):
    return boto3.client(
        "dynamodb",
        endpoint_url=httpserver.url_for(""),
        region_name="eu-central-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
        config=Config(proxies={}, retries={"total_max_attempts": 1}),
    )


class TestLoad:
    def test_writes_again_what_a_busy_table_left(self, httpserver, client, monkeypatch):
        pauses: list[float] = []
        monkeypatch.setattr("deploy_scripts.hot_storage.dynamodb.time.sleep", pauses.append)
        table = BusyTable(at_once=10)
        httpserver.expect_request("/").respond_with_handler(table.answer)
        entries = generate(60)
        told: list[int] = []
        written = DynamoDBWriter(client, "hot").write(entries, progress=told.append)
        assert written == sum(told) == 60
        assert table.sent == [25, 15, 5, 25, 15, 5, 10]
        assert [item["timestamp"] for item in table.items] == [
            {"S": entry.timestamp} for entry in entries
        ]
        assert pauses == [0.05, 0.1, 0.05, 0.1]

    @pytest.mark.parametrize(("count", "batches"), [(0, []), (1, [1]), (25, [25]), (26, [25, 1])])
    def test_writes_in_batches_of_twenty_five(self, httpserver, client, count, batches):
        table = BusyTable(at_once=25)
        httpserver.expect_request("/").respond_with_handler(table.answer)
        assert DynamoDBWriter(client, "hot").write(generate(count)) == count
        assert table.sent == batches

    def test_says_so_if_the_table_refuses(self, httpserver, client):
        error = {"__type": "ResourceNotFoundException", "message": "no such table"}
        httpserver.expect_request("/").respond_with_json(error, 400)
        with pytest.raises(ClientError, match="no such table"):
            DynamoDBWriter(client, "hot").write(generate(1))

    def test_puts_into_a_table_what_was_generated(self, aws):
        client = aws.client("dynamodb")
        create_hot_table(client, "hot-telemetry-of-load")
        entries = generate(40)
        told: list[int] = []
        DynamoDBWriter(client, "hot-telemetry-of-load").write(entries, progress=told.append)
        items = client.scan(TableName="hot-telemetry-of-load")["Items"]
        expected = [
            {name: attribute_value(value) for name, value in entry.values.items()}
            | {"device_id": {"S": "machine-1"}, "timestamp": {"S": entry.timestamp}}
            for entry in entries
        ]
        assert sum(told) == 40
        assert sorted(items, key=str) == sorted(expected, key=str)
