"""The twin's configuration files: what they hold, and every mistake in them.

Every mistake in every file is found before any is reported, each with its place. The rules are in
docs/configuration.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainValidator,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
)
from pydantic_core import PydanticCustomError

from chalicelib.contracts.twinmaker import DEVICE_ID_PROPERTY
from chalicelib.model.data_value import DATA_VALUE_TYPES, DataType, to_data_value
from chalicelib.model.errors import InvalidQueryError
from chalicelib.model.layout import PROVIDER_RULE, PROVIDER_SPELLINGS, ProviderLayout
from deploy_scripts.project_files.misspelt import misspelt
from deploy_scripts.project_files.problems import (
    MISSING,
    ConfigurationProblems,
    Problem,
    all_of,
    path_of,
    read_document,
    shown,
)
from deploy_scripts.project_files.storage import read_storage

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from deploy_scripts.project_files.strict_json import Place

DEVICES_FILE: Final = "config_iot_devices.json"
PROVIDERS_FILE: Final = "config_providers.json"
TWIN_FILE: Final = "config.json"

# The limits and patterns of TwinMaker's API (botocore's service model 'iottwinmaker').
_LONGEST_TWIN_NAME: Final = 128
_LONGEST_COMPONENT_TYPE_ID: Final = 256
_LONGEST_PROPERTY_NAME: Final = 256
_LONGEST_UNIT: Final = 256
_LONGEST_SOURCE: Final = 256
_TYPES: Final = tuple(sorted(DATA_VALUE_TYPES.values()))

_TYPE: Final = f"one of {', '.join(_TYPES)}"
_TYPE_OR_OBJECT: Final = f'{_TYPE}, or an object: {{"type": "LIST", "nestedType": {{...}}}}'
_EXPECTED: Final = {
    TWIN_FILE: 'an object: {"digital_twin_name": ...}',
    "digital_twin_name": (
        f"2 to {_LONGEST_TWIN_NAME} letters, digits, '-' and '_', not starting with '-' and ending "
        "with a letter or digit"
    ),
    PROVIDERS_FILE: 'an object: {"layer_3_hot_provider": ..., "layer_4_provider": ...}',
    "layer_3_hot_provider": PROVIDER_RULE,
    "layer_4_provider": PROVIDER_RULE,
    DEVICES_FILE: "a list of devices",
    f"{DEVICES_FILE}[]": 'a device: {"id": ..., "properties": [...]}',
    "id": "a device's id: letters, digits and '_', '.', '-', ':'",
    "properties": "a list of properties",
    "properties[]": 'a property: {"name": ..., "dataType": ...}',
    "constProperties": "a list of properties",
    "constProperties[]": 'a property: {"name": ..., "dataType": ..., "value": ...}',
    "name": f"a property's name: 1 to {_LONGEST_PROPERTY_NAME} letters, digits, '-' and '_' "
    "(a stored name with others goes into source)",
    "dataType": _TYPE_OR_OBJECT,
    "nestedType": _TYPE_OR_OBJECT,
    "type": _TYPE,
    "unitOfMeasure": f"a unit of measure: a string of 1 to {_LONGEST_UNIT} characters",
    "source": f"a stored name or path: a string of 1 to {_LONGEST_SOURCE} characters in one line",
    "value": "the constant's value",
}
"""The rules in words, by file or key; `[]` stands for an element."""
_TELEMETRY_KEYS: Final = ("name", "dataType", "unitOfMeasure", "source")
_KEYS: Final = {
    TWIN_FILE: ("digital_twin_name",),
    PROVIDERS_FILE: ("layer_3_hot_provider", "layer_4_provider"),
    DEVICES_FILE: ("id", "properties", "constProperties"),
    "properties": _TELEMETRY_KEYS,
    "constProperties": (*_TELEMETRY_KEYS, "value"),
    "dataType": ("type", "nestedType"),
    "nestedType": ("type", "nestedType"),
}
"""The keys of the objects in a file, or under a key; others belong to the larger deployer."""


# --- what pydantic doesn't check by itself ----------------------------------------------------


def _mistake(
    expected: str | None = None, found: str | None = None, at: Place = ()
) -> PydanticCustomError:
    """Make a validator's error: with what `_EXPECTED` and the value don't say, and a place below."""
    context = {"expected": expected, "found": found, "at": at}
    return PydanticCustomError("mistake", "mistake", context)


def _provider(name: Any) -> str:
    provider = PROVIDER_SPELLINGS.get(name.strip().lower()) if isinstance(name, str) else None
    if provider is None:
        raise _mistake()
    return provider


def _short_enough(device_id: str, info: ValidationInfo) -> str:
    """Check the length of the component type's id; the context is the twin's name."""
    prefix = f"{info.context}-" if info.context else ""
    if len(prefix + device_id) > _LONGEST_COMPONENT_TYPE_ID:
        longest = _LONGEST_COMPONENT_TYPE_ID - len(prefix)
        raise _mistake(f"at most {longest} characters: TwinMaker's component type is {prefix}ID")
    return device_id


def _not_reserved(name: str) -> str:
    if name == DEVICE_ID_PROPERTY:
        raise _mistake(f"another name: {name} is the device's id in every component type")
    return name


def _data_type(declared: Any) -> DataType:
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


def _telemetry(listed: Any) -> Any:
    """Leave out a `value`: it comes with the telemetry."""
    if not isinstance(listed, dict):
        return listed
    return {key: value for key, value in listed.items() if key != "value"}


def _constant(listed: Any) -> Any:
    if isinstance(listed, dict) and listed.get("source") is not None:
        expected = "no source: a constant's value is here, and not stored with the telemetry"
        raise _mistake(expected, shown(listed["source"]), ("source",))
    return {"value": MISSING, **listed} if isinstance(listed, dict) else listed


def _value(value: Any, info: ValidationInfo) -> Any:
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


# --- the files --------------------------------------------------------------------------------


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
    source
        The stored name or path of telemetry, where it differs from the name.
    """

    name: Annotated[
        str,
        Field(pattern=r"^[a-zA-Z_\-0-9]+$", max_length=_LONGEST_PROPERTY_NAME),
        AfterValidator(_not_reserved),
    ]
    data_type: Annotated[DataType, PlainValidator(_data_type), Field(validation_alias="dataType")]
    unit: Annotated[
        str | None, Field(validation_alias="unitOfMeasure", min_length=1, max_length=_LONGEST_UNIT)
    ] = None
    value: Annotated[Any, AfterValidator(_value)] = None
    source: Annotated[
        str | None, Field(pattern=r"^.*$", min_length=1, max_length=_LONGEST_SOURCE)
    ] = None


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

    id: Annotated[str, Field(pattern=r"^[a-zA-Z_.\-0-9:]+$"), AfterValidator(_short_enough)]
    properties: tuple[Annotated[DeviceProperty, BeforeValidator(_telemetry)], ...]
    constants: Annotated[
        tuple[Annotated[DeviceProperty, BeforeValidator(_constant)], ...],
        Field(validation_alias="constProperties"),
    ] = ()


