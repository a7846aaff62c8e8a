"""Stored values as TwinMaker's DataValues, by the declared types of their properties.

A DataValue is a dict with one key that names its kind: `{"doubleValue": 21.5}` (AWS IoT TwinMaker
API reference, 'DataValue'). What each declared type accepts is the table in docs/openapi.yaml, 'Values';
the rules are docs/architecture.md, 'Values'.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable, Mapping, Sized
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import partial
from itertools import chain
from types import NoneType
from typing import Any, Final

from chalicelib.model.errors import InvalidQueryError
from chalicelib.model.limits import LONGEST_STRING, MOST_ELEMENTS, RELATIONSHIP_LENGTHS

DataValue = dict[str, Any]

# Three digits of an exponent are enough for every double (308) and every number of DynamoDB (125).
_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
HALF_PAIR: Final = re.compile("[\ud800-\udfff]")
INTEGER_LIMIT: Final = 2**31
LONG_LIMIT: Final = 2**63
_LARGEST: Final = sys.float_info.max
DEEPEST_NESTING: Final = 32
"""Levels of nesting; DynamoDB's own limit (developer guide, 'Quotas')."""
_KINDS: Final = (
    (NoneType, "null"),
    (bool, "a boolean"),
    (int | float | Decimal, "a number"),
    (str, "a string"),
    (list | tuple, "a list"),
    (Mapping, "an object"),
)
_NO_KIND: Final = "no value of JSON"


def kind_of(value: Any) -> str:
    """Return what a message calls a value's kind: JSON's name, with its article.

    Examples
    --------
    >>> [kind_of(each) for each in (None, True, 7, Decimal(7), {}, b"")]
    ['null', 'a boolean', 'a number', 'a number', 'an object', 'no value of JSON']
    """
    return next((name for its_type, name in _KINDS if isinstance(value, its_type)), _NO_KIND)


class UnrepresentableValueError(ValueError):
    """A stored value that its declared type can't express, such as 21.7 in an INTEGER."""


@dataclass(frozen=True, slots=True)
class DataType:
    """A property's declared type.

    Attributes
    ----------
    type
        One of `DataType.NAMES`.
    nested
        The type of the elements of a LIST or MAP; None means inferred from each element.
    """

    type: str
    nested: DataType | None = None

    @classmethod
    def parse(cls, declared: Any, where: str, *, depth: int = 1) -> DataType:
        """Read a declared type: a name, or TwinMaker's `{"type": ..., "nestedType": {...}}`.

        Parameters
        ----------
        declared
            The type as it came.
        where
            Its name in an error message.
        depth
            Its level of nesting; 1 for a type that isn't nested in another.

        Raises
        ------
        InvalidQueryError
            The type is neither of those, is unknown, or is nested too deep.

        Examples
        --------
        >>> DataType.parse("double", "temperature")
        DataType(type='DOUBLE', nested=None)
        >>> DataType.parse({"type": "LIST", "nestedType": {"type": "LONG"}}, "totals").nested
        DataType(type='LONG', nested=None)
        """
        if depth > DEEPEST_NESTING:
            raise InvalidQueryError(f"{where} is nested more than {DEEPEST_NESTING} levels deep")
        if isinstance(declared, str):
            declared = {"type": declared}
        if not isinstance(declared, Mapping) or not isinstance(declared.get("type"), str):
            raise InvalidQueryError(
                f'{where} must be a type name such as "DOUBLE" or an object such as '
                '{"type": "LIST", "nestedType": {"type": "DOUBLE"}}'
            )
        name = declared["type"].upper()
        if name not in _CONVERTERS:
            raise InvalidQueryError(
                f"{where} is {declared['type']!r}; the types are {', '.join(sorted(_CONVERTERS))}"
            )
        nested = declared.get("nestedType")
        return cls(
            name,
            None if nested is None else cls.parse(nested, f"{where}.nestedType", depth=depth + 1),
        )

    def to_json(self) -> str | dict[str, Any]:
        """Return the type as the wire contract spells it: a plain name where that says it all."""
        if self.nested is None:
            return self.type
        nested = self.nested.to_json()
        return {
            "type": self.type,
            "nestedType": {"type": nested} if isinstance(nested, str) else nested,
        }


