"""Writes entries into a Cosmos DB container, as the Hot Reader on Azure expects them."""

from __future__ import annotations

import hashlib
import itertools
import json
import re
import time
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from azure.cosmos.exceptions import CosmosBatchOperationError, CosmosHttpResponseError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from azure.cosmos import ContainerProxy

    from deploy_scripts.hot_storage import Entry

_MOST: Final = 100
_LARGEST: Final = 1_500_000
"""Documents, and bytes with room to spare, that a transactional batch takes (Azure documentation,
'Transactional batch operations': 100 operations, 2 MB)."""
_SAFE_ID: Final = re.compile(r"[A-Za-z0-9:.+-]{1,255}")
"""Neither of `/ \\ ? #`, which a document's id mustn't hold, nor anything else that a URL changes."""
_TOO_MANY_REQUESTS: Final = 429
_EXACT: Final = 2**53
"""Every whole number up to this one is a double."""
_LONG: Final = 2**63


class CosmosWriter:
    """Writes into a container that is partitioned by the device's id.

    Parameters
    ----------
    container
        The container.
    device_id_attribute, timestamp_attribute
        The names of the fields with the device's id and the timestamp.
    """

    def __init__(
        self,
        container: ContainerProxy,
        *,
        device_id_attribute: str = "device_id",
        timestamp_attribute: str = "timestamp",
    ) -> None:
        self._container = container
        self._device_id_attribute = device_id_attribute
        self._timestamp_attribute = timestamp_attribute

    def write(
        self, entries: Iterable[Entry], *, progress: Callable[[int], None] = lambda _count: None
    ) -> int:
        """Write entries; one with the same device and timestamp is replaced.

        Parameters
        ----------
        entries
            What to write; fast if the entries of a device follow each other.
        progress
            Is told how many more entries have been written.

        Returns
        -------
        int
            How many were written.

        Raises
        ------
        azure.cosmos.exceptions.CosmosHttpResponseError
            Cosmos DB refuses. Too many requests are waited for.
        """
        written = 0
        for device_id, of_device in itertools.groupby(entries, key=lambda entry: entry.device_id):
            for batch in _batches(self._document(entry) for entry in of_device):
                self._write(device_id, batch)
                progress(len(batch))
                written += len(batch)
        return written

    def _document(self, entry: Entry) -> dict[str, Any]:
        return {name: json_value(value) for name, value in entry.values.items()} | {
            "id": document_id(entry.timestamp),
            self._device_id_attribute: entry.device_id,
            self._timestamp_attribute: entry.timestamp,
        }

    def _write(self, device_id: str, documents: list[dict[str, Any]]) -> None:
        operations = [("upsert", (document,)) for document in documents]
        pause = 0.05
        while True:
            try:
                self._container.execute_item_batch(operations, partition_key=device_id)
            except (CosmosHttpResponseError, CosmosBatchOperationError) as error:
                # The SDK has waited as Cosmos DB asked it to, some times.
                if error.status_code != _TOO_MANY_REQUESTS:
                    raise
                time.sleep(pause)
                pause = min(2 * pause, 5.0)
            else:
                return


def _batches(documents: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    batch: list[dict[str, Any]] = []
    size = 0
    for document in documents:
        bytes_more = len(json.dumps(document))
        if batch and (len(batch) == _MOST or size + bytes_more > _LARGEST):
            yield batch
            batch, size = [], 0
        batch.append(document)
        size += bytes_more
    if batch:
        yield batch


def document_id(timestamp: str) -> str:
    """Return the id of the document of a device's entry: the same for the same timestamp."""
    if _SAFE_ID.fullmatch(timestamp):
        return timestamp
    return hashlib.sha256(timestamp.encode()).hexdigest()


def json_value(value: Any) -> Any:
    """Turn a plain value into what Cosmos DB keeps without a loss.

    Its numbers are doubles (Azure documentation, 'Constants' of the query language). A number whose
    digits a double doesn't keep is written as text, which the declared types DOUBLE, INTEGER and LONG
    read as a number all the same.
    """
    match value:
        case bool():
            return value
        case Decimal() | int():
            return _json_number(Decimal(value))
        case list():
            return [json_value(item) for item in value]
        case dict():
            return {name: json_value(item) for name, item in value.items()}
    return value


def _json_number(number: Decimal) -> int | float | str:
    whole = number.is_finite() and number == number.to_integral_value()
    if whole and abs(number) <= _EXACT:
        return int(number)
    double = float(number)
    kept = double == number or Decimal(repr(double)) == number
    # Within 64 bits it may be a LONG, whose digits JSON readers of doubles would round.
    return str(number) if not kept or (whole and abs(number) < _LONG) else double