@dataclass(frozen=True, slots=True)
class _Twin:
    digital_twin_name: Annotated[
        str,
        Field(pattern=r"^[a-zA-Z_0-9][a-zA-Z_\-0-9]*[a-zA-Z0-9]$", max_length=_LONGEST_TWIN_NAME),
    ]


@dataclass(frozen=True, slots=True)
class _Providers:
    layer_3_hot_provider: Annotated[str, PlainValidator(_provider)]
    layer_4_provider: Annotated[str | None, PlainValidator(_provider)] = None


_SCHEMAS: Final[dict[str, TypeAdapter[Any]]] = {
    TWIN_FILE: TypeAdapter(_Twin),
    PROVIDERS_FILE: TypeAdapter(_Providers),
    DEVICES_FILE: TypeAdapter(tuple[Device, ...]),
}


@dataclass(frozen=True, slots=True)
class TwinConfiguration:
    """The contents of the configuration files.

    Attributes
    ----------
    name
        The digital twin's name.
    layout
        Which cloud keeps the hot storage, and which one has the twin.
    devices
        The twin's devices, in the file's order.
    storage
        For each provider that `config_storage.json` has a section for, the settings that it states.
    """

    name: str
    layout: ProviderLayout
    devices: tuple[Device, ...]
    storage: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @classmethod
    def load(cls, directory: Path) -> TwinConfiguration:
        """Read the configuration files in a directory.

        Raises
        ------
        ConfigurationProblems
            The files have mistakes: it names every one.
        """
        files = (TWIN_FILE, PROVIDERS_FILE, DEVICES_FILE)
        (twin, providers, listed), storage = all_of(
            partial(_read, directory, *files), partial(read_storage, directory)
        )
        layer_3_hot = providers.layer_3_hot_provider
        # Projects from before there was a layer 4 provider have both on one cloud.
        layout = ProviderLayout(layer_3_hot, providers.layer_4_provider or layer_3_hot)
        return cls(twin.digital_twin_name, layout, listed, storage)


