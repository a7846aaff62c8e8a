"""The hops through TwinMaker: workspace, component types, entities, and reads by them."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from chalicelib.model.errors import ConfigurationError
from chalicelib.model.instants import utc_text
from deploy_scripts.register.calls import RegistrationError, twinmaker_client
from deploy_scripts.register.component_types import component_type, component_type_id, differences
from deploy_scripts.verify.diagnosis import read_advice
from deploy_scripts.verify.endpoint import HOUR, MAX_RESULTS
from deploy_scripts.verify.hop import BrokenHopError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from chalicelib.model.reads import Read
    from deploy_scripts.project_files.twin_configuration import Device
    from deploy_scripts.register.registration import Registration
    from deploy_scripts.register.twin import Twin
    from deploy_scripts.verify.hop import Finding


def check_workspace(workspace_id: str, stage: str) -> Finding[Any]:
    """Check that the workspace is there; return a TwinMaker client."""
    twinmaker = twinmaker_client()
    try:
        found = twinmaker.get_workspace(workspaceId=workspace_id)
    except twinmaker.exceptions.ResourceNotFoundException as error:
        raise BrokenHopError(
            f"There is no workspace {workspace_id}.",
            "Name the right one with --workspace, or let it be made: "
            f"{_register(stage)} --create-workspace --role-arn ARN --s3-location ARN",
        ) from error
    return f"{workspace_id}, role {found.get('role', 'missing')}", twinmaker


def _register(stage: str) -> str:
    return f"register --stage {stage}"


def check_component_types(
    twinmaker: Any,
    twin: Twin,
    devices: Sequence[Device],
    readers: Mapping[Read, str],
    registration: Registration,
    stage: str,
) -> Finding[None]:
    """Check that each device's component type is active and reads by the stage's functions."""
    for device in devices:
        _check_component_type(twinmaker, twin, device, readers, f"Run {_register(stage)}")
    # Register's care goes further: tags, and the policy of the workspace's role. What it finds doesn't
    # break the hop: a type or a role may be somebody else's and work.
    try:
        agrees = registration.register(devices, readers, dry_run=True).agrees
    except (ConfigurationError, RegistrationError):
        agrees = False
    note = "" if agrees else "; note: register --dry-run shows more to do"
    return f"{len(devices)} active, reading by the functions of the stage{note}", None


def _check_component_type(
    twinmaker: Any, twin: Twin, device: Device, readers: Mapping[Read, str], run: str
) -> None:
    type_id = component_type_id(twin.name, device.id)
    try:
        found = twinmaker.get_component_type(workspaceId=twin.workspace_id, componentTypeId=type_id)
    except twinmaker.exceptions.ResourceNotFoundException as error:
        raise BrokenHopError(f"There is no component type {type_id}.", f"{run}.") from error
    _check_active(f"component type {type_id}", found, run)
    for read, arn in readers.items():
        function = found.get("functions", {}).get(read.twinmaker_function, {})
        actual = function.get("implementedBy", {}).get("lambda", {}).get("arn")
        if actual != arn:
            raise BrokenHopError(
                f"{read.twinmaker_function} of the component type {type_id} points at "
                f"{actual or 'nothing'}, not at {arn}.",
                f"{run} (with --adopt if another tool made the type).",
            )
    different = differences(component_type(device, readers), found)
    if different:
        lines = "; ".join(line for lines in different.values() for line in lines)
        raise BrokenHopError(
            f"The component type {type_id} isn't what the configuration says; to do: {lines}.",
            f"{run}.",
        )


def _check_active(subject: str, shown: Mapping[str, Any], run: str) -> None:
    status = shown.get("status", {"state": "ACTIVE"})
    if status["state"] != "ACTIVE":
        reason = (status.get("error") or {}).get("message", "no reason given")
        raise BrokenHopError(
            f"The {subject} is {status['state']}: {reason}",
            f"Wait if it is changing. {run} if it is in ERROR.",
        )


@dataclass(frozen=True, slots=True)
class Readable:
    """A device as TwinMaker reads it.

    Attributes
    ----------
    device
        The device.
    target
        The members of a read that name it: those of a component of an entity, or its component type.
    """

    device: Device
    target: Mapping[str, str]

    @property
    def names(self) -> list[str]:
        """The names of the device's properties."""
        return [each.name for each in self.device.properties]

    @property
    def has_entity(self) -> bool:
        """True if it is read by an entity."""
        return "entityId" in self.target


