"""A page ends early by time, as it does by bytes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.hot_reader.hot_reader import HotReader
from chalicelib.model.data_value import DataType
from chalicelib.model.errors import HotStoreError, StoreUnavailableError
from chalicelib.model.instants import parse_instant
from chalicelib.model.limits import LARGEST_PAYLOAD
from chalicelib.model.property_filter import PropertyFilter
from chalicelib.model.query import DevicesQuery, HistoryQuery, LastEntryQuery
from chalicelib.model.timestamps import Iso8601Format
from tests.conformance.batches import BatchingMemoryStore
from tests.conformance.memory import MemoryStore
from tests.conformance.oracle import Stored

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from chalicelib.model.results import DevicesPage, HistoryPage

HOUR = ("2026-01-30T17:00:00Z", "2026-01-30T18:00:00Z")
QUERY = HistoryQuery(
    device_id="pump-1",
    selected_properties=("a", "b"),
    start=parse_instant(HOUR[0]),
    end=parse_instant(HOUR[1]),
)
NEVER = PropertyFilter("a", "<", {"doubleValue": -1})


class Slow:
    """A store whose pages of so many entries take two seconds each, and the clock that shows it."""

    def __init__(self, keys: Sequence[str], size: int, *, batches: bool) -> None:
        self.now = 0.0
        self._size = size
        self._entries = BatchingMemoryStore(size) if batches else MemoryStore()
        stored = [Stored(key, {"a": number, "b": number}) for number, key in enumerate(keys)]
        self._entries.put("pump-1", stored, "S")
        if batches:
            self.read_batches = self._read_batches

    def put(self, device_id: str, stored: Sequence[Stored]) -> None:
        self._entries.put(device_id, stored, "S")

    def clock(self) -> float:
        return self.now

    def read(self, *asked: Any, **more: Any) -> Iterator[Any]:
        for number, entry in enumerate(self._entries.read(*asked, **more)):
            if number % self._size == 0:
                self.now += 2.0
            yield entry
        self.now += 2.0

    def _read_batches(self, *asked: Any, **more: Any) -> Iterator[Any]:
        for batch in self._entries.read_batches(*asked, **more):  # type: ignore[attr-defined]
            self.now += 2.0
            yield batch


def seconds(count: int) -> list[str]:
    return [f"2026-01-30T17:{number // 60:02}:{number % 60:02}Z" for number in range(count)]


def reader_of(store: Slow) -> HotReader:
    return HotReader(store, Iso8601Format(), page_bytes=LARGEST_PAYLOAD, clock=store.clock)


def walk(store: Slow, query: HistoryQuery, given: float = 29.0) -> list[HistoryPage]:
    """Follow the pages to the last one; none may take longer than what is given for it."""
    pages: list[HistoryPage] = []
    while not pages or pages[-1].next_token:
        started = store.now
        token = pages[-1].next_token if pages else None
        pages.append(reader_of(store).history(replace(query, next_token=token), given))
        assert store.now - started <= given
    return pages


def values(pages: Sequence[HistoryPage], name: str) -> list[tuple[str, Any]]:
    found = [page.values[name] for page in pages]
    return [pair for each in found for pair in zip(each.times, each.contents, strict=True)]


@pytest.mark.parametrize("descending", [False, True])
def test_a_filter_that_nothing_meets_ends_its_pages_in_time(descending):
    store = Slow(seconds(250), 10, batches=False)
    query = replace(QUERY, filters=(NEVER,), descending=descending)
    pages = walk(store, query)
    assert values(pages, "a") == []
    assert len({page.next_token for page in pages}) == len(pages) >= 6


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize(("interval", "count"), [(None, 60 + 45), (7_000_000_000, 9 + 13)])
def test_a_page_of_several_devices_ends_in_time(descending, interval, count):
    query = replace(
        QUERY,
        descending=descending,
        property_types={"a": DataType("DOUBLE"), "b": DataType("LONG")},
        interval=interval,
    )
    devices = DevicesQuery((query, replace(query, device_id="pump-2")))
    found: dict[bool, list[tuple[str, str, Any]]] = {}
    for slow in (False, True):
        store = Slow(seconds(60), 10 if slow else 1_000, batches=False)
        stored = [Stored(key, {"a": number}) for number, key in enumerate(seconds(90)[::2])]
        store.put("pump-2", stored)
        pages: list[DevicesPage] = []
        while not pages or pages[-1].next_token:
            started = store.now
            asked = replace(query, next_token=pages[-1].next_token if pages else None)
            pages.append(
                reader_of(store).histories(
                    DevicesQuery((asked, replace(asked, device_id="pump-2"))), 29.0
                )
            )
            assert store.now - started <= 29.0
        assert (len(pages) > 2) is slow
        found[slow] = [
            (device_id, time, content)
            for device_id in devices.device_ids
            for page in pages
            for name, each in page.of_device(device_id).items()
            if name == "a"
            for time, content in zip(each.times, each.contents, strict=True)
        ]
    assert found[True] == found[False]
    assert len(found[True]) == count


@pytest.mark.parametrize(
    ("stored", "values", "more"),
    [
        # Of each, the tenth entry waits for the next second; the first that is asked for it ends the page.
        (20, 2 * (6 * 8 + 1), True),
        # Nothing is left to ask for.
        (10, 2 * 6 * 10, False),
    ],
)
def test_a_page_of_several_devices_has_what_has_come_of_each_when_time_is_over(
    stored, values, more
):
    store = Slow(seconds(stored), 10, batches=True)
    queries = [replace(QUERY, device_id=f"pump-{number}") for number in range(1, 7)]
    for query in queries[1:]:
        store.put(query.device_id, [Stored(key, {"a": 1, "b": 2}) for key in seconds(stored)])
    page = reader_of(store).histories(DevicesQuery(tuple(queries)), 29.0)
    assert page.count == values
    assert bool(page.next_token) is more


def test_a_store_too_slow_for_one_entry_of_several_devices_or_a_line_is_unavailable():
    store = Slow(seconds(2), 1, batches=False)
    with pytest.raises(StoreUnavailableError, match="so slowly"):
        reader_of(store).histories(DevicesQuery((QUERY, replace(QUERY, device_id="pump-2"))), 3.0)
    line = replace(QUERY, selected_properties=("a",), property_types={"a": DataType("DOUBLE")})
    with pytest.raises(StoreUnavailableError, match="so slowly"):
        reader_of(store).histories(DevicesQuery((replace(line, interval=10**9),)), 3.0)


@pytest.mark.parametrize("descending", [False, True])
def test_a_page_of_batches_ends_in_time(descending):
    store = Slow(seconds(250), 10, batches=True)
    pages = walk(store, replace(QUERY, descending=descending))
    assert len(pages) > 4
    expected = list(enumerate(seconds(250)))
    assert values(pages, "b") == [(key, n) for n, key in expected[:: -1 if descending else 1]]


@given(
    keys=st.lists(
        st.builds(
            "2026-01-30T17:00:{:02}{}Z".format,
            st.integers(0, 9),
            st.sampled_from(["", ".0", ".5", ".50", ".95", ".95000"]),
        ),
        min_size=1,
        max_size=30,
        unique=True,
    ),
    size=st.integers(1, 4),
    batches=st.booleans(),
    descending=st.booleans(),
    filtered=st.booleans(),
    most=st.sampled_from([None, 1, 3]),
)
@settings(max_examples=100, deadline=None)
def test_pages_that_end_by_time_have_each_value_once(
    keys, size, batches, descending, filtered, most
):
    query = replace(QUERY, descending=descending, max_results=most)
    if filtered:
        query = replace(query, filters=(PropertyFilter("a", "!=", {"doubleValue": 1}),))
    # A second that is longer than a page can't be read; none here has more than six entries.
    given = 16.0
    slow, fast = Slow(keys, size, batches=batches), Slow(keys, 100, batches=False)
    whole = [reader_of(fast).history(replace(query, max_results=None))]
    for name in query.selected_properties:
        assert values(walk(slow, query, given), name) == values(whole, name)


def test_the_hosts_own_time_counts_where_it_is_shorter():
    store = Slow(seconds(100), 10, batches=False)
    reader_of(store).history(replace(QUERY, filters=(NEVER,)), 5.0)
    assert store.now == 4.0


def test_pages_ahead_never_cost_the_page_that_was_asked_for():
    store = Slow(seconds(100), 10, batches=False)
    query = replace(QUERY, filters=(PropertyFilter("a", "!=", {"doubleValue": 1}),))
    page = reader_of(store).history(replace(query, max_results=60, pages_ahead=5), 29.0)
    assert len(values([page], "a")) == 30
    assert not page.following


def test_a_read_that_comes_to_nowhere_says_so():
    one_second = [f"2026-01-30T17:00:00.{number:03}Z" for number in range(900)]
    store = Slow(one_second, 10, batches=False)
    with pytest.raises(StoreUnavailableError, match=r"none could be answered in time.*lambda_time"):
        reader_of(store).history(QUERY, 29.0)
    assert store.now <= 29.0


def test_one_of_which_nothing_can_be_read_names_the_settings():
    store = Slow([f"2026-01-30T17:00:00 {number:03}" for number in range(900)], 10, batches=False)
    with pytest.raises(HotStoreError, match=r"None of the 131 entries.*TIMESTAMP_FORMAT"):
        reader_of(store).history(QUERY, 29.0)


def test_the_newest_entry_that_is_not_found_out_in_time_is_a_failure():
    one_second = [f"2026-01-30T17:00:00.{number:03}Z" for number in range(900)]
    store = Slow(one_second, 10, batches=False)
    newest = LastEntryQuery(device_id="pump-1", selected_properties=("a",))
    with pytest.raises(StoreUnavailableError, match="none could be answered in time"):
        reader_of(store).last_entry(newest, 29.0)
    assert store.now <= 29.0
    assert "a" in reader_of(store).last_entry(newest).values
