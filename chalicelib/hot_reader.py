"""The Hot Reader: reads a device's history or newest entry from the hot storage of its own cloud.

Everything that makes an answer right is here, for all stores: order by instant, range, filters,
types, and where a page ends (design note 'correctness').
"""

from __future__ import annotations

import heapq
import json
import math
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from chalicelib import next_token
from chalicelib.data_value import DataValue, UnrepresentableValueError, to_data_value
from chalicelib.errors import InvalidQueryError
from chalicelib.next_token import Position

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from chalicelib.hot_store import HotStore, StoredEntry
    from chalicelib.query import HistoryQuery, LastEntryQuery
    from chalicelib.timestamps import StoredTimestamp, TimestampFormat

_VALUE_BYTES: Final = 64
"""An upper bound for what surrounds a time and a value in an answer: keys, quotes, blanks."""
_EXAMPLES: Final = 3
_AHEAD_SECONDS: Final = 2.0
"""How long a read may take that goes on for pages ahead: nobody has asked for them yet."""


@dataclass(slots=True)
class Flaws:
    """What had to be left out of an answer, to be counted and logged.

    Attributes
    ----------
    unrepresentable_values
        Values that their declared type can't express.
    unreadable_timestamps
        Entries whose sort key isn't spelled as the settings say.
    examples
        Up to three of them in words.
    """

    unrepresentable_values: int = 0
    unreadable_timestamps: int = 0
    examples: list[str] = field(default_factory=list)

    def add_value(self, name: str, key: object, error: UnrepresentableValueError) -> None:
        """Count a value that can't be represented."""
        self.unrepresentable_values += 1
        self._add_example(f"{name} at {key}: {error}")

    def add_timestamp(self, error: ValueError) -> None:
        """Count an entry whose timestamp can't be read."""
        self.unreadable_timestamps += 1
        self._add_example(str(error))

    def _add_example(self, example: str) -> None:
        if len(self.examples) < _EXAMPLES:
            self.examples.append(example)


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """One page of a history.

    Attributes
    ----------
    values
        For each selected property, in the order asked for, its values: (time, DataValue), the time
        in UTC with `Z`.
    next_token
        How to go on; None on the last page.
    flaws
        What was left out, of the pages that follow as well.
    following
        Pages that were read ahead: what the `next_token` leads to, then what that page's leads to.
    """

    values: Mapping[str, list[tuple[str, DataValue]]]
    next_token: str | None
    flaws: Flaws
    following: Sequence[HistoryPage] = ()

    @property
    def count(self) -> int:
        """How many values were read, over all properties and pages."""
        own = sum(map(len, self.values.values()))
        return own + sum(each.count for each in self.following)


@dataclass(frozen=True, slots=True)
class LastEntry:
    """The newest entry.

    Attributes
    ----------
    values
        The selected properties that the entry has.
    flaws
        What was left out.
    """

    values: Mapping[str, DataValue]
    flaws: Flaws


