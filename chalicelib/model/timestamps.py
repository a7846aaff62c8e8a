"""Timestamps: instants to the nanosecond, and how they are spelled in a sort key.

An *instant* is an `int`: nanoseconds since 1970-01-01T00:00:00Z. Python's `datetime` stops at
microseconds, TwinMaker at nanoseconds, so instants are counted here.

In a sort key, the same instant has many spellings (`...:45Z`, `...:45.000Z`, `...+02:00`), and the
order of the strings isn't the order of the instants. What does hold, and what paging relies on: a key
bounds the instants of everything that sorts before or after it. `StoredTimestamp.earliest` and
`.latest` are these bounds (docs/architecture.md, 'Time is an instant').
"""

from __future__ import annotations

import operator
import re
from bisect import bisect_right
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol, cast

if TYPE_CHECKING:
    from collections.abc import Sequence

NANOSECONDS: Final = 1_000_000_000
"""Nanoseconds in a second."""

_EPOCH_DAY: Final = date(1970, 1, 1).toordinal()
_FIRST_INSTANT: Final = (date.min.toordinal() - _EPOCH_DAY) * 86_400 * NANOSECONDS
_LAST_INSTANT: Final = ((date.max.toordinal() - _EPOCH_DAY + 1) * 86_400) * NANOSECONDS - 1
_LARGEST_OFFSET: Final = 14 * 3600
"""Seconds. No clock on Earth is further from UTC (ISO 8601; the Line Islands)."""
_AFTER_ANY_SUFFIX: Final = "~"
"""Sorts after every character that can follow the seconds of a timestamp."""
_BEFORE_Z: Final = "Y~"
"""Sorts after everything that can stand in the place of a timestamp's `Z` and comes before it."""

_ISO_8601: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})"
    r"(?:\.([0-9]+))?(Z|z|[+-][0-9]{2}(?::?[0-9]{2})?)?"
)
_PLAIN_KEYS: Final = re.compile(
    r"(?:[0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3])(?::[0-5][0-9]){2}(?:\.[0-9]{1,9})?Z)+"
)
"""Strings that `_ISO_8601` matches and that are spelled as answers are, one after another."""


@lru_cache(maxsize=1024)
def _midnight(day: str) -> int:
    return (date.fromisoformat(day).toordinal() - _EPOCH_DAY) * 86_400


def _ascends(texts: Sequence[str]) -> bool:
    """Say whether each string sorts after the one before."""
    return all(map(operator.lt, texts, texts[1:]))


def _offset_seconds(zone: str) -> int:
    if zone in "Zz":
        return 0
    hours, minutes = int(zone[1:3]), int(zone[-2:]) if len(zone) > 3 else 0
    if minutes > 59 or hours * 3600 + minutes * 60 > _LARGEST_OFFSET:
        raise ValueError(f"{zone} is not an offset from UTC")
    seconds = hours * 3600 + minutes * 60
    return -seconds if zone[0] == "-" else seconds


def _read_iso_8601(text: str) -> tuple[int, int, str, str | None]:
    """Take a timestamp apart: seconds as written, offset in seconds, fraction digits, zone."""
    match = _ISO_8601.fullmatch(text)
    if match is None:
        raise ValueError(
            f"{text!r} is not an ISO 8601 timestamp such as 2026-01-30T17:00:00Z "
            "or 2026-01-30T18:00:00.123456789+01:00"
        )
    day, hour, minute, second, fraction, zone = match.groups()
    if hour > "23" or minute > "59" or second > "59":
        raise ValueError(f"{text!r} has a time of day that doesn't exist")
    try:
        midnight = _midnight(day)
    except ValueError:
        raise ValueError(f"{text!r} has a day that doesn't exist") from None
    as_written = midnight + int(hour) * 3600 + int(minute) * 60 + int(second)
    return as_written, _offset_seconds(zone or "Z"), (fraction or "")[:9], zone


