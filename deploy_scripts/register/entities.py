"""Entities: one for each device, with a component of the device's type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from deploy_scripts.register.things import Things

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deploy_scripts.register.twin import Twin
    from deploy_scripts.register.twinmaker import Json

COMPONENT_NAME: Final = "telemetry"


class Entities(Things):
    """An entity for each device.

    Its name and its component `telemetry` are ours; a description, a parent and further components
    are whoever's who gave them to it.
    """

    kind = "entity"

    def __init__(self, client: Any, twin: Twin, wanted: Mapping[str, str]) -> None:
        super().__init__(client, twin, wanted)
        self._unfinished: list[str] = []

    def _get(self, thing_id: str) -> Json:
        return dict(self.client.get_entity(**self._key(thing_id)))

    def status(self, shown: Json) -> Json:
        """Return the component's status once the entity is active; see `Things.status`."""
        status = super().status(shown)
        component = shown.get("components", {}).get(COMPONENT_NAME, {})
        if status["state"] == "ACTIVE" and "status" in component:
            return dict(component["status"])  # a component has a state of its own
        return status

    def unfinished(self) -> list[str]:
        """Return those whose component has to be made anew; see `Things.unfinished`."""
        return list(self._unfinished)

    def differences(self, thing_id: str, shown: Json) -> list[str]:
        """Say what is different of name and component; see `Things.differences`."""
        lines = []
        if shown["entityName"] != thing_id:
            lines.append("name changed")
        component = shown.get("components", {}).get(COMPONENT_NAME)
        if component is None:
            lines.append(f"component {COMPONENT_NAME} added")
        elif component.get("componentTypeId") != self._wanted[thing_id]:
            lines.append(f"component {COMPONENT_NAME} made anew, of another type")
        return lines

    def create(self, thing_id: str) -> None:
        """Create the entity with its component; see `Things.create`."""
        self.client.create_entity(
            **self._key(thing_id),
            entityName=thing_id,
            components={COMPONENT_NAME: {"componentTypeId": self._wanted[thing_id]}},
            tags=self.twin.tags,
        )

    def update(self, thing_id: str, shown: Json) -> None:
        """Write name and component; see `Things.update`."""
        request: Json = {}
        if shown["entityName"] != thing_id or shown["status"]["state"] == "ERROR":
            request["entityName"] = thing_id
        component = shown.get("components", {}).get(COMPONENT_NAME)
        if component is None:
            new = {"updateType": "CREATE", "componentTypeId": self._wanted[thing_id]}
            request["componentUpdates"] = {COMPONENT_NAME: new}
        elif component.get("componentTypeId") != self._wanted[thing_id]:
            # A component can't change its type, and an update can't replace a component.
            request["componentUpdates"] = {COMPONENT_NAME: {"updateType": "DELETE"}}
            self._unfinished.append(thing_id)
        elif self.status(shown)["state"] == "ERROR":
            request["componentUpdates"] = {COMPONENT_NAME: {"updateType": "UPDATE"}}
        if request:
            self.client.update_entity(**self._key(thing_id), **request)

    def delete(self, thing_id: str) -> None:
        """Delete the entity; see `Things.delete`."""
        self.client.delete_entity(**self._key(thing_id))

    def _key(self, thing_id: str) -> dict[str, str]:
        return {"workspaceId": self.twin.workspace_id, "entityId": thing_id}
