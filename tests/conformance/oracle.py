"""The right answers, by the plainest way: everything in memory, sorted once.

It shares no code with the reader: instants are fractions, numbers are `Decimal`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Any

_SPELLING = re.compile(r"(.{19})(?:\.(\d+))?(Z|[+-]\d\d:\d\d)?")


@dataclass(frozen=True)
class Stored:
    """An entry of the table: its sort key as text, its values, and what tells it from its like."""

    key: str
    values: dict[str, Any]
    identity: str = ""

    @property
    def instant(self) -> Fraction:
        return instant_of(self.key)


@lru_cache(maxsize=200_000)
def instant_of(text: str) -> Fraction:
    """Return seconds since 1970, exactly."""
    match = _SPELLING.fullmatch(text)
    assert match, text
    whole, fraction, zone = match.groups()
    moment = datetime.fromisoformat(whole).replace(tzinfo=UTC)
    seconds = Fraction(int((moment - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(seconds=1)))
    if fraction:
        seconds += Fraction(int(fraction), 10 ** len(fraction))
    if zone and zone != "Z":
        sign = 1 if zone[0] == "+" else -1
        seconds -= sign * (int(zone[1:3]) * 3600 + int(zone[4:6]) * 60)
    return seconds


def in_order(entries: list[Stored], *, descending: bool = False) -> list[Stored]:
    """Sort by instant, entries of one instant by their key's text, and those of one key by identity."""
    return sorted(
        entries, key=lambda each: (each.instant, each.key, each.identity), reverse=descending
    )


def history(
    entries: list[Stored],
    selected: list[str],
    start: str,
    end: str,
    *,
    descending: bool = False,
    keep: Any = lambda _values: True,
) -> list[tuple[Fraction, str, Any]]:
    """Return every value of the history as (instant, property, value), in the order of a reader."""
    first, last = instant_of(start), instant_of(end)
    return [
        (entry.instant, name, plain(entry.values[name]))
        for entry in in_order(entries, descending=descending)
        if first <= entry.instant <= last and keep(entry.values)
        for name in selected
        if entry.values.get(name) is not None
    ]


def newest(entries: list[Stored]) -> dict[str, Any]:
    """Return the newest value of each property, by instant."""
    return {
        name: value
        for entry in in_order(entries)
        for name, value in entry.values.items()
        if value is not None
    }


def plain(value: Any) -> Any:
    """Make values comparable: numbers of several kinds, and lists of them, also as DataValues."""
    if isinstance(value, list):
        return [
            plain(*item.values()) if isinstance(item, dict) and len(item) == 1 else plain(item)
            for item in value
        ]
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return value
    return float(value)


def read_back(pages: list[dict[str, Any]]) -> dict[str, list[tuple[Fraction, Any]]]:
    """Join the pages of a history answer: the values of each property, in the order they came."""
    joined: dict[str, list[tuple[Fraction, Any]]] = {}
    for page in pages:
        for each in page["propertyValues"]:
            values = joined.setdefault(each["entityPropertyReference"]["propertyName"], [])
            for value in each["values"]:
                ((_, raw),) = value["value"].items()
                values.append((instant_of(value["time"]), plain(raw)))
    return joined


def by_property(
    expected: list[tuple[Fraction, str, Any]], selected: list[str]
) -> dict[str, list[tuple[Fraction, Any]]]:
    """Sort what `history` returned by property, as `read_back` does: without empty series."""
    sorted_by_name = {
        name: [(instant, value) for instant, its_name, value in expected if its_name == name]
        for name in selected
    }
    return {name: values for name, values in sorted_by_name.items() if values}
