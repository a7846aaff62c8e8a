"""The operations on scenes. Their contents are in S3, where the local TwinMaker doesn't look."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from ..errors import ConflictError, NotFoundError
from ..twin.resources import Scene
from .paging import page_of

if TYPE_CHECKING:
    from ..twin.resources import Json
    from ..twin.store import Space, Store

_SETTINGS = ("contentLocation", "description", "capabilities", "sceneMetadata")
_SUMMARIZED = ("contentLocation", "description")


class Scenes:
    """CreateScene, GetScene, UpdateScene, DeleteScene, ListScenes."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def create(self, request: Json) -> Json:
        """Answer CreateScene; ConflictError if the id is taken."""
        scene_id = request["sceneId"]
        with self._store.lock:
            space = self._store.space(request["workspaceId"])
            if scene_id in space.scenes:
                raise ConflictError(f"Scene {scene_id} exists already")
            now = self._store.now()
            arn = self._store.arn(f"workspace/{space.workspace.workspace_id}/scene/{scene_id}")
            space.scenes[scene_id] = Scene(scene_id, arn, _settings(request), now, now)
            self._store.tags[arn] = dict(request.get("tags", {}))
        return {"arn": arn, "creationDateTime": now}

    def get(self, request: Json) -> Json:
        """Answer GetScene."""
        with self._store.lock:
            space = self._store.space(request["workspaceId"])
            scene = self._scene(space, request["sceneId"])
        whole = {"workspaceId": space.workspace.workspace_id, **scene.settings}
        return _shown(scene) | whole

    def update(self, request: Json) -> Json:
        """Answer UpdateScene: each member that is given replaces the whole member."""
        with self._store.lock:
            space = self._store.space(request["workspaceId"])
            old = self._scene(space, request["sceneId"])
            now = self._store.now()
            settings = {**old.settings, **_settings(request)}
            space.scenes[old.scene_id] = dataclasses.replace(old, settings=settings, updated=now)
        return {"updateDateTime": now}

    def delete(self, request: Json) -> Json:
        """Answer DeleteScene."""
        with self._store.lock:
            space = self._store.space(request["workspaceId"])
            scene = self._scene(space, request["sceneId"])
            del space.scenes[scene.scene_id]
            self._store.tags.pop(scene.arn, None)
        return {}

    def list(self, request: Json) -> Json:
        """Answer ListScenes, in the order of the ids."""
        with self._store.lock:
            space = self._store.space(request["workspaceId"])
            page, token = page_of(space.scenes, request, "scenes")
        return {"sceneSummaries": [_shown(scene) for _, scene in page]} | token

    @staticmethod
    def _scene(space: Space, scene_id: str) -> Scene:
        found = space.scenes.get(scene_id)
        if found is None:
            workspace_id = space.workspace.workspace_id
            raise NotFoundError(f"There is no scene {scene_id} in workspace {workspace_id}")
        return found


def _settings(request: Json) -> Json:
    return {name: request[name] for name in _SETTINGS if name in request}


def _shown(scene: Scene) -> Json:
    return {
        "sceneId": scene.scene_id,
        "arn": scene.arn,
        **{name: scene.settings[name] for name in _SUMMARIZED if name in scene.settings},
        "creationDateTime": scene.created,
        "updateDateTime": scene.updated,
    }
