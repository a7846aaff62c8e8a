"""A device as a TwinMaker component type, and an entity that has it as a component."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chalicelib.data_value import to_data_value
from chalicelib.device import DEVICE_ID_PROPERTY

if TYPE_CHECKING:
    from chalicelib.data_value import DataType
    from deploy_scripts.twin_configuration import Device, DeviceProperty


def component_type(device: Device, *, history_arn: str, last_entry_arn: str) -> dict[str, Any]:
    """Describe a device to TwinMaker.

    Parameters
    ----------
    device
        The device.
    history_arn, last_entry_arn
        The Lambda functions that read its history and its newest entry.

    Returns
    -------
    dict
        `propertyDefinitions` and `functions`, as CreateComponentType and UpdateComponentType take
        them (TwinMaker API reference).
    """
    definitions = {each.name: _telemetry(each) for each in device.properties}
    definitions |= {each.name: _constant(each) for each in device.constants}
    definitions[DEVICE_ID_PROPERTY] = {
        "dataType": {"type": "STRING"},
        "isTimeSeries": False,
        "isExternalId": True,
        "isRequiredInEntity": False,
        "isStoredExternally": False,
        "defaultValue": {"stringValue": device.id},
    }
    return {
        "propertyDefinitions": definitions,
        "functions": {
            "dataReader": _lambda(history_arn),
            "attributePropertyValueReaderByEntity": _lambda(last_entry_arn),
        },
    }


def _lambda(arn: str) -> dict[str, Any]:
    return {"implementedBy": {"lambda": {"arn": arn}, "isNative": False}}


def _telemetry(each: DeviceProperty) -> dict[str, Any]:
    return {
        "dataType": _data_type(each.data_type, each.unit),
        "isTimeSeries": True,
        "isStoredExternally": True,
        "isRequiredInEntity": False,
        "isExternalId": False,
    }


def _constant(each: DeviceProperty) -> dict[str, Any]:
    return {
        "dataType": _data_type(each.data_type, each.unit),
        "isTimeSeries": False,
        "isStoredExternally": False,
        "isRequiredInEntity": False,
        "isExternalId": False,
        "defaultValue": to_data_value(each.value, each.data_type),
    }


def _data_type(declared: DataType, unit: str | None) -> dict[str, Any]:
    described: dict[str, Any] = {"type": declared.type}
    if declared.nested is not None:
        described["nestedType"] = _data_type(declared.nested, None)
    if unit is not None:
        described["unitOfMeasure"] = unit
    return described
