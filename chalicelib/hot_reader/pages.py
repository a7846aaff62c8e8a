"""Pages of a history in progress: their room, and the position where each one ends."""

from __future__ import annotations

import json
import math
from functools import partial
from itertools import takewhile
from typing import TYPE_CHECKING, Any, Final

from chalicelib.hot_reader import next_token
from chalicelib.hot_reader.next_token import Position
from chalicelib.hot_reader.time_order import SECOND
from chalicelib.model.data_columns import to_data_values
from chalicelib.model.data_value import UnrepresentableValueError, to_data_value
from chalicelib.model.results import Flaws, HistoryPage, PropertyValues

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from chalicelib.hot_reader.conditions import Conditions
    from chalicelib.hot_reader.time_order import Run
    from chalicelib.model.entries import StoredEntry
    from chalicelib.model.query import HistoryQuery, LastEntryQuery
    from chalicelib.model.timestamps import SortKey, TimestampFormat

VALUE_OVERHEAD: Final = 64
"""Bytes at most of the keys, quotes and spaces around a time and a value in an answer."""
PAGE_OVERHEAD: Final = 2_048
"""Bytes at most of a page without its series: the token, whose position is short, and what is around both."""
_SHORT: Final = ("doubleValue", "integerValue", "longValue", "booleanValue")
_NUMBER_BYTES: Final = 24
"""Bytes at most of a number or a boolean: -1.7976931348623157e+308 has 24 characters."""
_QUOTES: Final = len(json.dumps(json.dumps("")))
"""Bytes of the quotes around a string, encoded twice; see `encoded_size`."""
_FEW: Final = 16
"""Entries that aren't worth another try to add them together."""


