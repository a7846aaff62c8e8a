"""The names that AWS's service models allow, checked before half of a registration is written."""

from __future__ import annotations

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


def check_names(
    twin: Twin,
    devices: Sequence[Device],
    *,
    role_arn: str | None = None,
    s3_location: str | None = None,
    entities: bool = False,
) -> None:
    """Refuse names that AWS doesn't allow, without asking AWS."""
    of_entities = entity_flaws(devices) if entities else ()
    of_twin = twin_flaws(twin, role_arn, s3_location)
    for flaw in (*of_twin, *of_entities, *collisions(twin.name, devices)):
        raise ConfigurationError(flaw)


def twin_flaws(
    twin: Twin, role_arn: str | None = None, s3_location: str | None = None
) -> Iterator[str]:
    """Yield in sentences which names of a twin and its workspace AWS doesn't allow."""
    yield from name_flaws("Id", twin.workspace_id, "The workspace's id")
    yield from name_flaws("RoleArn", role_arn, "The role's ARN")
    yield from name_flaws("S3Location", s3_location, "The S3 location, the ARN of a bucket,")
    policy = "The name of the role's policy, made of the workspace's and the twin's,"
    yield from name_flaws("policyNameType", twin.policy_name, policy, service="iam")


def entity_flaws(devices: Iterable[Device]) -> Iterator[str]:
    """Yield in sentences which devices' ids can't be those of entities."""
    for device in devices:
        yield from name_flaws("EntityId", device.id, "The device's id, as an entity's id,")


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


def name_flaws(
    shape: str, name: str | None, title: str, *, service: str = "iottwinmaker"
) -> Iterator[str]:
    """Compare a name with a shape of a service model; the title is its subject in a message."""
    allowed = limits(shape, service)
    pattern, longest = allowed.get("pattern", ".*"), allowed["max"]
    if name is not None and re.fullmatch(pattern, name) is None:
        yield f"{title} is {name!r}; AWS wants it to match {pattern}"
    elif name is not None and not allowed.get("min", 0) <= len(name) <= longest:
        yield f"{title} is {name!r}, {len(name)} characters; AWS allows {longest}"


@lru_cache
def limits(shape: str, service: str = "iottwinmaker") -> Mapping[str, Any]:
    """Return `pattern`, `min` and `max` of a shape, as far as the service model has them."""
    found: Mapping[str, Any] = _model(service).shape_for(shape).metadata
    return found


@lru_cache
def _model(service: str) -> Any:
    return botocore.session.get_session().get_service_model(service)