class HotReader:
    """Reads from one hot store.

    Parameters
    ----------
    store
        Where the entries are.
    timestamps
        How the store spells instants in its sort key.
    page_bytes
        The largest answer in bytes, encoded; a page ends early rather than exceed it.
    page_values
        The most values on a page, also when a query asks for more or names no number; None for no
        such bound.
    clock
        Tells the time in monotonic seconds; tests replace it.
    """

    def __init__(
        self,
        store: HotStore,
        timestamps: TimestampFormat,
        *,
        page_bytes: int,
        page_values: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._timestamps = timestamps
        self._page_bytes = page_bytes
        self._page_values = page_values
        self._clock = clock

    def history(self, query: HistoryQuery) -> HistoryPage:
        """Read one page of a device's history, and as many ahead as asked for and bounds allow.

        A page that is read ahead is the one that its `next_token` would lead to now. Reading ahead
        ends where the bytes of one answer end, and when it has taken too long.

        Raises
        ------
        InvalidQueryError
            A filter doesn't fit its property's type, or the `next_token` isn't one of this query.
        StoreUnavailableError, HotStoreError
            The store can't be read.
        """
        query = self._bounded(query)
        flaws = Flaws()
        matches = _conditions(query, flaws)
        resume = _Resume.after(query, self._timestamps)
        types = query.property_types
        values: dict[str, list[tuple[str, DataValue]]] = _no_values(query)
        page_size = math.inf if query.max_results is None else query.max_results
        room = page_size
        overhead = _overhead(query)
        bytes_left = self._page_bytes - overhead
        last: Position | None = None
        pages: list[HistoryPage] = []
        ahead_until = self._clock() + _AHEAD_SECONDS

        for entry, timestamp in self._in_order(query, resume, flaws):
            if pages and self._clock() > ahead_until:
                return _joined(pages)
            skip = resume.properties_done(timestamp, entry)
            if skip is None or not matches(entry):
                continue
            for index, name in enumerate(query.selected_properties):
                stored = entry.values.get(name)
                if stored is None or index < skip:
                    continue
                try:
                    value = to_data_value(stored, types.get(name))
                except UnrepresentableValueError as error:
                    flaws.add_value(name, entry.key, error)
                    continue
                bytes_left -= _VALUE_BYTES + len(timestamp.text) + _encoded_size(value)
                if last is not None and (room == 0 or bytes_left < 0):
                    if room == 0 or not pages:
                        pages.append(HistoryPage(values, next_token.encode(last, query), flaws))
                    bytes_left -= overhead
                    if room > 0 or bytes_left < 0 or len(pages) > query.pages_ahead:
                        return _joined(pages)
                    values, room = _no_values(query), page_size
                values[name].append((timestamp.text, value))
                last = Position(str(entry.key), index, entry.identity)
                room -= 1
        return _joined([*pages, HistoryPage(values, None, flaws)])

    def last_entry(self, query: LastEntryQuery) -> LastEntry:
        """Read the newest entry of a device, by instant.

        Raises
        ------
        StoreUnavailableError, HotStoreError
            The store can't be read.
        """
        flaws = Flaws()
        # Two entries tell: the newest key, and the next one to see that it is of an earlier second.
        stored = self._store.read(
            query.device_id,
            None,
            None,
            descending=True,
            properties=query.properties,
            limit=2,
        )
        values: dict[str, DataValue] = {}
        for entry, _timestamp in _sorted_by_instant(
            stored, self._timestamps, flaws, descending=True
        ):
            for name in query.selected_properties:
                if (value := entry.values.get(name)) is None:
                    continue
                try:
                    values[name] = to_data_value(value, query.property_types.get(name))
                except UnrepresentableValueError as error:
                    flaws.add_value(name, entry.key, error)
            break
        return LastEntry(values, flaws)

    def _bounded(self, query: HistoryQuery) -> HistoryQuery:
        if self._page_values is None:
            return query
        page_size = min(query.max_results or self._page_values, self._page_values)
        pages_ahead = min(query.pages_ahead, self._page_values // page_size - 1)
        return replace(query, max_results=page_size, pages_ahead=pages_ahead)

    def _in_order(
        self, query: HistoryQuery, resume: _Resume, flaws: Flaws
    ) -> Iterator[tuple[StoredEntry, StoredTimestamp]]:
        """Yield the entries within the query's range, by instant, from the position on."""
        start, end = query.start, query.end
        if resume.timestamp is not None:
            if query.descending:
                end = min(end, resume.timestamp.instant)
            else:
                start = max(start, resume.timestamp.instant)
        stored = self._store.read(
            query.device_id,
            self._timestamps.lower_bound(start),
            self._timestamps.upper_bound(end),
            descending=query.descending,
            properties=query.properties,
            limit=_entries_needed(query),
        )
        for entry, timestamp in _sorted_by_instant(
            stored, self._timestamps, flaws, descending=query.descending
        ):
            if query.start <= timestamp.instant <= query.end:
                yield entry, timestamp


def _no_values(query: HistoryQuery) -> dict[str, list[tuple[str, DataValue]]]:
    return {name: [] for name in query.selected_properties}


def _joined(pages: list[HistoryPage]) -> HistoryPage:
    first, *following = pages
    return replace(first, following=following) if following else first


def _sorted_by_instant(
    stored: Iterator[StoredEntry],
    timestamps: TimestampFormat,
    flaws: Flaws,
    *,
    descending: bool,
) -> Iterator[tuple[StoredEntry, StoredTimestamp]]:
    """Put entries that come in key order into the order of their instants.

    An entry waits until no later key can come before it: within its second as a rule, hours with
    mixed offsets. Entries of the same instant stay in the order in which they came.
    """
    waiting: list[tuple[int, int, StoredEntry, StoredTimestamp]] = []
    for arrival, entry in enumerate(stored):
        try:
            timestamp = timestamps.read(entry.key)
        except ValueError as error:
            flaws.add_timestamp(error)
            continue
        settled = -timestamp.latest if descending else timestamp.earliest
        while waiting and waiting[0][0] < settled:
            _, _, ready, its_timestamp = heapq.heappop(waiting)
            yield ready, its_timestamp
        rank = -timestamp.instant if descending else timestamp.instant
        heapq.heappush(waiting, (rank, arrival, entry, timestamp))
    while waiting:
        _, _, ready, its_timestamp = heapq.heappop(waiting)
        yield ready, its_timestamp


@dataclass(frozen=True, slots=True)
class _Resume:
    """From where a page goes on."""

    position: Position | None
    timestamp: StoredTimestamp | None
    key: Any
    descending: bool

    @classmethod
    def after(cls, query: HistoryQuery, timestamps: TimestampFormat) -> _Resume:
        if query.next_token is None:
            return cls(None, None, None, query.descending)
        position = next_token.decode(query.next_token, query)
        try:
            key = timestamps.key_from_text(position.key)
            timestamp = timestamps.read(key)
        except ValueError as error:
            raise InvalidQueryError(
                "next_token was given out when the table's timestamps were spelled differently. "
                "Leave it out to start from the first page."
            ) from error
        if not query.start <= timestamp.instant <= query.end:
            raise InvalidQueryError("next_token points outside of the query's range")
        return cls(position, timestamp, key, query.descending)

    def properties_done(self, timestamp: StoredTimestamp, entry: StoredEntry) -> int | None:
        """Count the entry's properties that pages before have returned; None means all of them."""
        if self.position is None or self.timestamp is None:
            return 0
        here = (timestamp.instant, entry.key, entry.identity)
        there = (self.timestamp.instant, self.key, self.position.identity)
        if here == there:
            return self.position.property_index + 1
        return 0 if (here < there) == self.descending else None


def _conditions(query: HistoryQuery, flaws: Flaws) -> Callable[[StoredEntry], bool]:
    conditions = [
        (each.property_name, each.condition(query.property_types.get(each.property_name)))
        for each in query.filters
    ]

    def matches(entry: StoredEntry) -> bool:
        for name, holds in conditions:
            stored = entry.values.get(name)
            try:
                if stored is None or not holds(stored):
                    return False
            except UnrepresentableValueError as error:
                flaws.add_value(name, entry.key, error)
                return False
        return True

    return matches


def _entries_needed(query: HistoryQuery) -> int | None:
    """Estimate how many entries the pages take, if every entry has every property.

    One value more than the page holds tells that it isn't the last; one entry more tells that a
    second is over; and the entry that the page before stopped in is read again.
    """
    if query.max_results is None or query.filters:
        return None
    values = query.max_results * (1 + query.pages_ahead)
    entries = math.ceil((values + 1) / len(query.selected_properties))
    return entries + 1 + (query.next_token is not None)


def _encoded_size(value: DataValue) -> int:
    """Bound the bytes of a DataValue in an answer.

    The answer travels as JSON, and through API Gateway as JSON text within JSON, where a quote takes
    two bytes and a letter beyond ASCII up to twelve: encoding twice is the upper bound.
    """
    ((kind, raw),) = value.items()
    if kind in ("doubleValue", "integerValue", "longValue", "booleanValue"):
        return 24
    return len(json.dumps(json.dumps(raw)))


def _overhead(query: LastEntryQuery) -> int:
    """Bound the bytes of an answer without its values: the references and the token."""
    names = [query.device_id, query.entity_id, query.component_name]
    references = [[name, *names] for name in query.selected_properties]
    return 2_048 + 256 * len(references) + len(json.dumps(json.dumps(references)))
