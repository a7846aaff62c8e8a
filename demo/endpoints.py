"""The URLs and names of a running local cloud, and the files that list them."""

from __future__ import annotations

import json
import shlex
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Final

from deploy_scripts.project_files.whole_files import PRIVATE, write_whole

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

ENDPOINTS_FILE: Final = "endpoints.json"
ENVIRONMENT_FILE: Final = "environment"


@dataclass(frozen=True, slots=True)
class Endpoints:
    """The URLs and names of a running local cloud, as `.local/endpoints.json` holds them.

    Attributes
    ----------
    hot_reader_url, hot_reader_last_entry_url
        The HTTP endpoints.
    token
        The token that they accept in `X-Inter-Cloud-Token`.
    twinmaker_url, aws_url
        Endpoints for AWS SDKs; TwinMaker needs host prefixes off.
    region, table_name, workspace_id
        Names for SDK calls.
    entity_id, component_name, component_type_id
        The entity that is read through the data connector, over HTTP.
    latest_component_name
        The component of each entity by which newest values are read.
    direct_entity_id, direct_component_type_id
        The entity of the same device that is read through `hot-reader` directly.
    device_id
        That device.
    clouds
        The other clouds that run, by provider: `azure` and `gcp`.
    """

    hot_reader_url: str
    hot_reader_last_entry_url: str
    token: str = field(repr=False)
    twinmaker_url: str
    aws_url: str
    region: str
    table_name: str
    workspace_id: str
    entity_id: str
    component_name: str
    latest_component_name: str
    component_type_id: str
    direct_entity_id: str
    direct_component_type_id: str
    device_id: str
    clouds: dict[str, CloudEndpoints] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CloudEndpoints:
    """The URLs of another cloud, and the names by which TwinMaker reads it.

    Attributes
    ----------
    hot_reader_url, hot_reader_last_entry_url
        Its HTTP endpoints; they accept the same token.
    entity_id, component_type_id
        The entity of the same device that TwinMaker reads through a data connector to this cloud.
    """

    hot_reader_url: str
    hot_reader_last_entry_url: str
    entity_id: str
    component_type_id: str


def remove_files(directory: Path) -> None:
    """Remove both files, if they are there."""
    for name in (ENDPOINTS_FILE, ENVIRONMENT_FILE):
        (directory / name).unlink(missing_ok=True)


def write_files(directory: Path, endpoints: Endpoints, environment: Mapping[str, str]) -> None:
    """Write both files, readable by their owner only.

    Parameters
    ----------
    directory
        The directory for them.
    endpoints
        The content of `endpoints.json`. It is written last: whoever waits for this file finds
        everything ready.
    environment
        The variables that `environment` exports to a shell.
    """
    lines = [f"export {name}={shlex.quote(value)}" for name, value in environment.items()]
    _write(directory / ENVIRONMENT_FILE, "\n".join(lines) + "\n")
    _write(directory / ENDPOINTS_FILE, json.dumps(asdict(endpoints), indent=2) + "\n")


def _write(path: Path, content: str) -> None:
    write_whole(path, content.encode(), mode=PRIVATE, locked=True)
