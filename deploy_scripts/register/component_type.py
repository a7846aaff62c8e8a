"""A device as a TwinMaker component type: what it should be, and how far one that is there differs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from chalicelib.contracts.twinmaker import DEVICE_ID_PROPERTY
from chalicelib.model.data_value import UnrepresentableValueError, to_data_value
from chalicelib.model.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from chalicelib.model.data_value import DataType
    from deploy_scripts.project_files.twin_configuration import Device, DeviceProperty

_FLAGS: Final = ("isTimeSeries", "isStoredExternally", "isRequiredInEntity", "isExternalId")


def component_type_id(twin_name: str, device_id: str) -> str:
    """Return the id of a device's component type, the same as the larger deployer's."""
    return f"{twin_name}-{device_id}"


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

    Raises
    ------
    ConfigurationError
        A property has the name that is kept for the device's id, or a constant's value isn't of its
        type.
    """
    definitions = {each.name: _telemetry(each) for each in device.properties}
    definitions |= {each.name: _constant(device, each) for each in device.constants}
    if DEVICE_ID_PROPERTY in definitions:
        raise ConfigurationError(
            f"Device {device.id} has a property {DEVICE_ID_PROPERTY}: that name is kept for the "
            "device's id, so give the property another one"
        )
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


def differences(wanted: Mapping[str, Any], found: Mapping[str, Any]) -> dict[str, list[str]]:
    """Compare a component type with what it should be.

    GetComponentType shows more than was written: flags that weren't given, what is inherited, display
    names. Only what `component_type` decides is compared, so a type that is as it should be has no
    differences, whatever else TwinMaker shows.

    Parameters
    ----------
    wanted
        As `component_type` describes it.
    found
        As GetComponentType shows it.

    Returns
    -------
    dict
        For each member of UpdateComponentType that must be sent again (it takes each as a whole) what
        is different in it, in words.
    """
    members = {
        "propertyDefinitions": ("property", _definition),
        "functions": ("function", _function),
    }
    described = {
        member: list(
            _differences(
                noun,
                {name: plain(each) for name, each in wanted[member].items()},
                {
                    name: plain(each)
                    for name, each in found.get(member, {}).items()
                    if name in wanted[member] or not each.get("isInherited")
                },
            )
        )
        for member, (noun, plain) in members.items()
    }
    return {member: lines for member, lines in described.items() if lines}


def _differences(
    noun: str, wanted: Mapping[str, dict[str, Any]], found: Mapping[str, dict[str, Any]]
) -> Iterator[str]:
    for name in sorted(wanted.keys() | found.keys()):
        if name not in found:
            yield f"{noun} {name} added"
        elif name not in wanted:
            yield f"{noun} {name} removed"
        elif wanted[name] != found[name]:
            parts = [part for part in wanted[name] if wanted[name][part] != found[name][part]]
            yield f"{noun} {name} changed ({', '.join(parts)})"


def _definition(definition: Mapping[str, Any]) -> dict[str, Any]:
    """Pick what counts from a PropertyDefinitionRequest or PropertyDefinitionResponse."""
    return {
        "dataType": _plain_type(definition["dataType"]),
        **{flag: bool(definition.get(flag)) for flag in _FLAGS},
        "defaultValue": definition.get("defaultValue") or None,
        "configuration": definition.get("configuration") or {},
    }


def _plain_type(data_type: Mapping[str, Any]) -> dict[str, Any]:
    nested = data_type.get("nestedType")
    return {
        "type": data_type["type"],
        "nestedType": _plain_type(nested) if nested else None,
        "unitOfMeasure": data_type.get("unitOfMeasure") or None,
        "allowedValues": data_type.get("allowedValues") or [],
        "relationship": data_type.get("relationship") or None,
    }


def _function(function: Mapping[str, Any]) -> dict[str, Any]:
    """Pick what counts from a FunctionRequest or FunctionResponse."""
    implementation = function.get("implementedBy") or {}
    return {
        "lambda": (implementation.get("lambda") or {}).get("arn"),
        "isNative": bool(implementation.get("isNative")),
        "requiredProperties": sorted(function.get("requiredProperties") or []),
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


def _constant(device: Device, each: DeviceProperty) -> dict[str, Any]:
    try:
        value = to_data_value(each.value, each.data_type)
    except UnrepresentableValueError as error:
        raise ConfigurationError(
            f"Device {device.id}: the value of {each.name} isn't a {each.data_type.type}: {error}"
        ) from error
    return {
        "dataType": _data_type(each.data_type, each.unit),
        "isTimeSeries": False,
        "isStoredExternally": False,
        "isRequiredInEntity": False,
        "isExternalId": False,
        "defaultValue": value,
    }


def _data_type(declared: DataType, unit: str | None) -> dict[str, Any]:
    described: dict[str, Any] = {"type": declared.type}
    if declared.nested is not None:
        described["nestedType"] = _data_type(declared.nested, None)
    if unit is not None:
        described["unitOfMeasure"] = unit
    return described
