"""The setting `DIGITAL_TWIN_INFO`, as functions on every cloud get it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from deploy_scripts.project_files.twin_configuration import Device, TwinConfiguration

_LARGEST_ENVIRONMENT: Final = 4_096
"""Bytes of all names and values (AWS Lambda developer guide, 'Quotas')."""


def digital_twin_info(
    twin: TwinConfiguration, devices: Iterable[Device], others: Mapping[str, str]
) -> str:
    """Spell `DIGITAL_TWIN_INFO`: with the devices, if there are any and Lambda has room.

    Half of Lambda's room is left to the variables that people add. A Hot Reader on another cloud gets
    the same, so that all type alike.

    Parameters
    ----------
    twin
        The twin's configuration.
    devices
        The devices whose declared types the function needs.
    others
        The function's other variables.

    Returns
    -------
    str
        JSON, as `chalicelib.settings.digital_twin_info.DigitalTwinInfo` reads it.
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
                {"name": each.name, "dataType": each.data_type.to_json()}
                for each in device.properties
            ],
        }
        for device in devices
    ]
    full = json.dumps(info | ({"config_iot_devices": listed} if listed else {}))
    size = sum(len(f"{name}{value}".encode()) for name, value in others.items())
    return full if size + len(full.encode()) <= _LARGEST_ENVIRONMENT // 2 else json.dumps(info)
