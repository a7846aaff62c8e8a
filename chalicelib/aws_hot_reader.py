"""The Hot Reader on AWS: put together from its settings, over DynamoDB."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from chalicelib import device
from chalicelib.dynamodb import DynamoDBHotStore
from chalicelib.hot_reader import HotReader

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chalicelib.observability import RequestRecord
    from chalicelib.query import LastEntryQuery
    from chalicelib.reads import Answer, Read
    from chalicelib.settings import HotReaderSettings

# API Gateway gives a request 29 seconds: a store that is away must be known to be before.
_CLIENT = Config(
    connect_timeout=2,
    read_timeout=8,
    retries={"mode": "standard", "total_max_attempts": 3},
    max_pool_connections=32,
)


class AwsHotReader:
    """Answers one kind of read, asked by TwinMaker or over HTTP.

    Parameters
    ----------
    read
        History or last entry.
    settings
        The table and how it is laid out.
    """

    def __init__(self, read: Read[Any], settings: HotReaderSettings) -> None:
        self._read = read
        self._twin = settings.twin
        self._reader = HotReader(
            DynamoDBHotStore(
                boto3.client("dynamodb", config=_CLIENT),
                table_name=settings.table_name,
                device_id_attribute=settings.device_id_attribute,
                timestamp_attribute=settings.timestamp_attribute,
            ),
            settings.timestamp_format,
            page_bytes=settings.page_bytes,
            page_values=settings.page_values,
        )

    def answer_event(self, event: Mapping[str, Any], record: RequestRecord) -> Answer:
        """Answer an event of TwinMaker; raises `HotReaderError`."""
        device_id = device.resolve(event, self._twin.name)
        return self._answer(self._read.from_event(event, device_id), record)

    def answer_payload(self, payload: Mapping[str, Any], record: RequestRecord) -> Answer:
        """Answer a payload of the wire contract; raises `HotReaderError`."""
        return self._answer(self._read.from_payload(payload), record)

    def _answer(self, query: LastEntryQuery, record: RequestRecord) -> Answer:
        query = query.declared_by(self._twin.devices)
        with record.subsegment("hot storage"):
            return self._read.answer(self._reader, query)
