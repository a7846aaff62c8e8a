"""A page of interpolated values: points of a grid in time, on the lines between stored values.

The guide and the service model of TwinMaker name a type, LINEAR, and an interval in seconds, and don't say where
the points are (TwinMaker API reference, 'InterpolationParameters'). They are at the multiples of the
interval since 1970 here, so that two queries, and all properties, have the same ones; and from a
property's first stored value of the range to its last, as nothing is known beyond.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

from chalicelib.hot_reader import next_token
from chalicelib.hot_reader.next_token import Position
from chalicelib.hot_reader.pages import VALUE_BYTES, encoded_size, overhead
from chalicelib.hot_reader.reading_time import OutOfTimeError
from chalicelib.hot_reader.resume import Resume
from chalicelib.model.data_value import UnrepresentableValueError, to_data_value
from chalicelib.model.errors import InvalidQueryError
from chalicelib.model.instants import utc_text
from chalicelib.model.results import Flaws, HistoryPage, PropertyValues

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from chalicelib.hot_reader.devices import Found
    from chalicelib.hot_reader.reading_time import ReadingTime
    from chalicelib.model.query import HistoryQuery
    from chalicelib.model.timestamps import TimestampFormat

_KINDS: Final = {"DOUBLE": "doubleValue", "INTEGER": "integerValue", "LONG": "longValue"}
"""The numeric types. A whole number stays one, rounded: a value is of its declared type."""
Point = tuple[int, float]


class Line:
    """The line of one property: its last stored instant, and how far its points have been returned.

    Of several values at one instant, the last in the order of keys is that instant's own; a line comes to
    the first and goes on from the last. So both orders of time have the same points.

    Parameters
    ----------
    step
        Nanoseconds between two points.
    descending
        True if values come the newest first.
    state
        What `state` returned on the page before; None on the first page.

    Examples
    --------
    >>> line = Line(10, descending=False)
    >>> list(line.points_to(5, 1.0)), line.add(5, 1.0)
    ([], None)
    >>> list(line.points_to(25, 3.0)), line.add(25, 3.0)
    ([(10, 1.5), (20, 2.5)], None)
    """

    def __init__(self, step: int, *, descending: bool, state: Any = None) -> None:
        self._step = step
        self._descending = descending
        self._instant: int | None = None
        self._own: float = 0
        self._last: float = 0
        self.done: int | None = None
        if state is not None:
            self._instant, self._own, self._last, self.done = state

    @property
    def state(self) -> list[Any] | None:
        """All that the next page needs to know."""
        if self._instant is None:
            return None
        return [self._instant, self._own, self._last, self.done]

    def points_to(self, instant: int, value: float) -> Iterator[Point]:
        """Yield the points that a value settles: from the last instant on, and before the value's."""
        if self._instant is None or instant == self._instant:
            return
        sign = -1 if self._descending else 1
        # The multiple of the step at the last instant, or the next one behind it.
        point = -(-sign * self._instant // self._step) * self._step * sign
        if self.done is not None:
            point = self.done + sign * self._step
        while sign * point < sign * instant:
            if point == self._instant:
                yield point, self._own
            else:
                share = Fraction(point - self._instant, instant - self._instant)
                yield point, self._between(value, share)
            point += sign * self._step

    def last_point(self) -> Iterator[Point]:
        """Yield the point at the last instant, if there is one and it hasn't been returned."""
        instant = self._instant
        if instant is not None and instant % self._step == 0 and self.done != instant:
            yield instant, self._own

    def add(self, instant: int, value: float) -> None:
        """Take a value, after the points that it settles."""
        if instant != self._instant:
            self._instant, self._own, self.done = instant, value, None
        elif not self._descending:
            self._own = value
        self._last = value

    def _between(self, value: float, share: Fraction) -> float:
        # Exactly, so that a point is the same from both sides and whatever pages it is on.
        exact = Fraction(self._last) + (Fraction(value) - Fraction(self._last)) * share
        whole = isinstance(value, int) and isinstance(self._last, int)
        return round(exact) if whole else float(exact)


def interpolated_page(
    query: HistoryQuery,
    timestamps: TimestampFormat,
    page_bytes: int,
    time_left: ReadingTime,
    entries: Callable[[HistoryQuery, Resume, Flaws], Iterable[Found]],
) -> HistoryPage:
    """Read one page of interpolated values.

    The token has the position in what is stored and, for each property, the end of its line: no page looks
    for what came before it.

    Parameters
    ----------
    query
        The query, with an `interval`.
    timestamps
        The spelling of instants in the store's sort keys.
    page_bytes
        The largest answer in bytes, encoded.
    time_left
        The time of the read.
    entries
        Reads the entries of the device from a position on, in the order of time.

    Raises
    ------
    InvalidQueryError
        A property isn't declared as a number, or the `next_token` isn't one of this query.
    StoreUnavailableError, HotStoreError
        The store can't be read.
    OutOfTimeError
        Time was over before the page had come anywhere.
    """
    flaws = Flaws()
    page = _Page(query, timestamps, page_bytes, flaws)
    try:
        for found in entries(query, page.resume, flaws):
            if not page.add(found):
                return page.ended()
            time_left.can_end = True
    except OutOfTimeError:
        if not time_left.can_end:
            raise
        return page.ended()
    return HistoryPage(page.values, None, flaws) if page.finish() else page.ended()


class _Page:
    """The page that is being put together."""

    def __init__(
        self, query: HistoryQuery, timestamps: TimestampFormat, page_bytes: int, flaws: Flaws
    ) -> None:
        self._query = query
        self._names = query.selected_properties
        self._kinds = [_kind(query, name) for name in self._names]
        self._flaws = flaws
        states: list[Any] = [None] * len(self._names)
        self._position: Position | None = None
        self.resume = Resume(None, None, None, query.descending)
        if query.next_token is not None:
            self._position, states = next_token.decode_interpolated(query.next_token, query)
            self.resume = Resume.at(self._position, query, timestamps)
        step = query.interval or 0
        self._lines = [Line(step, descending=query.descending, state=each) for each in states]
        self.values = {name: PropertyValues() for name in self._names}
        self._count = 0
        self._bytes_left = page_bytes - overhead(query)

    def add(self, found: Found) -> bool:
        """Take an entry's values; False if a point had no room."""
        entry = found.entry
        instant = -found.rank if self._query.descending else found.rank
        for index, name in enumerate(self._names if found.matches else ()):
            stored = entry.values.get(name)
            if stored is None or index < found.done:
                continue
            try:
                (value,) = to_data_value(stored, self._query.property_types[name]).values()
            except UnrepresentableValueError as error:
                self._flaws.add_value(name, entry.key, error)
                continue
            if not self._put(index, self._lines[index].points_to(instant, value)):
                return False
            self._lines[index].add(instant, value)
            self._end(found, index)
        self._end(found, len(self._names) - 1)
        return True

    def finish(self) -> bool:
        """End each line where nothing is stored behind it; False if a point had no room."""
        return all(self._put(index, line.last_point()) for index, line in enumerate(self._lines))

    def ended(self) -> HistoryPage:
        """Return the page, with the token of the next."""
        if self._position is None:
            raise RuntimeError("a page without an entry ends nowhere")
        states = [line.state for line in self._lines]
        token = next_token.encode_interpolated(self._position, states, self._query)
        return HistoryPage(self.values, token, self._flaws)

    def _put(self, index: int, points: Iterator[Point]) -> bool:
        for instant, value in points:
            time = utc_text(instant)
            size = VALUE_BYTES + len(time) + encoded_size(self._kinds[index], (value,))
            full = self._count == self._query.max_results or size > self._bytes_left
            if full and self._count:
                return False
            self.values[self._names[index]].extend((time,), self._kinds[index], (value,))
            self._lines[index].done = instant
            self._count += 1
            self._bytes_left -= size
        return True

    def _end(self, found: Found, index: int) -> None:
        key, identity = str(found.entry.key), found.entry.identity
        self._position = Position(key, index, identity, complete=False, in_second=1)


def _kind(query: HistoryQuery, name: str) -> str:
    declared = query.property_types.get(name)
    kind = None if declared is None else _KINDS.get(declared.type)
    if kind is None:
        its_type = "has no declared type" if declared is None else f"is a {declared.type}"
        raise InvalidQueryError(
            f"interpolation: the property {name!r} {its_type}, and only numbers have values between two "
            "others (DOUBLE, INTEGER, LONG). Select it without interpolation, or declare its type."
        )
    return kind
