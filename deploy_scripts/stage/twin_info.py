"""The setting `DIGITAL_TWIN_INFO`, as functions on every cloud get it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from chalicelib.model.data_value import DataType
from chalicelib.settings.digital_twin_info import DEVICES_DIRECTORY
from deploy_scripts.project_files.twin_configuration import ALARM_STATUS, DeviceProperty

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from deploy_scripts.project_files.twin_configuration import Device, TwinConfiguration

_DEVICES: Final = "config_iot_devices"
_LARGEST_ENVIRONMENT: Final = 4_096
"""Bytes of all names and values (AWS Lambda developer guide, 'Quotas')."""


def digital_twin_info(twin: TwinConfiguration, devices: Iterable[Device]) -> str:
    """Spell `DIGITAL_TWIN_INFO`, with the devices if there are any.

    A Hot Reader on another cloud gets the same, so that all type alike.

    `devices`: the devices whose types, sources and constants the function needs.
    Returns JSON, as `chalicelib.settings.digital_twin_info.DigitalTwinInfo` reads it.
    """
    info: dict[str, Any] = {
        "config": {"digital_twin_name": twin.name},
        "config_providers": {
            "layer_3_hot_provider": twin.layout.layer_3_hot,
            "layer_4_provider": twin.layout.layer_4,
        },
    }
    listed = [
        {
            "id": device.id,
            "properties": [
                _typed(each) | ({"source": each.source} if each.source else {})
                for each in _stored(device)
            ],
            **({"constProperties": constants} if constants else {}),
            **({"componentType": device.component_type} if device.component_type else {}),
        }
        for device in devices
        for constants in [[_typed(each) | {"value": each.value} for each in device.constants]]
    ]
    return json.dumps(info | ({_DEVICES: listed} if listed else {}))


def _stored(device: Device) -> tuple[DeviceProperty, ...]:
    """Return the properties that are stored, the status of the alarm among them."""
    if device.alarm is None or any(each.name == ALARM_STATUS for each in device.properties):
        return device.properties
    status = DeviceProperty(ALARM_STATUS, DataType("STRING"), source=device.alarm.source)
    return (*device.properties, status)


def _typed(each: DeviceProperty) -> dict[str, Any]:
    return {"name": each.name, "dataType": each.data_type.to_json()}


class PackedInfo(NamedTuple):
    """`DIGITAL_TWIN_INFO` in the room that Lambda has."""

    setting: str  # the setting. If the devices have no room in it, it names the file.
    file: str
    devices: list[Any] | None  # the JSON of the file; None if there needn't be one


def packed(info: str, others: Mapping[str, str], *, name: str) -> PackedInfo:
    """Move the devices of a `DIGITAL_TWIN_INFO` into a file of the package if they are too many.

    Half of Lambda's room is left to the variables that people add.

    `name`: the name that tells the file from those of other stages and clouds.
    """
    file = f"devices-{name}.json"
    path = f"{DEVICES_DIRECTORY.name}/{file}"
    size = sum(len(f"{name}{value}".encode()) for name, value in others.items())
    document = json.loads(info)
    if _DEVICES not in document or size + len(info.encode()) <= _LARGEST_ENVIRONMENT // 2:
        return PackedInfo(info, path, None)
    return PackedInfo(json.dumps(document | {_DEVICES: file}), path, document[_DEVICES])


def unpacked(info: str, project: Path) -> str:
    """Return a `DIGITAL_TWIN_INFO` of a project's stage with all devices in it, as far as it is one.

    What is wrong with it stays, for `DigitalTwinInfo` to say.
    """
    try:
        document = json.loads(info)
        path = project / DEVICES_DIRECTORY.name / document[_DEVICES]
        return json.dumps(document | {_DEVICES: json.loads(path.read_bytes())})
    except (OSError, ValueError, TypeError, KeyError):
        return info
