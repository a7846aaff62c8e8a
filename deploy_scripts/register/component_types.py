"""The twin's component types: a description of devices, compared with the one in TwinMaker."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from chalicelib.contracts.twinmaker import DEVICE_ID_PROPERTY, SOURCE
from chalicelib.model.data_value import DataType, UnrepresentableValueError, to_data_value
from chalicelib.model.errors import ConfigurationError
from deploy_scripts.project_files.twin_configuration import DeviceProperty
from deploy_scripts.register.resources import Resources
from deploy_scripts.register.summary import Change, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from chalicelib.model.reads import Read
    from deploy_scripts.project_files.twin_configuration import Device
    from deploy_scripts.register.calls import Json

_FLAGS: Final = ("isTimeSeries", "isStoredExternally", "isRequiredInEntity", "isExternalId")


TELEMETRY: Final = "telemetry"
"""The component of an entity by which its device's telemetry is read."""


def component_type_ids(twin_name: str, device: Device) -> dict[str, str]:
    """Return the id of the component type of each component of a device's entity.

    That of a device's own telemetry type is the same as the larger deployer's.

    Examples
    --------
    >>> from deploy_scripts.project_files.twin_configuration import Device
    >>> component_type_ids("factory-twin", Device("pump-1", ()))
    {'telemetry': 'factory-twin-pump-1'}
    >>> component_type_ids("factory-twin", Device("pump-1", (), component_type="pump"))
    {'telemetry': 'factory-twin-pump'}
    """
    return {TELEMETRY: prefix(twin_name) + (device.component_type or device.id)}


def prefix(twin_name: str) -> str:
    """Return the beginning of the ids of a twin's component types."""
    return f"{twin_name}-"


def component_types(
    twin_name: str, devices: Iterable[Device], readers: Mapping[Read, str]
) -> dict[str, Json]:
    """Describe the component types of some devices, each as `component_type` does, by id.

    Devices that share a type agree (`deploy_scripts.project_files.shared_types`), so the last one's
    description is that of all.
    """
    return {
        component_type_ids(twin_name, each)[TELEMETRY]: component_type(each, readers)
        for each in devices
    }


def component_type(device: Device, readers: Mapping[Read, str]) -> Json:
    """Describe a device's component type to TwinMaker.

    A type of the device alone has the device's id and constants as default values. In one that several
    devices share, they are required, and each entity's component has them (`entity_values`).

    Parameters
    ----------
    device
        The device.
    readers
        The ARN of the Lambda function behind each read.

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
    definitions = {
        each.name: _definition(each.data_type, each.unit, "isTimeSeries", "isStoredExternally")
        | ({"configuration": {SOURCE: each.source}} if each.source else {})
        for each in device.properties
    }
    if DEVICE_ID_PROPERTY in {*definitions, *(each.name for each in device.constants)}:
        raise ConfigurationError(
            f"Device {device.id} has a property {DEVICE_ID_PROPERTY}: that name is kept for the "
            "device's id, so give the property another one"
        )
    definitions |= {
        each.name: _own(device, each) for each in (*device.constants, _device_id(device))
    }
    return {
        "propertyDefinitions": definitions,
        "functions": {
            read.twinmaker_function: {"implementedBy": {"lambda": {"arn": arn}, "isNative": False}}
            for read, arn in readers.items()
        },
    }


def _definition(data_type: DataType, unit: str | None, *flags: str) -> Json:
    return {"dataType": _data_type(data_type, unit)} | {flag: flag in flags for flag in _FLAGS}


def _own(device: Device, static: DeviceProperty) -> Json:
    """Define a property whose value is a device's own: by a default value, unless others share the type."""
    flags = ["isExternalId"] if static.name == DEVICE_ID_PROPERTY else []
    if device.component_type is not None:
        return _definition(static.data_type, static.unit, "isRequiredInEntity", *flags)
    default = {"defaultValue": _value(device, static)}
    return _definition(static.data_type, static.unit, *flags) | default


def _device_id(device: Device) -> DeviceProperty:
    return DeviceProperty(DEVICE_ID_PROPERTY, DataType("STRING"), value=device.id)


def entity_values(device: Device) -> dict[str, Json]:
    """Return what the component of a device's entity has of its own, by property: none if the type has it.

    Raises
    ------
    ConfigurationError
        A constant's value isn't of its type.
    """
    if device.component_type is None:
        return {}
    return {each.name: _value(device, each) for each in (*device.constants, _device_id(device))}


def _data_type(declared: DataType, unit: str | None = None) -> Json:
    described: Json = {"type": declared.type}
    if declared.nested is not None:
        described["nestedType"] = _data_type(declared.nested)
    if unit is not None:
        described["unitOfMeasure"] = unit
    return described