def parse_instant(text: str) -> int:
    """Read an ISO 8601 timestamp of a query.

    Parameters
    ----------
    text
        `YYYY-MM-DDThh:mm:ss[.fraction](Z|±hh:mm)`; the zone is required, as TwinMaker requires it.
        Digits beyond the ninth of the fraction are cut.

    Returns
    -------
    int
        Nanoseconds since 1970-01-01T00:00:00Z.

    Raises
    ------
    ValueError
        The string isn't such a timestamp; the message shows one that is.

    Examples
    --------
    >>> parse_instant("1970-01-01T01:00:00.5+01:00")
    500000000
    >>> parse_instant("2026-01-30T17:00:00")
    Traceback (most recent call last):
    ValueError: '2026-01-30T17:00:00' names no time zone; end it with Z or an offset such as +01:00
    """
    as_written, offset, fraction, zone = _read_iso_8601(text)
    if zone is None:
        raise ValueError(f"{text!r} names no time zone; end it with Z or an offset such as +01:00")
    instant = (as_written - offset) * NANOSECONDS + int(fraction.ljust(9, "0"))
    if not _FIRST_INSTANT <= instant <= _LAST_INSTANT:
        raise ValueError(f"{text!r} is outside of the years 1 to 9999")
    return instant


@lru_cache(maxsize=1024)
def _utc_day(days: int) -> str:
    return date.fromordinal(_EPOCH_DAY + days).isoformat()


def utc_text(instant: int, fraction_digits: int | None = None) -> str:
    """Spell an instant in UTC with `Z`.

    Parameters
    ----------
    instant
        Nanoseconds since 1970-01-01T00:00:00Z, in the years 1 to 9999.
    fraction_digits
        Digits of the second's fraction to write, 0 to 9; None for as many as the instant needs.

    Examples
    --------
    >>> utc_text(1_500_000_000)
    '1970-01-01T00:00:01.5Z'
    >>> utc_text(1_500_000_000, 3)
    '1970-01-01T00:00:01.500Z'
    """
    seconds, nanoseconds = divmod(instant, NANOSECONDS)
    days, second_of_day = divmod(seconds, 86_400)
    hour, rest = divmod(second_of_day, 3600)
    text = f"{_utc_day(days)}T{hour:02}:{rest // 60:02}:{rest % 60:02}"
    digits = f"{nanoseconds:09}"
    digits = digits.rstrip("0") if fraction_digits is None else digits[:fraction_digits]
    return f"{text}.{digits}Z" if digits else f"{text}Z"


class StoredTimestamp(NamedTuple):
    """A timestamp as an entry carries it.

    Attributes
    ----------
    instant
        Nanoseconds since 1970-01-01T00:00:00Z.
    text
        The instant in UTC with `Z`, in the precision that was stored.
    earliest
        A bound: no key that sorts at or after this one has an earlier instant.
    latest
        A bound: no key that sorts at or before this one has a later instant.
    """

    instant: int
    text: str
    earliest: int
    latest: int


SortKey = str | Decimal
"""A sort key as a store returns it: a string, or a number with all its digits."""


class TimestampFormat(Protocol):
    """The spelling of instants in a table's sort keys."""

    def read(self, key: Any) -> StoredTimestamp:
        """Read a sort key.

        Raises
        ------
        ValueError
            The key isn't spelled in this format; the message says how it should be.
        """

    def lower_bound(self, instant: int) -> SortKey:
        """Return a key that sorts before every spelling of this instant and of later ones."""

    def upper_bound(self, instant: int) -> SortKey:
        """Return a key that sorts after every spelling of this instant and of earlier ones."""

    def key_from_text(self, text: str) -> SortKey:
        """Turn `str(key)` back into the key, as a `nextToken` carries it.

        Raises
        ------
        ValueError
            No key of this format is spelled so.
        """

    def beyond(self, key: SortKey, *, descending: bool) -> SortKey | None:
        """Return a bound that excludes a key and all before it, in one order, and nothing else.

        None if there is no such bound.
        """

    def plain_texts(self, keys: Sequence[SortKey]) -> Sequence[str] | None:
        """Return `StoredTimestamp.text` of each key, if the order of the keys is that of time.

        The result is that of `read` for each key, in a fraction of the time.

        Parameters
        ----------
        keys
            At least one, ascending.

        Returns
        -------
        Sequence[str] | None
            None if each key has to be read by itself: one may be unreadable, or out of order.
        """


