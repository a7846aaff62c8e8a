"""The hops through TwinMaker: workspace, component types, entities, and reads by them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from chalicelib.contracts.component_types import ALARM, LATEST, TELEMETRY
from chalicelib.contracts.twinmaker import ALARM_KEY, DEVICE_ID_PROPERTY
from chalicelib.model.instants import utc_text
from deploy_scripts.project_files.twin_configuration import ALARM_STATUS
from deploy_scripts.register.calls import twinmaker_client
from deploy_scripts.register.component_types import component_type_ids, component_types
from deploy_scripts.register.registered_types import differences
from deploy_scripts.verify.diagnosis import read_advice
from deploy_scripts.verify.endpoint import HOUR, MAX_RESULTS
from deploy_scripts.verify.hop import BrokenHopError, Finding, side_by_side
from deploy_scripts.verify.policies import check_workspace_role
from deploy_scripts.wording import first_few

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from chalicelib.model.reads import Read
    from deploy_scripts import MakeClient
    from deploy_scripts.project_files.twin_configuration import Device
    from deploy_scripts.register.twin import Twin

_DAWN: Final = "1899-12-31T00:00:00Z"
"""JavaScript's `new Date(0, 0, 0)`, from which IoT App Kit looks for a newest value."""
_NEWEST: Final = {"startTime": _DAWN, "maxResults": 1, "orderByTime": "DESCENDING"}
_EACH_SHOWN: Final = 5
"""Devices of which each has its own number; of more than these, only all together."""


def check_workspace(
    client: MakeClient, workspace_id: str, readers: Mapping[Read, str], stage: str
) -> Finding[Any]:
    """Check that the workspace is there, and look at its role; return a TwinMaker client."""
    twinmaker = twinmaker_client()
    try:
        found = twinmaker.get_workspace(workspaceId=workspace_id)
    except twinmaker.exceptions.ResourceNotFoundException as error:
        raise BrokenHopError(
            f"There is no workspace {workspace_id}.",
            "Name the right one with --workspace, or let it be made: "
            f"{_register(stage)} --create-workspace --role-arn ARN --s3-location ARN",
        ) from error
    role = found.get("role")
    if not role:
        warning = (
            "It has no role, so TwinMaker can't invoke anything. Give it one: aws iottwinmaker "
            f"update-workspace --workspace-id {workspace_id} --role ARN; then run {_register(stage)}."
        )
        return Finding(f"{workspace_id}, without a role", twinmaker, (warning,))
    seen, warnings = check_workspace_role(client, role, readers, stage)
    return Finding(f"{workspace_id}, {seen}", twinmaker, warnings)


def _register(stage: str) -> str:
    return f"register --stage {stage}"


def check_component_types(
    twinmaker: Any,
    twin: Twin,
    devices: Sequence[Device],
    readers: Mapping[Read, str],
    stage: str,
) -> Finding[None]:
    """Check that each component type of the devices is active and reads by the stage's functions."""
    run = f"Run {_register(stage)}"
    wanted = component_types(twin.name, devices, readers)
    side_by_side(lambda each: _check_component_type(twinmaker, twin, *each, run), wanted.items())
    return Finding(f"{len(wanted)} active, reading by the functions of the stage", None)


