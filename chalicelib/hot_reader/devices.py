"""A page of the histories of several devices, read side by side and merged in the order of time.

docs/architecture.md, 'Several devices'.
"""

from __future__ import annotations

import heapq
import itertools
import math
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from chalicelib.hot_reader import next_token
from chalicelib.hot_reader.conditions import Conditions
from chalicelib.hot_reader.next_token import Position
from chalicelib.hot_reader.pages import PAGE_OVERHEAD, VALUE_OVERHEAD, encoded_size, reference_size
from chalicelib.hot_reader.reading_time import OutOfTimeError
from chalicelib.hot_reader.resume import Resume
from chalicelib.model.data_value import UnrepresentableValueError, to_data_value
from chalicelib.model.results import DevicesPage, Flaws, PropertyValues

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from chalicelib.hot_reader.reading_time import ReadingTime
    from chalicelib.hot_reader.time_order import Single
    from chalicelib.model.data_value import DataValue
    from chalicelib.model.entries import StoredEntry
    from chalicelib.model.query import DevicesQuery, HistoryQuery
    from chalicelib.model.timestamps import TimestampFormat

    Entries = Callable[[HistoryQuery, Resume, Flaws], Iterator[Single]]

_SIDE_BY_SIDE: Final = 8
"""Reads of the storage at a time: fewer than the connections that its SDK keeps (botocore: 10)."""
_SPARE: Final = 2
"""How many times its share of a page a device is asked for, as not all store equally often."""


class Found(NamedTuple):
    """An entry of one of the devices, in the order of all.

    Attributes
    ----------
    rank
        The instant, or its negative in descending order.
    number
        The device's number in the query.
    entry
        The entry.
    time
        Its timestamp in UTC.
    done
        The number of its properties that earlier pages have returned.
    matches
        True if it meets the query's filters.
    """

    rank: int
    number: int
    entry: StoredEntry
    time: str
    done: int
    matches: bool


def devices_page(
    query: DevicesQuery,
    timestamps: TimestampFormat,
    page_bytes: int,
    time_left: ReadingTime,
    entries: Entries,
) -> DevicesPage:
    """Read one page of the histories of several devices, and those ahead as `HotReader.history` does.

    Parameters
    ----------
    query
        The query.
    timestamps
        The spelling of instants in the store's sort keys.
    page_bytes
        The largest answer in bytes, encoded.
    time_left
        The time of the read.
    entries
        Reads the entries of a device from a position on, in the order of time.

    Raises
    ------
    InvalidQueryError
        A filter doesn't fit its property's type, or the `next_token` isn't one of this query.
    StoreUnavailableError, HotStoreError
        The store can't be read.
    OutOfTimeError
        Time was over before the page had come anywhere.
    """
    token = query.common.next_token
    start = None if token is None else next_token.decode_among(token, query)[:2]
    page = PageOfDevices(query, page_bytes)
    everyone = range(len(query.each))
    try:
        for found in merged(query, everyone, start, timestamps, page.flaws, entries):
            if page.add(found) or (page.is_ahead and time_left.ahead_is_over):
                return page.ended()
            time_left.can_end = True
    except OutOfTimeError:
        if not time_left.can_end:
            raise
        return page.ended()
    return page.whole()


def merged(
    query: DevicesQuery,
    numbers: range,
    start: tuple[int, Position] | None,
    timestamps: TimestampFormat,
    flaws: Sequence[Flaws],
    entries: Entries,
) -> Iterator[Found]:
    """Read devices side by side from a position on, and yield their entries in the order of time.

    Parameters
    ----------
    query
        The query. Its `next_token` isn't looked at.
    numbers
        The numbers of the devices to read.
    start
        The number of one of them and a position in its entries; None for the beginning.
    timestamps, entries
        See `devices_page`.
    flaws
        Get what has to be left out, each of its device.
    """
    parts = [
        _found_in(entries(each, resume, flaws[number]), each, resume, flaws[number], number)
        for number, each, resume in _beginnings(query, numbers, start, timestamps)
    ]
    return heapq.merge(*_begun(parts), key=lambda found: found[:2])


def _beginnings(
    query: DevicesQuery,
    numbers: range,
    start_at: tuple[int, Position] | None,
    timestamps: TimestampFormat,
) -> Iterator[tuple[int, HistoryQuery, Resume]]:
    """Yield the devices that may have more, each with the part of its range that is left."""
    share = query.common.max_results
    if share is not None:  # an estimate only: it decides how much the storage sends at a time
        share = min(share, math.ceil(_SPARE * share / len(numbers)))
    nowhere = Resume(None, None, None, query.common.descending)
    if start_at is None:
        for number in numbers:
            each = query.each[number]
            if not each.unsatisfiable:
                yield number, replace(each, max_results=share), nowhere
        return
    at, position = start_at
    resume = Resume.at(position, query.common, timestamps)
    assert resume.timestamp is not None  # noqa: S101 - it is that of a position
    instant = resume.timestamp.instant
    for number in numbers:
        each = query.each[number]
        # Of the position's instant, the devices before its own have been read.
        beyond = instant + (number < at) * (-1 if each.descending else 1)
        start = each.start if each.descending else beyond
        end = beyond if each.descending else each.end
        if number == at:
            start, end = each.start, each.end
        if start <= end and not each.unsatisfiable:
            left = replace(each, start=start, end=end, max_results=share)
            yield number, left, resume if number == at else nowhere


