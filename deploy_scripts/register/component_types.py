"""Component types: one for each device."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deploy_scripts.register.component_type import differences
from deploy_scripts.register.things import Things

if TYPE_CHECKING:
    from collections.abc import Iterable

    from deploy_scripts.register.twinmaker import Json


class ComponentTypes(Things):
    """A component type for each device, wanted as `component_type` makes it."""

    kind = "component type"

    def _get(self, thing_id: str) -> Json:
        return dict(self.client.get_component_type(**self._key(thing_id)))

    def differences(self, thing_id: str, shown: Json) -> list[str]:
        """Say what is different, member by member; see `Things.differences`."""
        different = differences(self._wanted[thing_id], shown)
        return [line for lines in different.values() for line in lines]

    def create(self, thing_id: str) -> None:
        """Create the type; see `Things.create`."""
        self.client.create_component_type(
            **self._key(thing_id), **self._wanted[thing_id], tags=self.twin.tags
        )

    def update(self, thing_id: str, shown: Json) -> None:
        """Write the members that differ; see `Things.update`."""
        wanted = self._wanted[thing_id]
        members: Iterable[str] = differences(wanted, shown)
        if shown["status"]["state"] == "ERROR":
            members = wanted
        if members:
            self.client.update_component_type(
                **self._key(thing_id), **{member: wanted[member] for member in members}
            )

    def delete(self, thing_id: str) -> None:
        """Delete the type; see `Things.delete`."""
        self.client.delete_component_type(**self._key(thing_id))

    def _key(self, thing_id: str) -> dict[str, str]:
        return {"workspaceId": self.twin.workspace_id, "componentTypeId": thing_id}
