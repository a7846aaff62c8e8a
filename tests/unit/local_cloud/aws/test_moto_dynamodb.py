"""The repairs of moto's DynamoDB."""

from __future__ import annotations

from moto.dynamodb.models.table import Table

from demo.stack import create_hot_table
from local_cloud.aws.account import LocalAws


def test_a_query_puts_only_its_own_partition_in_order(monkeypatch):
    seen: list[int] = []
    all_items = Table.all_items

    def counted(table: Table) -> list[object]:
        found: list[object] = all_items(table)
        seen.append(len(found))
        return found

    with LocalAws() as aws:
        client = aws.client("dynamodb")
        create_hot_table(client, "hot")
        for device, second in (("a", 2), ("a", 1), ("b", 1), ("b", 2), ("b", 3)):
            item = {"device_id": {"S": device}, "timestamp": {"S": f"2026-01-30T17:00:0{second}Z"}}
            client.put_item(TableName="hot", Item=item)
        monkeypatch.setattr(Table, "all_items", counted)
        for device, count in (("a", 2), ("b", 3), ("c", 0)):
            answer = client.query(
                TableName="hot",
                KeyConditionExpression="device_id = :device",
                ExpressionAttributeValues={":device": {"S": device}},
            )
            times = [item["timestamp"]["S"][-2] for item in answer["Items"]]
            assert times == ["1", "2", "3"][:count]
        assert client.scan(TableName="hot")["Count"] == 5
    assert seen[:2] == [2, 3]
