"""A lean DynamoDB that only answers Query, over entries that it makes up, and counts what is read.

It holds a million entries in no memory: an entry is made from its number. It honours what one table of device id and timestamp takes: key conditions,
`Limit`, `ExclusiveStartKey`, `ScanIndexForward` and a projection. It answers GetEntity of TwinMaker,
too. `tests/benchmarks` compares it with dynalite.
"""

from __future__ import annotations

import re
import zlib
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache, partial
from typing import Any, Final

import orjson

from benchmarks import lean_server
from benchmarks.lean_server import Handler

DEVICE_ID: Final = "device_id"
TIMESTAMP: Final = "timestamp"
TABLE: Final = "hot-telemetry"
PROPERTIES: Final = {"temperature": "DOUBLE", "pressure": "DOUBLE", "status": "STRING"}
REGION: Final = "eu-central-1"
CREDENTIALS: Final = {"aws_access_key_id": "local", "aws_secret_access_key": "local"}
_START: Final = datetime(2026, 1, 1, tzinfo=UTC)
_PAGE_BYTES: Final = 1_048_576
"""The most that a Query reads (DynamoDB developer guide, 'Query')."""
_CONDITION: Final = re.compile(
    r"(#\w+) = (:\w+)(?: AND (#\w+) (?:BETWEEN (:\w+) AND (:\w+)|(>=|<=) (:\w+)))?"
)


class Entries(Sequence[str]):
    """The sort keys of a device with an entry each second, or with several.

    Parameters
    ----------
    device_id
        `device-N` has N entries, a second apart; `device-10-N` has 10 a second.
    """

    def __init__(self, device_id: str) -> None:
        self.device_id = device_id
        *_, per_second, count = f"1-{device_id.partition('-')[2]}".split("-")
        self._count = int(count)
        self._interval = timedelta(seconds=1) / int(per_second)

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, number: Any) -> Any:
        return key_of(number, self._interval)

    def item(self, number: int) -> dict[str, dict[str, str]]:
        """Make an entry."""
        return {
            DEVICE_ID: {"S": self.device_id},
            TIMESTAMP: {"S": self[number]},
            "temperature": {"N": f"{20 + number % 977 / 100:.2f}".rstrip("0").rstrip(".")},
            "pressure": {"N": f"{1000 + number % 89 / 8}".removesuffix(".0")},
            "status": {"S": ("running", "idle", "starting up")[number % 3]},
        }


def device(entries: int, *, per_second: int = 1) -> str:
    """Return the id of a device with so many entries."""
    return f"device-{entries}" if per_second == 1 else f"device-{per_second}-{entries}"


def key_of(number: int, interval: timedelta = timedelta(seconds=1)) -> str:
    """Return an entry's sort key."""
    time = _START + number * interval
    return f"{time:%Y-%m-%dT%H:%M:%S}.{time.microsecond // 1000:03}Z"


def answer(request: Mapping[str, Any]) -> dict[str, Any]:
    """Answer a Query (DynamoDB API reference, 'Query').

    Raises
    ------
    ValueError
        The request is one that this server doesn't know.
    """
    entries, first, last = _range(request)
    descending = not request.get("ScanIndexForward", True)
    start_key = request.get("ExclusiveStartKey")
    if start_key is not None:
        after = start_key[TIMESTAMP]["S"]
        if descending:
            last = min(last, bisect_left(entries, after))
        else:
            first = max(first, bisect_right(entries, after))
    numbers = range(first, last)[:: -1 if descending else 1]
    limit = request.get("Limit", len(numbers))
    names = request.get("ExpressionAttributeNames", {})
    wanted = [names.get(each, each) for each in request["ProjectionExpression"].split(", ")]
    items: list[dict[str, Any]] = []
    size = 0
    for number in numbers[:limit]:
        item = entries.item(number)
        size += sum(len(name) + len(*value.values()) for name, value in item.items())
        items.append({name: item[name] for name in wanted if name in item})
        if size > _PAGE_BYTES:
            break
    page = {"Count": len(items), "Items": items, "ScannedCount": len(items)}
    if len(items) < len(numbers) or (items and len(items) == request.get("Limit")):
        key = {"S": entries[numbers[len(items) - 1]]}
        page["LastEvaluatedKey"] = {DEVICE_ID: {"S": entries.device_id}, TIMESTAMP: key}
    return page


def _range(request: Mapping[str, Any]) -> tuple[Entries, int, int]:
    """Read the key condition: whose entries, from which one, to before which."""
    names, values = request["ExpressionAttributeNames"], request["ExpressionAttributeValues"]
    condition = request["KeyConditionExpression"].replace("(", "").replace(")", "")
    match = _CONDITION.fullmatch(condition)
    if (
        match is None
        or names[match[1]] != DEVICE_ID
        or names.get(match[3]) not in (None, TIMESTAMP)
    ):
        raise ValueError(f"a key condition that isn't known: {condition}")
    entries = Entries(values[match[2]]["S"])
    lowest, highest = match[4], match[5]
    if match[6] is not None:
        lowest, highest = (match[7], None) if match[6] == ">=" else (None, match[7])
    first = bisect_left(entries, values[lowest]["S"]) if lowest else 0
    last = bisect_right(entries, values[highest]["S"]) if highest else len(entries)
    return entries, first, last


@lru_cache(maxsize=64)
def _encoded(body: bytes) -> tuple[bytes, str, int]:
    """Answer a request that was seen before at once: the bytes, their checksum and the items."""
    page = answer(orjson.loads(body))
    content = orjson.dumps(page)
    return content, str(zlib.crc32(content)), page["Count"]


class _Handler(Handler):
    content_type = "application/x-amz-json-1.0"

    def query(self, body: bytes, headers: Mapping[bytes, bytes]) -> tuple[bytes, str, int]:  # noqa: ARG002 - the base class's signature
        """Answer a Query."""
        content, checksum, items = _encoded(body)
        return content, f"x-amz-crc32: {checksum}\r\nx-amzn-RequestId: benchmark\r\n", items

    def description(self, path: bytes) -> bytes:  # noqa: ARG002 - the base class's signature
        """Answer GetEntity."""
        return _ENTITY


_ENTITY: Final = orjson.dumps(
    {
        "workspaceId": "benchmark",
        "entityId": "machine-1",
        "entityName": "machine-1",
        "arn": "arn:aws:iottwinmaker:eu-central-1:123456789012:workspace/benchmark/entity/machine-1",
        "status": {"state": "ACTIVE"},
        "parentEntityId": "$ROOT",
        "hasChildEntities": False,
        "creationDateTime": 1767225600,
        "updateDateTime": 1767225600,
        "components": {
            "sensor": {
                "componentName": "sensor",
                "componentTypeId": "my-twin-sensor",
                "status": {"state": "ACTIVE"},
                "properties": {
                    name: {
                        "definition": {
                            "dataType": {"type": declared},
                            "isTimeSeries": True,
                            "isRequiredInEntity": False,
                            "isExternalId": False,
                            "isStoredExternally": True,
                            "isImported": False,
                            "isFinal": False,
                            "isInherited": True,
                        }
                    }
                    for name, declared in PROPERTIES.items()
                },
            }
        },
    }
)


running = partial(lean_server.running, "benchmarks.dynamodb_server")
"""Runs the server in a separate process."""


if __name__ == "__main__":
    lean_server.serve(_Handler)