def _within_calendar(instant: int) -> int:
    return min(max(instant, _FIRST_INSTANT), _LAST_INSTANT)


class Iso8601Format:
    """Sort keys such as `2026-01-30T17:00:00.5Z`; a key without a zone is UTC.

    Between two seconds, string order is time order as long as all keys are in UTC; within one second
    it isn't (`45.95Z` < `45.9Z` < `45Z`). Keys with other offsets break the order across hours and
    are only read with `mixed_offsets`, which looks 14 hours further on both sides.

    Parameters
    ----------
    mixed_offsets
        True if keys may carry offsets other than UTC.

    Examples
    --------
    >>> keys = Iso8601Format()
    >>> keys.read("2026-01-30T17:00:00.50Z").text
    '2026-01-30T17:00:00.50Z'
    >>> half_past = parse_instant("2026-01-30T17:30:00.25Z")
    >>> keys.lower_bound(half_past), keys.upper_bound(half_past)
    ('2026-01-30T17:30:00', '2026-01-30T17:30:00~')
    >>> keys.beyond("2026-01-30T17:00:00Z", descending=False)
    '2026-01-30T17:00:00Z~'
    >>> keys.read("2026-01-30T18:00:00+01:00")
    Traceback (most recent call last):
    ValueError: '2026-01-30T18:00:00+01:00' isn't in UTC, so it may sort in the wrong place; set MIXED_OFFSETS=true
    """

    def __init__(self, *, mixed_offsets: bool = False) -> None:
        self._mixed_offsets = mixed_offsets
        self._slack = _LARGEST_OFFSET * NANOSECONDS if mixed_offsets else 0

    def read(self, key: Any) -> StoredTimestamp:
        """Read a sort key; see `TimestampFormat.read`."""
        if not isinstance(key, str):
            raise ValueError(f"{key!r} is not a string; is TIMESTAMP_FORMAT right?")  # noqa: TRY004
        as_written, offset, fraction, zone = _read_iso_8601(key)
        if offset and not self._mixed_offsets:
            raise ValueError(
                f"{key!r} isn't in UTC, so it may sort in the wrong place; set MIXED_OFFSETS=true"
            )
        instant = (as_written - offset) * NANOSECONDS
        if not _FIRST_INSTANT <= instant <= _LAST_INSTANT:
            raise ValueError(f"{key!r} is outside of the years 1 to 9999")
        if fraction:
            instant += int(fraction.ljust(9, "0"))
        text = key if zone == "Z" and len(key) <= 30 else utc_text(instant, len(fraction))
        second = as_written * NANOSECONDS
        return StoredTimestamp(
            instant, text, second - self._slack, second + NANOSECONDS - 1 + self._slack
        )

    def lower_bound(self, instant: int) -> str:
        """Return the whole second, without a suffix; see `TimestampFormat.lower_bound`."""
        return utc_text(_within_calendar(instant - self._slack), 0)[:-1]

    def upper_bound(self, instant: int) -> str:
        """Return the whole second with the last possible suffix; see `TimestampFormat.upper_bound`."""
        return utc_text(_within_calendar(instant + self._slack), 0)[:-1] + _AFTER_ANY_SUFFIX

    def key_from_text(self, text: str) -> str:
        """Return the string itself; see `TimestampFormat.key_from_text`."""
        return text

    def beyond(self, key: SortKey, *, descending: bool) -> str | None:
        """Return a string that isn't a timestamp; see `TimestampFormat.beyond`."""
        text = str(key)
        if text[-1:] != "Z":  # it may be the beginning of another timestamp
            return None
        return text[:-1] + _BEFORE_Z if descending else text + _AFTER_ANY_SUFFIX

    def plain_texts(self, keys: Sequence[SortKey]) -> Sequence[str] | None:
        """Return the keys, if string order is time order among them; see `TimestampFormat`.

        The two orders agree among keys that end in `Z` and have the same number of digits, and among
        keys of different seconds.
        """
        texts = cast("Sequence[str]", keys)
        try:
            joined = "".join(texts)
        except TypeError:  # a number among them, which is unreadable in this format
            return None
        if self._mixed_offsets or not _PLAIN_KEYS.fullmatch(joined) or not _ascends(texts):
            return None
        if len(set(map(len, texts))) > 1 and not _ascends([text[:19] for text in texts]):
            return None
        place = 0
        while place < len(texts):
            day = texts[place][:10]
            try:
                _midnight(day)
            except ValueError:
                return None
            place = bisect_right(texts, day + _AFTER_ANY_SUFFIX, place)
        return texts


