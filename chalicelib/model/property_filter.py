"""Property filters: conditions that an entry must meet to be returned.

TwinMaker sends them as `{propertyName, operator, value: DataValue}` (docs/architecture.md,
'Filters').
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import compress, repeat
from typing import TYPE_CHECKING, Any, Final

from chalicelib.model.data_columns import to_data_values
from chalicelib.model.data_value import (
    DATA_VALUE_TYPES,
    DEEPEST_NESTING,
    SCALARS,
    DataType,
    UnrepresentableValueError,
    kind_of,
    to_data_value,
)
from chalicelib.model.errors import InvalidQueryError

if TYPE_CHECKING:
    from chalicelib.model.entries import StoredColumn

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

    def condition(self, declared: DataType | None) -> Condition:
        """Return the test of stored values, comparing by the declared type.

        Without a declared type, the filter's own kind decides; numbers of all kinds compare with
        each other then.

        Parameters
        ----------
        declared
            The property's type, if it has one.

        Raises
        ------
        InvalidQueryError
            The filter's value doesn't fit the type, or the type has no order.

        Examples
        --------
        >>> warm = PropertyFilter("temperature", ">", {"doubleValue": 20})
        >>> condition = warm.condition(DataType("DOUBLE"))
        >>> condition.holds(Decimal("20.5")), condition.holds("19")
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
                f"The filter on {self.property_name}: its {kind} isn't of the type {data_type.type}: {error}"
            ) from error
        return Condition(_OPERATORS[self.operator], expected, data_type, exact)


@dataclass(frozen=True, slots=True)
class Condition:
    """The test of stored values by a filter.

    Attributes
    ----------
    compare, expected
        The operator, and the value to compare with.
    data_type
        The type to compare by.
    exact
        True to compare numbers of all kinds by all their digits instead.

    Examples
    --------
    >>> from chalicelib.model.entries import StoredColumn
    >>> condition = PropertyFilter("p", ">", {"doubleValue": 20}).condition(DataType("DOUBLE"))
    >>> condition.rows(StoredColumn("text", ["19", "20.5"], [3, 7]))
    [7]
    """

    compare: Callable[[Any, Any], bool]
    expected: Any
    data_type: DataType
    exact: bool

    def holds(self, stored: Any) -> bool:
        """Test a stored value (not None).

        Raises
        ------
        UnrepresentableValueError
            The type can't express the value.
        """
        return self.compare(_comparable(stored, self.data_type, exact=self.exact), self.expected)

    def rows(self, column: StoredColumn) -> Sequence[int] | None:
        """Test a column of stored values at once, with the result of `holds` for each.

        Returns
        -------
        Sequence[int] | None
            The entries whose values pass; None if each has to be tested by itself: any of them may be
            unrepresentable then.
        """
        if not column.values:
            return ()
        converted = to_data_values(column, self.data_type if not self.exact else DataType("DOUBLE"))
        if converted is None or (self.exact and column.kind != "number"):
            return None
        values: Sequence[Any] = column.values
        # As in `_comparable`; the numbers are finite, or there would be no doubles of them.
        found = list(map(Decimal, map(str, values))) if self.exact else converted[1]
        rows = range(len(values)) if column.rows is None else column.rows
        return list(compress(rows, map(self.compare, found, repeat(self.expected))))


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
    if isinstance(raw, float) and raw.is_integer() and kind != "doubleValue":
        raw = int(raw)  # JSON has one kind of numbers
    if kind not in SCALARS or not SCALARS[kind](raw):
        raise UnrepresentableValueError(f"no {kind} within TwinMaker's limits, but {kind_of(raw)}")
    return raw


def plain_value(value: Any, depth: int = 0) -> Any:
    """Take a DataValue, and those inside of it, out of their wrapping.

    Raises
    ------
    UnrepresentableValueError
        It isn't a DataValue with one kind, what the kind doesn't hold, or is nested too deep.

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
