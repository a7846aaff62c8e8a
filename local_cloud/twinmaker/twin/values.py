"""DataValues, and whether they fit a property's declared data type.

Sources: the shapes ``DataValue`` and ``DataType`` of the service model and their documentation.
"""

from __future__ import annotations

import math
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ..protocol.validation import INTEGER_RANGE, LONG_RANGE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .resources import Json

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
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_KNOWN = (*MEMBER_OF.values(), _EXPRESSION)


class ValueMismatchError(ValueError):
    """A DataValue is malformed or doesn't fit its data type; the message says where and how."""


def read_data_value(
    value: object,
    data_type: Mapping[str, Any] | None,
    where: str,
    *,
    expression_allowed: bool = False,
    lenient: bool = False,
) -> Json:
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
    lenient : bool
        True in a connector's answer: a string may stand for a number or a Boolean, and null for a
        key that isn't there. AWS's own connector library writes ``{"doubleValue": "21.5"}`` and
        ``{"booleanValue": "True"}`` (``udq_models.py`` of AWS's TwinMaker samples).

    Returns
    -------
    dict
        The DataValue, with numbers and Booleans in place of strings that stand for them.

    Raises
    ------
    ValueMismatchError
        The value is malformed or doesn't fit.
    """
    if lenient and isinstance(value, dict):
        value = {key: item for key, item in value.items() if item is not None}
    member, content = _only_member(value, where)
    if member == _EXPRESSION and expression_allowed:
        return {member: content}
    _check_declared(member, data_type, where)
    reader = _Reader(data_type or {}, f"{where}.{member}", lenient=lenient)
    read = {member: _READERS[member](reader, content)}
    allowed = (data_type or {}).get("allowedValues")
    if allowed and read not in allowed:
        raise ValueMismatchError(f"{where}: {content!r} isn't one of the data type's allowedValues")
    return read


def _only_member(value: object, where: str) -> tuple[str, object]:
    if not isinstance(value, dict):
        raise ValueMismatchError(f"{where} must be a DataValue object, not {kind_of(value)}")
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


class _Reader:
    """Reads the content of one DataValue; each method is for one of its members."""

    def __init__(self, data_type: Mapping[str, Any], where: str, *, lenient: bool) -> None:
        self._data_type = data_type
        self._where = where
        self._lenient = lenient

    def read_boolean(self, content: object) -> bool:
        if self._lenient and isinstance(content, str):
            content = {"true": True, "false": False}.get(content.lower(), content)
        if not isinstance(content, bool):
            raise self._mismatch(f"must be true or false, not {kind_of(content)}")
        return content

    def read_double(self, content: object) -> float:
        content = self._number(content, float)
        if isinstance(content, bool) or not isinstance(content, (int, float)):
            raise self._mismatch(f"must be a number, not {kind_of(content)}")
        try:
            finite = math.isfinite(content)
        except OverflowError:
            finite = False
        if not finite:
            raise self._mismatch(f"must be finite and fit a double; it is {content}")
        return content

    def read_integer(self, content: object) -> int:
        return self._whole(content, INTEGER_RANGE, "32 bit")

    def read_long(self, content: object) -> int:
        return self._whole(content, LONG_RANGE, "64 bit")

    def _whole(self, content: object, limits: tuple[int, int], size: str) -> int:
        content = self._number(content, int)
        if isinstance(content, bool) or not isinstance(content, int):
            raise self._mismatch(f"must be an integer, not {kind_of(content)}")
        if not limits[0] <= content <= limits[1]:
            raise ValueMismatchError(f"{self._where}: {content} doesn't fit {size}")
        return content

    def _number(self, content: object, read: Callable[[str], float]) -> object:
        """Read a string that stands for a number; one that doesn't stays, to be refused."""
        if self._lenient and isinstance(content, str) and _NUMBER.fullmatch(content):
            with suppress(ValueError):  # more digits than Python reads, or a fraction for an int
                return read(content)
        return content

    def read_string(self, content: object) -> str:
        if not isinstance(content, str):
            raise self._mismatch(f"must be a string, not {kind_of(content)}")
        return content

    def read_list(self, content: object) -> list[Json]:
        if not isinstance(content, list):
            raise self._mismatch(f"must be a list, not {kind_of(content)}")
        return [self._nested(item, f"[{index}]") for index, item in enumerate(content)]

    def read_map(self, content: object) -> dict[str, Json]:
        if not isinstance(content, dict):
            raise self._mismatch(f"must be an object, not {kind_of(content)}")
        return {key: self._nested(item, f".{key}") for key, item in content.items()}

    def _nested(self, item: object, place: str) -> Json:
        nested = self._data_type.get("nestedType")
        where = self._where + place
        return read_data_value(item, nested, where, lenient=self._lenient)

    def read_relationship(self, content: object) -> dict[str, str]:
        members = {"targetEntityId", "targetComponentName"}
        if not isinstance(content, dict) or not content.keys() <= members:
            raise self._mismatch(f"must be an object with {' and '.join(sorted(members))}")
        for key, item in content.items():
            if not isinstance(item, str):
                raise ValueMismatchError(
                    f"{self._where}.{key} must be a string, not {kind_of(item)}"
                )
        return content

    def _mismatch(self, message: str) -> ValueMismatchError:
        return ValueMismatchError(f"{self._where} {message}")


_READERS: dict[str, Callable[[_Reader, object], object]] = {
    "booleanValue": _Reader.read_boolean,
    "doubleValue": _Reader.read_double,
    "integerValue": _Reader.read_integer,
    "longValue": _Reader.read_long,
    "stringValue": _Reader.read_string,
    "listValue": _Reader.read_list,
    "mapValue": _Reader.read_map,
    "relationshipValue": _Reader.read_relationship,
}


def kind_of(value: object) -> str:
    """Name a value's type in JSON's terms."""
    names = {bool: "a Boolean", int: "an integer", float: "a number", str: "a string"}
    names |= {list: "a list", dict: "an object", type(None): "null"}
    return names.get(type(value), type(value).__name__)
