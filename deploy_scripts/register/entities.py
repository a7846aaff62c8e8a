"""The twin's entities: one for each device, with a component of each of the device's types."""

from __future__ import annotations

import re
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING, Final

from chalicelib.contracts.component_types import ALARM, LATEST, TELEMETRY, component_type_prefix
from deploy_scripts.register.calls import RegistrationError
from deploy_scripts.register.component_types import components
from deploy_scripts.register.names import limits
from deploy_scripts.register.resources import Resources
from deploy_scripts.wording import first_few

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from deploy_scripts.project_files.twin_configuration import Device
    from deploy_scripts.register.calls import Json

_OURS: Final = (TELEMETRY, LATEST, ALARM)
"""The names of components that are made for a device."""


def entity(twin_name: str, device: Device) -> Json:
    """Describe a device's entity, as CreateEntity takes it; raises what `components` raises."""
    return {"entityName": device.id, "components": components(twin_name, device)}


class Entities(Resources):
    """Entities, each wanted as `entity` describes it.

    Its name and the components of our names are ours; a description, a parent and further components
    belong to whoever added them.
    """

    kind = "entity"
    id_member = "entityId"

    def compare(self, resource_id: str, shown: Json) -> tuple[list[str], Json]:
        """Compare name and components; see `Resources.compare`."""
        wanted = self.wanted[resource_id]
        lines: list[str] = []
        update: Json = {}
        if shown["entityName"] != wanted["entityName"]:
            lines.append("name changed")
        if lines or shown["status"]["state"] == "ERROR":
            update["entityName"] = wanted["entityName"]
        there = _components(shown)
        of_components: dict[str, Json] = {}
        for name, new in wanted["components"].items():
            line, of_component = _compared(new, there.get(name))
            if line:
                lines.append(f"component {name} {line}")
            if of_component or self.status(shown)["state"] == "ERROR":
                of_components[name] = of_component or {"updateType": "UPDATE"}
        for name in there.keys() - wanted["components"].keys():
            if there[name]["componentTypeId"].startswith(
                component_type_prefix(self.workspace.twin.name)
            ):
                lines.append(f"component {name} removed")
                of_components[name] = {"updateType": "DELETE"}
        if of_components:
            update["componentUpdates"] = of_components
        return lines, update

    def status(self, shown: Json) -> Json:
        """Return the entity's status, or once it is active that of a component that isn't, if any."""
        status = super().status(shown)
        if status["state"] != "ACTIVE":
            return status
        of_components = [each.get("status", status) for each in _components(shown).values()]
        # What is changing comes before what is in ERROR: it is waited for.
        others = [each for each in of_components if each["state"] != "ACTIVE"]
        return min(others, key=lambda each: each["state"] == "ERROR", default=status)

    def is_half_updated(self, resource_id: str, shown: Json) -> bool:
        """Tell whether a component was deleted, and has to be created anew."""
        wanted = self.wanted[resource_id]["components"].keys()
        return shown["status"]["state"] == "ACTIVE" and not wanted <= _components(shown).keys()

    def own(self, type_ids: Iterable[str]) -> list[list[str]]:
        """Find those that were made for the twin, wanted or not; none of somebody else's may be in the way.

        Returns their ids, in groups: children come before their parents.
        """
        twin = self.workspace.twin
        users = self._listed(componentTypeId=type_ids)
        # Somebody may have taken the component out of an entity of ours: it has the device's id.
        beginning, allowed = component_type_prefix(twin.name), limits("EntityId")["pattern"]
        beside = {f"{type_id}-{each}" for type_id in type_ids for each in (LATEST, ALARM)}
        likely = [each.removeprefix(beginning) for each in type_ids if each not in beside]
        ids = [each for each in (*likely, *twin.device_ids) if re.fullmatch(allowed, each)]
        found = self.at_rest([*users, *ids])
        own = {each: shown for each, shown in found.items() if self.workspace.owns(shown)}
        parents = [each for each, shown in own.items() if shown["hasChildEntities"]]
        children = self.at_rest(self._listed(parentEntityId=parents))
        foreign = sorted(({*users} & found.keys() | children.keys()) - own.keys())
        if foreign:
            raise RegistrationError(
                f"Nothing was removed: there are entities in workspace {twin.workspace_id} that "
                "weren't made by register and use this twin's component types, or are below its "
                f"entities: {first_few(foreign)}. Delete them, or take them out of the twin, first."
            )
        return list(_children_first(own))

    def _listed(self, **wanted: Iterable[str]) -> list[str]:
        """List the ids of entities by one of TwinMaker's filters, for several values of it."""
        return [
            summary["entityId"]
            for name, values in wanted.items()
            for value in values
            for summary in self.workspace.entities(**{name: value})
        ]


def _components(shown: Json) -> dict[str, Json]:
    """Return those of an entity's components that are ours by their names."""
    components = shown.get("components", {})
    return {name: components[name] for name in _OURS if name in components}


def _compared(new: Json, component: Json | None) -> tuple[str, Json]:
    """Return in words how a component differs from what is wanted, and its update; empty if it doesn't."""
    if component is None:
        return "added", {"updateType": "CREATE", **_as_update(new)}
    if component.get("componentTypeId") != new["componentTypeId"]:
        # A component can't change its type, and an update can't replace a component.
        return "made anew, of another type", {"updateType": "DELETE"}
    there = component.get("properties", {})
    changed = {
        name: each
        for name, each in new.get("properties", {}).items()
        if each["value"] != there.get(name, {}).get("value")
    }
    if not changed:
        return "", {}
    return (
        f"changed ({', '.join(changed)})",
        {"updateType": "UPDATE", **_as_update({"properties": changed})},
    )


def _as_update(component: Json) -> Json:
    """Spell a component of CreateEntity as UpdateEntity takes it."""
    return {"propertyUpdates" if key == "properties" else key: component[key] for key in component}


def _children_first(entities: Mapping[str, Json]) -> Iterator[list[str]]:
    sorter = TopologicalSorter(dict.fromkeys(entities, ()))
    for entity_id, shown in entities.items():
        parent = str(shown.get("parentEntityId"))
        if parent in entities:
            sorter.add(parent, entity_id)
    sorter.prepare()
    while sorter.is_active():
        group = sorter.get_ready()
        yield sorted(group)
        sorter.done(*group)
