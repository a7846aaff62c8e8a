"""Columns of stored values as TwinMaker's DataValues, all at once; see `data_value`."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from chalicelib.model.data_value import HALF_PAIR, INTEGER_LIMIT, LONG_LIMIT, DataType
from chalicelib.model.limits import LONGEST_STRING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from chalicelib.model.entries import StoredColumn

_EXACT_DIGITS: Final = 15
"""Digits of a number that a double always keeps: if it is whole, so is the number."""
_TOO_LARGE: Final = 10**_EXACT_DIGITS
"""A number that has more digits, however short it is spelled (1e+19)."""


def to_data_values(
    column: StoredColumn, declared: DataType | None
) -> tuple[str | list[str], list[Any]] | None:
    """Turn a column of stored values into DataValues, all at once.

    The result is that of `to_data_value` for each value, in a fraction of the time; only the usual
    combinations of storage and type are converted.

    Parameters
    ----------
    column
        The stored values.
    declared
        The property's type; None infers it from the values.

    Returns
    -------
    tuple[str | list[str], list[Any]] | None
        The kind and the contents of the DataValues: `("doubleValue", [21.5, ...])`; the kinds of inferred
        numbers that differ in kind. None if each value has to be converted by itself; any of them may be
        unrepresentable then.

    Examples
    --------
    >>> from chalicelib.model.data_value import DataType
    >>> from chalicelib.model.entries import StoredColumn
    >>> to_data_values(StoredColumn("number", ["21.5", "22"], None), DataType("DOUBLE"))
    ('doubleValue', [21.5, 22.0])
    >>> to_data_values(StoredColumn("text", ["21.5", "cold"], None), DataType("DOUBLE")) is None
    True
    """
    convert = _COLUMN_CONVERTERS.get((column.kind, declared.type if declared else None))
    return None if convert is None else convert(column.values)


def _plain(values: Sequence[Any], characters: bytes, number: type) -> bool:
    """Say whether strings are made of some ASCII characters only, or numbers are int or of a type.

    `float` and `int` judge the order of the characters.
    """
    if values and not isinstance(values[0], str):
        return {int, number}.issuperset(map(type, values))
    joined = "".join(values)
    return joined.isascii() and not joined.encode().translate(None, characters)


def _doubles(stored: Sequence[Any]) -> tuple[str, list[float]] | None:
    # The characters of `_NUMBER`, without whitespace and exponents: those are left to `_double`.
    if not _plain(stored, b"0123456789.-", float):
        return None
    try:
        numbers = list(map(float, stored))
    except (ValueError, OverflowError):
        return None
    # Of finite numbers that are too large together, each is looked at.
    return ("doubleValue", numbers) if math.isfinite(sum(numbers)) else None


def _wholes(kind: str, limit: int, stored: Sequence[Any]) -> tuple[str, list[int]] | None:
    if not _plain(stored, b"0123456789-", int):
        return None
    try:
        numbers = list(map(int, stored))
    except ValueError:
        return None
    fit = not numbers or -limit <= min(numbers) <= max(numbers) < limit
    return (kind, numbers) if fit else None


_integers: Final = partial(_wholes, "integerValue", INTEGER_LIMIT)
_longs: Final = partial(_wholes, "longValue", LONG_LIMIT)


def _strings(texts: Sequence[str]) -> tuple[str, list[str]] | None:
    plain = (joined := "".join(texts)).isascii() or not HALF_PAIR.search(joined)
    if texts and not (plain and all(texts) and max(map(len, texts)) <= LONGEST_STRING):
        return None
    return "stringValue", list(texts)


def _booleans(values: Sequence[bool]) -> tuple[str, list[bool]]:
    return "booleanValue", list(values)


def _inferred(stored: Sequence[Any]) -> tuple[str | list[str], list[Any]] | None:
    whole = _integers(stored)
    if whole is not None:
        return whole
    doubles = _doubles(stored)
    if doubles is None:
        return None
    kind, numbers = doubles
    # A whole number is no double, however it is spelled.
    wholes = [each for each, number in zip(stored, numbers, strict=True) if number.is_integer()]
    if not wholes:
        return doubles
    if max(map(len, map(str, wholes))) > _EXACT_DIGITS or max(map(abs, numbers)) >= _TOO_LARGE:
        return None
    contents = [int(each) if each.is_integer() else each for each in numbers]
    return [_whole_kind(each) if isinstance(each, int) else kind for each in contents], contents


def _whole_kind(number: int) -> str:
    return "integerValue" if -INTEGER_LIMIT <= number < INTEGER_LIMIT else "longValue"


_COLUMN_CONVERTERS: Final[
    Mapping[
        tuple[str, str | None], Callable[[Sequence[Any]], tuple[str | list[str], list[Any]] | None]
    ]
] = {
    ("number", "DOUBLE"): _doubles,
    ("text", "DOUBLE"): _doubles,
    ("number", "INTEGER"): _integers,
    ("text", "INTEGER"): _integers,
    ("number", "LONG"): _longs,
    ("text", "LONG"): _longs,
    ("text", "STRING"): _strings,
    ("boolean", "BOOLEAN"): _booleans,
    ("number", None): _inferred,
    ("text", None): _strings,
    ("boolean", None): _booleans,
}
"""Converters by kind of storage and declared type. Other combinations are rare."""
