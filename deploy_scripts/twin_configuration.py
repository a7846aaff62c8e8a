"""The twin's configuration files: what they are called and what is in them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from chalicelib.data_value import DataType

if TYPE_CHECKING:
    from pathlib import Path

DEVICES_FILE: Final = "config_iot_devices.json"
TWIN_FILE: Final = "config.json"


@dataclass(frozen=True, slots=True)
class DeviceProperty:
    """A property of a device.

    Attributes
    ----------
    name
        Its name in telemetry and in TwinMaker.
    data_type
        Its declared type.
    unit
        Its unit of measure, if it has one.
    value
        The value of a constant property; None for telemetry.
    """

    name: str
    data_type: DataType
    unit: str | None = None
    value: Any = None


@dataclass(frozen=True, slots=True)
class Device:
    """An IoT device.

    Attributes
    ----------
    id
        Its id: the partition key of its telemetry.
    properties
        What it measures.
    constants
        What doesn't change.
    """

    id: str
    properties: tuple[DeviceProperty, ...]
    constants: tuple[DeviceProperty, ...] = ()


def twin_name(directory: Path) -> str:
    """Return the digital twin's name from `config.json` in a directory."""
    document = json.loads((directory / TWIN_FILE).read_text())
    return str(document["digital_twin_name"])


def devices(directory: Path) -> list[Device]:
    """Return the devices of `config_iot_devices.json` in a directory."""
    listed = json.loads((directory / DEVICES_FILE).read_text())
    return [
        Device(
            device["id"],
            tuple(map(_property, device["properties"])),
            tuple(map(_property, device.get("constProperties", []))),
        )
        for device in listed
    ]


def _property(document: dict[str, Any]) -> DeviceProperty:
    return DeviceProperty(
        document["name"],
        DataType.parse(document["dataType"], document["name"]),
        document.get("unitOfMeasure"),
        document.get("value"),
    )
