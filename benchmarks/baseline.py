"""The textbook reader: what one writes first, and what the project's readers are measured against.

It is short, and right for plain data: the same entity lookup, the same query, the same document. What
it leaves out is what the Hot Reader is for: other spellings of time, types, filters, a page's bytes.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import boto3
from boto3.dynamodb.conditions import Key
from botocore.config import Config

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class TextbookReader:
    """Reads as a Lambda function does that makes its clients in its handler.

    Parameters
    ----------
    table_name
        The hot table.
    client
        What each client is made with: endpoint, region and credentials.
    """

    def __init__(self, table_name: str, client: Mapping[str, Any]) -> None:
        self._table_name = table_name
        self._client = client

    def history(
        self,
        device_id: str,
        selected: Sequence[str],
        start: str,
        end: str,
        *,
        max_results: int | None = None,
        limit: bool = True,
        start_key: Mapping[str, Any] | None = None,
    ) -> bytes:
        """Return a page of a device's history as JSON.

        Parameters
        ----------
        device_id, selected, start, end, max_results
            What to read; `max_results` is for one property.
        limit
            True to tell DynamoDB of `max_results`; False to cut off what has come in vain.
        start_key
            Where the page before ended.
        """
        types = self._types()
        names = {f"#p{number}": name for number, name in enumerate(selected)}
        asked: dict[str, Any] = {
            "KeyConditionExpression": Key("device_id").eq(device_id)
            & Key("timestamp").between(start, end),
            "ProjectionExpression": ", ".join(["#time", *names]),
            "ExpressionAttributeNames": {"#time": "timestamp"} | names,
        }
        if max_results is not None and limit:
            asked["Limit"] = max_results
        if start_key is not None:
            asked["ExclusiveStartKey"] = start_key
        page = self._table().query(**asked)
        values: dict[str, list[Any]] = {name: [] for name in selected}
        for item in page["Items"][:max_results]:
            for name in selected:
                if name in item:
                    value = data_value(item[name], types[name])
                    values[name].append({"time": item["timestamp"], "value": value})
        answer: dict[str, Any] = {
            "propertyValues": [
                {"entityPropertyReference": reference(name), "values": values[name]}
                for name in selected
            ]
        }
        if "LastEvaluatedKey" in page:
            answer["nextToken"] = json.dumps(page["LastEvaluatedKey"])
        return json.dumps(answer).encode()

    def _types(self) -> dict[str, str]:
        """Ask TwinMaker for the properties' types, as each read does."""
        # On the local host there is no `api.` in front of the host's name.
        config = Config(inject_host_prefix=False)
        twinmaker = boto3.client("iottwinmaker", config=config, **self._client)
        entity = twinmaker.get_entity(workspaceId="benchmark", entityId="machine-1")
        properties = entity["components"]["sensor"]["properties"]
        return {name: each["definition"]["dataType"]["type"] for name, each in properties.items()}

    def _table(self) -> Any:
        return boto3.resource("dynamodb", **self._client).Table(self._table_name)


def data_value(stored: Any, declared: str) -> dict[str, Any]:
    """Return a value as TwinMaker has it."""
    return {"doubleValue": float(stored)} if declared == "DOUBLE" else {"stringValue": stored}


def reference(name: str) -> dict[str, str]:
    """Return a property's reference."""
    return {"entityId": "machine-1", "componentName": "sensor", "propertyName": name}