class PagesInProgress:
    """The page that is being put together, and the full ones before it.

    Attributes
    ----------
    turned
        The full pages before it.
    values
        The values on it, by property.
    room
        The number of further values that it may hold.

    Examples
    --------
    >>> from chalicelib.model.entries import StoredEntry
    >>> from chalicelib.model.query import HistoryQuery
    >>> from chalicelib.model.timestamps import Iso8601Format
    >>> query = HistoryQuery(
    ...     device_id="pump-1", selected_properties=("pressure",), start=0, end=9, max_results=1
    ... )
    >>> pages = PagesInProgress(query, Iso8601Format(), Flaws(), 100_000, lambda: iter(()))
    >>> first, second = "1970-01-01T00:00:00Z", "1970-01-01T00:00:01Z"
    >>> pages.add(StoredEntry(first, {"pressure": 4.1}), first)
    False
    >>> pages.add(StoredEntry(second, {"pressure": 4.2}), second)
    True
    >>> (page,) = pages.turned
    >>> page.values["pressure"].contents, next_token.decode(page.next_token, query).key
    ([4.1], '1970-01-01T00:00:00Z')
    """

    def __init__(
        self,
        query: HistoryQuery,
        timestamps: TimestampFormat,
        flaws: Flaws,
        page_bytes: int,
        waiting: Callable[[], Iterator[StoredEntry]],
    ) -> None:
        self.turned: list[HistoryPage] = []
        self._query = query
        self._timestamps = timestamps
        self._waiting = waiting
        references = (reference_size(query, name) for name in query.selected_properties)
        self._overhead = PAGE_OVERHEAD + sum(references)
        self._bytes_left = page_bytes
        self._begin()
        self._names = query.selected_properties
        self._types = query.property_types
        self._descending = query.descending
        self._flaws = flaws
        self._last: tuple[SortKey, int, str] | None = None
        self._complete = True

    def add(
        self,
        entry: StoredEntry,
        time: str,
        skip: int = 0,
        after: Callable[[], Iterator[StoredEntry]] | None = None,
    ) -> bool:
        """Add an entry's values, except of the first `skip` properties; True if one had no room.

        `after` yields what is known to follow the entry: the entries that wait, if it is left out.
        """
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
            size = VALUE_OVERHEAD + len(time) + encoded_size(kind, (content,))
            no_room = self._last is not None and (self.room == 0 or size > self._bytes_left)
            if no_room and (
                not self._turn(entry, after or self._waiting) or size > self._bytes_left
            ):
                return True
            self.values[name].extend((time,), kind, (content,))
            self._added(1, size, (entry.key, index, entry.identity))
            added = True
        if not added:
            self.leave_out(entry)
        return False

    def add_run(self, run: Run, conditions: Conditions) -> bool:
        """Add the values of those of a run's entries that meet conditions; True if one had no room.

        Many entries are added together where all their values have room and are simple, and one by one
        elsewhere. Those that don't meet the conditions need no `leave_out`: all of a run's keys lie beyond
        those of the entries before it, in the order of the read.
        """
        first, step = run.first, run.last - run.first
        while first < run.last:
            step = min(step, run.last - first)
            if self.room < step * len(self._names) and not self._query.filters:
                step = min(step, max(int(self.room) // len(self._names), _FEW))
            if self._add_at_once(run, first, first + step, conditions):
                first += step
                step *= 2
            elif step > _FEW:
                step //= 2
            else:
                for index in range(first, first + step):
                    entry, time = run.batch.entry(index), run.texts[index - run.first]
                    after = partial(run.after, index)
                    if conditions.met_by(entry) and self.add(entry, time, after=after):
                        return True
                first += step
        return False

    def _add_at_once(self, run: Run, first: int, last: int, conditions: Conditions) -> bool:
        """Add the entries from `first` to before `last` together; False if one needs a look of its own."""
        rows = conditions.rows(run.batch, first, last)
        if rows is None:
            return False
        texts = run.texts[first - run.first : last - run.first]
        found: list[tuple[str, Sequence[str], str | list[str], Sequence[Any]]] = []
        count = size = 0
        end = (-1, 0)
        for index, name in enumerate(self._names):
            column = run.batch.column(name, first, last)
            if column is None:
                return False
            column = column.of(rows, last - first)
            if not column.values:
                continue
            converted = to_data_values(column, self._types.get(name))
            if converted is None:
                return False
            times = texts if column.rows is None else [texts[row] for row in column.rows]
            found.append((name, times, *converted))
            count += len(times)
            size += VALUE_OVERHEAD * len(times) + len("".join(times)) + encoded_size(*converted)
            end = max(end, (len(texts) - 1 if column.rows is None else column.rows[-1], index))
        if count > self.room or size > self._bytes_left:
            return False
        for name, *its_values in found:
            self.values[name].extend(*its_values)
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
        """Record that an entry isn't on the page, or not as a whole."""
        if self._last is not None:
            key: Any = entry.key
            last: Any = self._last[0]
            self._complete &= key < last if self._descending else key > last

    def end_after(self, entry: StoredEntry) -> None:
        """End the page before it is full, after the last entry that left the order.

        A page ahead is dropped then, as it is where the bytes of an answer end.
        """
        if self.turned:
            return
        if self.room > 0:  # of a full page, entries leave in any order
            self._last = (entry.key, len(self._names) - 1, entry.identity)
            self._complete = True
        self._end(self._waiting())

    def _begin(self) -> None:
        self.values = {name: PropertyValues() for name in self._query.selected_properties}
        self.room = math.inf if self._query.max_results is None else self._query.max_results
        self._bytes_left -= self._overhead

    def _turn(self, following: StoredEntry, after: Callable[[], Iterator[StoredEntry]]) -> bool:
        """End the page before an entry; False if no other page may follow it."""
        full = self.room == 0
        # A page ahead that isn't full is dropped: its end would depend on the bytes before it.
        if full or not self.turned:
            self._end([following, *after()])
        if not full or len(self.turned) > self._query.pages_ahead:
            return False
        self._begin()
        return True

    def _end(self, following: Iterable[StoredEntry]) -> None:
        token = next_token.encode(self._position(following), self._query)
        self.turned.append(HistoryPage(self.values, token, self._flaws))

    def _position(self, following: Iterable[StoredEntry]) -> Position:
        if self._last is None:
            raise RuntimeError("an empty page ends nowhere")
        key, index, identity = self._last
        last = self._timestamps.read(key)
        second = last.text[:SECOND]
        times = reversed(self.values[self._names[index]].times)
        in_second = len(list(takewhile(lambda time: time.startswith(second), times)))
        # What arrives from now on is later than all that is there. In descending order it is no longer
        # wanted; ascending, it may sort before the key unless the key's second is over.
        second_is_over = self._descending
        for entry in following:
            self.leave_out(entry)
            timestamp = self._timestamps.read(entry.key)
            second_is_over |= timestamp.instant > last.latest
            if (entry.key, entry.identity) != (key, identity):
                in_second += timestamp.text.startswith(second)
        complete = self._complete and second_is_over
        return Position(str(key), index, identity, complete, max(in_second, 1))


def encoded_size(kind: str | list[str], contents: Sequence[Any]) -> int:
    """Bound the bytes of DataValues of one kind, or of numbers of several, in an answer.

    The answer travels as JSON, and through API Gateway as a string within JSON, where a quote takes two
    bytes and a character beyond ASCII up to twelve: encoding twice is the upper bound.
    """
    if isinstance(kind, list) or kind in _SHORT:
        return _NUMBER_BYTES * len(contents)
    if kind == "stringValue":
        # Each character is encoded by itself, so joined strings take as much as each alone.
        return len(json.dumps(json.dumps("".join(contents)))) + _QUOTES * (len(contents) - 1)
    return sum(len(json.dumps(json.dumps(content))) for content in contents)


def reference_size(query: LastEntryQuery, name: str) -> int:
    """Bound the bytes of a property's series without its values."""
    names = [query.device_id, query.entity_id, query.component_name, query.component_path]
    return 256 + len(json.dumps(json.dumps([name, *names])))
