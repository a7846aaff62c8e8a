"""Many readers of one Hot Reader while entries arrive, some of them late, and its storage fails now and then."""

from __future__ import annotations

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import requests

from chalicelib.contracts.wire_contract import TOKEN_HEADER
from chalicelib.model.reads import HISTORY, LAST_ENTRY
from deploy_scripts.providers.telemetry import Entry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chalicelib.model.reads import Read
    from deploy_scripts.providers.telemetry import Writer

AT_FIRST: Final = 40
ARRIVING: Final = 40
_SUFFIXES: Final = ("Z", ".25Z", ".500Z", ".750000000Z")
"""Four entries have the same second, in an order that isn't that of their keys."""
_PATIENCE_SECONDS: Final = 60
"""Only how long a host that hangs holds a test up."""


def time_of(number: int) -> str:
    """Return the time of an entry: the greater its number, the later."""
    seconds, quarter = divmod(number, 4)
    return f"2026-01-30T17:{seconds // 60:02}:{seconds % 60:02}{_SUFFIXES[quarter]}"


def _values(number: int) -> dict[str, Any]:
    return {"a": number} | ({"b": number} if number % 2 == 0 else {})


@dataclass
class Arrivals:
    """A device whose entries arrive one after the other; every tenth comes five entries late.

    Attributes
    ----------
    begun
        The entries that are stored, or about to be.
    stored
        The entries that are certainly stored.
    """

    writer: Writer
    device: str
    begun: set[int] = field(default_factory=set)
    stored: list[int] = field(default_factory=list)

    def arrive(self, first: int, last: int, *, done: threading.Event | None = None) -> None:
        """Store entries, each by itself, until all are there."""
        for number in _in_order_of_arrival(first, last):
            self.begun.add(number)
            self.writer.write([Entry(self.device, time_of(number), _values(number))])
            self.stored.append(number)
            if done is not None and done.wait(0.005):
                return

    @property
    def on_time(self) -> set[int]:
        """The entries that are certainly stored and came in order: no page can have gone past them."""
        return {number for number in tuple(self.stored) if not _is_late(number)}


def _is_late(number: int) -> bool:
    return number % 10 == 3


def _in_order_of_arrival(first: int, last: int) -> Iterator[int]:
    late: list[int] = []
    for number in range(first, last):
        if _is_late(number):
            late.append(number)
            continue
        yield number
        if number % 10 == 8:
            yield from late
            late.clear()
    yield from late


class Reader:
    """One caller of a Hot Reader, which repeats what its storage's faults make fail.

    Attributes
    ----------
    requests, failures
        The number of requests that were answered, and of those that failed by name.
    """

    def __init__(self, url: str, token: str, arrivals: Arrivals, seed: int) -> None:
        self._url = url
        self._arrivals = arrivals
        self._random = random.Random(seed)
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers[TOKEN_HEADER] = token
        self.requests = self.failures = 0

    def read(self) -> None:
        """Read the history in both orders, and the newest entry."""
        for descending in (False, True):
            self._walk(descending=descending)
        self._newest()

    def _ask(self, read: Read, payload: dict[str, Any]) -> Any:
        while True:
            asked = {"iot_device_id": self._arrivals.device, "selected_properties": ["a", "b"]}
            response = self._session.post(
                self._url + read.path, json={"payload": asked | payload}, timeout=_PATIENCE_SECONDS
            )
            self.requests += 1
            document = response.json()
            if response.status_code == 200:
                return document
            assert response.status_code == 503, response.text
            assert document["error"]["code"] == "store_unavailable"
            self.failures += 1

    def _walk(self, *, descending: bool) -> None:
        there = set(self._arrivals.stored)
        found: dict[str, list[tuple[str, Any]]] = {"a": [], "b": []}
        asked = {
            "start_time": time_of(0),
            "end_time": "2026-01-30T18:00:00Z",
            "order_by_time": "DESCENDING" if descending else "ASCENDING",
            "max_results": self._random.choice([7, 8, 20]),
        }
        while True:
            on_time = self._arrivals.on_time
            page = self._ask(HISTORY, asked)
            for series in page["propertyValues"]:
                name = series["entityPropertyReference"]["propertyName"]
                found[name] += [(each["time"], each["value"]) for each in series["values"]]
            if "nextToken" not in page:
                break
            asked["next_token"] = page["nextToken"]
        numbers = [value["integerValue"] for _, value in found["a"]]
        assert numbers == sorted(set(numbers), reverse=descending)
        for name, values in found.items():
            assert values == [
                (time_of(each), {"integerValue": each}) for each in numbers if name in _values(each)
            ]
        assert there | (set() if descending else on_time) <= set(numbers) <= self._arrivals.begun

    def _newest(self) -> None:
        there = max(self._arrivals.stored)
        values = self._ask(LAST_ENTRY, {})["propertyValues"]
        newest = values["a"]["propertyValue"]["integerValue"]
        assert there <= newest <= max(self._arrivals.begun)


def read_at_once(url: str, token: str, writer: Writer, device: str, readers: int) -> dict[str, int]:
    """Let many readers read what arrives; return how many requests were answered, and failed by name."""
    arrivals = Arrivals(writer, device)
    arrivals.arrive(0, AT_FIRST)
    done = threading.Event()
    more = threading.Thread(
        target=arrivals.arrive, args=(AT_FIRST, AT_FIRST + ARRIVING), kwargs={"done": done}
    )
    callers = [Reader(url, token, arrivals, seed) for seed in range(readers)]
    with ThreadPoolExecutor(readers) as threads:
        more.start()
        ended = [threads.submit(each.read) for each in callers]
    done.set()
    more.join()
    for each in ended:
        each.result()
    return {
        "requests": sum(each.requests for each in callers),
        "failures": sum(each.failures for each in callers),
    }
