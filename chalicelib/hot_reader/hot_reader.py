"""The Hot Reader: reads a device's history or newest entry from the hot storage of its own cloud.

Everything that makes an answer right is here, for all stores: order by instant, range, filters,
types, and where a page ends (design note 'correctness').
"""

from __future__ import annotations

import json
import math
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from chalicelib.hot_reader import next_token
from chalicelib.hot_reader.next_token import Position
from chalicelib.hot_reader.time_order import Run, TimeOrder
from chalicelib.model.data_value import (
    DataValue,
    UnrepresentableValueError,
    to_data_value,
    to_data_values,
)
from chalicelib.model.errors import InvalidQueryError
from chalicelib.stores.hot_store import BatchingHotStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from chalicelib.hot_reader.time_order import Single
    from chalicelib.model.query import HistoryQuery, LastEntryQuery
    from chalicelib.model.timestamps import SortKey, StoredTimestamp, TimestampFormat
    from chalicelib.stores.hot_store import HotStore, StoredEntry

_VALUE_BYTES: Final = 64
"""An upper bound for what surrounds a time and a value in an answer: keys, quotes, blanks."""
_NUMBER_BYTES: Final = 24
"""An upper bound for a number or a truth value."""
_QUOTES: Final = len(json.dumps(json.dumps("")))
_EXAMPLES: Final = 3
_AHEAD_SECONDS: Final = 2.0
"""How long a read may take that goes on for pages ahead: nobody has asked for them yet."""
_FEW: Final = 16
"""Entries that aren't worth another try at once."""


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


@dataclass(slots=True)
class PropertyValues:
    """The values of one property on a page, in order: their times, kinds and contents side by side.

    Attributes
    ----------
    times
        When, in UTC with `Z`.
    kinds
        Which kind of DataValue: `doubleValue`, ...
    contents
        What each DataValue holds.
    """

    times: list[str] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    contents: list[Any] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.times)

    def extend(self, times: Sequence[str], kind: str, contents: Sequence[Any]) -> None:
        """Append values of one kind."""
        self.times.extend(times)
        self.kinds.extend([kind] * len(times))
        self.contents.extend(contents)


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """One page of a history.

    Attributes
    ----------
    values
        For each selected property, in the order asked for, its values.
    next_token
        How to go on; None on the last page.
    flaws
        What was left out, of the pages that follow as well.
    following
        Pages that were read ahead: what the `next_token` leads to, then what that page's leads to.
    """

    values: Mapping[str, PropertyValues]
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
        self._batches = store if isinstance(store, BatchingHotStore) else None
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
        order = TimeOrder(self._timestamps, flaws.add_timestamp, descending=query.descending)
        page = _PageInProgress(query, flaws, self._page_bytes, order.waiting)
        ahead_until = self._clock() + _AHEAD_SECONDS

        for found in self._read(query, resume, order):
            if page.turned and self._clock() > ahead_until:
                return _joined(page.turned)
            if isinstance(found, Run):
                more = page.add_run(found)
            else:
                entry, timestamp = found
                skip = resume.properties_done(timestamp, entry)
                in_range = query.start <= timestamp.instant <= query.end
                if skip is None or not in_range or not matches(entry):
                    page.leave_out(entry)
                    continue
                more = page.add(entry, timestamp.text, skip)
            if more:
                return _joined(page.turned)
            # One value more tells that there is another page: any will do.
            order.matters = page.room > 0 or len(page.turned) < query.pages_ahead
        return _joined([*page.turned, HistoryPage(page.values, None, flaws)])

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
        order = TimeOrder(self._timestamps, flaws.add_timestamp, descending=True)
        for entry, _timestamp in order.singly(stored):
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

    def _read(
        self, query: HistoryQuery, resume: _Resume, order: TimeOrder
    ) -> Iterator[Run | Single]:
        """Read the query's range from the position on, with what else is of the seconds at its ends."""
        start, end = query.start, query.end
        if resume.timestamp is not None:
            if query.descending:
                end = min(end, resume.timestamp.instant)
            else:
                start = max(start, resume.timestamp.instant)
        lower: Any = self._timestamps.lower_bound(start)
        upper: Any = self._timestamps.upper_bound(end)
        beyond = resume.beyond(self._timestamps)
        if beyond is not None:
            lower, upper = (lower, beyond) if query.descending else (beyond, upper)
            if lower > upper:  # nothing is left; a store may refuse such a range
                return iter(())
        asked: dict[str, Any] = {
            "descending": query.descending,
            "properties": query.properties,
            "limit": _entries_needed(query, again=resume.position is not None and beyond is None),
        }
        if self._batches is not None and not query.filters:
            batches = self._batches.read_batches(query.device_id, lower, upper, **asked)
            return order.in_runs(batches, start, end)
        return order.singly(self._store.read(query.device_id, lower, upper, **asked))


