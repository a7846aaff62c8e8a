"""Variables of the environment, each with its check."""

from __future__ import annotations

import re
from collections.abc import Mapping

from chalicelib.model.errors import ConfigurationError

Environment = Mapping[str, str]


def required(environment: Environment, name: str, example: str) -> str:
    """Return a variable that has to be set.

    Raises
    ------
    ConfigurationError
        It is missing, or nothing but whitespace.
    """
    value = environment.get(name, "").strip()
    if not value:
        raise ConfigurationError(f"{name} is not set. Set it to something like: {example}")
    return value


def string(environment: Environment, name: str, default: str) -> str:
    """Return a variable, or its default if it is missing or nothing but whitespace."""
    return environment.get(name, "").strip() or default


def whole_number(environment: Environment, name: str, default: int, least: int, most: int) -> int:
    """Return a whole number between two bounds, or its default if it is missing or empty.

    Raises
    ------
    ConfigurationError
        It is no whole number, or out of bounds.
    """
    text = environment.get(name, "").strip()
    if not text:
        return default
    if not re.fullmatch("[0-9]{1,9}", text) or not least <= int(text) <= most:
        raise ConfigurationError(
            f"{name} is {text!r}; it must be a whole number from {least} to {most}"
        )
    return int(text)


def flag(environment: Environment, name: str) -> bool:
    """Return True for `true`; a missing or empty variable is False.

    Raises
    ------
    ConfigurationError
        It is neither `true` nor `false`.
    """
    text = environment.get(name, "").strip().lower()
    if text not in ("", "true", "false"):
        raise ConfigurationError(f"{name} is {text!r}; it must be true or false")
    return text == "true"
