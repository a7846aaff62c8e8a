"""Writing into DynamoDB: what a value and a batch become."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING

import boto3
import pytest
from boto3.dynamodb.types import TypeSerializer
from botocore.config import Config
from botocore.exceptions import ClientError
from werkzeug import Request, Response

from demo.stack import create_hot_table
from deploy_scripts.providers.aws import DynamoDBWriter
from deploy_scripts.providers.telemetry import Entry
from local_cloud.aws.account import LocalAws
from tests.deploy.deployment import AWAY, Account
from tests.deploy.existing_storage import PUMP, ExistingProject, documented, measured

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime


def entries_of(count: int) -> list[Entry]:
    return [
        Entry("machine-1", f"2026-01-30T17:{n // 60:02}:{n % 60:02}Z", {"n": n})
        for n in range(count)
    ]


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


def test_what_a_busy_table_left_is_written_again(httpserver, client, monkeypatch):
    pauses: list[float] = []
    monkeypatch.setattr("deploy_scripts.providers.aws.time.sleep", pauses.append)
    table = BusyTable(at_once=10)
    httpserver.expect_request("/").respond_with_handler(table.answer)
    entries = entries_of(60)
    told: list[int] = []
    written = DynamoDBWriter(client, "hot").write(entries, progress=told.append)
    assert written == sum(told) == 60
    assert table.sent == [25, 15, 5, 25, 15, 5, 10]
    assert [item["timestamp"] for item in table.items] == [
        {"S": entry.timestamp} for entry in entries
    ]
    assert pauses == [0.05, 0.1, 0.05, 0.1]


@pytest.mark.parametrize(("count", "batches"), [(0, []), (1, [1]), (25, [25]), (26, [25, 1])])
def test_a_batch_has_at_most_twenty_five_entries(httpserver, client, count, batches):
    table = BusyTable(at_once=25)
    httpserver.expect_request("/").respond_with_handler(table.answer)
    assert DynamoDBWriter(client, "hot").write(entries_of(count)) == count
    assert table.sent == batches


def test_a_table_that_refuses_is_an_error(httpserver, client):
    error = {"__type": "ResourceNotFoundException", "message": "no such table"}
    httpserver.expect_request("/").respond_with_json(error, 400)
    with pytest.raises(ClientError, match="no such table"):
        DynamoDBWriter(client, "hot").write(entries_of(1))


@pytest.fixture
def aws() -> Iterator[LocalAws]:
    with LocalAws() as running:
        yield running


def test_every_kind_of_value_is_kept_in_the_table(aws):
    client = aws.client("dynamodb")
    create_hot_table(client, "hot-telemetry-of-load")
    values = {
        "running": True,
        "nothing": None,
        "count": 7,
        "pressure": Decimal("21.50"),
        "status": "",
        "levels": [1, "a"],
        "axes": {"x": [False]},
    }
    told: list[int] = []
    entry = Entry("machine-1", "2026-01-30T17:00:00Z", values)
    for _ in range(2):
        DynamoDBWriter(client, "hot-telemetry-of-load").write([entry], progress=told.append)
    (item,) = client.scan(TableName="hot-telemetry-of-load")["Items"]
    assert item == {
        "device_id": {"S": "machine-1"},
        "timestamp": {"S": "2026-01-30T17:00:00Z"},
        "running": {"BOOL": True},
        "nothing": {"NULL": True},
        "count": {"N": "7"},
        "pressure": {"N": "21.50"},
        "status": {"S": ""},
        "levels": {"L": [{"N": "1"}, {"S": "a"}]},
        "axes": {"M": {"x": {"L": [{"BOOL": False}]}}},
    }
    assert told == [1, 1]


# --- tables that something else fills ---------------------------------------------------------


@pytest.fixture(scope="module")
def account() -> Iterator[Account]:
    with Account() as account:
        yield account


def milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1_000)


@pytest.mark.parametrize(
    ("heading", "number", "keys", "item"),
    [
        (
            "Projects of the larger deployer",
            0,
            {"device_id": "S", "timestamp": "S"},
            lambda at, values: {"timestamp": f"{at:%FT%TZ}", **values},
        ),
        (
            "Projects of the larger deployer",
            3,
            {"iotDeviceId": "S", "id": "S"},
            lambda at, values: {"id": f"{at:%FT%TZ}", **values},
        ),
        (
            "AWS IoT's rules",
            0,
            {"device_id": "S", "timestamp": "N"},
            lambda at, values: {"timestamp": milliseconds(at), "payload": values},
        ),
    ],
    ids=["larger deployer", "older project", "IoT rule"],
)
def test_a_table_that_something_else_fills_is_charted(
    tmp_path, account, heading, number, keys, item
):
    project = ExistingProject(tmp_path, account, documented(heading)[number])
    client, name = account.aws.client("dynamodb"), project.section["table"]
    device_id, timestamp = keys
    client.create_table(
        TableName=name,
        KeySchema=[
            {"AttributeName": device_id, "KeyType": "HASH"},
            {"AttributeName": timestamp, "KeyType": "RANGE"},
        ],
        AttributeDefinitions=[
            {"AttributeName": key, "AttributeType": kind} for key, kind in keys.items()
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    for at, values in measured():
        decimals = {**values, "pressure": Decimal(str(values["pressure"]))}
        stored = TypeSerializer().serialize({device_id: PUMP, **item(at, decimals)})["M"]
        client.put_item(TableName=name, Item=stored)
    project.walk()
    client.delete_table(TableName=name)
    project.scripts("destroy", "existing", *AWAY)
