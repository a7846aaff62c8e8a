"""The twin's configuration files: what they hold, and every mistake in them.

Every mistake in every file is found before any is reported, each with its place. The rules are in
docs/configuration.md.
"""

from __future__ import annotations

import json
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
)

from chalicelib.model.data_value import DataType  # noqa: TC001 - pydantic evaluates annotations
from chalicelib.model.layout import ProviderLayout
from deploy_scripts.project_files import rules
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
from deploy_scripts.project_files.rules import DEVICES_FILE, PROVIDERS_FILE, TWIN_FILE
from deploy_scripts.project_files.storage import read_storage

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from deploy_scripts.project_files.strict_json import Place


_Source = Annotated[str, Field(pattern=r"^.*$", min_length=1, max_length=rules.LONGEST_SOURCE)]


@dataclass(frozen=True, slots=True)
class DeviceProperty:
    """A property of a device."""

    # Its name in telemetry and in TwinMaker.
    name: Annotated[
        str,
        Field(pattern=r"^[a-zA-Z_\-0-9]+$", max_length=rules.LONGEST_PROPERTY_NAME),
        AfterValidator(rules.not_reserved),
    ]
    data_type: Annotated[
        DataType, PlainValidator(rules.as_data_type), Field(validation_alias="dataType")
    ]
    unit: Annotated[
        str | None,
        Field(validation_alias="unitOfMeasure", min_length=1, max_length=rules.LONGEST_UNIT),
    ] = None
    # The value of a constant property; None for telemetry.
    value: Annotated[Any, AfterValidator(rules.of_its_type)] = None
    # The stored name or path of telemetry, where it differs from the name.
    source: _Source | None = None


ALARM_STATUS: Final = "alarm_status"
"""The status of an alarm in AWS's alarm type (TwinMaker guide, 'Built-in component types')."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """An alarm of a device; its key is the device's id."""

    source: _Source = ALARM_STATUS  # the stored name or path of its status


_TypeName = Annotated[
    str, Field(pattern=r"^[a-zA-Z_.\-0-9:]+$"), AfterValidator(rules.short_enough)
]
"""A name that makes the id of a component type."""


@dataclass(frozen=True, slots=True)
class Device:
    """An IoT device."""

    id: _TypeName  # its id: the partition key of its telemetry
    properties: tuple[Annotated[DeviceProperty, BeforeValidator(rules.without_value)], ...]
    constants: Annotated[
        tuple[Annotated[DeviceProperty, BeforeValidator(rules.with_value)], ...],
        Field(validation_alias="constProperties"),
    ] = ()
    # The name of the component type that it shares with other devices; None for one of its own.
    component_type: Annotated[_TypeName | None, Field(validation_alias="componentType")] = None
    alarm: Alarm | None = None


@dataclass(frozen=True, slots=True)
class _Twin:
    digital_twin_name: Annotated[
        str,
        Field(
            pattern=r"^[a-zA-Z_0-9][a-zA-Z_\-0-9]*[a-zA-Z0-9]$", max_length=rules.LONGEST_TWIN_NAME
        ),
    ]


@dataclass(frozen=True, slots=True)
class _Providers:
    layer_3_hot_provider: Annotated[str, PlainValidator(rules.as_provider)]
    layer_4_provider: Annotated[str | None, PlainValidator(rules.as_provider)] = None


_SCHEMAS: Final[dict[str, TypeAdapter[Any]]] = {
    TWIN_FILE: TypeAdapter(_Twin),
    PROVIDERS_FILE: TypeAdapter(_Providers),
    DEVICES_FILE: TypeAdapter(tuple[Device, ...]),
}


@dataclass(frozen=True, slots=True)
class TwinConfiguration:
    """The contents of the configuration files."""

    name: str
    layout: ProviderLayout
    devices: tuple[Device, ...]
    # For each provider that `config_storage.json` has a section for, the settings that it states.
    storage: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @classmethod
    def load(cls, directory: Path) -> TwinConfiguration:
        """Read the configuration files in a directory."""
        (twin, providers, listed), storage = all_of(
            partial(_read, directory), partial(read_storage, directory)
        )
        layer_3_hot = providers.layer_3_hot_provider
        # Projects from before there was a layer 4 provider have both on one cloud.
        layout = ProviderLayout(layer_3_hot, providers.layer_4_provider or layer_3_hot)
        return cls(twin.digital_twin_name, layout, listed, storage)


def _read(directory: Path) -> list[Any]:
    """Read the files by their schemas; raise the mistakes of all of them."""
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
        for place, close in misspelt(document, file, rules.KEYS):
            problems.append(Problem(file, path_of(place), "an unknown key", f"the key {close}"))
        if file == DEVICES_FILE:
            problems += (Problem(file, *each) for each in _repeated(document))
            problems += (Problem(file, *each) for each in _disagreements(parsed.get(file, ())))
        if problems:
            raise ConfigurationProblems(problems)

    all_of(*(partial(read, file) for file in _SCHEMAS))
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


def _disagreements(devices: Iterable[Device]) -> Iterator[tuple[str, str, str]]:
    """Find where a device differs from the first one that it shares its component type with.

    A type has one definition of each property, which goes for all of its entities; only the values of
    constants are an entity's own (TwinMaker API reference, 'PropertyDefinitionRequest').
    """
    first: dict[str, Device] = {}
    for number, device in enumerate(devices):
        if device.component_type is None:
            continue
        other = first.setdefault(device.component_type, device)
        reason = (
            f"as in the device {other.id}, which shares the component type {device.component_type} "
            f"with {device.id}"
        )
        for key, own, others in (
            ("properties", device.properties, other.properties),
            ("constProperties", device.constants, other.constants),
        ):
            for place, found, expected in _differences(own, others):
                yield path_of((number, key, *place)), found, f"{expected}, {reason}"
        alarm, others_alarm = map(_alarm_in_words, (device, other))
        if alarm != others_alarm:
            yield path_of((number, "alarm")), alarm, f"{others_alarm}, {reason}"


def _differences(
    own: Sequence[DeviceProperty], others: Sequence[DeviceProperty]
) -> Iterator[tuple[Place, str, str]]:
    wanted = {each.name: each for each in others}
    for number, each in enumerate(own):
        if (other := wanted.pop(each.name, None)) is None:
            yield (number, "name"), shown(each.name), "no such property"
            continue
        described = _description(other)
        for key, found in _description(each).items():
            if found != described[key]:
                yield (number, key), found, described[key]
    for name in wanted:
        yield (), f"no property {shown(name)}", "one"


def _alarm_in_words(device: Device) -> str:
    return "no alarm" if device.alarm is None else f"an alarm in {shown(device.alarm.source)}"


def _description(of: DeviceProperty) -> dict[str, str]:
    """Return in words what a component type says of a property, by the keys of the configuration."""
    members: dict[str, Any] = {
        "dataType": of.data_type.to_json(),
        "unitOfMeasure": of.unit,
        "source": of.source,
    }
    return {
        key: "nothing" if value is None else json.dumps(value, ensure_ascii=False)
        for key, value in members.items()
    }


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
            context.get("expected") or rules.EXPECTED[key],
        )