def _found_in(
    singles: Iterator[Single], query: HistoryQuery, resume: Resume, flaws: Flaws, number: int
) -> Iterator[Found]:
    """Yield those of a device's entries that a query is about and earlier pages haven't returned."""
    conditions = Conditions(query, flaws)
    for entry, timestamp in singles:
        done = resume.properties_done(timestamp, entry)
        in_range = query.start <= timestamp.instant <= query.end
        if done is None or done == len(query.selected_properties) or not in_range:
            continue
        rank = -timestamp.instant if query.descending else timestamp.instant
        yield Found(rank, number, entry, timestamp.text, done, conditions.met_by(entry))


def _first(part: Iterator[Found]) -> Found | None:
    return next(part, None)


def _begun(parts: Sequence[Iterator[Found]]) -> list[Iterator[Found]]:
    """Read the first entry of each part, several at a time: that is when the storage is asked."""
    if len(parts) < 2:
        return [*parts]
    with ThreadPoolExecutor(min(_SIDE_BY_SIDE, len(parts))) as threads:
        firsts = [threads.submit(copy_context().run, _first, part) for part in parts]
        try:
            found = [each.result() for each in firsts]
        except BaseException:
            threads.shutdown(wait=False, cancel_futures=True)
            raise
    return [
        itertools.chain((first,), part)
        for first, part in zip(found, parts, strict=True)
        if first is not None
    ]


class PageOfDevices:
    """A page of several devices in progress, and the full ones before it.

    Attributes
    ----------
    flaws
        What had to be left out of each device.
    """

    def __init__(self, query: DevicesQuery, page_bytes: int) -> None:
        self.flaws = [Flaws() for _ in query.each]
        self._query = query
        self._turned: list[DevicesPage] = []
        self._last: tuple[int, Position] | None = None
        self._bytes_left = page_bytes
        self._begin()

    def _begin(self) -> None:
        self._values: dict[str, dict[str, PropertyValues]] = {}
        self._count = 0
        self._bytes_left -= PAGE_OVERHEAD

    def add(self, found: Found) -> bool:
        """Add an entry's values; True if one had no room."""
        query, entry = self._query.each[found.number], found.entry
        names = query.selected_properties if found.matches else ()
        for index, name in enumerate(names):
            stored = entry.values.get(name)
            if stored is None or index < found.done:
                continue
            try:
                value = to_data_value(stored, query.property_types.get(name))
            except UnrepresentableValueError as error:
                self.flaws[found.number].add_value(name, entry.key, error)
                continue
            if not self._take(found, index, value):
                return True
            self._end(found, index)
        self._end(found, len(query.selected_properties) - 1)
        return False

    @property
    def is_ahead(self) -> bool:
        """True if the page in progress is one that follows the one that was asked for."""
        return bool(self._turned)

    def whole(self) -> DevicesPage:
        """Return all pages; the one in progress is the last of the query."""
        self._turned.append(DevicesPage(self._values, None, Flaws()))
        return self._joined()

    def ended(self) -> DevicesPage:
        """Return all pages; the one in progress ends behind the last entry.

        One ahead that isn't full is dropped: its end would depend on the bytes and the time before it.
        """
        if not self._turned or self._is_full:
            self._turn()
        return self._joined()

    @property
    def _is_full(self) -> bool:
        return self._count == self._query.common.max_results

    def _turn(self) -> None:
        if self._last is None:
            raise RuntimeError("a page without an entry ends nowhere")
        self._turned.append(DevicesPage(self._values, self._token(*self._last), Flaws()))
        self._begin()

    def _joined(self) -> DevicesPage:
        first, *following = self._turned
        for each in self.flaws:
            first.flaws.add(each)
        return replace(first, following=following)

    def _token(self, number: int, position: Position) -> str:
        return next_token.encode_among(number, position, self._query)

    def _take(self, found: Found, index: int, value: DataValue) -> bool:
        """Take a value of a property; False if there is no room for what it adds."""
        ((kind, content),) = value.items()
        return self._put(found.number, index, found.time, kind, content)

    def _put(self, number: int, index: int, time: str, kind: str, content: Any) -> bool:
        query = self._query.each[number]
        name = query.selected_properties[index]
        size = VALUE_OVERHEAD + len(time) + encoded_size(kind, (content,))
        if self._is_full:
            if len(self._turned) == query.pages_ahead:
                return False
            self._turn()
        series = self._values.get(query.device_id, {}).get(name)
        if series is None:
            size += reference_size(query, name)
        if size > self._bytes_left and (self._count or self._turned):
            return False
        if series is None:
            series = self._values.setdefault(query.device_id, {})[name] = PropertyValues()
        series.extend((time,), kind, (content,))
        self._count += 1
        self._bytes_left -= size
        return True

    def _end(self, found: Found, index: int) -> None:
        key, identity = str(found.entry.key), found.entry.identity
        self._last = found.number, Position(key, index, identity, complete=False, in_second=1)
