"""All things of the local TwinMaker, in memory, under one lock."""

from __future__ import annotations

import dataclasses
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

from ..errors import InvalidRequestError, NotFoundError
from .definitions import Schema, schema_of
from .owned import owned_types
from .resources import ComponentType, Entity, Scene, Workspace

if TYPE_CHECKING:
    from collections.abc import Mapping

Thing = TypeVar("Thing", ComponentType, Entity)


class Things(dict[str, Thing]):
    """The things of one kind in a workspace, by id.

    Parameters
    ----------
    kind, workspace_id : str
        The kind and the workspace, for errors.
    """

    def __init__(self, kind: str, workspace_id: str) -> None:
        super().__init__()
        self.kind = kind
        self.workspace_id = workspace_id


class Space:
    """A workspace with its contents, each by id.

    Parameters
    ----------
    workspace : Workspace
        Its own settings.
    owned : mapping
        AWS's own component types, by id.
    """

    def __init__(self, workspace: Workspace, owned: Mapping[str, ComponentType]) -> None:
        self.workspace = workspace
        self.types: Things[ComponentType] = Things("component type", workspace.workspace_id)
        self.types.update(owned)
        self.entities: Things[Entity] = Things("entity", workspace.workspace_id)
        self.scenes: dict[str, Scene] = {}

    def schema(self, component_type: ComponentType) -> Schema:
        """Put a type together with what it inherits in this workspace."""
        return schema_of(component_type, self.types.get)

    def is_kind_of(self, component_type_id: str, ancestor_id: str) -> bool:
        """Return whether a type is another one or inherits from it."""
        if component_type_id == ancestor_id:
            return True
        found = self.types.get(component_type_id)
        parents = found.extends_from if found else ()
        return any(self.is_kind_of(parent, ancestor_id) for parent in parents)

    def children(self, entity_id: str) -> list[Entity]:
        """List the entities whose parent is the given one."""
        return [entity for entity in self.entities.values() if entity.parent_id == entity_id]


class Store:
    """The workspaces, and the rules of states that all operations share.

    Every method expects :attr:`lock` to be held by the caller, so that an operation is one step
    for all others.

    Parameters
    ----------
    region, account_id : str
        The region and the account of ARNs.
    """

    def __init__(self, region: str, account_id: str) -> None:
        self.lock = threading.RLock()
        self.spaces: dict[str, Space] = {}
        self.tags: dict[str, dict[str, str]] = {}
        partition = "aws-cn" if region.startswith("cn-") else "aws"
        partition = "aws-us-gov" if region.startswith("us-gov-") else partition
        service = f"arn:{partition}:iottwinmaker:{region}:"
        self._arn_prefix = f"{service}{account_id}:"
        # Recorded, and not what the service model's pattern of an ARN allows.
        self._owned = owned_types(
            f"{service}iotrociaccount:workspace/AmazonOwnedTypesWorkspace/component-type/"
        )

    def arn(self, path: str) -> str:
        """Build the ARN of ``workspace/ID``, ``workspace/ID/entity/ID``, and so on."""
        return self._arn_prefix + path

    def add_space(self, workspace: Workspace) -> Space:
        """Make a workspace's contents: nothing but AWS's own component types."""
        space = self.spaces[workspace.workspace_id] = Space(workspace, self._owned)
        return space

    @staticmethod
    def now() -> datetime:
        """Return the time that a change is stamped with."""
        return datetime.now(UTC)

    def space(self, workspace_id: str) -> Space:
        """Find a workspace.

        Raises
        ------
        NotFoundError
            There is none of that id.
        """
        found = self.spaces.get(workspace_id)
        if found is None:
            raise NotFoundError(f"There is no workspace {workspace_id}")
        return found

    def seen(self, things: Things[Thing], thing_id: str) -> Thing:
        """Find a thing in order to show it; showing it settles it.

        Raises
        ------
        NotFoundError
            There is none of that id in the workspace.
        """
        found = things.get(thing_id)
        if found is None:
            raise NotFoundError(
                f"There is no {things.kind} {thing_id} in workspace {things.workspace_id}"
            )
        self.settle(things, thing_id)
        return found

    def resting(self, things: Things[Thing], thing_id: str) -> Thing:
        """Find a thing in order to change it: ACTIVE or ERROR.

        Raises
        ------
        NotFoundError
            There is none of that id in the workspace.
        InvalidRequestError
            It is still changing. This answer settles it.
        """
        found = self.seen(things, thing_id)
        if found.lifecycle.changing:
            raise InvalidRequestError(
                f"{things.kind.capitalize()} {thing_id} is {found.lifecycle.state}: wait until that "
                "is over"
            )
        return found

    def usable(self, things: Things[Thing], thing_id: str) -> Thing:
        """Find a thing in order to use it: ACTIVE.

        Raises
        ------
        NotFoundError
            There is none of that id in the workspace.
        InvalidRequestError
            It isn't ACTIVE.
        """
        found = self.resting(things, thing_id)
        if found.lifecycle.state == "ERROR":
            raise InvalidRequestError(
                f"{things.kind.capitalize()} {thing_id} is in ERROR: {found.lifecycle.problem}"
            )
        return found

    def settle(self, things: Things[Thing], thing_id: str) -> None:
        """Let a thing go on to its next state, now that somebody was shown this one."""
        thing = things[thing_id]
        following = thing.lifecycle.settled() if thing.lifecycle.changing else thing.lifecycle
        if following is None:
            del things[thing_id]
            self.tags.pop(thing.arn, None)
        else:
            things[thing_id] = dataclasses.replace(thing, lifecycle=following)
