"""Devices that share a component type: they agree on all that the type says."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from deploy_scripts.project_files.problems import path_of, shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from deploy_scripts.project_files.strict_json import Place
    from deploy_scripts.project_files.twin_configuration import Device, DeviceProperty

_NOTHING: Final = "nothing"


def disagreements(devices: Iterable[Device]) -> Iterator[tuple[str, str, str]]:
    """Find where a device differs from the first one that it shares its component type with.

    A type has one definition of each property, which goes for all of its entities; only the values of
    constants are an entity's own (TwinMaker API reference, 'PropertyDefinitionRequest').

    Yields
    ------
    tuple[str, str, str]
        The place, what was found there, and what was expected.
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


def _description(of: DeviceProperty) -> dict[str, str]:
    """Return in words what a component type says of a property, by the keys of the configuration."""
    members: dict[str, Any] = {
        "dataType": of.data_type.to_json(),
        "unitOfMeasure": of.unit,
        "source": of.source,
    }
    return {
        key: _NOTHING if value is None else json.dumps(value, ensure_ascii=False)
        for key, value in members.items()
    }
