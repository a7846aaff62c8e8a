"""`config_storage.json`: where the telemetry is, and how its entries are stored.

It has a section for each cloud, of which only the hot storage's is needed. The rules are in
docs/configuration.md. Unlike the other files it is this project's alone, so every key is known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from chalicelib.model.layout import PROVIDER_SPELLINGS
from chalicelib.settings.hot_reader import TIMESTAMP_FORMATS
from deploy_scripts.project_files.misspelt import meant
from deploy_scripts.project_files.problems import (
    MISSING,
    ConfigurationProblems,
    Problem,
    path_of,
    read_document,
    shown,
)
from deploy_scripts.providers import PROVIDERS
from deploy_scripts.providers.provider import StorageKey

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

STORAGE_FILE: Final = "config_storage.json"
ENTRY_KEYS: Final = (
    StorageKey("device_id_attribute", "DEVICE_ID_ATTRIBUTE", "the field with the device's id"),
    StorageKey(
        "device_id_type", "DEVICE_ID_TYPE", "string or number", choices=("string", "number")
    ),
    StorageKey("timestamp_attribute", "TIMESTAMP_ATTRIBUTE", "the field with the instant"),
    StorageKey(
        "timestamp_format",
        "TIMESTAMP_FORMAT",
        f"one of {', '.join(TIMESTAMP_FORMATS)}",
        choices=tuple(TIMESTAMP_FORMATS),
    ),
    StorageKey("mixed_offsets", "MIXED_OFFSETS", "true or false", kind=bool),
    StorageKey("values_path", "VALUES_PATH", "the name or dotted path of a map with all values"),
)
"""Those of every cloud: each is the setting of its name (docs/settings.md)."""
STORAGE_KEYS: Final[Mapping[str, tuple[StorageKey, ...]]] = {
    name: (*provider.storage, *ENTRY_KEYS) for name, provider in PROVIDERS.items()
}
"""The keys of each provider's section."""


def _model(name: str, **kinds: Any) -> type[BaseModel]:
    members: dict[str, Any] = {each: (kind, None) for each, kind in kinds.items()}
    config = ConfigDict(extra="forbid", strict=True)
    return create_model(name, __config__=config, **members)


def _type(key: StorageKey) -> Any:
    if key.choices:
        return Literal[key.choices]
    return bool if key.kind is bool else Annotated[str, Field(pattern=key.pattern)]


_SCHEMA: Final = _model(
    "Storage",
    **{
        name: _model(name, **{key.name: _type(key) for key in keys})
        for name, keys in STORAGE_KEYS.items()
    },
)


def read_storage(directory: Path) -> dict[str, dict[str, str]]:
    """Read the file in a directory, if there is one.

    Returns for each provider that has a section, the Hot Readers' settings that its keys state.
    """
    if not (directory / STORAGE_FILE).exists():
        return {}
    document = read_document(directory, STORAGE_FILE)
    try:
        sections = _SCHEMA.model_validate(document).model_dump(exclude_unset=True)
    except ValidationError as error:
        raise ConfigurationProblems(map(_problem, error.errors(include_url=False))) from error
    return {
        name: {
            key.setting: _spelled(section[key.name])
            for key in STORAGE_KEYS[name]
            if key.name in section
        }
        for name, section in sections.items()
    }


def _spelled(value: str | bool) -> str:  # noqa: FBT001 - a value of the file
    return value if isinstance(value, str) else str(value).lower()


def _problem(error: Any) -> Problem:
    place = error["loc"]
    if error["type"] == "extra_forbidden":
        key = place[-1]
        known = [each.name for each in STORAGE_KEYS[place[0]]] if len(place) > 1 else [*PROVIDERS]
        close = meant(key, known, cutoff=0.6) or PROVIDER_SPELLINGS.get(key)
        expected = f"the key {close}" if close else f"one of the keys {', '.join(known)}"
        return Problem(STORAGE_FILE, path_of(place), "an unknown key", expected)
    found = MISSING if error["type"] == "missing" else error["input"]
    return Problem(STORAGE_FILE, path_of(place), shown(found), _expected(*place))


def _expected(provider: str = "", name: str = "") -> str:
    if not provider:
        return f"an object with sections: {', '.join(PROVIDERS)}"
    if not name:
        return f"an object: {{{', '.join(key.name for key in STORAGE_KEYS[provider])}}}"
    return next(key.meaning for key in STORAGE_KEYS[provider] if key.name == name)