def to_data_value(stored: Any, declared: DataType | None) -> DataValue:
    """Turn a stored value into a DataValue.

    Parameters
    ----------
    stored
        A plain value: str, bool, int, float, Decimal, list or dict of those. Never None: an entry
        with no value for a property has nothing to convert.
    declared
        The property's type; None infers it from the value.

    Raises
    ------
    UnrepresentableValueError
        The type can't express the value.

    Examples
    --------
    >>> to_data_value(Decimal("21.50"), DataType("DOUBLE"))
    {'doubleValue': 21.5}
    >>> to_data_value("21", DataType("INTEGER"))
    {'integerValue': 21}
    >>> to_data_value(Decimal("21.50"), DataType("STRING"))
    {'stringValue': '21.50'}
    >>> to_data_value([True, "on"], None)
    {'listValue': [{'booleanValue': True}, {'stringValue': 'on'}]}
    >>> to_data_value(Decimal("21.7"), DataType("INTEGER"))
    Traceback (most recent call last):
    chalicelib.model.data_value.UnrepresentableValueError: not a whole number
    """
    if isinstance(stored, dict | list):
        _check_depth(stored)
    return _converted(stored, declared)


def _converted(stored: Any, declared: DataType | None) -> DataValue:
    return (_infer if declared is None else _CONVERTERS[declared.type])(stored, declared)


def _check_depth(stored: Any) -> None:
    """Refuse what a data connector refuses; JSON's writer and the calls here have limits beyond that."""
    level = [stored]
    for _ in range(DEEPEST_NESTING):
        lists = [each for each in level if isinstance(each, list)]
        maps = [each.values() for each in level if isinstance(each, dict)]
        level = list(chain(*lists, *maps))
        if not level:
            return
    raise UnrepresentableValueError(f"nested more than {DEEPEST_NESTING} levels deep")


def _decimal(stored: Any) -> Decimal:
    """Read a number, or a string that spells one, with all its digits."""
    if isinstance(stored, bool) or not isinstance(stored, str | int | float | Decimal):
        raise UnrepresentableValueError(f"{kind_of(stored)} is not a number")
    text = str(stored).strip()
    if not _NUMBER.fullmatch(text):
        raise UnrepresentableValueError("not a finite number")
    try:
        return Decimal(text)
    except InvalidOperation as error:  # beyond what Decimal itself can hold
        raise UnrepresentableValueError("not a finite number") from error


def _double(stored: Any, _declared: DataType | None) -> DataValue:
    number = float(_decimal(stored))
    if not math.isfinite(number):
        raise UnrepresentableValueError("larger than a double can be")
    return {"doubleValue": number}


def _whole(kind: str, limit: int, stored: Any, _declared: DataType | None) -> DataValue:
    number = _decimal(stored)
    if not -limit <= number < limit:
        raise UnrepresentableValueError(f"outside of {limit.bit_length()} bits")
    if number != number.to_integral_value():
        raise UnrepresentableValueError("not a whole number")
    return {kind: int(number)}


_integer: Final = partial(_whole, "integerValue", INTEGER_LIMIT)
_long: Final = partial(_whole, "longValue", LONG_LIMIT)


def _boolean(stored: Any, _declared: DataType | None) -> DataValue:
    if isinstance(stored, bool):
        return {"booleanValue": stored}
    if isinstance(stored, int | float | Decimal) and stored in (0, 1):
        return {"booleanValue": bool(stored)}
    if isinstance(stored, str) and stored.strip().lower() in ("true", "false", "0", "1"):
        return {"booleanValue": stored.strip().lower() in ("true", "1")}
    raise UnrepresentableValueError("neither true nor false")


def _string(stored: Any, _declared: DataType | None) -> DataValue:
    if isinstance(stored, str):
        text = stored
    elif isinstance(stored, bool):
        text = "true" if stored else "false"
    elif isinstance(stored, int | float | Decimal):
        text = _digits(stored)
    else:
        raise UnrepresentableValueError(f"{kind_of(stored)} is not a scalar")
    return {"stringValue": _checked(text)}


def _checked(text: str, longest: int = LONGEST_STRING) -> str:
    """Return a string that TwinMaker takes and JSON can carry; a store that keeps UTF-16 may have others."""
    if not 0 < len(text) <= longest:
        raise UnrepresentableValueError(f"{len(text)} characters; TwinMaker takes 1 to {longest}")
    if HALF_PAIR.search(text):
        raise UnrepresentableValueError("half of a surrogate pair is no character")
    return text


def _digits(number: float | Decimal) -> str:
    """Spell a number with the digits it was stored with, without an exponent where that is short."""
    # `repr` of a double gives the fewest digits that distinguish it from its neighbours.
    digits = Decimal(repr(number)) if isinstance(number, float) else Decimal(number)
    short = digits.is_finite() and -40 < digits.adjusted() < 40
    return f"{digits:f}" if short else str(number)


