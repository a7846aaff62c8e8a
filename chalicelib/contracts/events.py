"""The kinds of events that TwinMaker sends to a function of a component type.

The kind isn't written in an event: it shows in its members (AWS IoT TwinMaker user guide, 'Data
connectors'). `dataReader`, `dataReaderByEntity` and `dataReaderByComponentType` send the same members, but
for those that name the entity.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson

from chalicelib.model.data_value import HALF_PAIR, LONG_LIMIT
from chalicelib.model.errors import InvalidQueryError
from chalicelib.model.reads import HISTORY, READS, Read

_TIMES: Final = ("startTime", "endTime", "startDateTime", "endDateTime")
_SHOWN: Final = 60
"""Characters of a name in a message."""


def check(event: Any, read: Read) -> None:
    """Refuse an event that isn't one of a read.

    Parameters
    ----------
    event
        The event.
    read
        The kind of read that the function is for.

    Raises
    ------
    InvalidQueryError
        The event can't be JSON, writes, or is another function's.

    Examples
    --------
    >>> check({"selectedProperties": ["pressure"], "startTime": "2026-01-30T17:00:00Z"}, HISTORY)
    >>> check({"entries": []}, HISTORY)
    Traceback (most recent call last):
    chalicelib.model.errors.InvalidQueryError: This function is a reader, and the event is a dataWriter's: nothing can be written through it. Take dataWriter out of the component type's functions.
    """
    if not isinstance(event, Mapping):
        raise InvalidQueryError("The event must be a JSON object as TwinMaker sends it")
    _check_is_json(event)
    if event.get("entries") is not None:
        raise InvalidQueryError(
            "This function is a reader, and the event is a dataWriter's: nothing can be written through "
            "it. Take dataWriter out of the component type's functions."
        )
    if event.get("propertyGroupName") is not None:
        raise InvalidQueryError(
            "This function reads properties one by one, and the event asks for a property group "
            "(propertyGroupName), which a tabular connector reads. Select the properties instead."
        )
    has_times = any(event.get(name) is not None for name in _TIMES)
    if has_times != (read is HISTORY):
        others = [each for each in READS if each is not read]
        raise InvalidQueryError(
            f"This function is a reader of the {read.title}, and the event "
            f"{'has a' if has_times else 'has no'} time range ({_TIMES[0]} is "
            f"{'there' if has_times else 'missing'}), so it is meant for the {others[0].title}. Name this "
            f"function only as {read.twinmaker_function} in the component type."
        )


def asks_for_properties(event: Any) -> bool:
    """Say whether an event is a `schemaInitializer`'s: it selects nothing, and writes nothing.

    Examples
    --------
    >>> asks_for_properties({"workspaceId": "factory", "properties": {}})
    True
    """
    reads_or_writes = ("selectedProperties", "propertyGroupName", "entries", *_TIMES)
    return (
        isinstance(event, Mapping)
        and isinstance(event.get("properties"), Mapping)
        and all(event.get(name) is None for name in reads_or_writes)
    )


def _check_is_json(event: Mapping[str, Any]) -> None:
    """Refuse strings that no JSON holds and numbers beyond 64 bits: not all of the way could take them."""
    try:
        orjson.dumps(event)
    except orjson.JSONEncodeError as error:
        raise InvalidQueryError(_what_is_not_json(event)) from error


def _what_is_not_json(event: Mapping[str, Any]) -> str:
    parts: list[tuple[str, Any]] = [("", event)]
    for where, part in parts:  # which grows: an event may be nested deeper than calls can be
        fault = None
        if isinstance(part, Mapping):
            for name, each in part.items():
                its_place = f"{where}.{_shown(name)}" if where else _shown(name)
                parts += [(its_place, name), (its_place, each)]
        elif isinstance(part, list):
            parts += [(f"{where}[{number}]", each) for number, each in enumerate(part)]
        elif isinstance(part, str) and HALF_PAIR.search(part):
            fault = "half of a surrogate pair is no character"
        elif isinstance(part, int) and not -LONG_LIMIT <= part < 2 * LONG_LIMIT:
            fault = "a whole number beyond 64 bits"
        if fault is not None:
            return f"{where} can't be sent as JSON: {fault}"
    return "The event can't be sent as JSON: it is nested too deep"


def _shown(name: Any) -> str:
    return str(name)[:_SHOWN].encode(errors="replace").decode()
