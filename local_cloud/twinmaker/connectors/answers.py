"""Checks a connector's answer: as strictly as it is documented, and no stricter than recordings.

Sources: the guide's chapter 'Data connectors' (response interfaces); the shapes
``GetPropertyValueHistoryResponse`` and ``GetPropertyValueResponse``, which the answer becomes; the
answers that AWS's own samples give and the service takes. Each violation is a ConnectorFailedError
whose message names the place and what is wrong there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from ..errors import ConnectorFailedError
from ..protocol.rest_json import load_model
from ..protocol.validation import violations
from ..twin.values import ValueMismatchError, kind_of, read_data_value
from . import instants

if TYPE_CHECKING:
    from ..twin.resources import Json
    from .queries import HistoryQuery, LastQuery

LONGEST_TOKEN = 17_880
"""Longest ``NextToken`` of the service model, in characters."""

_LONGEST_STAMP = 1e15
"""Seconds, or what was meant for them: more isn't a time, and JSON's 1e999 is infinite."""

_REFERENCE_KEYS = frozenset(
    {"entityId", "componentName", "propertyName", "externalIdProperty", "componentPath"}
)


def check_history(answer: object, query: HistoryQuery) -> Json:
    """Check a dataReader's answer.

    Parameters
    ----------
    answer : object
        The parsed JSON.
    query : HistoryQuery
        The query that it answers.

    Returns
    -------
    dict
        The answer, for GetPropertyValueHistory: values of their declared types, and without members
        that are null, which count as absent. AWS's own connector library answers so.

    Raises
    ------
    ConnectorFailedError
        The answer breaks a rule.
    """
    top = _object(answer, "the answer", {"propertyValues", "nextToken"})
    if "propertyValues" not in top:
        _refuse("propertyValues is missing")
    last: dict[str, int] = {}
    entries = [
        _read_entry(entry, f"propertyValues[{index}]", query, last)
        for index, entry in enumerate(_list(top["propertyValues"], "propertyValues"))
    ]
    total = sum(len(entry["values"]) for entry in entries)
    if total > query.max_results:
        _refuse(f"there are {total} values, but maxResults is {query.max_results}")
    token = top.get("nextToken")
    if token is None:
        return {"propertyValues": entries}
    _check_token(token, query, empty=total == 0)
    return {"propertyValues": entries, "nextToken": token}


def _check_token(token: object, query: HistoryQuery, *, empty: bool) -> None:
    if not isinstance(token, str):
        _refuse(f"nextToken must be a string, not {kind_of(token)}")
    if token == "":
        _refuse("nextToken is empty, which asks for the first page again: leave it out at the end")
    if len(token) > LONGEST_TOKEN:
        _refuse(f"nextToken has {len(token)} characters; {LONGEST_TOKEN} are allowed")
    if empty and token == query.next_token:
        _refuse("the page is empty and nextToken is the one just sent: paging would never end")


def _read_entry(entry: object, where: str, query: HistoryQuery, last: dict[str, int]) -> Json:
    """Read one property's values."""
    item = _object(entry, where, {"entityPropertyReference", "values"})
    if "entityPropertyReference" not in item:
        _refuse(f"{where}.entityPropertyReference is missing")
    place = f"{where}.entityPropertyReference"
    reference = _reference(item["entityPropertyReference"], place, query)
    if query.entity_id is None:
        _check_external(reference, place)
    else:
        _check_component(reference, place, query)
    series = repr(sorted(reference.items(), key=lambda pair: pair[0]))
    values = []
    for index, given in enumerate(_list(item.get("values", []), f"{where}.values")):
        value, instant = _read_value(given, f"{where}.values[{index}]", reference, query)
        _check_order(instant, last.get(series), f"{where}.values[{index}].time", query)
        last[series] = instant
        values.append(value)
    return {"entityPropertyReference": reference, "values": values}


def _reference(reference: object, where: str, query: HistoryQuery | LastQuery) -> Json:
    item = _object(reference, where, _REFERENCE_KEYS)
    if "propertyName" not in item:
        _refuse(f"{where}.propertyName is missing")
    name = item["propertyName"]
    if not isinstance(name, str) or name not in query.selected:
        _refuse(f"{where}: property {name!r} wasn't selected")
    return item


def _check_component(reference: Json, where: str, query: HistoryQuery | LastQuery) -> None:
    asked = {"entityId": query.entity_id, "componentName": query.component_name}
    # That the event has the path isn't documented, so a connector may know the name alone.
    if query.component_path is not None and "componentPath" in reference:
        asked = {"entityId": query.entity_id, "componentPath": query.component_path} | {
            key: wanted for key, wanted in asked.items() if key in reference
        }
    for key, wanted in asked.items():
        if key not in reference:
            _refuse(f"{where}.{key} is missing: {wanted!r} was asked for")
        if reference[key] != wanted:
            _refuse(f"{where}.{key} is {reference[key]!r}, but {wanted!r} was asked for")


def _check_external(reference: Json, where: str) -> None:
    ids = reference.get("externalIdProperty")
    if ids is None or ids == {}:
        _refuse(f"{where}.externalIdProperty is missing: a query by component type needs it")
    if not isinstance(ids, dict) or not all(isinstance(item, str) for item in ids.values()):
        _refuse(f"{where}.externalIdProperty must be an object of strings")


def _read_value(
    value: object, where: str, reference: Json, query: HistoryQuery
) -> tuple[Json, int]:
    """Read one value, and the instant of its time."""
    item = _object(value, where, {"time", "timestamp", "value"})
    instant = _instant(item, where, query)
    if "value" not in item:
        _refuse(f"{where}.value is missing")
    name = reference["propertyName"]
    return item | {"value": _data_value(item["value"], f"{where}.value", name, query)}, instant


