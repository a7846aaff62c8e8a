"""Instants: nanoseconds since 1970, and their spelling in ISO 8601.

Python's `datetime` stops at microseconds, TwinMaker at nanoseconds, so instants are counted here.
"""

from __future__ import annotations

import re
from datetime import date
from functools import lru_cache
from typing import Final, NamedTuple

NANOSECONDS: Final = 1_000_000_000
"""Nanoseconds in a second."""
_EPOCH_DAY: Final = date(1970, 1, 1).toordinal()
FIRST_INSTANT: Final = (date.min.toordinal() - _EPOCH_DAY) * 86_400 * NANOSECONDS
LAST_INSTANT: Final = ((date.max.toordinal() - _EPOCH_DAY + 1) * 86_400) * NANOSECONDS - 1
LARGEST_OFFSET: Final = 14 * 3600
"""Seconds. No clock on Earth is further from UTC (ISO 8601; the Line Islands)."""
_ISO_8601: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})"
    r"(?:\.([0-9]+))?(Z|z|[+-][0-9]{2}(?::?[0-9]{2})?)?"
)


@lru_cache(maxsize=1024)
def midnight_of(day: str) -> int:
    """Return the seconds since 1970 at which a day, `YYYY-MM-DD`, begins in UTC; raises `ValueError`."""
    return (date.fromisoformat(day).toordinal() - _EPOCH_DAY) * 86_400


def _offset_seconds(zone: str) -> int:
    if zone in "Zz":
        return 0
    hours, minutes = int(zone[1:3]), int(zone[-2:]) if len(zone) > 3 else 0
    if minutes > 59 or hours * 3600 + minutes * 60 > LARGEST_OFFSET:
        raise ValueError(f"{zone} is not an offset from UTC")
    seconds = hours * 3600 + minutes * 60
    return -seconds if zone[0] == "-" else seconds


def read_iso_8601(text: str) -> tuple[int, int, str, str | None]:
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
        midnight = midnight_of(day)
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
    as_written, offset, fraction, zone = read_iso_8601(text)
    if zone is None:
        raise ValueError(f"{text!r} names no time zone; end it with Z or an offset such as +01:00")
    instant = (as_written - offset) * NANOSECONDS + int(fraction.ljust(9, "0"))
    if not FIRST_INSTANT <= instant <= LAST_INSTANT:
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


def within_calendar(instant: int) -> int:
    """Return the nearest instant of the years 1 to 9999."""
    return min(max(instant, FIRST_INSTANT), LAST_INSTANT)


class NativeTimestamp(NamedTuple):
    """A timestamp that is stored as one: in the store's own type, not as a string or a number.

    Attributes
    ----------
    instant
        Nanoseconds since 1970-01-01T00:00:00Z.

    Examples
    --------
    >>> NativeTimestamp(1_500_000_000)
    the timestamp 1970-01-01T00:00:01.5Z
    """

    instant: int

    def __str__(self) -> str:
        return utc_text(self.instant)

    def __repr__(self) -> str:
        return f"the timestamp {self}"
