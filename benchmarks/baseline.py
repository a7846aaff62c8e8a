"""The textbook readers: what one writes first, and what the project's readers are measured against.

They are short, and right for plain data: the same entity lookup, the same query, the same document. What
they leave out is what the Hot Reader is for: other spellings of time, types, filters, a page's bytes.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, NamedTuple

import boto3
from boto3.dynamodb.conditions import Key
from botocore.config import Config

from benchmarks.dynamodb_server import PROPERTIES, TABLE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    Page = tuple[Iterable[Mapping[str, Any]], str | None]
    """A page's entries, and the token of the next one."""


class Asked(NamedTuple):
    """A page that is asked for."""

    device_id: str
    selected: Sequence[str]
    start: str
    end: str
    size: int | None  # the most entries; None for all that one page holds
    token: str | None  # where the page before ended


class TextbookReader(ABC):
    """Reads pages, and writes them by `json.dumps`."""

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
        types = self._types()
        asked = Asked(device_id, selected, start, end, max_results, token)
        entries, token = self._page(asked)
        values: dict[str, list[Any]] = {name: [] for name in selected}
        for entry in entries:
            for name in selected:
                if name in entry:
                    value = _data_value(entry[name], types[name])
                    values[name].append({"time": entry["timestamp"], "value": value})
        answer: dict[str, Any] = {
            "propertyValues": [
                {"entityPropertyReference": _reference(name), "values": values[name]}
                for name in selected
            ]
        }
        if token is not None:
            answer["nextToken"] = token
        return json.dumps(answer).encode(), token

    @abstractmethod
    def _page(self, asked: Asked) -> Page:
        """Return a page's entries, and the token of the next one."""

    def _types(self) -> Mapping[str, str]:
        """Return the properties' types."""
        return PROPERTIES


class DynamoDBTextbook(TextbookReader):
    """Reads as a Lambda function does that makes its clients in its handler.

    Parameters
    ----------
    client
        What each client is made with: endpoint, region and credentials.
    limit
        True to tell DynamoDB of `max_results`; False to cut off what has come in vain.
    """

    def __init__(self, client: Mapping[str, Any], *, limit: bool = True) -> None:
        self._client = client
        self._limit = limit

    def _page(self, asked: Asked) -> Page:
        names = {f"#p{number}": name for number, name in enumerate(asked.selected)}
        query: dict[str, Any] = {
            "KeyConditionExpression": Key("device_id").eq(asked.device_id)
            & Key("timestamp").between(asked.start, asked.end),
            "ProjectionExpression": ", ".join(["#time", *names]),
            "ExpressionAttributeNames": {"#time": "timestamp"} | names,
        }
        if asked.size is not None and self._limit:
            query["Limit"] = asked.size
        if asked.token is not None:
            query["ExclusiveStartKey"] = json.loads(asked.token)
        page = boto3.resource("dynamodb", **self._client).Table(TABLE).query(**query)
        last = page.get("LastEvaluatedKey")
        return page["Items"][: asked.size], None if last is None else json.dumps(last)

    def _types(self) -> dict[str, str]:
        """Ask TwinMaker for the properties' types, as each read does."""
        # On the local host there is no `api.` in front of the host's name.
        config = Config(inject_host_prefix=False)
        twinmaker = boto3.client("iottwinmaker", config=config, **self._client)
        entity = twinmaker.get_entity(workspaceId="benchmark", entityId="machine-1")
        properties = entity["components"]["sensor"]["properties"]
        return {name: each["definition"]["dataType"]["type"] for name, each in properties.items()}


def _data_value(stored: Any, declared: str) -> dict[str, Any]:
    """Return a value as TwinMaker has it."""
    return {"doubleValue": float(stored)} if declared == "DOUBLE" else {"stringValue": stored}


def _reference(name: str) -> dict[str, str]:
    """Return a property's reference."""
    return {"entityId": "machine-1", "componentName": "sensor", "propertyName": name}
