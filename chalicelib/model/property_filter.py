"""Property filters: conditions that an entry must meet to be returned.

TwinMaker sends them as `{propertyName, operator, value: DataValue}` (docs/architecture.md,
'Filters').
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from chalicelib.model.data_value import (
    DATA_VALUE_TYPES,
    DEEPEST_NESTING,
    DataType,
    UnrepresentableValueError,
    to_data_value,
)
from chalicelib.model.errors import InvalidQueryError

_OPERATORS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_NUMERIC: Final = frozenset({"DOUBLE", "INTEGER", "LONG"})
_ORDERED: Final = _NUMERIC | {"STRING"}


@dataclass(frozen=True, slots=True)
class PropertyFilter:
    """One condition on an entry.

    Attributes
    ----------
    property_name
        The property it is about, selected or not.
    operator
        One of `=`, `!=`, `<`, `<=`, `>`, `>=`.
    value
        The DataValue to compare with, as it came.
    """

    property_name: str
    operator: str
    value: Mapping[str, Any]

    @classmethod
    def parse(cls, document: Any, where: str) -> PropertyFilter:
        """Read a filter.

        Parameters
        ----------
        document
            `{"propertyName": str, "operator": str, "value": DataValue}`.
        where
            Its name in an error message.

        Raises
        ------
        InvalidQueryError
            A part is missing, mistyped or unknown.

        Examples
        --------
        >>> warm = {"propertyName": "temperature", "operator": ">", "value": {"doubleValue": 20}}
        >>> PropertyFilter.parse(warm, "property_filters[0]").operator
        '>'
        """
        if not isinstance(document, Mapping):
            raise InvalidQueryError(f"{where} must be an object")
        name, symbol, value = (document.get(key) for key in ("propertyName", "operator", "value"))
        if not isinstance(name, str) or not name:
            raise InvalidQueryError(f"{where}.propertyName must be the name of a property")
        if not isinstance(symbol, str) or symbol not in _OPERATORS:
            raise InvalidQueryError(f"{where}.operator must be one of {' '.join(_OPERATORS)}")
        given = _given(value)
        if len(given) != 1 or not set(given) <= set(DATA_VALUE_TYPES):
            raise InvalidQueryError(
                f'{where}.value must be a DataValue with one kind, such as {{"doubleValue": 20}}'
            )
        return cls(name, symbol, given)

    def to_json(self) -> dict[str, Any]:
        """Return the filter as TwinMaker and the wire contract spell it."""
        return {
            "propertyName": self.property_name,
            "operator": self.operator,
            "value": dict(self.value),
        }

    def condition(self, declared: DataType | None) -> Callable[[Any], bool]:
        """Return the test of a stored value, comparing by the declared type.

        Without a declared type, the filter's own kind decides; numbers of all kinds compare with
        each other then.

        Parameters
        ----------
        declared
            The property's type, if it has one.

        Returns
        -------
        Callable[[Any], bool]
            Takes a stored value (not None); raises `UnrepresentableValueError` for one that the
            type can't express.

        Raises
        ------
        InvalidQueryError
            The filter's value doesn't fit the type, or the type has no order.

        Examples
        --------
        >>> warm = PropertyFilter("temperature", ">", {"doubleValue": 20})
        >>> holds = warm.condition(DataType("DOUBLE"))
        >>> holds(Decimal("20.5")), holds("19")
        (True, False)
        >>> PropertyFilter("running", ">", {"booleanValue": False}).condition(None)
        Traceback (most recent call last):
        chalicelib.model.errors.InvalidQueryError: A filter on running can't use >: BOOLEAN has no order. Use = or !=.
        """
        ((kind, raw),) = self.value.items()
        data_type = declared or DataType(DATA_VALUE_TYPES[kind])
        if self.operator not in ("=", "!=") and data_type.type not in _ORDERED:
            raise InvalidQueryError(
                f"A filter on {self.property_name} can't use {self.operator}: "
                f"{data_type.type} has no order. Use = or !=."
            )
        exact = declared is None and data_type.type in _NUMERIC
        try:
            expected = _comparable(_plain(kind, raw), data_type, exact=exact)
        except UnrepresentableValueError as error:
            raise InvalidQueryError(
                f"The filter on {self.property_name} has a {kind} that isn't a "
                f"{data_type.type}: {error}"
            ) from error
        compare = _OPERATORS[self.operator]
        return lambda stored: compare(_comparable(stored, data_type, exact=exact), expected)


def _given(value: Any) -> dict[str, Any]:
    """Return the kinds that are set; an SDK may send the others as null."""
    if not isinstance(value, Mapping):
        return {}
    return {kind: raw for kind, raw in value.items() if raw is not None}


def _comparable(stored: Any, data_type: DataType, *, exact: bool) -> Any:
    (value,) = to_data_value(stored, data_type if not exact else None).values()
    if not exact:
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UnrepresentableValueError("not a number")
    # As a Decimal: 38 digits of DynamoDB compare exactly with an INTEGER and with a DOUBLE.
    return Decimal(str(stored).strip())


def _plain(kind: str, raw: Any, depth: int = 1) -> Any:
    """Take the DataValues inside of a list or map out of their wrapping."""
    if depth > DEEPEST_NESTING:
        raise UnrepresentableValueError(f"nested more than {DEEPEST_NESTING} levels deep")
    if kind == "listValue" and isinstance(raw, list):
        return [plain_value(item, depth) for item in raw]
    if kind == "mapValue" and isinstance(raw, Mapping):
        return {name: plain_value(item, depth) for name, item in raw.items()}
    return raw


def plain_value(value: Any, depth: int = 0) -> Any:
    """Take a DataValue, and those inside of it, out of their wrapping.

    Raises
    ------
    UnrepresentableValueError
        It isn't a DataValue with one kind, or is nested too deep.

    Examples
    --------
    >>> plain_value({"listValue": [{"doubleValue": 1.5}]})
    [1.5]
    """
    given = _given(value)
    if len(given) != 1:
        raise UnrepresentableValueError("not a DataValue with one kind")
    ((kind, raw),) = given.items()
    return _plain(kind, raw, depth + 1)
