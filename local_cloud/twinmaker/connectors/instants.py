"""Times as TwinMaker writes them, and the instants they stand for, to the nanosecond."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime

NANOSECONDS = 1_000_000_000
"""Nanoseconds in a second."""

_SHORTEST, _LONGEST = 20, 35
_FORM = re.compile(
    r"(?P<day>\d{4}-\d\d-\d\d)T(?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)"
    r"(?P<fraction>\.\d+)?(?P<zone>Z|[+-]\d\d:\d\d)?",
    re.ASCII,
)
_EPOCH_DAY = date(1970, 1, 1).toordinal()


class TimeError(ValueError):
    """A string isn't a time of TwinMaker's; the message says why, without naming the member."""


def parse(text: str) -> int:
    """Read a time.

    Parameters
    ----------
    text : str
        ``YYYY-MM-DDThh:mm:ss[.SSSSSSSSS](Z|±HH:mm)``, 20 to 35 characters: the service model's
        documentation of ``PropertyValue.time`` and its shape ``Time``.

    Returns
    -------
    int
        Nanoseconds since 1970-01-01T00:00:00Z. Not a ``datetime``, which stops at microseconds.

    Raises
    ------
    TimeError
        The string has another form, no zone, more than nine decimals, or names an impossible time.
    """
    match = _FORM.fullmatch(text)
    if match is None:
        raise TimeError(f"{text!r} isn't of the form YYYY-MM-DDThh:mm:ss[.SSSSSSSSS](Z|±HH:mm)")
    if match["zone"] is None:
        raise TimeError(f"{text!r} has no zone: end it with Z or an offset such as +01:00")
    fraction = (match["fraction"] or ".")[1:]
    if len(fraction) > len(str(NANOSECONDS)) - 1:
        raise TimeError(f"{text!r} has {len(fraction)} decimals; nanoseconds are nine")
    if not _SHORTEST <= len(text) <= _LONGEST:
        raise TimeError(f"{text!r} isn't {_SHORTEST} to {_LONGEST} characters long")
    seconds = _seconds(match, text) - _offset(match["zone"], text)
    return seconds * NANOSECONDS + int(fraction.ljust(9, "0"))


def _seconds(match: re.Match[str], text: str) -> int:
    hour, minute, second = int(match["hour"]), int(match["minute"]), int(match["second"])
    try:
        day = date.fromisoformat(match["day"])
    except ValueError as error:
        raise TimeError(f"{text!r} is impossible: {error}") from error
    if hour > 23 or minute > 59 or second > 59:
        raise TimeError(f"{text!r} is impossible: a day ends at 23:59:59")
    return (day.toordinal() - _EPOCH_DAY) * 86_400 + hour * 3_600 + minute * 60 + second


def _offset(zone: str, text: str) -> int:
    """Seconds east of UTC. ISO 8601 offsets reach 18 hours in Java, TwinMaker's language."""
    if zone == "Z":
        return 0
    hours, minutes = int(zone[1:3]), int(zone[4:6])
    if minutes > 59 or hours * 60 + minutes > 18 * 60:
        raise TimeError(f"{text!r} is impossible: the offset {zone} doesn't exist")
    seconds = hours * 3_600 + minutes * 60
    return -seconds if zone.startswith("-") else seconds


def written(moment: datetime) -> str:
    """Write a moment as TwinMaker would: in UTC with ``Z``, decimals only where there are some."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"
