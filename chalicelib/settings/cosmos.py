"""Settings of the hot storage on Azure."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from chalicelib.model.errors import ConfigurationError
from chalicelib.settings.environment import required, resolved
from chalicelib.settings.hot_reader import check_has_no_native_timestamps
from chalicelib.settings.secure_url import check_secure_url

if TYPE_CHECKING:
    from chalicelib.settings.environment import Environment


@dataclass(frozen=True, slots=True)
class CosmosSettings:
    """The place of the hot storage on Azure.

    Attributes
    ----------
    endpoint
        The Cosmos DB account's URL.
    database, container
        The container whose partition key is the device's id.
    key
        The account's (read-only) key; None to use the function's managed identity.
    """

    endpoint: str
    database: str
    container: str
    key: str | None = field(repr=False)

    @classmethod
    def load(cls, environment: Environment) -> CosmosSettings:
        """Read the settings; see `HotReaderSettings.load`."""
        check_has_no_native_timestamps(environment, "Cosmos DB")
        endpoint = required(environment, "COSMOS_ENDPOINT", "https://my-twin.documents.azure.com")
        check_secure_url("COSMOS_ENDPOINT", endpoint, example="https://my-twin.documents.azure.com")
        parts = urlsplit(endpoint)
        if parts.path not in ("", "/") or parts.query or parts.fragment:
            # It isn't repeated: somebody may have put the account's key there.
            raise ConfigurationError(
                "COSMOS_ENDPOINT must end with the host, or the port: it should look like "
                "https://my-twin.documents.azure.com"
            )
        return cls(
            endpoint=endpoint,
            database=required(environment, "COSMOS_DATABASE", "my-twin"),
            container=required(environment, "COSMOS_CONTAINER", "hot-telemetry"),
            key=_account_key(environment),
        )


def _account_key(environment: Environment) -> str | None:
    key = resolved(environment, "COSMOS_KEY")
    try:
        base64.b64decode(key, validate=True)
    except ValueError:
        raise ConfigurationError(
            "COSMOS_KEY is not a key: it must be Base64, as the Azure portal shows it under "
            "'Keys'. Leave it out to use the function's managed identity."
        ) from None
    return key or None