def twin_name(directory: Path) -> str:
    """Return the digital twin's name from `config.json` in a directory.

    Raises
    ------
    ConfigurationProblems
        The file has mistakes.
    """
    (twin,) = _read(directory, TWIN_FILE)
    return str(twin.digital_twin_name)


def devices(directory: Path) -> tuple[Device, ...]:
    """Return the devices of `config_iot_devices.json` in a directory.

    Raises
    ------
    ConfigurationProblems
        The file has mistakes.
    """
    listed: tuple[Device, ...]
    (listed,) = _read(directory, DEVICES_FILE)
    return listed


def _read(directory: Path, *files: str) -> list[Any]:
    """Read files by their schemas; raise the mistakes of all of them."""
    parsed: dict[str, Any] = {}

    def read(file: str) -> None:
        document = read_document(directory, file)
        twin = parsed.get(TWIN_FILE)
        problems: list[Problem] = []
        try:
            parsed[file] = _SCHEMAS[file].validate_python(
                document, context=twin and twin.digital_twin_name
            )
        except ValidationError as error:
            problems += _problems(file, error)
        for place, close in misspelt(document, file, _KEYS):
            problems.append(Problem(file, path_of(place), "an unknown key", f"the key {close}"))
        if file == DEVICES_FILE:
            problems += (Problem(file, *each) for each in _repeated(document))
        if problems:
            raise ConfigurationProblems(problems)

    all_of(*(partial(read, file) for file in files))
    return [*parsed.values()]


def _repeated(document: Any) -> Iterator[tuple[str, str, str]]:
    """Find ids and names of devices and properties that were given before."""
    yield from _again(((place, "id"), each.get("id")) for place, each in _objects(document))
    for place, device in _objects(document):
        yield from _again(
            ((place, key, number, "name"), each.get("name"))
            for key in ("properties", "constProperties")
            for number, each in _objects(device.get(key))
        )


def _objects(listed: Any) -> Iterator[tuple[int, dict[str, Any]]]:
    if isinstance(listed, list):
        yield from ((place, each) for place, each in enumerate(listed) if isinstance(each, dict))


def _again(named: Iterable[tuple[Place, Any]]) -> Iterator[tuple[str, str, str]]:
    first: dict[str, Place] = {}
    for place, name in named:
        if isinstance(name, str) and first.setdefault(name, place) != place:
            yield path_of(place), f"{shown(name)} again", f"another one than {path_of(first[name])}"


# --- mistakes in words ------------------------------------------------------------------------


def _problems(file: str, error: ValidationError) -> Iterator[Problem]:
    for each in error.errors(include_url=False):
        context = each.get("ctx", {})
        place = (*each["loc"], *context.get("at", ()))
        found: Any = MISSING if each["type"] == "missing" else each["input"]
        key = place[-1] if place else file
        if isinstance(key, int):
            key = f"{place[-2] if len(place) > 1 else file}[]"
        yield Problem(
            file,
            path_of(place),
            context.get("found") or shown(found),
            context.get("expected") or _EXPECTED[key],
        )