def _instant(item: Json, where: str, query: HistoryQuery) -> int:
    """Read a value's time; the deprecated ``timestamp`` counts if it is alone."""
    stamp = item.get("timestamp")
    if stamp is not None and not _is_number(stamp):
        _refuse(f"{where}.timestamp must be a number of seconds since 1970")
    earliest = query.start.nanoseconds
    if "time" in item:
        place, given, instant = "time", item["time"], _parsed(item["time"], f"{where}.time")
    elif stamp is not None:
        place, given, instant = "timestamp", stamp, round(stamp * instants.NANOSECONDS)
        earliest -= earliest % instants.NANOSECONDS  # it may have been cut to its second
    else:
        _refuse(f"{where}: time is missing, and so is the deprecated timestamp")
    if not earliest <= instant <= query.end.nanoseconds:
        _refuse(f"{where}.{place}: {given} isn't within {query.start.text} to {query.end.text}")
    return instant


def _is_number(stamp: object) -> bool:
    if isinstance(stamp, bool) or not isinstance(stamp, (int, float)):
        return False
    return abs(stamp) < _LONGEST_STAMP


def _parsed(time: object, where: str) -> int:
    if not isinstance(time, str):
        _refuse(f"{where} must be a string, not {kind_of(time)}")
    try:
        return instants.parse(time)
    except instants.TimeError as error:
        _refuse(f"{where}: {error}", error)


def _check_order(instant: int, before: int | None, where: str, query: HistoryQuery) -> None:
    if before is None:
        return
    step = instant - before if query.order == "ASCENDING" else before - instant
    if step < 0:
        _refuse(f"{where} is out of order: orderByTime is {query.order}")


def check_last(answer: object, query: LastQuery) -> dict[str, Json]:
    """Check an attributePropertyValueReaderByEntity's answer.

    Parameters
    ----------
    answer : object
        The parsed JSON.
    query : LastQuery
        The query that it answers.

    Returns
    -------
    dict
        ``PropertyLatestValue`` by property name.

    Raises
    ------
    ConnectorFailedError
        The answer breaks a rule.
    """
    top = _object(answer, "the answer", {"propertyValues"})
    if "propertyValues" not in top:
        _refuse("propertyValues is missing")
    found = top["propertyValues"]
    if not isinstance(found, dict):
        _refuse(f"propertyValues must be an object by property name, not {kind_of(found)}")
    return {key: _read_last(key, entry, query) for key, entry in found.items()}


def _read_last(key: str, entry: object, query: LastQuery) -> Json:
    where = f"propertyValues.{key}"
    item = _object(entry, where, {"propertyReference", "propertyValue"})
    if "propertyReference" not in item:
        _refuse(f"{where}.propertyReference is missing")
    place = f"{where}.propertyReference"
    reference = _reference(item["propertyReference"], place, query)
    name = reference["propertyName"]
    if name != key:
        _refuse(f"{place}.propertyName is {name!r}, but its key is {key!r}")
    _check_component(reference, place, query)
    read = {"propertyReference": reference}
    if "propertyValue" in item:
        value = _data_value(item["propertyValue"], f"{where}.propertyValue", name, query)
        read["propertyValue"] = value
    return read


def _data_value(value: object, where: str, name: str, query: HistoryQuery | LastQuery) -> Json:
    data_type = query.properties[name]["definition"]["dataType"]
    try:
        return read_data_value(value, data_type, where, lenient=True)
    except ValueMismatchError as error:
        _refuse(str(error), error)


def read_errors(answer: object) -> list[Json]:
    """Check a dataWriter's answer.

    Parameters
    ----------
    answer : object
        The parsed JSON.

    Returns
    -------
    list of dict
        ``BatchPutPropertyErrorEntry``; empty if all was written. An ``entryId``, which the event
        has and the service's answer hasn't, may be repeated in an entry.

    Raises
    ------
    ConnectorFailedError
        The answer breaks a rule.
    """
    top = _object(answer, "the answer", {"errorEntries"})
    given = _list(top.get("errorEntries"), "errorEntries")
    entries = [_read_error(each, f"errorEntries[{index}]") for index, each in enumerate(given)]
    shape = load_model("iottwinmaker").shape_for("BatchPutPropertyErrorEntry")
    for entry in entries:
        found = violations(entry, shape)
        if found:
            _refuse("; ".join(found))
    return entries


def _read_error(entry: object, where: str) -> Json:
    item = _object(entry, where, {"errors"})
    errors = []
    for index, each in enumerate(_list(item.get("errors"), f"{where}.errors")):
        place = f"{where}.errors[{index}]"
        error = _object(each, place, {"errorCode", "errorMessage", "entry"})
        if "entry" in error:
            keys = {"entryId", "entityPropertyReference", "propertyValues"}
            written = _object(error["entry"], f"{place}.entry", keys)
            error = error | {"entry": {k: v for k, v in written.items() if k != "entryId"}}
        errors.append(error)
    return {"errors": errors}


def _object(value: object, where: str, keys: set[str] | frozenset[str]) -> Json:
    """Return an object without its members that are null: they count as absent."""
    if not isinstance(value, dict):
        _refuse(f"{where} must be an object, not {kind_of(value)}")
    item = {key: member for key, member in value.items() if member is not None}
    unknown = sorted(item.keys() - keys)
    if unknown:
        _refuse(f"{where} has the unknown key {unknown[0]!r}; known are {', '.join(sorted(keys))}")
    return item


def _list(value: object, where: str) -> list[Any]:
    if not isinstance(value, list):
        _refuse(f"{where} must be a list, not {kind_of(value)}")
    return value


def _refuse(what: str, cause: Exception | None = None) -> NoReturn:
    raise ConnectorFailedError(f"The connector's answer is invalid: {what}") from cause