def _list(stored: Any, declared: DataType | None) -> DataValue:
    if not isinstance(stored, list | tuple):
        raise UnrepresentableValueError(f"{kind_of(stored)} is not a list")
    _check_size(stored)
    nested = declared.nested if declared else None
    return {"listValue": [_element(item, nested) for item in stored]}


def _map(stored: Any, declared: DataType | None) -> DataValue:
    if not isinstance(stored, Mapping):
        raise UnrepresentableValueError(f"{kind_of(stored)} is not a map")
    _check_size(stored)
    nested = declared.nested if declared else None
    return {"mapValue": {_checked(str(k)): _element(v, nested) for k, v in stored.items()}}


def _check_size(stored: Sized) -> None:
    if len(stored) > MOST_ELEMENTS:
        raise UnrepresentableValueError(f"{len(stored)} elements; TwinMaker takes {MOST_ELEMENTS}")


def _element(item: Any, nested: DataType | None) -> DataValue:
    if item is None:
        raise UnrepresentableValueError("an element is null")
    return _converted(item, nested)


def _relationship(stored: Any, _declared: DataType | None) -> DataValue:
    if (
        not isinstance(stored, Mapping)
        or not stored
        or not stored.keys() <= RELATIONSHIP_LENGTHS.keys()
        or not all(isinstance(value, str) for value in stored.values())
    ):
        raise UnrepresentableValueError(f"not a map of {' and '.join(RELATIONSHIP_LENGTHS)}")
    checked = {name: _checked(value, RELATIONSHIP_LENGTHS[name]) for name, value in stored.items()}
    return {"relationshipValue": checked}


def _infer(stored: Any, _declared: DataType | None) -> DataValue:
    if isinstance(stored, bool):
        return {"booleanValue": stored}
    if isinstance(stored, str):
        return _string(stored, None)
    if isinstance(stored, Mapping):
        return _map(stored, None)
    if isinstance(stored, list | tuple):
        return _list(stored, None)
    number = _decimal(stored)
    if number.adjusted() < 20 and number == number.to_integral_value():
        if -INTEGER_LIMIT <= number < INTEGER_LIMIT:
            return {"integerValue": int(number)}
        if -LONG_LIMIT <= number < LONG_LIMIT:
            return {"longValue": int(number)}
    return _double(stored, None)


_CONVERTERS: Final[Mapping[str, Callable[[Any, DataType | None], DataValue]]] = {
    "BOOLEAN": _boolean,
    "DOUBLE": _double,
    "INTEGER": _integer,
    "LIST": _list,
    "LONG": _long,
    "MAP": _map,
    "RELATIONSHIP": _relationship,
    "STRING": _string,
}

DATA_VALUE_TYPES: Final[Mapping[str, str]] = {
    "booleanValue": "BOOLEAN",
    "doubleValue": "DOUBLE",
    "integerValue": "INTEGER",
    "listValue": "LIST",
    "longValue": "LONG",
    "mapValue": "MAP",
    "relationshipValue": "RELATIONSHIP",
    "stringValue": "STRING",
}
"""The declared type of each kind of DataValue."""


def _is_relationship(content: Any) -> bool:
    return (
        isinstance(content, dict)
        and bool(content)
        and content.keys() <= RELATIONSHIP_LENGTHS.keys()
        and all(
            isinstance(each, str) and 0 < len(each) <= RELATIONSHIP_LENGTHS[name]
            for name, each in content.items()
        )
    )


# `type` rather than `isinstance`: a boolean is an int of Python's, but no number of JSON's.
SCALARS: Final[Mapping[str, Callable[[Any], bool]]] = {
    "booleanValue": lambda content: type(content) is bool,
    "doubleValue": lambda content: (
        type(content) in (float, int) and -_LARGEST <= content <= _LARGEST
    ),
    "integerValue": lambda content: (
        type(content) is int and -INTEGER_LIMIT <= content < INTEGER_LIMIT
    ),
    "longValue": lambda content: type(content) is int and -LONG_LIMIT <= content < LONG_LIMIT,
    "relationshipValue": _is_relationship,
    "stringValue": lambda content: type(content) is str and 0 < len(content) <= LONGEST_STRING,
}
"""Whether parsed JSON is what a DataValue's kind holds, within TwinMaker's limits; lists and maps hold DataValues."""
