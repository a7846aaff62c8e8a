"""Values that a property's declared type doesn't allow, taken out of answers to TwinMaker.

A data type may list its `allowedValues` (TwinMaker API reference, 'DataType'), as that of an alarm's status does.
Only events carry the list. TwinMaker may refuse the whole answer for a value that isn't in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chalicelib.contracts.parsing import Document
from chalicelib.contracts.twinmaker import definitions
from chalicelib.model.data_value import UnrepresentableValueError
from chalicelib.model.results import Flaws

Answer = dict[str, Any]


def leave_out_others(event: Mapping[str, Any], answer: Answer) -> Flaws:
    """Take the values that an event's definitions don't allow out of its answer, and count them.

    Parameters
    ----------
    event
        The event.
    answer
        The answer of either read, as TwinMaker expects it.

    Examples
    --------
    >>> status = {"dataType": {"type": "STRING", "allowedValues": [{"stringValue": "ACTIVE"}]}}
    >>> event = {"properties": {"alarm_status": {"definition": status}}}
    >>> answer = {"propertyValues": {"alarm_status": {"propertyValue": {"stringValue": "OK"}}}}
    >>> leave_out_others(event, answer).examples
    ["alarm_status at the newest entry: 'OK' isn't one of the type's allowedValues"]
    >>> answer
    {'propertyValues': {}}
    """
    flaws = Flaws()
    allowed = _allowed(event)
    if not allowed:
        return flaws

    def fits(name: str, value: Mapping[str, Any], key: str) -> bool:
        (content,) = value.values()
        if name not in allowed or content in allowed[name]:
            return True
        error = UnrepresentableValueError(f"{content!r} isn't one of the type's allowedValues")
        flaws.add_value(name, key, error)
        return False

    found = answer["propertyValues"]
    if isinstance(found, dict):
        answer["propertyValues"] = {
            name: each
            for name, each in found.items()
            if fits(name, each["propertyValue"], "the newest entry")
        }
        return flaws
    for series in found:
        name = series["entityPropertyReference"]["propertyName"]
        if name in allowed:
            series["values"] = [
                each for each in series["values"] if fits(name, each["value"], each["time"])
            ]
    answer["propertyValues"] = [series for series in found if series["values"]]
    return flaws


def _allowed(event: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Return the contents of the values that each property's type lists, if it lists any."""
    allowed: dict[str, list[Any]] = {}
    for name, definition in definitions(Document(event, "the event")).items():
        data_type = definition.get("dataType")
        listed = data_type.get("allowedValues") if isinstance(data_type, Mapping) else None
        for each in listed if isinstance(listed, list) else ():
            given = each.values() if isinstance(each, Mapping) else ()
            allowed.setdefault(name, []).extend(content for content in given if content is not None)
    return allowed
