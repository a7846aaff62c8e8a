"""The operations on entities."""

from __future__ import annotations

import dataclasses
import uuid
from typing import TYPE_CHECKING

from ..errors import ConflictError, InvalidRequestError, NotFoundError
from ..twin.components import (
    SEPARATOR,
    check_all,
    external_ids,
    new_component,
    part_types,
    properties_in,
    summary_of,
    updated_component,
    with_all_values,
    with_parts,
)
from ..twin.lifecycle import Lifecycle
from ..twin.owned import absent
from ..twin.resources import ROOT, Entity
from .paging import page_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from ..twin.resources import Component, Json
    from ..twin.store import Space, Store
    from .initializers import Initializers

_MOST_COMPONENTS = 30
"""Components that GetEntity shows (service model, ``areAllComponentsReturned``)."""

_MOST_PROPERTIES = 800
"""Properties of a component that GetEntity shows (service model, ``areAllPropertiesReturned``)."""


class Entities:
    """Create, get, update, delete and list entities.

    Parameters
    ----------
    store : Store
        The twin.
    initializers : Initializers
        Give components properties.
    """

    def __init__(self, store: Store, initializers: Initializers) -> None:
        self._store = store
        self._initializers = initializers

    def create(self, request: Json) -> Json:
        """Answer CreateEntity; an entity without an id gets a random one."""
        entity_id = request.get("entityId") or str(uuid.uuid4())
        with self._store.lock:
            space = self._store.space(request["workspaceId"])
            if entity_id in space.entities:
                self._store.settle(space.entities, entity_id)
                raise ConflictError(f"Entity {entity_id} exists already")
            components = {
                name: self._new_component(space, name, item)
                for name, item in request.get("components", {}).items()
            }
            for path, part in request.get("compositeComponents", {}).items():
                known = _part(space, components, path)
                properties = part.get("properties", {})
                components[path] = new_component(known.component_type_id, part, properties)
            check_all(space, components)
            now = self._store.now()
            path = f"workspace/{space.workspace.workspace_id}/entity/{entity_id}"
            created = Entity(
                entity_id=entity_id,
                arn=self._store.arn(path),
                name=request["entityName"],
                description=request.get("description"),
                parent_id=self._parent(space, request.get("parentEntityId", ROOT)),
                components=components,
                created=now,
                updated=now,
                lifecycle=Lifecycle("CREATING"),
            )
            space.entities[entity_id] = created
            self._store.tags[created.arn] = dict(request.get("tags", {}))
            paths = with_parts(space, components)
        self._initializers.components(space, entity_id, paths, "CREATING")
        return {
            "entityId": entity_id,
            "arn": created.arn,
            "creationDateTime": now,
            "state": "CREATING",
        }

    def get(self, request: Json) -> Json:
        """Answer GetEntity: components with all properties, the inherited ones too."""
        with self._store.lock:
            space = self._store.space(request["workspaceId"])
            found = self._store.seen(space.entities, request["entityId"])
            every = with_parts(space, found.components)
            names = sorted(path for path in every if SEPARATOR not in path)
            components = {
                name: _shown_component(space, found, every, name)
                for name in names[:_MOST_COMPONENTS]
            }
            has_children = bool(space.children(found.entity_id))
        return _shown(found, has_children=has_children) | {
            "workspaceId": space.workspace.workspace_id,
            "components": components,
            "areAllComponentsReturned": len(names) <= _MOST_COMPONENTS,
        }

    def update(self, request: Json) -> Json:
        """Answer UpdateEntity; either all of the update is done or none of it."""
        with self._store.lock:
            space = self._store.space(request["workspaceId"])
            old = self._store.resting(space.entities, request["entityId"])
            components = dict(old.components)
            for name, update in request.get("componentUpdates", {}).items():
                self._update_component(space, components, name, update)
            for path, update in request.get("compositeComponentUpdates", {}).items():
                _update_part(space, components, path, update)
            check_all(space, components)
            new = dataclasses.replace(
                old,
                name=request.get("entityName", old.name),
                description=request.get("description", old.description),
                parent_id=self._moved(space, old, request.get("parentEntityUpdate")),
                components=components,
                updated=self._store.now(),
                lifecycle=Lifecycle("UPDATING"),
            )
            space.entities[new.entity_id] = new
            changed = request.get("componentUpdates", {}).keys()
            changed |= request.get("compositeComponentUpdates", {}).keys()
            paths = [path for path in with_parts(space, components) if _is_changed(path, changed)]
        self._initializers.components(space, new.entity_id, paths, "UPDATING")
        return {"updateDateTime": new.updated, "state": "UPDATING"}

    def delete(self, request: Json) -> Json:
        """Answer DeleteEntity; InvalidRequestError if it has children and isn't recursive."""
        with self._store.lock:
            space = self._store.space(request["workspaceId"])
            found = self._store.resting(space.entities, request["entityId"])
            children = space.children(found.entity_id)
            if children and not request.get("isRecursive"):
                for child in children:
                    self._store.settle(space.entities, child.entity_id)
                raise InvalidRequestError(
                    f"Entity {found.entity_id} has child entities: delete them first, or set "
                    "isRecursive"
                )
            self._mark_deleting(space, found)
        return {"state": "DELETING"}

    def _mark_deleting(self, space: Space, entity: Entity) -> None:
        gone = dataclasses.replace(entity, lifecycle=Lifecycle("DELETING"))
        space.entities[entity.entity_id] = gone
        for child in space.children(entity.entity_id):
            self._mark_deleting(space, child)

    def list(self, request: Json) -> Json:
        """Answer ListEntities, in the order of the ids, with at most one filter."""
        filters = request.get("filters", [])
        if len(filters) > 1:
            raise InvalidRequestError("filters: ListEntities takes one filter, not more")
        with self._store.lock:
            space = self._store.space(request["workspaceId"])
            chosen = {
                entity_id: entity
                for entity_id, entity in space.entities.items()
                if all(_passes(space, entity, item) for item in filters)
            }
            page, token = page_of(chosen, request, "entities")
            summaries = [
                _shown(entity, has_children=bool(space.children(entity_id)))
                for entity_id, entity in page
            ]
            for entity_id, _ in page:
                self._store.settle(space.entities, entity_id)
        return {"entitySummaries": summaries} | token

    def _parent(self, space: Space, parent_id: str) -> str:
        if parent_id != ROOT:
            try:
                self._store.resting(space.entities, parent_id)
            except NotFoundError as error:
                raise InvalidRequestError(f"parentEntityId: {error.message}") from error
        return parent_id

    def _moved(self, space: Space, entity: Entity, update: Json | None) -> str:
        """Return an entity's parent after an update of it."""
        if update is None:
            return entity.parent_id
        if update["updateType"] == "DELETE":
            return ROOT
        if "parentEntityId" not in update:
            raise InvalidRequestError("parentEntityUpdate: UPDATE needs a parentEntityId")
        parent_id = self._parent(space, update["parentEntityId"])
        above = parent_id
        while above in space.entities:
            if above == entity.entity_id:
                raise InvalidRequestError(
                    f"Entity {entity.entity_id} can't be moved below itself to {parent_id}"
                )
            above = space.entities[above].parent_id
        return parent_id

    def _check_type(self, space: Space, name: str, type_id: str) -> None:
        if type_id not in space.types:
            raise InvalidRequestError(f"Component {name}: {absent(type_id)}")
        self._store.usable(space.types, type_id)
        for part, part_type in part_types(space, type_id).items():
            self._check_type(space, f"{name}{SEPARATOR}{part}", part_type)

    def _new_component(self, space: Space, name: str, item: Json) -> Component:
        if "componentTypeId" not in item:
            raise InvalidRequestError(f"Component {name} needs a componentTypeId")
        self._check_type(space, name, item["componentTypeId"])
        properties: Json = item.get("properties") or item.get("propertyUpdates") or {}
        return new_component(item["componentTypeId"], item, properties)

    def _update_component(
        self, space: Space, components: dict[str, Component], name: str, update: Json
    ) -> None:
        kind = update.get("updateType", "UPDATE")
        if kind == "CREATE":
            if name in components:
                raise InvalidRequestError(f"Component {name} exists already: use UPDATE")
            components[name] = self._new_component(space, name, update)
            return
        if name not in components:
            raise InvalidRequestError(f"There is no component {name} to {kind.lower()}")
        if kind == "DELETE":
            for path in [path for path in components if _is_within(path, name)]:
                del components[path]
            return
        components[name] = updated_component(space, name, components[name], update)