class EpochMillisecondsFormat:
    """Sort keys that count milliseconds since 1970, as a number or as a string of 13 digits.

    A string of another length would sort in the wrong place (13 digits last from 2001 to 2286).

    Parameters
    ----------
    as_text
        True if the sort key is of type string.

    Examples
    --------
    >>> EpochMillisecondsFormat(as_text=True).read("1769792400500").text
    '2026-01-30T17:00:00.500Z'
    """

    _MILLISECOND: Final = 1_000_000

    def __init__(self, *, as_text: bool) -> None:
        self._as_text = as_text
        self._spelling = re.compile("[0-9]{13}" if as_text else "-?[0-9]{1,15}")

    def read(self, key: Any) -> StoredTimestamp:
        """Read a sort key; see `TimestampFormat.read`."""
        number = str(key)
        expected = isinstance(key, str) if self._as_text else isinstance(key, Decimal | int)
        if not expected or not self._spelling.fullmatch(number):
            raise ValueError(
                f"{key!r} is not a count of milliseconds since 1970 stored as "
                f"{'a string of 13 digits' if self._as_text else 'a number'}; is TIMESTAMP_FORMAT right?"
            )
        instant = int(number) * self._MILLISECOND
        if not _FIRST_INSTANT <= instant <= _LAST_INSTANT:
            raise ValueError(f"{key!r} milliseconds since 1970 is outside of the years 1 to 9999")
        return StoredTimestamp(instant, utc_text(instant, 3), instant, instant)

    def lower_bound(self, instant: int) -> SortKey:
        """Return the millisecond at or before; see `TimestampFormat.lower_bound`."""
        return self._key(_within_calendar(instant) // self._MILLISECOND)

    def upper_bound(self, instant: int) -> SortKey:
        """Return the millisecond at or before: later ones are past it; see `TimestampFormat`."""
        return self._key(_within_calendar(instant) // self._MILLISECOND)

    def key_from_text(self, text: str) -> SortKey:
        """Return the number or the string; see `TimestampFormat.key_from_text`."""
        if not self._spelling.fullmatch(text):
            raise ValueError(f"{text!r} is not a count of milliseconds")
        return text if self._as_text else Decimal(text)

    def beyond(self, key: SortKey, *, descending: bool) -> SortKey | None:
        """Return the millisecond before or after; see `TimestampFormat.beyond`."""
        return self._key(int(key) + (-1 if descending else 1))

    def plain_texts(self, keys: Sequence[SortKey]) -> None:
        """Return None: each key has to be spelled anew anyway; see `TimestampFormat.plain_texts`."""

    def _key(self, milliseconds: int) -> SortKey:
        if not self._as_text:
            return Decimal(milliseconds)
        return f"{min(max(milliseconds, 0), 9_999_999_999_999):013}"