def _value(device: Device, constant: DeviceProperty) -> Json:
    try:
        return to_data_value(constant.value, constant.data_type)
    except UnrepresentableValueError as error:
        raise ConfigurationError(
            f"Device {device.id}: the value of {constant.name} isn't a {constant.data_type.type}: "
            f"{error}"
        ) from error


def differences(wanted: Json, found: Json) -> dict[str, list[str]]:
    """Compare a component type with its description.

    GetComponentType shows more than was written: flags that weren't given, what is inherited, display
    names. Only what `component_type` decides is compared.

    Parameters
    ----------
    wanted
        As `component_type` describes it.
    found
        As GetComponentType shows it.

    Returns
    -------
    dict
        For each member of UpdateComponentType that must be sent again (it takes each as a whole) a
        line per difference; empty if there is none.
    """
    members = {"propertyDefinitions": ("property", _property), "functions": ("function", _function)}
    described = {
        member: list(_differences(noun, parts, wanted[member], found.get(member, {})))
        for member, (noun, parts) in members.items()
    }
    return {member: lines for member, lines in described.items() if lines}


def _differences(
    noun: str,
    parts: Callable[[Json], Json],
    wanted: Json,
    found: Json,
) -> Iterator[str]:
    for name in sorted(wanted.keys() | found.keys()):
        if name not in found:
            yield f"{noun} {name} added"
        elif name not in wanted:
            if not found[name].get("isInherited"):
                yield f"{noun} {name} removed"
        else:
            shown = parts(found[name])
            changed = [
                f"{part} {_in_words(value)}, was {_in_words(shown[part])}"
                for part, value in parts(wanted[name]).items()
                if value != shown[part]
            ]
            if changed:
                yield f"{noun} {name} changed ({'; '.join(changed)})"


def _in_words(value: Any) -> str:
    """Show a member of a definition: a type as `LIST of DOUBLE in Bar`, all else as JSON."""
    if isinstance(value, dict):
        value = {name: each for name, each in value.items() if each is not None}
        if value.keys() <= {"type", "nestedType", "unitOfMeasure"} and value:
            nested = f" of {_in_words(value['nestedType'])}" if "nestedType" in value else ""
            unit = f" in {value['unitOfMeasure']}" if "unitOfMeasure" in value else ""
            return f"{value['type']}{nested}{unit}"
    return "nothing" if value is None else json.dumps(value, ensure_ascii=False)


def _property(definition: Json) -> Json:
    data_type = _shown_type(definition["dataType"])
    return {"dataType": data_type} | _pick(definition, (*_FLAGS, "defaultValue", "configuration"))


def _shown_type(data_type: Json) -> Json:
    nested = data_type.get("nestedType")
    members = ("type", "unitOfMeasure", "allowedValues", "relationship")
    return _pick(data_type, members) | {"nestedType": nested and _shown_type(nested)}


def _function(function: Json) -> Json:
    implementation = _pick(function.get("implementedBy") or {}, ("lambda", "isNative"))
    return implementation | _pick(function, ("requiredProperties",))


def _pick(shown: Json, members: Iterable[str]) -> Json:
    """Pick members; one that is empty or false says the same as one that is missing."""
    return {member: shown.get(member) or None for member in members}


class ComponentTypes(Resources):
    """Component types, each wanted as `component_type` describes it."""

    kind = "component type"
    id_member = "componentTypeId"

    def compare(self, resource_id: str, shown: Json) -> tuple[list[str], Json]:
        """Compare properties and functions; see `Resources.compare`."""
        wanted = self.wanted[resource_id]
        different = differences(wanted, shown)
        members = wanted if self.status(shown)["state"] == "ERROR" else different
        lines = [line for lines in different.values() for line in lines]
        return lines, {member: wanted[member] for member in members}

    def own(self) -> Json:
        """Find those that were made for the twin, wanted or not; return their summaries by id."""
        beginning = prefix(self.workspace.twin.name)
        return {
            summary["componentTypeId"]: summary
            for summary in self.workspace.component_types()
            if summary["componentTypeId"].startswith(beginning) and self.workspace.owns(summary)
        }

    def functions_of(self, type_id: str) -> set[str]:
        """Return the ARNs of the functions that a type points at."""
        functions = (self.look(type_id) or {}).get("functions", {}).values()
        used = [each.get("implementedBy", {}).get("lambda") for each in functions]
        return {each["arn"] for each in used if each}

    def left_over(self) -> list[Change]:
        """Find those that were made for the twin and aren't wanted any more."""
        reason = "no device in the configuration has it; --prune removes it"
        return [
            Change(self.kind, type_id, Outcome.LEFT_OVER, (reason,))
            for type_id, summary in self.own().items()
            if type_id not in self.wanted and summary.get("status", {}).get("state") != "DELETING"
        ]