def _part(space: Space, components: Mapping[str, Component], path: str) -> Component:
    part = with_parts(space, components).get(path)
    if part is None or SEPARATOR not in path:
        raise InvalidRequestError(f"There is no composite component {path}")
    return part


def _update_part(space: Space, components: dict[str, Component], path: str, update: Json) -> None:
    """Update a part of a composite component: it comes and goes with its type alone."""
    part = _part(space, components, path)
    if update.get("updateType", "UPDATE") != "UPDATE":
        raise InvalidRequestError(
            f"Composite component {path} can only be updated: its component type says that it is "
            "there"
        )
    components[path] = updated_component(space, path, part, update)


def _is_changed(path: str, changed: Collection[str]) -> bool:
    return any(_is_within(path, each) for each in changed)


def _is_within(path: str, name: str) -> bool:
    return path == name or path.startswith(name + SEPARATOR)


def _passes(space: Space, entity: Entity, wanted: Json) -> bool:
    """Check an entity against a filter, a union with one member."""
    if "parentEntityId" in wanted:
        return bool(entity.parent_id == wanted["parentEntityId"])
    components = with_parts(space, entity.components).values()
    if "componentTypeId" in wanted:
        wanted_id = wanted["componentTypeId"]
        return any(space.is_kind_of(item.component_type_id, wanted_id) for item in components)
    return any(
        wanted["externalId"] in external_ids(properties_in(space, c)).values() for c in components
    )


def _shown_component(
    space: Space, entity: Entity, every: Mapping[str, Component], name: str
) -> Json:
    component = every[name]
    properties = properties_in(space, component)
    shown = {key: with_all_values(properties[key]) for key in [*properties][:_MOST_PROPERTIES]}
    parts = {
        path.removeprefix(name + SEPARATOR): summary_of(space, entity, path, part)
        for path, part in every.items()
        if path.rpartition(SEPARATOR)[0] == name
    }
    composite = {"compositeComponents": parts, "areAllCompositeComponentsReturned": True}
    return summary_of(space, entity, name, component) | {
        "properties": shown,
        "areAllPropertiesReturned": len(shown) == len(properties),
        **(composite if parts else {}),
    }


def _shown(entity: Entity, *, has_children: bool) -> Json:
    described = {} if entity.description is None else {"description": entity.description}
    return {
        "entityId": entity.entity_id,
        "entityName": entity.name,
        "arn": entity.arn,
        **described,
        "status": entity.lifecycle.to_status(),
        "parentEntityId": entity.parent_id,
        "hasChildEntities": has_children,
        "creationDateTime": entity.created,
        "updateDateTime": entity.updated,
    }
