"""The names that AWS's service models allow, checked before half of a registration is written."""

from __future__ import annotations

import math
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import botocore.session

from chalicelib.model.errors import ConfigurationError
from deploy_scripts.register.component_types import component_type_ids

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from deploy_scripts.project_files.twin_configuration import Device
    from deploy_scripts.register.twin import Twin


def check_names(twin: Twin, devices: Sequence[Device], **registered: Any) -> None:
    """Refuse names that AWS doesn't allow, without asking AWS.

    The parameters are those of `name_flaws`.
    """
    for flaw in (*name_flaws(twin, devices, **registered), *collisions(twin.name, devices)):
        raise ConfigurationError(flaw)


def name_flaws(
    twin: Twin,
    devices: Sequence[Device],
    *,
    role_arn: str | None = None,
    s3_location: str | None = None,
    entities: bool = False,
) -> Iterator[str]:
    """Yield in sentences which names AWS doesn't allow.

    The parameters are those of `Registration.register`.
    """
    names = [
        ("Id", twin.workspace_id, "The workspace's id"),
        ("TagValue", twin.name, "The twin's name"),
        ("RoleArn", role_arn, "The role's ARN"),
        ("S3Location", s3_location, "The S3 location, the ARN of a bucket,"),
    ]
    for device in devices:
        type_ids = component_type_ids(twin.name, device).values()
        names += [("ComponentTypeId", each, "The component type's id") for each in type_ids]
        if entities:
            names.append(("EntityId", device.id, "The device's id, as an entity's id,"))
        title = f"Device {device.id}: the property's name"
        names += [("Name", each.name, title) for each in (*device.properties, *device.constants)]
    policy = "The name of the role's policy, made of the workspace's and the twin's,"
    of_iam = [("policyNameType", twin.policy_name, policy)]
    for service, listed in (("iottwinmaker", names), ("iam", of_iam)):
        for shape, name, title in listed:
            if name is None:
                continue
            try:
                check_name(shape, name, title, service=service)
            except ConfigurationError as error:
                yield str(error)


def collisions(twin_name: str, devices: Iterable[Device]) -> Iterator[str]:
    """Yield in sentences which component types of a twin would have the same id.

    Examples
    --------
    >>> from deploy_scripts.project_files.twin_configuration import Device
    >>> list(collisions("my-twin", [Device("pump", ()), Device("pump-1", (), component_type="pump")]))
    ['The component type my-twin-pump would be the telemetry type of the device pump and the telemetry type of the componentType pump']
    """
    owners: dict[str, str] = {}
    for device in devices:
        shared = device.component_type
        subject = f"the device {device.id}" if shared is None else f"the componentType {shared}"
        for component, type_id in component_type_ids(twin_name, device).items():
            owner = f"the {component} type of {subject}"
            if owners.setdefault(type_id, owner) != owner:
                yield f"The component type {type_id} would be {owners[type_id]} and {owner}"


def check_name(shape: str, name: str, title: str, *, service: str = "iottwinmaker") -> None:
    """Check a name against a shape of a service model; the title is its subject in the error."""
    allowed = limits(shape, service)
    pattern, longest = allowed.get("pattern", ".*"), allowed.get("max", math.inf)
    if re.fullmatch(pattern, name) is None:
        raise ConfigurationError(f"{title} is {name!r}; AWS wants it to match {pattern}")
    if not allowed.get("min", 0) <= len(name) <= longest:
        raise ConfigurationError(
            f"{title} is {name!r}, {len(name)} characters; AWS allows {longest}"
        )


@lru_cache
def limits(shape: str, service: str = "iottwinmaker") -> Mapping[str, Any]:
    """Return `pattern`, `min` and `max` of a shape, as far as the service model has them."""
    found: Mapping[str, Any] = _model(service).shape_for(shape).metadata
    return found


@lru_cache
def _model(service: str) -> Any:
    return botocore.session.get_session().get_service_model(service)
