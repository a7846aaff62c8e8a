"""Strict JSON: whatever is read means one thing only, and can be written again without a change."""

from __future__ import annotations

import json
from typing import Any, NoReturn

Place = tuple[str | int, ...]
"""The keys and indexes that lead to a value."""


class FlawError(ValueError):
    """The content isn't strict JSON; nothing of it is in the error, as it may be secret.

    Attributes
    ----------
    place
        The place of the flaw; empty for all of the content.
    found
        The flaw.
    """

    def __init__(self, found: str, place: Place = ()) -> None:
        self.found, self.place = found, place
        super().__init__(found)


def parse(content: bytes) -> Any:
    """Read JSON in UTF-8, perhaps with the byte order mark of editors on Windows.

    Raises
    ------
    FlawError
        It isn't JSON, has a key twice in an object or a number such as NaN, or is nested too deep.
    """
    repeating: list[tuple[dict[str, Any], str]] = []

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            keys = [key for key, _ in pairs]
            repeating.append((found, next(key for key in found if keys.count(key) > 1)))
        return found

    try:
        document = json.loads(
            content.decode("utf-8-sig"), object_pairs_hook=unique, parse_constant=_refuse_constant
        )
    except FlawError:
        raise
    except UnicodeDecodeError as error:
        flaw = FlawError(f"no UTF-8 at byte {error.start}")
    except json.JSONDecodeError as error:
        flaw = FlawError(f"a mistake at line {error.lineno}, column {error.colno}: {error.msg}")
    except (ValueError, RecursionError):
        flaw = FlawError("JSON that is nested too deep or has a number too long")
    else:
        if not repeating:
            return document
        # The last to be complete: one before it may be the value that a repeated key lost.
        found, key = repeating[-1]
        flaw = FlawError("the key more than once", (*_place_of(found, document), key))
    raise flaw  # not in the handlers: those errors carry the content


def _refuse_constant(name: str) -> NoReturn:
    """Refuse a number that Python's parser takes and JSON doesn't have."""
    raise FlawError(f"the number {name}")


def _place_of(wanted: Any, document: Any) -> Place:
    waiting: list[tuple[Place, Any]] = [((), document)]
    while waiting:
        place, value = waiting.pop()
        if value is wanted:
            return place
        if isinstance(value, dict):
            waiting += [((*place, key), each) for key, each in value.items()]
        elif isinstance(value, list):
            waiting += [((*place, index), each) for index, each in enumerate(value)]
    return ()