def _check_component_type(
    twinmaker: Any, twin: Twin, type_id: str, wanted: dict[str, Any], run: str
) -> None:
    try:
        found = twinmaker.get_component_type(workspaceId=twin.workspace_id, componentTypeId=type_id)
    except twinmaker.exceptions.ResourceNotFoundException as error:
        raise BrokenHopError(f"There is no component type {type_id}.", f"{run}.") from error
    _check_active(f"component type {type_id}", found, run)
    different = differences(wanted, found)
    if different:
        lines = "; ".join(line for lines in different.values() for line in lines)
        raise BrokenHopError(
            f"The component type {type_id} isn't what the configuration says; to do: {lines}.",
            f"{run} (with --adopt if another tool made the type).",
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
    """A device as TwinMaker reads it."""

    device: Device
    # The members of a read that name it: those of a component of an entity, or its component type.
    target: Mapping[str, str]
    # The same of the component by which its newest values are read; None if there is none.
    latest: Mapping[str, str] | None = None
    # The same of its alarm: the component, if there is one, and the component type.
    alarms: tuple[Mapping[str, str], ...] = ()

    @property
    def names(self) -> list[str]:
        """The names of the device's properties."""
        return [each.name for each in self.device.properties]

    @property
    def title(self) -> str:
        """The device, or the component type if it is read with all that share it."""
        return self.device.id if self.has_entity else self.target["componentTypeId"]

    @property
    def has_entity(self) -> bool:
        """True if the device is read by an entity of its own."""
        return "entityId" in self.target


def find_entities(
    twinmaker: Any, twin: Twin, devices: Sequence[Device], stage: str
) -> Finding[list[Readable]]:
    """Check that each device has an entity, if entities were made."""
    run = f"Run {_register(stage)} --entities"
    found = side_by_side(lambda device: _readable(twinmaker, twin, device, run), devices)
    without = [each.device.id for each in found if not each.has_entity]
    if not without:
        return Finding(f"{len(found)} active", found)
    if len(without) == len(found):
        return Finding("none was made; reading by component type", found)
    raise BrokenHopError(f"Other devices have an entity, but not {first_few(without)}.", f"{run}.")


def _readable(twinmaker: Any, twin: Twin, device: Device, run: str) -> Readable:
    type_ids = component_type_ids(twin.name, device)
    type_id = type_ids[TELEMETRY]
    alarm = ({"componentTypeId": type_ids[ALARM]},) if ALARM in type_ids else ()
    not_there = (
        twinmaker.exceptions.ResourceNotFoundException,  # also if removed since it was listed
        twinmaker.exceptions.ValidationException,  # a device's id that can't be an entity's
    )
    for entity_id in _entity_ids(twinmaker, twin, device, type_id):
        try:
            entity = twinmaker.get_entity(workspaceId=twin.workspace_id, entityId=entity_id)
        except not_there:
            continue
        found = _components_of(entity, device, run)
        if type_id in found:
            own = [found[each] for each in [type_ids.get(ALARM)] if each in found]
            latest = found.get(type_ids[LATEST])
            return Readable(device, found[type_id], latest, (*own, *alarm))
    return Readable(device, {"componentTypeId": type_id}, alarms=alarm)


def _entity_ids(twinmaker: Any, twin: Twin, device: Device, type_id: str) -> Iterator[str]:
    """Yield the id of the device's own entity, and only then ask for others that have its type."""
    yield device.id
    listed = twinmaker.list_entities(
        workspaceId=twin.workspace_id, filters=[{"componentTypeId": type_id}]
    )["entitySummaries"]
    yield from (each["entityId"] for each in listed if each["entityId"] != device.id)


def _components_of(
    entity: Mapping[str, Any], device: Device, run: str
) -> dict[str, Mapping[str, str]]:
    """Return the members of a read for each of an entity's components that read a device, by type."""
    found: dict[str, Mapping[str, str]] = {}
    for name, component in entity.get("components", {}).items():
        if _is_of(component, device):
            for shown in (entity, component):
                _check_active(f"entity {entity['entityId']}", shown, run)
            members = {"entityId": entity["entityId"], "componentName": name}
            found[component.get("componentTypeId")] = members
    return found


def _is_of(component: Mapping[str, Any], device: Device) -> bool:
    """Tell whether a component reads a device, and not another one that shares its type."""
    own = component.get("properties", {}).get(DEVICE_ID_PROPERTY, {}).get("value", {})
    return device.component_type is None or own.get("stringValue") == device.id


def read_last_entries(
    twinmaker: Any, workspace_id: str, readables: Sequence[Readable]
) -> Finding[int]:
    """Check that GetPropertyValue answers for each device; return the number of values."""
    with_entities = [each for each in readables if each.names and each.has_entity]
    if not with_entities:
        return Finding("left out: it reads by entity, and there is none", 0)
    without = [each.title for each in with_entities if not each.latest]

    def read(readable: Readable) -> int:
        names, target = readable.names, readable.latest or {}
        what = {"workspaceId": workspace_id, "selectedProperties": names, **target}
        return len(twinmaker.get_property_value(**what).get("propertyValues", {}))

    warning = (
        f"The entity of {first_few(without)} has no component of the type for newest values, whose id "
        f"ends with -{LATEST}: give it one. register --entities does so with entities of its own."
    )
    read_by = [each for each in with_entities if each.latest]
    return _counted("", read_by, read, (warning,) if without else ())


def read_histories(
    twinmaker: Any,
    workspace_id: str,
    readables: Sequence[Readable],
    title: str = f"last hour, at most {MAX_RESULTS}: ",
    **request: Any,
) -> Finding[int]:
    """Check that GetPropertyValueHistory answers for each device; return the number of values."""

    def read(readable: Readable) -> int:
        answer = last_hour(twinmaker, workspace_id, readable, readable.names, **request)
        return _values_in(answer)

    return _counted(title, _each_once(each for each in readables if each.names), read)


def read_newest(twinmaker: Any, workspace_id: str, readables: Sequence[Readable]) -> Finding[int]:
    """Check that the newest value is found as IoT App Kit asks for it; return the number of values.

    It reads a history that begins in 1899, in descending order and with `maxResults` 1.
    """
    title = "since 1899, at most 1: "
    return read_histories(twinmaker, workspace_id, readables, title, **_NEWEST)


def read_alarms(twinmaker: Any, workspace_id: str, readables: Sequence[Readable]) -> Finding[int]:
    """Check that the newest status of each alarm is found; return the number of values.

    It is read by the entity, and by the component type as Grafana's alarm panel does, which then finds the
    entity by the `alarm_key`.
    """

    def read(readable: Readable) -> int:
        answer = last_hour(twinmaker, workspace_id, readable, [ALARM_STATUS], **_NEWEST)
        for each in answer:
            named = each["entityPropertyReference"].get("externalIdProperty") or {}
            if ALARM_KEY not in named and not readable.has_entity:
                raise BrokenHopError(
                    f"{readable.title}: the answer has no {ALARM_KEY}, so Grafana finds no entity.",
                    "Deploy the stage again, and register: one of them is older than the alarm.",
                )
        return _values_in(answer)

    alarms = [Readable(each.device, alarm) for each in readables for alarm in each.alarms]
    return _counted("newest status: ", _each_once(alarms), read)


def _each_once(readables: Iterable[Readable]) -> list[Readable]:
    """Take one of those that a read by component type would read together."""
    return [*{tuple(each.target.items()): each for each in readables}.values()]


def _values_in(answer: Sequence[Mapping[str, Any]]) -> int:
    return sum(len(part.get("values", [])) for part in answer)


def _counted(
    title: str,
    readables: Sequence[Readable],
    read: Callable[[Readable], int],
    warnings: tuple[str, ...] = (),
) -> Finding[int]:
    """Say how many values came of each device; of many devices, of all and of which none."""

    def count(readable: Readable) -> int:
        try:
            return read(readable)
        except ClientError as error:
            details = error.response["Error"]
            code, message = details.get("Code", ""), details.get("Message")
            raise BrokenHopError(
                f"{readable.title}: {error.operation_name} failed: {code}: {message}",
                read_advice(code),
            ) from error

    counts = {
        each.title: number
        for each, number in zip(readables, side_by_side(count, readables), strict=True)
    }
    total = sum(counts.values())
    if len(counts) <= _EACH_SHOWN:
        shown = ", ".join(f"{name}: {number} values" for name, number in counts.items())
        return Finding(f"{title}{shown}", total, warnings)
    without = [name for name, number in counts.items() if not number]
    shown = f"{total:,} values of {len(counts) - len(without)} devices"
    if without:
        shown += f", none of {first_few(without)}"
    return Finding(f"{title}{shown}", total, warnings)


def last_hour(
    twinmaker: Any, workspace_id: str, readable: Readable, names: Sequence[str], **request: Any
) -> list[dict[str, Any]]:
    """Read a page of a device's last hour, unless the request says otherwise; return its `propertyValues`."""
    now = time.time_ns()
    default = {
        "startTime": utc_text(now - HOUR, 3),
        "endTime": utc_text(now, 3),
        "maxResults": MAX_RESULTS,
        "orderByTime": "ASCENDING",
    }
    answer = twinmaker.get_property_value_history(
        workspaceId=workspace_id,
        selectedProperties=list(names),
        **(default | request),
        **readable.target,
    )
    values: list[dict[str, Any]] = answer["propertyValues"]
    return values
