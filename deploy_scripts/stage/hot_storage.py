"""The hot storage's settings: what the Hot Readers have to know of it, and where each value comes from.

A section of `config_storage.json` says all: what it leaves out has its default. Without a section, what
somebody wrote into the stage stays. A name that nobody chose is made of the twin's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from deploy_scripts.project_files.storage import STORAGE_FILE, STORAGE_KEYS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deploy_scripts.project_files.twin_configuration import TwinConfiguration
    from deploy_scripts.providers.provider import StorageKey
    from deploy_scripts.stage.stage import Stage

AFTER_THE_TWIN: Final = "named after the twin"
BY_DEFAULT: Final = "by default"


@dataclass(frozen=True, slots=True)
class StorageSetting:
    """A setting of the hot storage."""

    key: StorageKey
    value: str
    origin: str  # where the value comes from, in words


def storage_settings(
    twin: TwinConfiguration, stage: Stage | None = None, *, cloud: str | None = None
) -> list[StorageSetting]:
    """Return the settings of a hot storage; one that isn't there has the function's default.

    `stage`: the Chalice stage of the Hot Readers; None if they aren't on AWS.
    `cloud`: the hot storage's provider; None for that of the twin's layout.
    """
    cloud = cloud or twin.layout.layer_3_hot
    section = twin.storage.get(cloud)
    stated = stage.environment if stage is not None and section is None else None
    former = stage.twin_name if stage is not None else None
    found = []
    for key in STORAGE_KEYS[cloud]:
        default = key.default and key.default.format(twin=twin.name)
        if section and key.setting in section:
            found.append(StorageSetting(key, section[key.setting], STORAGE_FILE))
        elif stage and stated and _is_chosen(key, stated, former):
            found.append(StorageSetting(key, stated[key.setting], in_stage(stage)))
        elif default:
            origin = BY_DEFAULT if default == key.default else AFTER_THE_TWIN
            found.append(StorageSetting(key, default, origin))
    return found


def storage_environment(twin: TwinConfiguration, *, cloud: str | None = None) -> dict[str, str]:
    """Return the same settings as environment variables, without those of a stage."""
    return {each.key.setting: each.value for each in storage_settings(twin, cloud=cloud)}


def in_stage(stage: Stage) -> str:
    """Say that a value comes from a stage."""
    return f"the stage {stage.name}"


def _is_chosen(key: StorageKey, stated: Mapping[str, str], former_twin: str | None) -> bool:
    """Say whether somebody chose what a stage states: else it is named after the stage's twin."""
    value = stated.get(key.setting)
    if not value or key.default is None or former_twin is None:
        return bool(value)
    return value != key.default.format(twin=former_twin)
