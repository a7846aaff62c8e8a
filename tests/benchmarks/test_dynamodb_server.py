"""The benchmarks' DynamoDB answers as dynalite does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.session import Session

from benchmarks.dynamodb_server import DEVICE_ID, TABLE, TIMESTAMP, Entries, device, key_of, running
from benchmarks.hot_readers import client_options
from demo.checks import only
from local_cloud.aws.dynalite import Dynalite

if TYPE_CHECKING:
    from collections.abc import Iterator

ENTRIES = 20
CONDITIONS = {
    "": {},
    " AND #time BETWEEN :low AND :high": {":low": key_of(7), ":high": key_of(16)},
    " AND #time >= :low": {":low": key_of(7)[:19]},
    " AND #time <= :high": {":high": key_of(16)[:19] + "~"},
}


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, Any]]:
    with Dynalite(tmp_path_factory.mktemp("dynalite") / "log") as dynalite, running() as server:
        real = dynalite.client()
        real.create_table(
            TableName=TABLE,
            KeySchema=[
                {"AttributeName": DEVICE_ID, "KeyType": "HASH"},
                {"AttributeName": TIMESTAMP, "KeyType": "RANGE"},
            ],
            AttributeDefinitions=[
                {"AttributeName": name, "AttributeType": "S"} for name in (DEVICE_ID, TIMESTAMP)
            ],
            BillingMode="PAY_PER_REQUEST",
        )
        real.get_waiter("table_exists").wait(TableName=TABLE, WaiterConfig={"Delay": 1})
        entries = Entries(device(ENTRIES))
        for number in range(ENTRIES):
            real.put_item(TableName=TABLE, Item=entries.item(number))
        yield real, Session().create_client("dynamodb", **client_options(server))


@pytest.mark.parametrize("condition", CONDITIONS)
@pytest.mark.parametrize("forward", [True, False])
@pytest.mark.parametrize("limit", [None, 1, 7, ENTRIES])
def test_the_same_pages(clients, condition, forward, limit):
    request = {
        "TableName": TABLE,
        "KeyConditionExpression": "#device = :device" + condition,
        "ProjectionExpression": "#p0, #p1",
        "ExpressionAttributeNames": {
            "#device": DEVICE_ID,
            "#p0": TIMESTAMP,
            "#p1": "status",
            **({"#time": TIMESTAMP} if condition else {}),
        },
        "ExpressionAttributeValues": {
            ":device": {"S": device(ENTRIES)},
            **{name: {"S": key} for name, key in CONDITIONS[condition].items()},
        },
        "ScanIndexForward": forward,
        **({} if limit is None else {"Limit": limit}),
    }
    real, lean = (list(pages(client, dict(request))) for client in clients)
    assert lean == real


def pages(client: Any, request: dict[str, Any]) -> Iterator[tuple[Any, Any, Any]]:
    while True:
        page = client.query(**request)
        yield page["Items"], page["Count"], page.get("LastEvaluatedKey")
        if "LastEvaluatedKey" not in page:
            return
        request["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def test_a_page_ends_at_a_megabyte(clients):
    _, lean = clients
    request = {
        "TableName": TABLE,
        "KeyConditionExpression": "#device = :device",
        "ProjectionExpression": "#time",
        "ExpressionAttributeNames": {"#device": DEVICE_ID, "#time": TIMESTAMP},
        "ExpressionAttributeValues": {":device": {"S": device(30_000)}},
    }
    read = list(pages(lean, request))
    assert len(read) > 1
    keys = [only(item[TIMESTAMP]) for items, _, _ in read for item in items]
    assert keys == [key_of(number) for number in range(30_000)]
