"""The twin's entities: one for each device, with a component of the device's type."""

from __future__ import annotations

import re
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING, Final

from deploy_scripts.register.calls import RegistrationError
from deploy_scripts.register.component_types import component_type_id
from deploy_scripts.register.names import limits
from deploy_scripts.register.resources import Resources
from deploy_scripts.register.workspace import first_few

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from deploy_scripts.register.calls import Json

COMPONENT_NAME: Final = "telemetry"


def entity(device_id: str, component_type_id: str) -> Json:
    """Describe a device's entity, as CreateEntity takes it."""
    component = {"componentTypeId": component_type_id}
    return {"entityName": device_id, "components": {COMPONENT_NAME: component}}


class Entities(Resources):
    """Entities, each wanted as `entity` describes it.

    Its name and its component are ours; a description, a parent and further components belong to
    whoever added them.
    """

    kind = "entity"
    id_member = "entityId"

    def compare(self, resource_id: str, shown: Json) -> tuple[list[str], Json]:
        """Compare name and component; see `Resources.compare`."""
        wanted = self.wanted[resource_id]
        lines: list[str] = []
        update: Json = {}
        if shown["entityName"] != wanted["entityName"]:
            lines.append("name changed")
        if lines or shown["status"]["state"] == "ERROR":
            update["entityName"] = wanted["entityName"]
        of_component: Json = {}
        new, component = wanted["components"][COMPONENT_NAME], _component(shown)
        if not component:
            lines.append(f"component {COMPONENT_NAME} added")
            of_component = {"updateType": "CREATE", **new}
        elif component.get("componentTypeId") != new["componentTypeId"]:
            # A component can't change its type, and an update can't replace a component.
            lines.append(f"component {COMPONENT_NAME} made anew, of another type")
            of_component = {"updateType": "DELETE"}
        elif self.status(shown)["state"] == "ERROR":
            of_component = {"updateType": "UPDATE"}
        if of_component:
            update["componentUpdates"] = {COMPONENT_NAME: of_component}
        return lines, update

    def status(self, shown: Json) -> Json:
        """Return the entity's status, or that of its component once the entity is active."""
        status = super().status(shown)
        if status["state"] != "ACTIVE":
            return status
        of_component: Json = _component(shown).get("status", status)
        return of_component

    def is_half_updated(self, shown: Json) -> bool:
        """Tell whether the component was deleted, and has to be created anew."""
        return shown["status"]["state"] == "ACTIVE" and not _component(shown)

    def own(self, type_ids: Iterable[str]) -> list[list[str]]:
        """Find those that were made for the twin, wanted or not.

        Parameters
        ----------
        type_ids
            The component types that were made for the twin.

        Returns
        -------
        list[list[str]]
            Their ids, in groups: children come before their parents.

        Raises
        ------
        RegistrationError
            An entity that isn't ours is in the way.
        """
        twin = self.workspace.twin
        users = self._listed(componentTypeId=type_ids)
        # Somebody may have taken the component out of an entity of ours: it has the device's id.
        prefix, allowed = component_type_id(twin.name, ""), limits("EntityId")["pattern"]
        likely = [type_id.removeprefix(prefix) for type_id in type_ids]
        found = self.at_rest([*users, *(each for each in likely if re.fullmatch(allowed, each))])
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


def _component(shown: Json) -> Json:
    component: Json = shown.get("components", {}).get(COMPONENT_NAME, {})
    return component


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
