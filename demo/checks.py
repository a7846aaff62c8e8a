"""Checks of what a step of the demo got."""

from __future__ import annotations

from typing import Any


class DemoError(Exception):
    """A step of the demo didn't give the expected result."""


def expect(holds: bool, otherwise: str) -> None:  # noqa: FBT001 - reads like an assertion
    """Check a result.

    Raises
    ------
    DemoError
        It doesn't hold.
    """
    if not holds:
        raise DemoError(otherwise)


def only(data_value: dict[str, Any]) -> Any:
    """Return the content of a DataValue of a scalar."""
    (value,) = data_value.values()
    return value


def same(read: Any, stored: Any) -> bool:
    """Compare a value with the stored one; a number by its value as a double."""
    if isinstance(read, bool) or not isinstance(read, int | float):
        return bool(read == stored)
    return float(read) == float(stored)
