"""A file that outlives the process: all things of the twin, as JSON.

Its form is the local TwinMaker's own and may change with its version, which the file names.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .lifecycle import Lifecycle
from .owned import is_owned
from .resources import Component, ComponentType, Entity, Scene, Workspace

if TYPE_CHECKING:
    from .resources import Json
    from .store import Space, Store

_VERSION = 1
_TIMES = ("created", "updated")


class StateFileError(Exception):
    """The file isn't one that this version wrote."""


class StateFile:
    """Keeps a store in a file.

    Parameters
    ----------
    path : str or Path
        The file; it needn't exist yet.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)

    def load(self, store: Store) -> None:
        """Fill a store that is empty; leave it so if there is no file.

        Raises
        ------
        StateFileError
            The file can't be read as one that this version wrote, or its folder doesn't exist.
        """
        if not self._path.parent.is_dir():
            raise StateFileError(f"{self._path} can't be written: its folder doesn't exist")
        try:
            text = self._path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return
        except OSError as error:
            raise StateFileError(f"{self._path} can't be read: {error}") from error
        try:
            state = json.loads(text)
            if state["version"] != _VERSION:
                raise StateFileError(
                    f"{self._path} is of version {state['version']}; this one reads {_VERSION}"
                )
            for space in state["spaces"]:
                _fill(store.add_space(_timed(Workspace, space["workspace"])), space)
            store.tags.update(state["tags"])
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise StateFileError(
                f"{self._path} isn't a state file of the local TwinMaker: {error!r}"
            ) from error

    def save(self, store: Store) -> None:
        """Write a store; the file is replaced whole, or not at all."""
        with store.lock:
            state = {
                "version": _VERSION,
                "tags": store.tags,
                "spaces": [_written(space) for space in store.spaces.values()],
            }
            text = json.dumps(state, default=datetime.isoformat)
            beside = self._path.with_name(f"{self._path.name}.new")
            beside.write_text(text, encoding="utf-8")
            beside.replace(self._path)


def _written(space: Space) -> Json:
    types = [each for type_id, each in space.types.items() if not is_owned(type_id)]
    return {
        "workspace": asdict(space.workspace),
        "types": [asdict(each) for each in types],
        "entities": [asdict(each) for each in space.entities.values()],
        "scenes": [asdict(each) for each in space.scenes.values()],
    }


def _fill(space: Space, state: Json) -> None:
    for item in state["types"]:
        lifecycle, parents = Lifecycle(**item["lifecycle"]), tuple(item["extends_from"])
        made = _timed(ComponentType, item | {"lifecycle": lifecycle, "extends_from": parents})
        space.types[made.component_type_id] = made
    for item in state["entities"]:
        components = {path: Component(**each) for path, each in item["components"].items()}
        lifecycle = Lifecycle(**item["lifecycle"])
        entity = _timed(Entity, item | {"lifecycle": lifecycle, "components": components})
        space.entities[entity.entity_id] = entity
    for item in state["scenes"]:
        scene = _timed(Scene, item)
        space.scenes[scene.scene_id] = scene


def _timed(kind: Any, item: Json) -> Any:
    return kind(**item | {name: datetime.fromisoformat(item[name]) for name in _TIMES})
