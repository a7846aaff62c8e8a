"""Settings of an HTTP endpoint."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from chalicelib.model.errors import ConfigurationError
from chalicelib.settings.environment import whole_number
from chalicelib.settings.token_reference import TokenReference

if TYPE_CHECKING:
    from chalicelib.settings.environment import Environment


@dataclass(frozen=True, slots=True)
class EndpointSettings:
    """Settings of an HTTP endpoint, besides those of its Hot Reader.

    Attributes
    ----------
    token
        The tokens it accepts.
    requests_per_second
        The number of authorized requests that one instance answers per second; None for no limit of
        its own.
    compress
        True if nothing in front of the endpoint compresses answers for callers that accept gzip.
    """

    token: TokenReference
    requests_per_second: int | None
    compress: bool

    @classmethod
    def load(cls, environment: Environment) -> EndpointSettings:
        """Read the settings; see `HotReaderSettings.load`."""
        limit = whole_number(environment, "REQUESTS_PER_SECOND", 0, 0, 100_000)
        return cls(
            TokenReference.load(environment),
            limit or None,
            # In front of a deployed function, API Gateway compresses (the stage's
            # minimum_compression_size); nothing is in front of `chalice local`.
            compress=environment.get("AWS_CHALICE_CLI_MODE") == "true",
        )

    @classmethod
    def load_outside_aws(cls, environment: Environment) -> EndpointSettings:
        """Read the settings of a function on another cloud; see `HotReaderSettings.load`.

        Nothing in front of it compresses, and it holds no credentials of AWS, so that no store there can
        be asked for the token (docs/architecture.md, 'Credential isolation').
        """
        settings = replace(cls.load(environment), compress=True)
        if settings.token.store is not None:
            raise ConfigurationError(
                f"{settings.token.variable} refers to a store of AWS, which can't be read from here. "
                "Let the platform put the token itself there: a Key Vault reference on Azure "
                "(@Microsoft.KeyVault(SecretUri=...)), a secret of Secret Manager on Google Cloud."
            )
        return settings
