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
from chalicelib.hot_reader.devices import PageOfDevices, merged
from chalicelib.hot_reader.reading_time import OutOfTimeError
from chalicelib.model.data_value import UnrepresentableValueError, to_data_value
from chalicelib.model.errors import InvalidQueryError
from chalicelib.model.instants import utc_text
from chalicelib.model.limits import LONGEST_NEXT_TOKEN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chalicelib.hot_reader.devices import Entries, Found
    from chalicelib.hot_reader.next_token import Position
    from chalicelib.hot_reader.reading_time import ReadingTime
    from chalicelib.model.data_value import DataValue
    from chalicelib.model.query import DevicesQuery, HistoryQuery
    from chalicelib.model.results import DevicesPage
    from chalicelib.model.timestamps import TimestampFormat

_KINDS: Final = {"DOUBLE": "doubleValue", "INTEGER": "integerValue", "LONG": "longValue"}
"""The numeric types. A whole number stays one, rounded: a value is of its declared type."""
_MOST_LINES: Final = 100
"""Properties of the devices that are read together: the ends of all their lines fit in one token."""
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
    query: DevicesQuery,
    timestamps: TimestampFormat,
    page_bytes: int,
    time_left: ReadingTime,
    entries: Entries,
) -> DevicesPage:
    """Read one page of interpolated values, of one device or of several, and those ahead.

    A point comes when the stored value behind it does. The token has the position in what is stored and,
    for each property of the devices that are read together, the end of its line: no page looks for what
    came before it.

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
        Reads the entries of a device from a position on, in the order of time.

    Raises
    ------
    InvalidQueryError
        A property isn't declared as a number, or the `next_token` isn't one of this query.
    StoreUnavailableError, HotStoreError
        The store can't be read.
    OutOfTimeError
        Time was over before the page had come anywhere.
    """
    page = _Page(query, page_bytes)
    try:
        for numbers in page.together():
            for found in merged(query, numbers, page.start, timestamps, page.flaws, entries):
                if page.add(found) or (page.is_ahead and time_left.ahead_is_over):
                    return page.ended()
                time_left.can_end = True
            if not page.finish(numbers):
                return page.ended()
    except OutOfTimeError:
        if not time_left.can_end:
            raise
        return page.ended()
    return page.whole()


class _Page(PageOfDevices):
    """A page of points in progress.

    Attributes
    ----------
    start
        The position where the page before ended, until the devices with it have been read.
    """

    def __init__(self, query: DevicesQuery, page_bytes: int) -> None:
        super().__init__(query, page_bytes)
        common = query.common
        names = common.selected_properties
        self._kinds = [[_kind(each, name) for name in names] for each in query.each]
        self._step = max(1, _MOST_LINES // len(names))
        states: list[list[Any]] = [[None] * len(names) for _ in query.each]
        if common.next_token is not None:
            number, position, lines = next_token.decode_among(common.next_token, query)
            self._last = number, position
            together = self._with(number)
            if len(lines) != len(together) * len(names):
                raise next_token.not_ours()
            for each in together:
                states[each] = [_state(query.each[each], name, lines.pop(0)) for name in names]
        self.start = self._last
        step = common.interval or 0
        self._lines = [
            [Line(step, descending=common.descending, state=state) for state in each]
            for each in states
        ]

    def _begin(self) -> None:
        super()._begin()
        self._bytes_left -= LONGEST_NEXT_TOKEN  # which has the ends of all lines

    def together(self) -> Iterator[range]:
        """Yield the devices that may have more, by their numbers, in groups that are read together."""
        first = 0 if self.start is None else self._with(self.start[0]).start
        for number in range(first, len(self._lines), self._step):
            yield self._with(number)
            self.start = None

    def finish(self, numbers: range) -> bool:
        """End each line where nothing is stored behind it; False if a point had no room."""
        return all(
            self._draw(number, index, line.last_point())
            for number in numbers
            for index, line in enumerate(self._lines[number])
        )

    def _with(self, number: int) -> range:
        """Return the numbers of the devices that are read together with one."""
        first = number // self._step * self._step
        return range(first, min(first + self._step, len(self._query.each)))

    def _token(self, number: int, position: Position) -> str:
        lines = [line.state for each in self._with(number) for line in self._lines[each]]
        return next_token.encode_among(number, position, self._query, lines)

    def _take(self, found: Found, index: int, value: DataValue) -> bool:
        (content,) = value.values()
        instant = -found.rank if self._query.common.descending else found.rank
        line = self._lines[found.number][index]
        if not self._draw(found.number, index, line.points_to(instant, content)):
            return False
        line.add(instant, content)
        return True

    def _draw(self, number: int, index: int, points: Iterator[Point]) -> bool:
        kind = self._kinds[number][index]
        for instant, value in points:
            if not self._put(number, index, utc_text(instant), kind, value):
                return False
            self._lines[number][index].done = instant
        return True


def _state(query: HistoryQuery, name: str, state: Any) -> list[Any] | None:
    """Read a line's state in a token, which may be forged, or older than the property's declared type."""
    match state:
        case None:
            return None
        case [int(instant), own, last, None | int() as done] if all(
            query.start <= each <= query.end for each in (instant, done) if each is not None
        ):
            declared = query.property_types[name]
            try:
                values = [to_data_value(each, declared) for each in (own, last)]
            except UnrepresentableValueError as error:
                raise next_token.not_ours() from error
            return [instant, *(content for value in values for content in value.values()), done]
    raise next_token.not_ours()


def _kind(query: HistoryQuery, name: str) -> str:
    declared = query.property_types.get(name)
    kind = None if declared is None else _KINDS.get(declared.type)
    if kind is None:
        its_type = "has no declared type" if declared is None else f"is of the type {declared.type}"
        raise InvalidQueryError(
            f"interpolation: the property {name!r} {its_type}, and only numbers have values between two "
            "others (DOUBLE, INTEGER, LONG). Select it without interpolation, or declare its type."
        )
    return kind
