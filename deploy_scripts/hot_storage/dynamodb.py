"""Writes telemetry into a DynamoDB table."""

from __future__ import annotations

import time
from decimal import Decimal
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from mypy_boto3_dynamodb import DynamoDBClient

    from deploy_scripts.hot_storage import Entry

_BATCH: Final = 25
"""Items; the most that BatchWriteItem takes (DynamoDB API reference)."""


class DynamoDBWriter:
    """Writes entries as items; an entry that is there already is replaced.

    Parameters
    ----------
    client, table_name
        Where to; the table exists.
    device_id_attribute, timestamp_attribute
        The names of the table's keys.
    """

    def __init__(
        self,
        client: DynamoDBClient,
        table_name: str,
        *,
        device_id_attribute: str = "device_id",
        timestamp_attribute: str = "timestamp",
    ) -> None:
        self._client = client
        self._table_name = table_name
        self._device_id_attribute = device_id_attribute
        self._timestamp_attribute = timestamp_attribute

    def write(
        self, entries: Iterable[Entry], *, progress: Callable[[int], None] = lambda _count: None
    ) -> int:
        """Write entries; wait as long as the table throttles.

        Parameters
        ----------
        entries
            What to write.
        progress
            Is told how many more entries have been written.

        Returns
        -------
        int
            How many were written.

        Raises
        ------
        botocore.exceptions.ClientError
            DynamoDB refuses.
        """
        written = 0
        left = iter(entries)
        while batch := [{"PutRequest": {"Item": self._item(e)}} for e in islice(left, _BATCH)]:
            self._put(batch, progress)
            written += len(batch)
        return written

    def _item(self, entry: Entry) -> dict[str, Any]:
        item = {name: attribute_value(value) for name, value in entry.values.items()}
        item[self._device_id_attribute] = {"S": entry.device_id}
        item[self._timestamp_attribute] = {"S": entry.timestamp}
        return item

    def _put(self, batch: list[Any], progress: Callable[[int], None]) -> None:
        waiting = batch
        pause = 0.05
        while waiting:
            answer = self._client.batch_write_item(RequestItems={self._table_name: waiting})
            left: list[Any] = list(answer.get("UnprocessedItems", {}).get(self._table_name, []))
            progress(len(waiting) - len(left))
            if left:  # the table throttles (DynamoDB API reference, BatchWriteItem)
                time.sleep(pause)
                pause = min(2 * pause, 5.0)
            waiting = left


def attribute_value(value: Any) -> dict[str, Any]:
    """Put a plain value into an AttributeValue (DynamoDB API reference)."""
    match value:
        case bool():
            return {"BOOL": value}
        case None:
            return {"NULL": True}
        case int() | Decimal():
            return {"N": str(value)}
        case list():
            return {"L": [attribute_value(item) for item in value]}
        case dict():
            return {"M": {name: attribute_value(item) for name, item in value.items()}}
    return {"S": str(value)}
