"""Settings of the hot storage on Google Cloud."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from chalicelib.model.errors import ConfigurationError
from chalicelib.settings.environment import required, string
from chalicelib.settings.secure_url import LOOPBACK_HOSTS

if TYPE_CHECKING:
    from chalicelib.settings.environment import Environment


@dataclass(frozen=True, slots=True)
class FirestoreSettings:
    """The place of the hot storage on Google Cloud.

    Attributes
    ----------
    project
        The Google Cloud project; None for the one that the function runs in.
    database
        The Firestore database.
    collection
        The collection whose documents are the entries.
    emulator
        The host and port of an emulator that takes the service's place; None for the service.
    """

    project: str | None
    database: str
    collection: str
    emulator: str | None = None

    @classmethod
    def load(cls, environment: Environment) -> FirestoreSettings:
        """Read the settings; see `HotReaderSettings.load`."""
        return cls(
            project=environment.get("FIRESTORE_PROJECT", "").strip() or None,
            database=string(environment, "FIRESTORE_DATABASE", "(default)"),
            collection=required(environment, "FIRESTORE_COLLECTION", "hot-telemetry"),
            emulator=_emulator(environment),
        )


def _emulator(environment: Environment) -> str | None:
    """Read the address that Google's clients take for Firestore's if the variable exists, even empty."""
    address = environment.get("FIRESTORE_EMULATOR_HOST")
    if address is None:
        return None
    address = address.strip()
    try:
        host = urlsplit(f"//{address}").hostname
    except ValueError:
        host = None
    if host not in LOOPBACK_HOSTS:
        raise ConfigurationError(
            f"FIRESTORE_EMULATOR_HOST is {address!r}; it must be on this machine, such as "
            "127.0.0.1:8080, as nothing is encrypted on the way there. Unset it to read the real "
            "database."
        )
    return address
