"""DataValues, and whether they fit a property's declared data type.

Sources: the shapes ``DataValue`` and ``DataType`` of the service model and their documentation.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ..protocol.validation import INTEGER_RANGE, LONG_RANGE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MEMBER_OF = {
    "BOOLEAN": "booleanValue",
    "DOUBLE": "doubleValue",
    "INTEGER": "integerValue",
    "LONG": "longValue",
    "STRING": "stringValue",
    "LIST": "listValue",
    "MAP": "mapValue",
    "RELATIONSHIP": "relationshipValue",
}
"""The member of a DataValue that carries values of a data type."""

_EXPRESSION = "expression"
_KNOWN = (*MEMBER_OF.values(), _EXPRESSION)


class ValueMismatchError(ValueError):
    """A DataValue is malformed or doesn't fit its data type; the message says where and how."""


def check_data_value(
    value: object,
    data_type: Mapping[str, Any] | None,
    where: str,
    *,
    expression_allowed: bool = False,
) -> None:
    """Check a DataValue against a data type.

    Parameters
    ----------
    value : object
        An object with exactly one known key, as it should be.
    data_type : mapping or None
        A ``DataType`` of the service model; None if none is declared: then any type will do.
    where : str
        The value's place, for the message.
    expression_allowed : bool
        True if an ``expression`` may stand for a value. It may where a value is configured; a
        value that was read is never an expression.

    Raises
    ------
    ValueMismatchError
        The value is malformed or doesn't fit.
    """
    member, content = _only_member(value, where)
    if member == _EXPRESSION and expression_allowed:
        return
    _check_declared(member, data_type, where)
    _CHECKS[member](content, data_type or {}, f"{where}.{member}")
    allowed = (data_type or {}).get("allowedValues")
    if allowed and value not in allowed:
        raise ValueMismatchError(f"{where}: {content!r} isn't one of the data type's allowedValues")


def _only_member(value: object, where: str) -> tuple[str, object]:
    if not isinstance(value, dict):
        raise ValueMismatchError(f"{where} must be a DataValue object, not {_kind(value)}")
    unknown = sorted(str(key) for key in value.keys() - set(_KNOWN))
    if unknown:
        raise ValueMismatchError(
            f"{where} has the unknown key {unknown[0]!r}; a DataValue has one of {', '.join(_KNOWN)}"
        )
    if len(value) != 1:
        keys = ", ".join(sorted(value)) or "none"
        raise ValueMismatchError(f"{where} must have exactly one DataValue key; it has {keys}")
    return next(iter(value.items()))


def _check_declared(member: str, data_type: Mapping[str, Any] | None, where: str) -> None:
    if member == _EXPRESSION:
        raise ValueMismatchError(f"{where} is an expression where a value is needed")
    if data_type is None:
        return
    expected = MEMBER_OF[data_type["type"]]
    if member != expected:
        raise ValueMismatchError(
            f"{where} has {member}, but the declared data type is {data_type['type']}: "
            f"use {expected}"
        )


def _check_boolean(content: object, _: Mapping[str, Any], where: str) -> None:
    if not isinstance(content, bool):
        raise ValueMismatchError(f"{where} must be true or false, not {_kind(content)}")


def _check_double(content: object, _: Mapping[str, Any], where: str) -> None:
    if isinstance(content, bool) or not isinstance(content, (int, float)):
        raise ValueMismatchError(f"{where} must be a number, not {_kind(content)}")
    try:
        finite = math.isfinite(content)
    except OverflowError:
        finite = False
    if not finite:
        raise ValueMismatchError(f"{where} must be finite and fit a double; it is {content}")


def _check_integer(content: object, _: Mapping[str, Any], where: str) -> None:
    _check_whole(content, INTEGER_RANGE, "32 bit", where)


def _check_long(content: object, _: Mapping[str, Any], where: str) -> None:
    _check_whole(content, LONG_RANGE, "64 bit", where)


def _check_whole(content: object, limits: tuple[int, int], size: str, where: str) -> None:
    if isinstance(content, bool) or not isinstance(content, int):
        raise ValueMismatchError(f"{where} must be an integer, not {_kind(content)}")
    if not limits[0] <= content <= limits[1]:
        raise ValueMismatchError(f"{where}: {content} doesn't fit {size}")


def _check_string(content: object, _: Mapping[str, Any], where: str) -> None:
    if not isinstance(content, str):
        raise ValueMismatchError(f"{where} must be a string, not {_kind(content)}")


def _check_list(content: object, data_type: Mapping[str, Any], where: str) -> None:
    if not isinstance(content, list):
        raise ValueMismatchError(f"{where} must be a list, not {_kind(content)}")
    for index, item in enumerate(content):
        check_data_value(item, data_type.get("nestedType"), f"{where}[{index}]")


def _check_map(content: object, data_type: Mapping[str, Any], where: str) -> None:
    if not isinstance(content, dict):
        raise ValueMismatchError(f"{where} must be an object, not {_kind(content)}")
    for key, item in content.items():
        check_data_value(item, data_type.get("nestedType"), f"{where}.{key}")


def _check_relationship(content: object, _: Mapping[str, Any], where: str) -> None:
    members = {"targetEntityId", "targetComponentName"}
    if not isinstance(content, dict) or not content.keys() <= members:
        raise ValueMismatchError(f"{where} must be an object with {' and '.join(sorted(members))}")
    for key, item in content.items():
        _check_string(item, {}, f"{where}.{key}")


_CHECKS: dict[str, Callable[[object, Mapping[str, Any], str], None]] = {
    "booleanValue": _check_boolean,
    "doubleValue": _check_double,
    "integerValue": _check_integer,
    "longValue": _check_long,
    "stringValue": _check_string,
    "listValue": _check_list,
    "mapValue": _check_map,
    "relationshipValue": _check_relationship,
}


def _kind(value: object) -> str:
    """Name a value's type in JSON's terms."""
    names = {bool: "a Boolean", int: "an integer", float: "a number", str: "a string"}
    names |= {list: "a list", dict: "an object", type(None): "null"}
    return names.get(type(value), type(value).__name__)
