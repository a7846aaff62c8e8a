"""Timestamps: the spellings of instants in a sort key.

In a sort key, the same instant has many spellings (`...:45Z`, `...:45.000Z`, `...+02:00`), and the
order of the strings isn't the order of the instants. What does hold, and what paging relies on: a key
bounds the instants of everything that sorts before or after it. `StoredTimestamp.earliest` and
`.latest` are these bounds (docs/architecture.md, 'Time is an instant').
"""

from __future__ import annotations

import operator
import re
from bisect import bisect_right
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, Protocol, cast

from chalicelib.model.instants import (
    FIRST_INSTANT,
    LARGEST_OFFSET,
    LAST_INSTANT,
    NANOSECONDS,
    NativeTimestamp,
    midnight_of,
    parse_instant,
    read_iso_8601,
    utc_text,
    within_calendar,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

_AFTER_ANY_SUFFIX: Final = "~"
"""Sorts after every character that can follow the seconds of a timestamp."""
_BEFORE_Z: Final = "Y~"
"""Sorts after everything that can stand in the place of a timestamp's `Z` and comes before it."""

_PLAIN_KEYS: Final = re.compile(
    r"(?:[0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3])(?::[0-5][0-9]){2}(?:\.[0-9]{1,9})?Z)+"
)
"""Strings that `_ISO_8601` matches and that are spelled as answers are, one after another."""
_LONGEST_PLAIN_KEY: Final = len("1970-01-01T00:00:00.000000000Z")
_AS_ZEROS: Final = bytes.maketrans(b"123456789", b"0" * 9)


def _are_plain(joined: str, width: int) -> bool:
    """Say of keys of one width what `_PLAIN_KEYS` says, in a fraction of the time."""
    keys = joined.encode(errors="surrogatepass")
    zeros = keys.translate(_AS_ZEROS)
    return (
        _PLAIN_KEYS.fullmatch(joined[:width]) is not None
        and zeros == zeros[:width] * (len(keys) // width)
        and max(zip(keys[11::width], keys[12::width], strict=True)) <= (ord("2"), ord("3"))
        and max(keys[14::width] + keys[17::width]) <= ord("5")
    )


def _ascends(keys: Sequence[Any]) -> bool:
    """Say whether each key sorts after the one before."""
    return all(map(operator.lt, keys, keys[1:]))


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


SortKey = str | Decimal | NativeTimestamp
"""A sort key as a store returns it: a string, a number with all its digits, or a timestamp."""


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
        """Return a bound that excludes exactly a key and all before it in one order, or None."""

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
            None, or a `ValueError`, if each has to be read by itself: unreadable, or out of order.
        """


class Iso8601Format:
    """Sort keys such as `2026-01-30T17:00:00.5Z`; a key without a zone is UTC.

    Between two seconds, string order is time order as long as all keys are in UTC; within one second
    it isn't (`45.95Z` < `45.9Z` < `45Z`). Keys with other offsets break the order across hours and
    are only read with `mixed_offsets`, which looks 14 hours further on both sides.

    Parameters
    ----------
    mixed_offsets
        True if keys may carry offsets other than UTC.
    separator
        The character between date and time: `T`, or a space as SQL and RFC 3339 allow it. A table has
        one of them: strings with the other one sort elsewhere.

    Examples
    --------
    >>> keys = Iso8601Format()
    >>> keys.read("2026-01-30T17:00:00.50Z").text
    '2026-01-30T17:00:00.50Z'
    >>> from chalicelib.model.instants import parse_instant
    >>> half_past = parse_instant("2026-01-30T17:30:00.25Z")
    >>> keys.lower_bound(half_past), keys.upper_bound(half_past)
    ('2026-01-30T17:30:00', '2026-01-30T17:30:00~')
    >>> keys.beyond("2026-01-30T17:00:00Z", descending=False)
    '2026-01-30T17:00:00Z~'
    >>> keys.read("2026-01-30T18:00:00+01:00")
    Traceback (most recent call last):
    ValueError: '2026-01-30T18:00:00+01:00' isn't in UTC, so it may sort in the wrong place; set MIXED_OFFSETS=true
    """

    def __init__(self, *, mixed_offsets: bool = False, separator: Literal["T", " "] = "T") -> None:
        self._mixed_offsets = mixed_offsets
        self._separator = separator
        self._slack = LARGEST_OFFSET * NANOSECONDS if mixed_offsets else 0

    def read(self, key: Any) -> StoredTimestamp:
        """Read a sort key; see `TimestampFormat.read`."""
        if not isinstance(key, str):
            raise ValueError(f"{key!r} is not a string; {_other_format(key)}")  # noqa: TRY004
        if self._separator != "T":
            if key[10:11] != self._separator:
                raise ValueError(
                    f"{key!r} has no space between date and time; is TIMESTAMP_FORMAT right?"
                )
            key = f"{key[:10]}T{key[11:]}"
        try:
            as_written, offset, fraction, zone = read_iso_8601(key)
        except ValueError:
            if key[10:11] != " ":
                raise
            raise ValueError(
                f"{key!r} has a space between date and time, so it sorts in another place than with a "
                "T; if all keys have, set TIMESTAMP_FORMAT=iso8601_space"
            ) from None
        if offset and not self._mixed_offsets:
            raise ValueError(
                f"{key!r} isn't in UTC, so it may sort in the wrong place; set MIXED_OFFSETS=true"
            )
        instant = (as_written - offset) * NANOSECONDS
        if not FIRST_INSTANT <= instant <= LAST_INSTANT:
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
        return self._second(instant - self._slack)

    def upper_bound(self, instant: int) -> str:
        """Return the whole second with the last possible suffix; see `TimestampFormat.upper_bound`."""
        return self._second(instant + self._slack) + _AFTER_ANY_SUFFIX

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
        if self._separator != "T":
            return None
        texts = cast("Sequence[str]", keys)
        try:
            joined = "".join(texts)
        except TypeError:  # a number among them, which is unreadable in this format
            return None
        longest, *others = sorted(set(map(len, texts)), reverse=True)
        plain = _PLAIN_KEYS.fullmatch(joined) if others else _are_plain(joined, longest)
        # A longer key is two timestamps.
        if self._mixed_offsets or longest > _LONGEST_PLAIN_KEY or not plain or not _ascends(texts):
            return None
        if others and not _ascends([text[:19] for text in texts]):
            return None
        place = 0
        while place < len(texts):
            day = texts[place][:10]
            try:
                midnight_of(day)
            except ValueError:
                return None
            place = bisect_right(texts, day + _AFTER_ANY_SUFFIX, place)
        return texts

    def _second(self, instant: int) -> str:
        text = utc_text(within_calendar(instant), 0)[:-1]
        return text if self._separator == "T" else text.replace("T", self._separator)


class _EpochFormat:
    """Sort keys that count units since 1970, as a number or as a string.

    Parameters
    ----------
    as_text
        True if the sort key is of type string.
    """

    _UNIT: str
    _FRACTION_DIGITS: int

    def __init__(self, *, as_text: bool) -> None:
        self._as_text = as_text
        # A string of another length would sort in the wrong place; these last from 2001 to 2286.
        self._digits = 10 + self._FRACTION_DIGITS
        self._nanoseconds = NANOSECONDS // 10**self._FRACTION_DIGITS
        spelling = f"[0-9]{{{self._digits}}}" if as_text else f"-?[0-9]{{1,{self._digits + 2}}}"
        self._spelling = re.compile(spelling)

    def read(self, key: Any) -> StoredTimestamp:
        """Read a sort key; see `TimestampFormat.read`."""
        number = str(key)
        expected = isinstance(key, str) if self._as_text else isinstance(key, Decimal | int)
        if not expected or not self._spelling.fullmatch(number):
            kind = f"a string of {self._digits} digits" if self._as_text else "a number"
            raise ValueError(
                f"{key!r} is not a count of {self._UNIT} since 1970 stored as {kind}; "
                f"{_other_format(key)}"
            )
        instant = int(number) * self._nanoseconds
        if not FIRST_INSTANT <= instant <= LAST_INSTANT:
            raise ValueError(f"{key!r} {self._UNIT} since 1970 is outside of the years 1 to 9999")
        return StoredTimestamp(instant, utc_text(instant, self._FRACTION_DIGITS), instant, instant)

    def lower_bound(self, instant: int) -> SortKey:
        """Return the unit at or before; see `TimestampFormat.lower_bound`."""
        return self._key(within_calendar(instant) // self._nanoseconds)

    def upper_bound(self, instant: int) -> SortKey:
        """Return the unit at or before: later ones are past it; see `TimestampFormat`."""
        return self._key(within_calendar(instant) // self._nanoseconds)

    def key_from_text(self, text: str) -> SortKey:
        """Return the number or the string; see `TimestampFormat.key_from_text`."""
        if not self._spelling.fullmatch(text):
            raise ValueError(f"{text!r} is not a count of {self._UNIT}")
        return text if self._as_text else Decimal(text)

    def beyond(self, key: SortKey, *, descending: bool) -> SortKey | None:
        """Return the unit before or after; see `TimestampFormat.beyond`."""
        return self._key(int(str(key)) + (-1 if descending else 1))

    def plain_texts(self, keys: Sequence[SortKey]) -> Sequence[str] | None:
        """Spell each key anew; see `TimestampFormat.plain_texts`."""
        return [self.read(key).text for key in keys] if _ascends(keys) else None

    def _key(self, count: int) -> SortKey:
        if not self._as_text:
            return Decimal(count)
        return f"{min(max(count, 0), 10**self._digits - 1):0{self._digits}}"


def _other_format(key: Any) -> str:
    """Say what a key of another type asks for."""
    if isinstance(key, NativeTimestamp):
        return "set TIMESTAMP_FORMAT=native"
    return "is TIMESTAMP_FORMAT right?"


class EpochMillisecondsFormat(_EpochFormat):
    """Sort keys that count milliseconds since 1970, as a number or as a string of 13 digits.

    Examples
    --------
    >>> EpochMillisecondsFormat(as_text=True).read("1769792400500").text
    '2026-01-30T17:00:00.500Z'
    """

    _UNIT = "milliseconds"
    _FRACTION_DIGITS = 3


class EpochSecondsFormat(_EpochFormat):
    """Sort keys that count seconds since 1970, as a number or as a string of 10 digits.

    Stores that note the time of an item's last change or of its end count so.

    Examples
    --------
    >>> EpochSecondsFormat(as_text=False).read(Decimal(1769792400)).text
    '2026-01-30T17:00:00Z'
    """

    _UNIT = "seconds"
    _FRACTION_DIGITS = 0


_MICROSECOND: Final = NANOSECONDS // 1_000_000


class NativeFormat:
    """Sort keys of the store's own type for timestamps, which counts microseconds.

    Examples
    --------
    >>> NativeFormat().read(NativeTimestamp(1_769_792_400_500_000_000)).text
    '2026-01-30T17:00:00.5Z'
    """

    def read(self, key: Any) -> StoredTimestamp:
        """Read a sort key; see `TimestampFormat.read`."""
        if not isinstance(key, NativeTimestamp):
            raise ValueError(  # noqa: TRY004
                f"{key!r} is not of the store's own type for timestamps; is TIMESTAMP_FORMAT right?"
            )
        return StoredTimestamp(key.instant, str(key), key.instant, key.instant)

    def lower_bound(self, instant: int) -> NativeTimestamp:
        """Return the microsecond at or before; see `TimestampFormat.lower_bound`."""
        return self._key(instant)

    def upper_bound(self, instant: int) -> NativeTimestamp:
        """Return the microsecond at or before: later ones are past it; see `TimestampFormat`."""
        return self._key(instant)

    def key_from_text(self, text: str) -> NativeTimestamp:
        """Read what `NativeTimestamp` spells; see `TimestampFormat.key_from_text`."""
        return NativeTimestamp(parse_instant(text))

    def beyond(self, key: Any, *, descending: bool) -> NativeTimestamp:
        """Return the microsecond before or after; see `TimestampFormat.beyond`."""
        return self._key(key.instant + (-_MICROSECOND if descending else _MICROSECOND))

    def plain_texts(self, keys: Sequence[SortKey]) -> Sequence[str] | None:
        """Spell each key; see `TimestampFormat.plain_texts`."""
        return [self.read(key).text for key in keys] if _ascends(keys) else None

    def _key(self, instant: int) -> NativeTimestamp:
        return NativeTimestamp(within_calendar(instant) // _MICROSECOND * _MICROSECOND)
