"""The local cloud with all three clouds, for TwinMaker's own clients to read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.model.instants import parse_instant
from demo.stack import LocalCloud, Ports

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the local cloud's files."""
    return tmp_path_factory.mktemp("local-cloud")


@pytest.fixture(scope="session")
def cloud(directory: Path) -> Iterator[LocalCloud]:
    with LocalCloud(
        directory=directory, entries=150, seed=7, other_clouds=True, ports=Ports(0, 0, 0)
    ) as running:
        yield running


def stored_of(cloud: LocalCloud, device_id: str) -> list[tuple[str, int, Any]]:
    """Return (property, instant, value) of all that is stored of a device, by instant."""
    return sorted(
        (name, parse_instant(entry.timestamp), value)
        for entry in cloud.telemetry()
        if entry.device_id == device_id
        for name, value in entry.values.items()
    )


@pytest.fixture(scope="session")
def stored(cloud: LocalCloud) -> list[tuple[str, int, Any]]:
    """The stored values of the device that all clouds have."""
    return stored_of(cloud, cloud.devices[0].id)


@pytest.fixture(scope="session")
def newest(stored: list[tuple[str, int, Any]]) -> dict[str, tuple[int, Any]]:
    """The instant and the newest value of each property."""
    return {name: (at, value) for name, at, value in stored}
