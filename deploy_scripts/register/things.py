"""One kind of thing in a workspace: how to look at it and how to write it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deploy_scripts.register.twin import Twin
    from deploy_scripts.register.twinmaker import Json


class Things(ABC):
    """Component types, or entities: how to look at them and how to write them."""

    kind: str

    def __init__(self, client: Any, twin: Twin, wanted: Mapping[str, Any]) -> None:
        self.client = client
        self._wanted = wanted
        self.twin = twin

    @property
    def ids(self) -> list[str]:
        """Which ones are wanted."""
        return list(self._wanted)

    def look(self, thing_id: str) -> Json | None:
        """Get one; None if it isn't there."""
        try:
            return self._get(thing_id)
        except self.client.exceptions.ResourceNotFoundException:
            return None

    def status(self, shown: Json) -> Json:
        """Return the status of one, as TwinMaker shows it."""
        status: Json = shown["status"]
        return status

    def unfinished(self) -> list[str]:
        """Return which ones need one more update when they are at rest."""
        return []

    @abstractmethod
    def _get(self, thing_id: str) -> Json: ...

    @abstractmethod
    def differences(self, thing_id: str, shown: Json) -> list[str]:
        """Say what is different from what is wanted."""

    @abstractmethod
    def create(self, thing_id: str) -> None:
        """Create one, with our tags."""

    @abstractmethod
    def update(self, thing_id: str, shown: Json) -> None:
        """Write what is different; all of it if it is in ERROR."""

    @abstractmethod
    def delete(self, thing_id: str) -> None:
        """Delete one."""
