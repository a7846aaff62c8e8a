"""The operations on workspaces. A workspace has no states: it is there, or it isn't."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from ..errors import (
    ConflictError,
    InvalidRequestError,
    NotFoundError,
)
from ..twin.owned import is_owned
from ..twin.resources import Workspace
from .paging import page_of

if TYPE_CHECKING:
    from ..twin.resources import Json
    from ..twin.store import Space, Store

_SETTINGS = ("description", "role", "s3Location")


class Workspaces:
    """CreateWorkspace, GetWorkspace, UpdateWorkspace, DeleteWorkspace, ListWorkspaces."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def create(self, request: Json) -> Json:
        """Answer CreateWorkspace; ConflictError if the id is taken."""
        workspace_id = request["workspaceId"]
        with self._store.lock:
            if workspace_id in self._store.spaces:
                raise ConflictError(f"Workspace {workspace_id} exists already")
            now = self._store.now()
            arn = self._store.arn(f"workspace/{workspace_id}")
            workspace = Workspace(workspace_id, arn, _settings(request), now, now)
            self._store.add_space(workspace)
            self._store.tags[arn] = dict(request.get("tags", {}))
        return {"arn": arn, "creationDateTime": now}

    def get(self, request: Json) -> Json:
        """Answer GetWorkspace, the one operation that takes an ARN for the id."""
        with self._store.lock:
            asked = request["workspaceId"]
            for space in self._store.spaces.values():
                if asked in {space.workspace.workspace_id, space.workspace.arn}:
                    return _shown(space.workspace)
        raise NotFoundError(f"There is no workspace {asked}")

    def update(self, request: Json) -> Json:
        """Answer UpdateWorkspace: what is given replaces what was."""
        with self._store.lock:
            space = self._store.space(request["workspaceId"])
            now = self._store.now()
            settings = {**space.workspace.settings, **_settings(request)}
            space.workspace = dataclasses.replace(space.workspace, settings=settings, updated=now)
        return {"updateDateTime": now}

    def delete(self, request: Json) -> Json:
        """Answer DeleteWorkspace; InvalidRequestError while something is in it."""
        workspace_id = request["workspaceId"]
        with self._store.lock:
            space = self._store.space(workspace_id)
            self._refuse_if_filled(space)
            del self._store.spaces[workspace_id]
            self._store.tags.pop(space.workspace.arn, None)
        return {"message": f"Workspace {workspace_id} was deleted"}

    def _refuse_if_filled(self, space: Space) -> None:
        types = sorted(each for each in space.types if not is_owned(each))
        entities, scenes = sorted(space.entities), sorted(space.scenes)
        if not types and not entities and not scenes:
            return
        for type_id in types:  # naming them settles those that are being deleted
            self._store.settle(space.types, type_id)
        for entity_id in entities:
            self._store.settle(space.entities, entity_id)
        raise InvalidRequestError(
            f"Workspace {space.workspace.workspace_id} isn't empty: it has component types "
            f"{types}, entities {entities} and scenes {scenes}; delete them first and wait until they are gone"
        )

    def list(self, request: Json) -> Json:
        """Answer ListWorkspaces, in the order of the ids."""
        with self._store.lock:
            spaces, token = page_of(self._store.spaces, request, "workspaces")
            summaries = [_shown(space.workspace) for _, space in spaces]
        for summary in summaries:
            summary.pop("role", None)
            summary.pop("s3Location", None)
        return {"workspaceSummaries": summaries} | token


def _settings(request: Json) -> Json:
    return {name: request[name] for name in _SETTINGS if name in request}


def _shown(workspace: Workspace) -> Json:
    return {
        "workspaceId": workspace.workspace_id,
        "arn": workspace.arn,
        **workspace.settings,
        "creationDateTime": workspace.created,
        "updateDateTime": workspace.updated,
    }
