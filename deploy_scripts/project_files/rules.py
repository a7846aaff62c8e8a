"""The rules for what the twin's configuration files hold: in words, and as validators for pydantic."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pydantic_core import PydanticCustomError

from chalicelib.contracts.component_types import LATEST, component_type_id
from chalicelib.contracts.twinmaker import DEVICE_ID_PROPERTY
from chalicelib.model.data_value import DATA_VALUE_TYPES, DataType, to_data_value
from chalicelib.model.errors import InvalidQueryError
from chalicelib.model.layout import PROVIDER_RULE, PROVIDER_SPELLINGS
from deploy_scripts.project_files.problems import MISSING, shown

if TYPE_CHECKING:
    from pydantic import ValidationInfo

    from deploy_scripts.project_files.strict_json import Place

DEVICES_FILE: Final = "config_iot_devices.json"
PROVIDERS_FILE: Final = "config_providers.json"
TWIN_FILE: Final = "config.json"

# The limits and patterns of TwinMaker's API (botocore's service model 'iottwinmaker').
LONGEST_TWIN_NAME: Final = 128
_LONGEST_COMPONENT_TYPE_ID: Final = 256
LONGEST_PROPERTY_NAME: Final = 256
LONGEST_UNIT: Final = 256
LONGEST_SOURCE: Final = 256
_TYPES: Final = tuple(sorted(DATA_VALUE_TYPES.values()))

_TYPE: Final = f"one of {', '.join(_TYPES)}"
_TYPE_OR_OBJECT: Final = f'{_TYPE}, or an object: {{"type": "LIST", "nestedType": {{...}}}}'
EXPECTED: Final = {
    TWIN_FILE: 'an object: {"digital_twin_name": ...}',
    "digital_twin_name": (
        f"2 to {LONGEST_TWIN_NAME} letters, digits, '-' and '_', not starting with '-' and ending "
        "with a letter or digit"
    ),
    PROVIDERS_FILE: 'an object: {"layer_3_hot_provider": ..., "layer_4_provider": ...}',
    "layer_3_hot_provider": PROVIDER_RULE,
    "layer_4_provider": PROVIDER_RULE,
    DEVICES_FILE: "a list of devices",
    f"{DEVICES_FILE}[]": 'a device: {"id": ..., "properties": [...]}',
    "id": "a device's id: letters, digits and '_', '.', '-', ':'",
    "componentType": "a component type's name: letters, digits and '_', '.', '-', ':'",
    "properties": "a list of properties",
    "properties[]": 'a property: {"name": ..., "dataType": ...}',
    "constProperties": "a list of properties",
    "constProperties[]": 'a property: {"name": ..., "dataType": ..., "value": ...}',
    "alarm": 'an alarm: {"source": ...}',
    "name": f"a property's name: 1 to {LONGEST_PROPERTY_NAME} letters, digits, '-' and '_' "
    "(a stored name with others goes into source)",
    "dataType": _TYPE_OR_OBJECT,
    "nestedType": _TYPE_OR_OBJECT,
    "type": _TYPE,
    "unitOfMeasure": f"a unit of measure: a string of 1 to {LONGEST_UNIT} characters",
    "source": f"a stored name or path: a string of 1 to {LONGEST_SOURCE} characters in one line",
    "value": "the constant's value",
}
"""The rules in words, by file or key; `[]` stands for an element."""
_TELEMETRY_KEYS: Final = ("name", "dataType", "unitOfMeasure", "source")
KEYS: Final = {
    TWIN_FILE: ("digital_twin_name",),
    PROVIDERS_FILE: ("layer_3_hot_provider", "layer_4_provider"),
    DEVICES_FILE: ("id", "componentType", "properties", "constProperties", "alarm"),
    "properties": _TELEMETRY_KEYS,
    "constProperties": (*_TELEMETRY_KEYS, "value"),
    "alarm": ("source",),
    "dataType": ("type", "nestedType"),
    "nestedType": ("type", "nestedType"),
}
"""The keys of the objects in a file, or under a key; others belong to the larger deployer."""


def _mistake(
    expected: str | None = None, found: str | None = None, at: Place = ()
) -> PydanticCustomError:
    """Make a validator's error: with what `EXPECTED` and the value don't say, and a place below."""
    context = {"expected": expected, "found": found, "at": at}
    return PydanticCustomError("mistake", "mistake", context)


def as_provider(name: Any) -> str:
    """Return the provider that a spelling means."""
    provider = PROVIDER_SPELLINGS.get(name.strip().lower()) if isinstance(name, str) else None
    if provider is None:
        raise _mistake()
    return provider


def short_enough(name: str, info: ValidationInfo) -> str:
    """Check the length of the component types' ids; the context is the twin's name."""
    longest_id = component_type_id(info.context or "", "ID", LATEST)
    longest = _LONGEST_COMPONENT_TYPE_ID - len(longest_id) + len("ID")
    if len(name) > longest:
        raise _mistake(f"at most {longest} characters: TwinMaker's component type is {longest_id}")
    return name


def not_reserved(name: str) -> str:
    """Keep the name of the device's id out of its properties."""
    if name == DEVICE_ID_PROPERTY:
        raise _mistake(f"another name: {name} is the device's id in every component type")
    return name


def as_data_type(declared: Any) -> DataType:
    """Parse a data type: its name or an object, with the place of a mistake in it."""
    place: Place = ()
    inner = declared
    while isinstance(inner, dict):
        _check_type_name(inner.get("type", MISSING), (*place, "type"))
        place, inner = (*place, "nestedType"), inner.get("nestedType")
        if inner is None:
            break
    else:
        _check_type_name(inner, place)
    try:
        return DataType.parse(declared, "it")
    except InvalidQueryError as error:  # nested too deep
        raise _mistake("a data type", f"one that can't be used: {error}") from error


def _check_type_name(name: Any, place: Place) -> None:
    if not isinstance(name, str) or name.upper() not in _TYPES:
        raise _mistake(found=shown(name), at=place)


def without_value(listed: Any) -> Any:
    """Leave out a `value`: it comes with the telemetry."""
    if not isinstance(listed, dict):
        return listed
    return {key: value for key, value in listed.items() if key != "value"}


def with_value(listed: Any) -> Any:
    """Refuse a constant with a source, and have a missing value checked, too."""
    if isinstance(listed, dict) and listed.get("source") is not None:
        expected = "no source: a constant's value is here, and not stored with the telemetry"
        raise _mistake(expected, shown(listed["source"]), ("source",))
    return {"value": MISSING, **listed} if isinstance(listed, dict) else listed


def of_its_type(value: Any, info: ValidationInfo) -> Any:
    """Check a constant's value, against its type if that is right."""
    if value is MISSING or value is None:
        raise _mistake()
    declared: DataType | None = info.data.get("data_type")
    if declared is not None:
        expected = f"a value of the type {declared.type}"
        try:
            to_data_value(value, declared)
        except RecursionError as error:
            raise _mistake(expected, "one nested too deep") from error
        except ValueError as error:
            raise _mistake(f"{expected} ({error})") from error
    return value
