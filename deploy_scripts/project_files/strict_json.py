"""Strict JSON: every value has one meaning, and can be written again without a change."""

from __future__ import annotations

import json
from typing import Any, NoReturn

Place = tuple[str | int, ...]
"""The keys and indexes that lead to a value."""


class FlawError(ValueError):
    """The content isn't strict JSON; none of its values is in the error, as they may be secret.

    `place`: the place of a repeated key; empty for any other flaw.
    """

    def __init__(self, found: str, place: Place = ()) -> None:
        self.found, self.place = found, place
        super().__init__(found)


def parse(content: bytes) -> Any:
    """Read JSON in UTF-8, perhaps with the byte order mark of editors on Windows.

    Raises `FlawError`: it isn't JSON, has a key twice in an object or a number such as NaN, or is nested
    too deep.
    """
    repeating: list[tuple[dict[str, Any], str]] = []

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in pairs:
            if key in found:
                repeating.append((found, key))
            found[key] = value
        return found

    try:
        text = content.decode("utf-8-sig")
        document = json.loads(text, object_pairs_hook=unique, parse_constant=_refuse)
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
        # The last one: the one before it may be in a value that a repeated key lost.
        found, key = repeating[-1]
        flaw = FlawError("the key more than once", (*_place_of(found, document), key))
    raise flaw  # not in the handlers: those errors carry the content


def _refuse(constant: str) -> NoReturn:
    raise FlawError(f"the number {constant}")


def _place_of(wanted: Any, document: Any) -> Place:
    waiting: list[tuple[Place, Any]] = [((), document)]
    for place, value in waiting:
        if value is wanted:
            return place
        if isinstance(value, dict | list):
            members = value.items() if isinstance(value, dict) else enumerate(value)
            waiting += [((*place, key), each) for key, each in members]
    return ()
