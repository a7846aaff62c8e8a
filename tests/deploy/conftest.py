"""A twin's configuration directory that tests write, break and read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from local_cloud.aws.account import LocalAws
from local_cloud.twinmaker import LocalTwinMaker
from tests.deploy.killing import World

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAME = "factory-twin"
DEVICES: list[dict[str, Any]] = [
    {
        "id": "pump-1",
        "properties": [
            {"name": "pressure", "dataType": "DOUBLE", "unitOfMeasure": "Bar"},
            {"name": "running", "dataType": "BOOLEAN", "source": "Pump.Running"},
        ],
        "constProperties": [{"name": "maxPressure", "dataType": "DOUBLE", "value": 16.0}],
    },
    {"id": "meter-1", "properties": [{"name": "power", "dataType": "DOUBLE"}]},
]


class TwinDirectory:
    """Configuration files: those of a valid twin, until one is written anew."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.write("config.json", {"digital_twin_name": NAME})
        self.providers("azure", "aws")
        self.write("config_iot_devices.json", DEVICES)

    def write(self, file: str, content: Any) -> None:
        """Write a file: bytes and text as they are, all else as JSON."""
        if not isinstance(content, str | bytes):
            content = json.dumps(content)
        data = content if isinstance(content, bytes) else content.encode()
        (self.path / file).write_bytes(data)

    def providers(self, layer_3_hot: Any, layer_4: Any) -> None:
        """Write the provider layout."""
        document = {"layer_3_hot_provider": layer_3_hot, "layer_4_provider": layer_4}
        self.write("config_providers.json", document)

    def device(self, **changes: Any) -> None:
        """Write one device, the valid one with changes; None takes a key away."""
        device = {**DEVICES[0], **changes}
        kept = {key: value for key, value in device.items() if value is not None}
        self.write("config_iot_devices.json", [kept])


@pytest.fixture
def twin(tmp_path: Path) -> TwinDirectory:
    path = tmp_path / "twin"
    path.mkdir()
    return TwinDirectory(path)


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAws]:
    with LocalAws() as running:
        yield running


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with LocalAws() as aws, LocalTwinMaker(invoke=lambda _arn, _event: {}) as twinmaker:
        made = World(tmp_path, aws, twinmaker)
        yield made
        made.close()
