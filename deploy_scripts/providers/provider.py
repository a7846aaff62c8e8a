"""The description of a provider: everything that deploy_scripts and the demo need to know of a cloud."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from chalicelib.model.entries import DeviceId
    from chalicelib.settings.environment import Environment
    from deploy_scripts.providers.telemetry import Writer


class Probe(Protocol):
    """A look into a hot storage with the operator's own credentials, past the Hot Readers.

    Entries are returned as they are stored, whole, the numbers of their keys as numbers. What a cloud's
    SDK raises is passed on.
    """

    place: str  # the storage's name in messages, such as `the DynamoDB table hot`

    def ends(self, device_id: DeviceId) -> Sequence[Mapping[str, Any]]:
        """Return a few of a device's oldest entries, and of its newest, by the keys' own order."""

    def some(self) -> Sequence[Mapping[str, Any]]:
        """Return a few entries of whatever device."""


@dataclass(frozen=True, slots=True)
class StorageKey:
    """A key of a cloud's section in `config_storage.json`."""

    name: str  # the key, such as `table`
    setting: str  # the Hot Readers' setting with its value
    meaning: str  # what it must be, in words
    kind: type[str] | type[bool] = str
    pattern: str = r"^\S(.*\S)?$"
    choices: tuple[str, ...] = ()
    # The value where the file has none; `{twin}` in it stands for the twin's name. None for the
    # default of the function.
    default: str | None = None


@dataclass(frozen=True, slots=True)
class Functions:
    """The packaging of functions for a cloud that Chalice can't deploy to."""

    # The project's directory with the files below, and with `publish.sh`, which publishes them.
    directory: str
    entry: str  # the module that the platform imports
    files: tuple[str, ...]  # the other files at the package's root
    settings_suffix: str
    # Spells the settings as the cloud's command line takes them.
    spelled: Callable[[Mapping[str, str]], str]
    # The options of `package` for this cloud alone, with their help. The value of `--key-vault` is that of
    # the variable KEY_VAULT in `publish.sh`.
    options: Mapping[str, str]
    keeps_bytecode: bool = False  # True if the cloud leaves the package's bytecode as it is
    # Returns further variables of the script, from the Hot Readers' settings.
    variables: Callable[[Mapping[str, str]], Mapping[str, str]] = lambda _settings: {}


@dataclass(frozen=True, slots=True)
class Provider:
    """A cloud."""

    name: str  # its name in configurations, such as `gcp`
    title: str  # its name in messages, such as `Google Cloud`
    store: str  # the product that is its hot storage
    load_settings: Callable[[Environment], object]  # those of the hot storage
    storage: tuple[StorageKey, ...]
    # Opens the hot storage that the settings name, to write sample telemetry. It raises
    # `ConfigurationError` if one is missing or malformed, and what the cloud's SDK raises.
    writer: Callable[[Environment], Writer]
    # Opens the hot storage that the settings name, those of entries included, to look into it. It
    # raises `ConfigurationError` if a setting is missing or malformed, `HotReaderError` if the
    # storage isn't one that these settings can read, and what the cloud's SDK raises.
    probe: Callable[[Environment], Probe]
    # The packaging of its functions; None for AWS, where Chalice deploys them.
    functions: Functions | None = None
