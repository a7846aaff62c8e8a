"""Many readers at once, of one data connector, while entries arrive and the remote fails now and then."""

from __future__ import annotations

import os
import random
import threading
import time
from bisect import bisect_left
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any

from chalicelib.data_connector.data_connector import DataConnector
from chalicelib.model.entries import StoredEntry
from chalicelib.model.errors import RemoteReaderError
from chalicelib.model.reads import HISTORY
from chalicelib.settings.data_connector import DataConnectorSettings, ReadAheadSettings
from tests.conformance.memory import MemoryStore
from tests.fuzzing.counts import count
from tests.fuzzing.read_path import DEVICE, ENVIRONMENT, EVENT, LOG, endpoint_of
from tests.unit.chalicelib.servers import Endpoint, error_response, read_request, response

if TYPE_CHECKING:
    import socket

READERS = int(os.environ.get("LOAD_READERS", "8"))
WALKS = int(os.environ.get("LOAD_WALKS", "2"))
OLDEST = ReadAheadSettings(pages=3, grace=60).open_seconds
"""The greatest age of a page that was read ahead, in seconds."""
AT_FIRST, ARRIVING = 60, 60
PAUSE = float(os.environ.get("LOAD_PAUSE", "0.005"))
"""Seconds between two entries."""
SELECTED = {
    "endTime": "2099-01-01T00:00:00Z",
    "selectedProperties": ["pressure"],
    "propertyFilters": [],
    "orderByTime": "ASCENDING",
}


class Arrivals(MemoryStore):
    """A store whose entries may be read while others arrive.

    Attributes
    ----------
    arrived
        When each entry was there.
    """

    def __init__(self) -> None:
        super().__init__()
        self.arrived: list[float] = []

    def arrive(self, number: int) -> None:
        key = f"2026-01-30T17:{number // 60:02}:{number % 60:02}Z"
        entry = StoredEntry(key, {"pressure": number})
        self.entries[DEVICE] = [*self.entries.get(DEVICE, ()), entry]
        self.arrived.append(time.monotonic())

    def there_before(self, moment: float) -> int:
        """Return how many entries were there before a moment."""
        return bisect_left(self.arrived, moment)


class Failing(Endpoint):
    """An endpoint that fails at a tenth of its requests, in one of four ways."""

    failed = 0

    def _answer(self, connection: socket.socket, _number: int) -> None:
        chance = random.Random(_number)
        with connection.makefile("rb") as stream:
            while request := read_request(stream):
                self.requests.append(request)
                answer = self.answer(request)
                whole = response(answer.status, answer.body, dict(answer.headers))
                if chance.random() > 0.1:
                    connection.sendall(whole)
                    continue
                self.failed += 1
                fault = chance.randrange(4)
                if fault == 0:
                    return
                if fault == 1:
                    connection.sendall(whole[:-7])
                    return
                status, code = [(503, "store_unavailable"), (500, "internal_error")][fault - 2]
                connection.sendall(error_response(status, code, "chance", {"Retry-After": "0"}))


def walk(connector: DataConnector, store: Arrivals) -> None:
    """Read all pages, each as often as it takes: every value must be there, once and in order."""
    found: list[float] = []
    event: dict[str, Any] = EVENT | SELECTED | {"maxResults": 7}
    while True:
        fresh = store.there_before(time.monotonic() - OLDEST)
        try:
            with LOG.request("t") as record:
                answer = connector.answer(event, 29.0, "t", record)
        except RemoteReaderError:
            continue
        found += [
            value["value"]["doubleValue"]
            for each in answer["propertyValues"]
            for value in each["values"]
        ]
        if "nextToken" not in answer:
            break
        event = event | {"nextToken": answer["nextToken"]}
    assert len(found) >= max(AT_FIRST, fresh)
    assert found == [float(number) for number in range(len(found))]


def test_every_reader_gets_every_value_once_and_in_order():
    store = Arrivals()
    for number in range(AT_FIRST):
        store.arrive(number)
    done = threading.Event()

    def keep_arriving() -> None:
        for number in range(AT_FIRST, AT_FIRST + ARRIVING):
            if done.wait(PAUSE):
                return
            store.arrive(number)

    with Failing(endpoint_of(HISTORY, store)) as remote, ThreadPoolExecutor(READERS) as readers:
        settings = DataConnectorSettings.load(
            ENVIRONMENT | {"REMOTE_READER_URL": remote.url, "READ_AHEAD_PAGES": "3"}, HISTORY
        )
        connector = DataConnector(HISTORY, settings)
        writer = threading.Thread(target=keep_arriving)
        writer.start()
        walks = [readers.submit(walk, connector, store) for _ in range(READERS * WALKS)]
        wait(walks)
        done.set()
        writer.join()
    assert remote.failed, "nothing failed"
    for each in walks:
        each.result()
    counts = {"requests": len(remote.requests), "faults": remote.failed, "walks": len(walks)}
    count("connector", **counts)