def find_entities(
    twinmaker: Any, twin: Twin, devices: Sequence[Device], stage: str
) -> Finding[list[Readable]]:
    """Check that each device has an entity, if entities were made."""
    run = f"Run {_register(stage)} --entities"
    found = [_readable(twinmaker, twin, device, run) for device in devices]
    without = [each.device.id for each in found if not each.has_entity]
    if not without:
        return f"{len(found)} active", found
    if len(without) == len(found):
        return "none was made; reading by component type", found
    raise BrokenHopError(f"Other devices have an entity, but not {', '.join(without)}.", f"{run}.")


def _readable(twinmaker: Any, twin: Twin, device: Device, run: str) -> Readable:
    type_id = component_type_id(twin.name, device.id)
    listed = twinmaker.list_entities(
        workspaceId=twin.workspace_id, filters=[{"componentTypeId": type_id}]
    )["entitySummaries"]
    # The device's own first, if there is one.
    ids = sorted((each["entityId"] for each in listed), key=lambda name: name != device.id)
    for entity_id in ids:
        try:
            entity = twinmaker.get_entity(workspaceId=twin.workspace_id, entityId=entity_id)
        except twinmaker.exceptions.ResourceNotFoundException:
            continue  # removed since it was listed
        for name, component in entity.get("components", {}).items():
            if component.get("componentTypeId") == type_id:
                for shown in (entity, component):
                    _check_active(f"entity {entity_id}", shown, run)
                return Readable(device, {"entityId": entity_id, "componentName": name})
    return Readable(device, {"componentTypeId": type_id})


def read_last_entries(
    twinmaker: Any, workspace_id: str, readables: Sequence[Readable]
) -> Finding[None]:
    """Check that GetPropertyValue answers for each device."""
    shown = []
    for each in readables:
        if each.has_entity and each.names:  # it reads telemetry by entity only
            with _reading(each):
                answer = twinmaker.get_property_value(
                    workspaceId=workspace_id, selectedProperties=each.names, **each.target
                )
            shown.append(f"{each.device.id}: {len(answer.get('propertyValues', {}))} values")
    return ", ".join(shown) or "left out: it reads by entity, and there is none", None


def read_histories(
    twinmaker: Any, workspace_id: str, readables: Sequence[Readable]
) -> Finding[None]:
    """Check that GetPropertyValueHistory answers for each device."""
    shown = []
    for each in readables:
        if each.names:
            with _reading(each):
                answer = last_hour(twinmaker, workspace_id, each, each.names)
            count = sum(len(part.get("values", [])) for part in answer)
            shown.append(f"{each.device.id}: {count} values")
    return f"last hour, at most {MAX_RESULTS}: {', '.join(shown)}", None


def last_hour(
    twinmaker: Any, workspace_id: str, readable: Readable, names: Sequence[str], **request: Any
) -> list[dict[str, Any]]:
    """Read a page of a device's last hour; return its `propertyValues`."""
    now = time.time_ns()
    asked = {"maxResults": MAX_RESULTS, "orderByTime": "ASCENDING"} | request
    answer = twinmaker.get_property_value_history(
        workspaceId=workspace_id,
        selectedProperties=list(names),
        startTime=utc_text(now - HOUR, 3),
        endTime=utc_text(now, 3),
        **asked,
        **readable.target,
    )
    values: list[dict[str, Any]] = answer["propertyValues"]
    return values


@contextmanager
def _reading(readable: Readable) -> Iterator[None]:
    """Name the device in a read's error, and add the advice."""
    try:
        yield
    except ClientError as error:
        details = error.response.get("Error", {})
        code = details.get("Code", "")
        raise BrokenHopError(
            f"{readable.device.id}: {error.operation_name} failed: {code}: {details.get('Message')}",
            read_advice(code),
        ) from error
