"""The setting that says where the inter-cloud token is kept: `INTER_CLOUD_TOKEN`.

It holds the token itself or, better, a reference to it: `ssm:/name/of/the/parameter` (SSM Parameter
Store) or `secretsmanager:name-or-arn` (Secrets Manager).

While a token is changed, the value is `current,previous`: an endpoint accepts both, a caller sends the
current one. Both are one value, so the change is one atomic write.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from chalicelib.model.errors import ConfigurationError
from chalicelib.settings.environment import required, whole_number

if TYPE_CHECKING:
    from chalicelib.settings.environment import Environment

_SHORTEST: Final = 16
"""Characters. `secrets.token_urlsafe(32)` makes 43."""
_TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/=-]+")
"""The characters of a bearer token (RFC 6750, section 2.1), as in every base64 and URL-safe alphabet."""
_STORES: Final = ("ssm", "secretsmanager")


@dataclass(frozen=True, slots=True)
class TokenReference:
    """The place where the token is kept.

    Attributes
    ----------
    variable
        The environment variable that says so.
    store
        `ssm`, `secretsmanager`, or None if the variable holds the value itself.
    value
        The name within the store, or the value.
    max_age
        Seconds for which a fetched value is used.
    """

    variable: str
    store: str | None
    value: str = field(repr=False)
    max_age: int

    @classmethod
    def load(cls, environment: Environment) -> TokenReference:
        """Read the settings; see `HotReaderSettings.load`."""
        value = required(environment, "INTER_CLOUD_TOKEN", "ssm:/my-twin/inter-cloud-token")
        max_age = whole_number(environment, "INTER_CLOUD_TOKEN_MAX_AGE_SECONDS", 60, 1, 3_600)
        return cls.parse("INTER_CLOUD_TOKEN", value, max_age=max_age)

    @classmethod
    def parse(cls, variable: str, value: str, *, max_age: int) -> TokenReference:
        """Read a value of the setting.

        Raises
        ------
        ConfigurationError
            It is neither a reference nor a usable token. The message never holds the value.
        """
        value = value.strip()
        store, separator, name = value.partition(":")
        if separator and store in _STORES:
            if not name:
                raise ConfigurationError(
                    f"{variable} names no {store} entry; it should look like {store}:/twin/token"
                )
            return cls(variable, store, name, max_age)
        if ":" in value or value.startswith("/"):
            raise ConfigurationError(
                f"{variable} looks like a reference, but only ssm:NAME and secretsmanager:NAME are "
                "known (an ARN may stand in place of NAME)"
            )
        split_tokens(variable, value)
        return cls(variable, None, value, max_age)

    def __str__(self) -> str:
        """Name the variable and, if it refers to a store, the entry; never the token."""
        if self.store is None:
            return self.variable
        return f"What {self.variable} refers to ({self.store}:{self.value})"


def split_tokens(what: str, value: str) -> list[str]:
    """Return the token, or the current and the previous one.

    Parameters
    ----------
    what
        How a message names the value.
    value
        `token` or `current,previous`.

    Raises
    ------
    ConfigurationError
        It is neither. The message never holds the value.
    """
    tokens = [token.strip() for token in value.split(",")]
    if len(tokens) > 2:
        raise ConfigurationError(f"{what} must be one token, or two as current,previous.")
    for token in tokens:
        if len(token) < _SHORTEST or not _TOKEN.fullmatch(token):
            raise ConfigurationError(
                f"{what} must be a token: at least {_SHORTEST} characters, which may be letters, digits "
                "and ._~+/=-, not whitespace. Make one with: "
                "python3 -c 'import secrets; print(secrets.token_urlsafe(32))'"
            )
    return tokens
