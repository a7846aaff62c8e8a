"""The component types and components by which TwinMaker knows devices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from chalicelib.contracts.component_types import (
    ALARM,
    COMPONENTS,
    LATEST,
    TELEMETRY,
    component_type_id,
)
from chalicelib.contracts.twinmaker import ALARM_KEY, DEVICE_ID_PROPERTY, SOURCE
from chalicelib.model.data_value import DataType, to_data_value
from chalicelib.model.reads import HISTORY, LAST_ENTRY
from deploy_scripts.project_files.twin_configuration import ALARM_STATUS, DeviceProperty

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from chalicelib.model.reads import Read
    from deploy_scripts.project_files.twin_configuration import Device
    from deploy_scripts.register.calls import Json

FLAGS: Final = ("isTimeSeries", "isStoredExternally", "isRequiredInEntity", "isExternalId")
"""The flags of a property definition that are ours to set."""
_ALARM_BASE: Final = "com.amazon.iottwinmaker.alarm.basic"
"""AWS's alarm type (TwinMaker guide, 'Built-in component types')."""


def component_type_ids(twin_name: str, device: Device) -> dict[str, str]:
    """Return the id of the component type of each component of a device's entity, by its name.

    Examples
    --------
    >>> from deploy_scripts.project_files.twin_configuration import Device
    >>> component_type_ids("factory-twin", Device("pump-1", ()))
    {'telemetry': 'factory-twin-pump-1', 'latest': 'factory-twin-pump-1-latest'}
    >>> component_type_ids("factory-twin", Device("pump-1", (), component_type="pump"))
    {'telemetry': 'factory-twin-pump', 'latest': 'factory-twin-pump-latest'}
    """
    name = device.component_type or device.id
    return {
        each: component_type_id(twin_name, name, each)
        for each in COMPONENTS
        if each != ALARM or device.alarm is not None
    }


def component_types(
    twin_name: str, devices: Iterable[Device], readers: Mapping[Read, str]
) -> dict[str, Json]:
    """Describe the component types of some devices, by id.

    Devices that share a type agree, or their configuration is refused: the last one's description is
    that of all.
    """
    describe = {TELEMETRY: component_type, LATEST: latest_type, ALARM: _alarm_type}
    return {
        type_id: describe[component](device, readers)
        for device in devices
        for component, type_id in component_type_ids(twin_name, device).items()
    }


def component_type(device: Device, readers: Mapping[Read, str]) -> Json:
    """Describe the component type of a device's telemetry to TwinMaker.

    A type of the device alone has the device's id and constants as default values. In one that several
    devices share, they are required, and each entity's component has them (`components`).

    Returns `propertyDefinitions` and `functions`, as CreateComponentType and UpdateComponentType take
    them (TwinMaker API reference).
    """
    return _described(device, TELEMETRY, readers, "isTimeSeries", "isStoredExternally")


def latest_type(device: Device, readers: Mapping[Read, str]) -> Json:
    """Describe the component type of a device's newest values to TwinMaker; see `component_type`."""
    newest = {LAST_ENTRY: readers[LAST_ENTRY]}
    return _described(device, LATEST, newest, "isStoredExternally")


def _alarm_type(device: Device, readers: Mapping[Read, str]) -> Json:
    """Describe the component type of a device's alarm: AWS's, with a reader.

    Of an inherited property it says only what it adds. The external id is AWS's `alarm_key`, by which
    Grafana's alarm panel finds the entity; it has the device's id for a value, and so has `iotDeviceId`, by
    which the readers find the device.
    """
    key, device_id = _own(device, ALARM)
    definitions: Json = {
        ALARM_STATUS: {"configuration": {SOURCE: device.alarm and device.alarm.source}},
        device_id.name: _own_definition(device, device_id) | {"isExternalId": False},
    }
    if device.component_type is None:
        definitions[key.name] = {"defaultValue": _value(key)}
    return {
        "extendsFrom": [_ALARM_BASE],
        "propertyDefinitions": definitions,
        "functions": _functions({HISTORY: readers[HISTORY]}),
    }


def components(twin_name: str, device: Device) -> dict[str, Json]:
    """Describe the components of a device's entity, by name, as CreateEntity takes them."""
    described: dict[str, Json] = {}
    for component, type_id in component_type_ids(twin_name, device).items():
        described[component] = {"componentTypeId": type_id}
        if device.component_type is not None:
            described[component]["properties"] = {
                each.name: {"value": _value(each)} for each in _own(device, component)
            }
    return described


def _described(device: Device, component: str, readers: Mapping[Read, str], *flags: str) -> Json:
    definitions = {
        each.name: _definition(each.data_type, each.unit, *flags)
        | ({"configuration": {SOURCE: each.source}} if each.source else {})
        for each in device.properties
    }
    definitions |= {each.name: _own_definition(device, each) for each in _own(device, component)}
    return {"propertyDefinitions": definitions, "functions": _functions(readers)}


def _functions(readers: Mapping[Read, str]) -> Json:
    return {
        read.twinmaker_function: {"implementedBy": {"lambda": {"arn": arn}, "isNative": False}}
        for read, arn in readers.items()
    }


def _own(device: Device, component: str) -> Iterator[DeviceProperty]:
    """Yield the properties of a component whose values are the device's own, and not stored."""
    if component == TELEMETRY:
        yield from device.constants
    if component == ALARM:
        yield DeviceProperty(ALARM_KEY, DataType("STRING"), value=device.id)
    yield DeviceProperty(DEVICE_ID_PROPERTY, DataType("STRING"), value=device.id)


def _own_definition(device: Device, own: DeviceProperty) -> Json:
    flags = ["isExternalId"] if own.name == DEVICE_ID_PROPERTY else []
    if device.component_type is not None:
        return _definition(own.data_type, own.unit, "isRequiredInEntity", *flags)
    default = {"defaultValue": _value(own)}
    return _definition(own.data_type, own.unit, *flags) | default


def _definition(data_type: DataType, unit: str | None, *flags: str) -> Json:
    return {"dataType": _data_type(data_type, unit)} | {flag: flag in flags for flag in FLAGS}


def _data_type(declared: DataType, unit: str | None = None) -> Json:
    described: Json = {"type": declared.type}
    if declared.nested is not None:
        described["nestedType"] = _data_type(declared.nested)
    if unit is not None:
        described["unitOfMeasure"] = unit
    return described


def _value(of: DeviceProperty) -> Json:
    return to_data_value(of.value, of.data_type)
