"""A device's properties, for TwinMaker's `schemaInitializer`.

TwinMaker imports them into the component type, or into the component of an entity (AWS IoT TwinMaker user
guide, 'Data connectors', 'Schema initializer connector').
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chalicelib.contracts.twinmaker import SOURCE
from chalicelib.data_connector import device
from chalicelib.model.data_value import UnrepresentableValueError, to_data_value
from chalicelib.model.errors import ConfigurationError, InvalidQueryError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chalicelib.data_connector.deadline import Deadline
    from chalicelib.model.data_value import DataType
    from chalicelib.settings.digital_twin_info import DigitalTwinInfo


def answer(
    event: Mapping[str, Any], twin: DigitalTwinInfo, deadline: Deadline | None = None
) -> dict[str, Any]:
    """Answer a `schemaInitializer` event from the twin's configuration.

    A constant's value is the default of a component type, but the value itself in an entity's component.

    Parameters
    ----------
    event
        The event.
    twin
        The twin, with its devices.
    deadline
        See `chalicelib.data_connector.device.resolve`.

    Raises
    ------
    InvalidQueryError
        The event names no device, or none of the configuration.
    ConfigurationError
        A constant's value isn't of its type.

    Examples
    --------
    >>> from chalicelib.settings.digital_twin_info import DigitalTwinInfo
    >>> info = {
    ...     "config": {"digital_twin_name": "my-twin"},
    ...     "config_providers": {"layer_3_hot_provider": "aws", "layer_4_provider": "aws"},
    ...     "config_iot_devices": [
    ...         {"id": "pump-1", "properties": [{"name": "pressure", "dataType": "DOUBLE"}]}
    ...     ],
    ... }
    >>> import json
    >>> twin = DigitalTwinInfo.load({"DIGITAL_TWIN_INFO": json.dumps(info)})
    >>> event = {"properties": {"iotDeviceId": {"value": {"stringValue": "pump-1"}}}}
    >>> answer(event, twin)["properties"]["pressure"]["definition"]["dataType"]
    {'type': 'DOUBLE'}
    """
    device_id, *others = device.resolve(event, twin, deadline)
    declared = twin.devices.get(device_id)
    if declared is None:
        raise InvalidQueryError(
            f"The device {device_id!r} isn't in the twin's configuration, so its properties are unknown. "
            "Add it to config_iot_devices.json, and deploy."
        )
    in_entity = event.get("entityId") is not None
    properties: dict[str, Any] = {}
    for name, data_type in declared.types.items():
        definition: dict[str, Any] = {"dataType": _data_type(data_type)}
        properties[name] = {"definition": definition}
        is_constant = name in declared.constants
        definition |= {"isTimeSeries": not is_constant, "isStoredExternally": not is_constant}
        if name in declared.sources:
            definition["configuration"] = {SOURCE: declared.sources[name]}
        # The values of devices that share a type are in their entities, not in the type.
        if is_constant and (in_entity or not others):
            value = _value(device_id, name, declared.constants[name], data_type)
            if in_entity:
                properties[name]["value"] = value
            else:
                definition["defaultValue"] = value
    return {"properties": properties}


def _data_type(declared: DataType) -> dict[str, Any]:
    described: dict[str, Any] = {"type": declared.type}
    if declared.nested is not None:
        described["nestedType"] = _data_type(declared.nested)
    return described


def _value(device_id: str, name: str, constant: Any, declared: DataType) -> dict[str, Any]:
    try:
        return to_data_value(constant, declared)
    except UnrepresentableValueError as error:
        raise ConfigurationError(
            f"The value of the constant {name!r} of the device {device_id!r} isn't of the type {declared.type}: "
            f"{error}. Correct it in config_iot_devices.json, and deploy."
        ) from error