class _PageInProgress:
    """The page that is being put together.

    Attributes
    ----------
    turned
        The pages before it.
    values
        What is on it.
    room
        How many values more it may hold.
    """

    def __init__(
        self,
        query: HistoryQuery,
        flaws: Flaws,
        page_bytes: int,
        waiting: Callable[[], Iterator[StoredEntry]],
    ) -> None:
        self.turned: list[HistoryPage] = []
        self._query = query
        self._waiting = waiting
        self._overhead = _overhead(query)
        self._bytes_left = page_bytes
        self._begin()
        self._names = query.selected_properties
        self._types = query.property_types
        self._descending = query.descending
        self._flaws = flaws
        self._last: tuple[SortKey, int, str] | None = None
        self._complete = True

    def add(self, entry: StoredEntry, time: str, skip: int = 0) -> bool:
        """Add an entry's values but for the first so many properties; True if one had no room."""
        added = False
        for index, name in enumerate(self._names):
            stored = entry.values.get(name)
            if stored is None or index < skip:
                continue
            try:
                value = to_data_value(stored, self._types.get(name))
            except UnrepresentableValueError as error:
                self._flaws.add_value(name, entry.key, error)
                continue
            ((kind, content),) = value.items()
            size = _VALUE_BYTES + len(time) + _encoded_size(kind, (content,))
            if self._last is not None and (self.room == 0 or size > self._bytes_left):
                self.leave_out(entry)
                if not self._turn() or size > self._bytes_left:
                    return True
            self.values[name].extend((time,), kind, (content,))
            self._added(1, size, (entry.key, index, entry.identity))
            added = True
        if not added:
            self.leave_out(entry)
        return False

    def add_run(self, run: Run) -> bool:
        """Add the values of a run's entries; True if one had no room.

        Many entries at once where all their values have room and are simple, one by one elsewhere.
        """
        first, step = run.first, run.last - run.first
        while first < run.last:
            step = min(step, run.last - first)
            if self.room < step * len(self._names):
                step = min(step, max(int(self.room) // len(self._names), _FEW))
            if self._add_at_once(run, first, first + step):
                first += step
                step *= 2
            elif step > _FEW:
                step //= 2
            else:
                for index in range(first, first + step):
                    if self.add(run.batch.entry(index), run.texts[index - run.first]):
                        return True
                first += step
        return False

    def _add_at_once(self, run: Run, first: int, last: int) -> bool:
        """Add entries from `first` to before `last`, unless it takes a look at each."""
        texts = run.texts[first - run.first : last - run.first]
        found: list[tuple[str, Sequence[str], str, Sequence[Any]]] = []
        count = size = 0
        end = (-1, 0)
        for index, name in enumerate(self._names):
            column = run.batch.column(name, first, last)
            if column is None:
                return False
            if not column.values:
                continue
            converted = to_data_values(column, self._types.get(name))
            if converted is None:
                return False
            times = texts if column.rows is None else [texts[row] for row in column.rows]
            found.append((name, times, *converted))
            count += len(times)
            size += _VALUE_BYTES * len(times) + len("".join(times)) + _encoded_size(*converted)
            end = max(end, (len(texts) - 1 if column.rows is None else column.rows[-1], index))
        if count > self.room or size > self._bytes_left:
            return False
        for name, times, kind, contents in found:
            self.values[name].extend(times, kind, contents)
        if found:
            row, index = end
            entry = run.batch.entry(first + row)
            self._added(count, size, (entry.key, index, entry.identity))
        return True

    def _added(self, count: int, size: int, last: tuple[SortKey, int, str]) -> None:
        self.room -= count
        self._bytes_left -= size
        self._last = last
        self._complete = True

    def leave_out(self, entry: StoredEntry) -> None:
        """Take note of an entry that isn't on the page, or not as a whole."""
        if self._last is not None:
            key: Any = entry.key
            last: Any = self._last[0]
            self._complete &= key < last if self._descending else key > last

    def _begin(self) -> None:
        self.values = {name: PropertyValues() for name in self._query.selected_properties}
        self.room = math.inf if self._query.max_results is None else self._query.max_results
        self._bytes_left -= self._overhead

    def _turn(self) -> bool:
        """End the page; False if none may follow it."""
        full = self.room == 0
        if full or not self.turned:  # what is on a page ahead that isn't full would be its end
            for waiting in self._waiting():
                self.leave_out(waiting)
            token = next_token.encode(self.position(), self._query)
            self.turned.append(HistoryPage(self.values, token, self._flaws))
        if not full or len(self.turned) > self._query.pages_ahead:
            return False
        self._begin()
        return True

    def position(self) -> Position:
        """Return where the page ends.

        Raises
        ------
        RuntimeError
            The page is empty.
        """
        if self._last is None:
            raise RuntimeError("an empty page ends nowhere")
        key, index, identity = self._last
        return Position(str(key), index, identity, self._complete)


def _joined(pages: Sequence[HistoryPage]) -> HistoryPage:
    first, *following = pages
    return replace(first, following=following) if following else first


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

    def beyond(self, timestamps: TimestampFormat) -> SortKey | None:
        """Return where the store can go on, if all up to the position's key has been returned."""
        if self.position is None or not self.position.complete:
            return None
        return timestamps.beyond(self.key, descending=self.descending)


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


def _entries_needed(query: HistoryQuery, *, again: bool) -> int | None:
    """Estimate how many entries a page takes, if every entry has every property.

    One entry more tells that the last one's second is over, and that there is another page. The entry
    that the page before stopped in is read again unless all of it has been returned.
    """
    if query.max_results is None or query.filters:
        return None
    values = query.max_results * (1 + query.pages_ahead)
    return math.ceil(values / len(query.selected_properties)) + 1 + again


def _encoded_size(kind: str, contents: Sequence[Any]) -> int:
    """Bound the bytes of DataValues of one kind in an answer.

    The answer travels as JSON, and through API Gateway as JSON text within JSON, where a quote takes
    two bytes and a letter beyond ASCII up to twelve: encoding twice is the upper bound.
    """
    if kind in ("doubleValue", "integerValue", "longValue", "booleanValue"):
        return _NUMBER_BYTES * len(contents)
    if kind == "stringValue":
        # Each character is encoded by itself, so that joined texts take as much as each alone.
        return len(json.dumps(json.dumps("".join(contents)))) + _QUOTES * (len(contents) - 1)
    return sum(len(json.dumps(json.dumps(content))) for content in contents)


def _overhead(query: LastEntryQuery) -> int:
    """Bound the bytes of an answer without its values: the references and the token."""
    names = [query.device_id, query.entity_id, query.component_name]
    references = [[name, *names] for name in query.selected_properties]
    return 2_048 + 256 * len(references) + len(json.dumps(json.dumps(references)))
