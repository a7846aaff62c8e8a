"""The hops of what TwinMaker has: workspace, component types, entities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chalicelib.model.errors import ConfigurationError
from deploy_scripts.register.calls import RegistrationError
from deploy_scripts.register.component_types import component_type, component_type_id, differences
from deploy_scripts.verify.hop import BrokenHopError, Passed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from chalicelib.model.reads import Read
    from deploy_scripts.project_files.twin_configuration import Device
    from deploy_scripts.register.registration import Registration
    from deploy_scripts.register.twin import Twin


@dataclass(frozen=True, slots=True)
class WorkspaceHop:
    """The workspace is there."""

    twinmaker: Any
    workspace_id: str
    stage: str

    title = "TwinMaker workspace"

    def run(self) -> Passed[None]:
        """Look at it; see `Hop.run`."""
        try:
            found = self.twinmaker.get_workspace(workspaceId=self.workspace_id)
        except self.twinmaker.exceptions.ResourceNotFoundException as error:
            raise BrokenHopError(
                f"There is no workspace {self.workspace_id}.",
                "Name the right one with --workspace, or let it be made: "
                f"{_register(self.stage)} --create-workspace --role-arn ARN --s3-location ARN",
            ) from error
        return Passed(f"{self.workspace_id}, role {found.get('role', 'missing')}", None)


def _register(stage: str) -> str:
    return f"register --stage {stage}"


@dataclass(frozen=True, slots=True)
class ComponentTypesHop:
    """Each device's component type is active and reads by the stage's functions."""

    twinmaker: Any
    twin: Twin
    devices: Sequence[Device]
    readers: Mapping[Read, str]
    registration: Registration
    stage: str

    title = "TwinMaker component types"

    def run(self) -> Passed[None]:
        """Look at all of them; see `Hop.run`."""
        for device in self.devices:
            self._check(device)
        note = "" if self._agrees() else "; note: register --dry-run tells of more to do"
        count = len(self.devices)
        return Passed(f"{count} active, reading by the functions of the stage{note}", None)

    def _check(self, device: Device) -> None:
        type_id = component_type_id(self.twin.name, device.id)
        run = f"Run {_register(self.stage)}"
        try:
            found = self.twinmaker.get_component_type(
                workspaceId=self.twin.workspace_id, componentTypeId=type_id
            )
        except self.twinmaker.exceptions.ResourceNotFoundException as error:
            raise BrokenHopError(f"There is no component type {type_id}.", f"{run}.") from error
        status = found["status"]
        if status["state"] != "ACTIVE":
            raise BrokenHopError(
                f"The component type {type_id} is {status['state']}: "
                f"{(status.get('error') or {}).get('message', 'no reason given')}",
                f"Wait if it is changing. {run} if it is in ERROR.",
            )
        for read, arn in self.readers.items():
            name = read.twinmaker_function
            function = found.get("functions", {}).get(name, {})
            actual = function.get("implementedBy", {}).get("lambda", {}).get("arn")
            if actual != arn:
                raise BrokenHopError(
                    f"{name} of the component type {type_id} points at {actual or 'nothing'}, not at "
                    f"{arn}.",
                    f"{run} (with --adopt if another tool made the type).",
                )
        different = differences(component_type(device, self.readers), found)
        if different:
            lines = "; ".join(line for lines in different.values() for line in lines)
            raise BrokenHopError(
                f"The component type {type_id} isn't what the configuration says; to do: {lines}.",
                f"{run}.",
            )

    def _agrees(self) -> bool:
        """Ask register, whose care goes further: tags, and the policy of the workspace's role.

        What it finds doesn't break the hop: a type or a role may be somebody else's and work.
        """
        try:
            return self.registration.register(self.devices, self.readers, dry_run=True).agrees
        except (ConfigurationError, RegistrationError):
            return False


@dataclass(frozen=True, slots=True)
class Readable:
    """How TwinMaker reads a device.

    Attributes
    ----------
    device
        The device.
    type_id
        Its component type.
    entity_id, component_name
        The entity that has it; None if there is none.
    """

    device: Device
    type_id: str
    entity_id: str | None = None
    component_name: str | None = None

    @property
    def target(self) -> dict[str, str]:
        """What a read names."""
        if self.entity_id is None or self.component_name is None:
            return {"componentTypeId": self.type_id}
        return {"entityId": self.entity_id, "componentName": self.component_name}


@dataclass(frozen=True, slots=True)
class EntitiesHop:
    """Each device has an entity, if entities were made."""

    twinmaker: Any
    twin: Twin
    devices: Sequence[Device]
    stage: str

    title = "TwinMaker entities"

    def run(self) -> Passed[tuple[Readable, ...]]:
        """Look for them; see `Hop.run`."""
        found = tuple(self._readable(device) for device in self.devices)
        without = [each.device.id for each in found if each.entity_id is None]
        if not without:
            return Passed(f"{len(found)} active", found)
        if len(without) == len(found):
            return Passed("none was made; reading by component type", found)
        raise BrokenHopError(
            f"Other devices have an entity, but not {', '.join(without)}.",
            f"Run {_register(self.stage)} --entities.",
        )

    def _readable(self, device: Device) -> Readable:
        type_id = component_type_id(self.twin.name, device.id)
        listed = self.twinmaker.list_entities(
            workspaceId=self.twin.workspace_id, filters=[{"componentTypeId": type_id}]
        )["entitySummaries"]
        # The device's own first, if there is one.
        ids = sorted((each["entityId"] for each in listed), key=lambda name: name != device.id)
        for entity_id in ids:
            try:
                entity = self.twinmaker.get_entity(
                    workspaceId=self.twin.workspace_id, entityId=entity_id
                )
            except self.twinmaker.exceptions.ResourceNotFoundException:
                continue  # removed since it was listed
            for name, component in entity.get("components", {}).items():
                if component.get("componentTypeId") == type_id:
                    self._check(entity_id, entity, component)
                    return Readable(device, type_id, entity_id, name)
        return Readable(device, type_id)

    def _check(self, entity_id: str, *shown: Mapping[str, Any]) -> None:
        for status in (each.get("status", {"state": "ACTIVE"}) for each in shown):
            if status["state"] != "ACTIVE":
                raise BrokenHopError(
                    f"The entity {entity_id} is {status['state']}: "
                    f"{(status.get('error') or {}).get('message', 'no reason given')}",
                    f"Wait if it is changing. Run {_register(self.stage)} --entities if it is in "
                    "ERROR.",
                )
