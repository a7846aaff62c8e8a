"""Variables of the environment, each with its check."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from chalicelib.model.errors import ConfigurationError

Environment = Mapping[str, str]

_UNRESOLVED: Final = {
    re.compile(r"@Microsoft\.KeyVault\(", re.IGNORECASE): (
        "a Key Vault reference that Azure has not resolved. In the portal, the function app's "
        "'Environment variables' show why: check the secret's URI, that the app's managed identity may "
        "read the vault's secrets (role Key Vault Secrets User), and the vault's firewall; then restart "
        "the app"
    ),
    re.compile(r"projects/[^/]+/secrets/"): (
        "the name of a secret in Secret Manager, not the secret. Let Google Cloud put the secret "
        "there: gcloud functions deploy with --set-secrets, or gcloud run deploy with --update-secrets, "
        "in place of an environment variable"
    ),
}
"""References that the platform should have replaced by what they refer to."""


def resolved(environment: Environment, name: str) -> str:
    """Return a variable that the platform may put there; empty if it is missing.

    Raises
    ------
    ConfigurationError
        It still holds a reference that the platform should have replaced by a secret.
    """
    value = environment.get(name, "").strip()
    for reference, problem in _UNRESOLVED.items():
        if reference.match(value):
            raise ConfigurationError(f"{name} is {problem}.")
    return value


def required(environment: Environment, name: str, example: str) -> str:
    """Return a variable that has to be set.

    Raises
    ------
    ConfigurationError
        It is missing, nothing but whitespace, or a reference; see `resolved`.
    """
    value = resolved(environment, name)
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
