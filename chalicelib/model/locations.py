"""The place of a value in a stored entry (docs/architecture.md, 'Where a value is stored')."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, product
from operator import itemgetter
from typing import Any, Final

Location = tuple[str, ...]
"""The names that lead to a value: a field of the entry, then one of the map in it, and so on."""
Places = Mapping[str, Sequence[Location]]
"""By the name of each property, where its value may be, in the order of preference."""

_DEEPEST: Final = 20
"""The most levels of maps that every store can be asked for by name (the lowest limit in their
documentations' pages of quotas)."""
_MISSING: Final = object()


def locations(path: str, within: str | None = None) -> tuple[Location, ...]:
    """Return where the value of a path may be, in the order of preference.

    It is the field of exactly that name if there is one, or else where the dotted path leads through
    maps.

    Parameters
    ----------
    path
        A stored name, or names separated by dots.
    within
        The same of a map that the path begins in (the setting `VALUES_PATH`); None for the entry itself.

    Examples
    --------
    >>> locations("speed")
    (('speed',),)
    >>> locations("Vehicle.Speed", "payload")
    (('payload', 'Vehicle.Speed'), ('payload', 'Vehicle', 'Speed'))
    """
    outer = [()] if within is None else _spellings(within)
    return tuple((*before, *after) for before, after in product(outer, _spellings(path)))


def _spellings(path: str) -> list[Location]:
    names = tuple(path.split("."))
    return [(path,), names] if len(names) > 1 and all(names) else [(path,)]


def value_at(fields: Any, places: Iterable[Location], default: Any = None) -> Any:
    """Return the value at the first of some locations that there is, or else the default.

    A null is a value.

    Examples
    --------
    >>> value_at({"payload": {"Vehicle": {"Speed": 88}}}, locations("Vehicle.Speed", "payload"))
    88
    >>> value_at({"payload": [1]}, locations("payload.0"), "none")
    'none'
    """
    for place in places:
        found = fields
        for name in place:
            # Not of `Mapping`, whose check takes several times as long.
            if not isinstance(found, dict) or name not in found:
                break
            found = found[name]
        else:
            return found
    return default


def value_at_in_all(all_fields: Sequence[Any], places: Iterable[Location]) -> Sequence[Any] | None:
    """Return what `value_at` returns for each of several, in a fraction of the time.

    None if they don't have it all at the same location, and none at one before it.

    Examples
    --------
    >>> value_at_in_all([{"m": {"speed": 88}}, {"m": {"speed": 89}}], locations("m.speed"))
    [88, 89]
    """
    for place in places:
        found = all_fields
        try:
            for name in place:
                if not any(name in each for each in found):
                    break
                found = list(map(itemgetter(name), found))
            else:
                return found
        except (LookupError, TypeError):  # some don't have it, or aren't maps
            return None
    return None


def between(place: Location, *steps: str) -> Location:
    """Return a location with the steps that lead into a map, as a database's API spells them.

    Examples
    --------
    >>> between(("payload", "speed"), "mapValue", "fields")
    ('payload', 'mapValue', 'fields', 'speed')
    """
    first, *further = place
    return (first, *chain.from_iterable((*steps, name) for name in further))


def values_at(fields: Any, properties: Places) -> dict[str, Any]:
    """Return the value of each property that has one; see `value_at`."""
    found = {name: value_at(fields, places, _MISSING) for name, places in properties.items()}
    return {name: value for name, value in found.items() if value is not _MISSING}


def projection(places: Iterable[Location]) -> list[Location]:
    """Return what to ask a store for, so that its answer has all of some locations.

    None lies within another one, which a store may refuse ("Two document paths overlap").

    Examples
    --------
    >>> projection([("payload", "speed"), ("time",), ("payload",), ("time",)])
    [('payload',), ('time',)]
    """
    wanted: list[Location] = []
    # A location is followed by those within it.
    for place in sorted({each[:_DEEPEST] for each in places}):
        if not wanted or place[: len(wanted[-1])] != wanted[-1]:
            wanted.append(place)
    return wanted
