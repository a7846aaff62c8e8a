"""The operations on entities."""

from __future__ import annotations

import dataclasses
import uuid
from typing import TYPE_CHECKING

from ..errors import (
    ConflictError,
    InvalidRequestError,
    NotFoundError,
    NotOfferedError,
)
from ..twin.definitions import check_required, component_properties
from ..twin.lifecycle import Lifecycle
from ..twin.resources import ROOT, Component, Entity
from .paging import page_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..twin.resources import Json
    from ..twin.store import Space, Store

_MOST_COMPONENTS = 30
"""Components that GetEntity shows (service model, ``areAllComponentsReturned``)."""


class Entities:
    """Create, get, update, delete and list entities.

    Parameters
    ----------
    store : Store
        The twin.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def create(self, request: Json) -> Json:
        """Answer CreateEntity; an entity without an id gets a random one."""
        _refuse_unoffered(request, "compositeComponents")
        entity_id = request.get("entityId") or str(uuid.uuid4())
        with self._store.lock:
            space = self._store.space(request["workspaceId"])
            if entity_id in space.entities:
                self._store.settle(space.entities, entity_id)
                raise ConflictError(f"Entity {entity_id} exists already")
            components = {
                name: self._new_component(space, name, item, item.get("properties", {}))
                for name, item in request.get("components", {}).items()
            }
            _check_singletons(space, components)
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
            names = sorted(found.components)
            components = {
                name: _shown_component(space, found, name) for name in names[:_MOST_COMPONENTS]
            }
            has_children = bool(space.children(found.entity_id))
        return _shown(found, has_children=has_children) | {
            "workspaceId": space.workspace.workspace_id,
            "components": components,
            "areAllComponentsReturned": len(names) <= _MOST_COMPONENTS,
        }

    def update(self, request: Json) -> Json:
        """Answer UpdateEntity; either all of the update is done or none of it."""
        _refuse_unoffered(request, "compositeComponentUpdates")
        with self._store.lock:
            space = self._store.space(request["workspaceId"])
            old = self._store.resting(space.entities, request["entityId"])
            components = dict(old.components)
            for name, update in request.get("componentUpdates", {}).items():
                self._update_component(space, components, name, update)
            _check_singletons(space, components)
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

    def _new_component(
        self, space: Space, name: str, item: Json, properties: Mapping[str, Json]
    ) -> Component:
        if item.get("propertyGroups") or item.get("propertyGroupUpdates"):
            raise NotOfferedError("The local TwinMaker doesn't have property groups")
        if "componentTypeId" not in item:
            raise InvalidRequestError(f"Component {name} needs a componentTypeId")
        type_id = item["componentTypeId"]
        self._check_type(space, name, type_id)
        component = Component(
            component_type_id=type_id,
            description=item.get("description"),
            definitions={
                key: given["definition"]
                for key, given in properties.items()
                if "definition" in given
            },
            values={key: given["value"] for key, given in properties.items() if "value" in given},
        )
        _check_component(space, name, component)
        return component

    def _check_type(self, space: Space, name: str, type_id: str) -> None:
        try:
            component_type = self._store.usable(space.types, type_id)
        except NotFoundError as error:
            raise InvalidRequestError(f"Component {name}: {error.message}") from error
        reason = space.schema(component_type).why_abstract()
        if reason:
            raise InvalidRequestError(
                f"Component {name}: component type {type_id} is abstract, because {reason}; "
                "extend it"
            )

    def _update_component(
        self, space: Space, components: dict[str, Component], name: str, update: Json
    ) -> None:
        kind = update.get("updateType", "UPDATE")
        if kind == "CREATE":
            if name in components:
                raise InvalidRequestError(f"Component {name} exists already: use UPDATE")
            properties = update.get("propertyUpdates", {})
            components[name] = self._new_component(space, name, update, properties)
            return
        if name not in components:
            raise InvalidRequestError(f"There is no component {name} to {kind.lower()}")
        if kind == "DELETE":
            del components[name]
            return
        components[name] = _updated_component(space, name, components[name], update)


def check_components(space: Space) -> None:
    """Refuse component types that an entity of the workspace doesn't fit.

    Raises
    ------
    InvalidRequestError
        Some component has a value or definition that its type no longer allows.
    """
    for entity in space.entities.values():
        for name, component in entity.components.items():
            try:
                _check_component(space, name, component)
            except InvalidRequestError as error:
                raise InvalidRequestError(f"Entity {entity.entity_id}: {error.message}") from error


def properties_in(space: Space, component: Component) -> dict[str, Json]:
    """List a component's properties as GetEntity shows them."""
    return component_properties(component, space.schema(space.types[component.component_type_id]))


def _check_component(space: Space, name: str, component: Component) -> None:
    try:
        check_required(properties_in(space, component))
    except InvalidRequestError as error:
        raise InvalidRequestError(f"Component {name}: {error.message}") from error


def _check_singletons(space: Space, components: Mapping[str, Component]) -> None:
    used = [component.component_type_id for component in components.values()]
    for type_id in set(used):
        if space.types[type_id].settings.get("isSingleton") and used.count(type_id) > 1:
            raise InvalidRequestError(
                f"Component type {type_id} is a singleton: an entity has one component of it"
            )


def _updated_component(space: Space, name: str, component: Component, update: Json) -> Component:
    if update.get("propertyGroupUpdates"):
        raise NotOfferedError("The local TwinMaker doesn't have property groups")
    if update.get("componentTypeId", component.component_type_id) != component.component_type_id:
        raise InvalidRequestError(
            f"Component {name}: the component type of a component can't change"
        )
    definitions, values = dict(component.definitions), dict(component.values)
    known = properties_in(space, component).keys()
    for key, change in update.get("propertyUpdates", {}).items():
        kind = change.get("updateType", "UPDATE")
        _check_change(f"Component {name}: property {key}", kind, change, known=key in known)
        if kind == "DELETE":
            if key not in definitions:
                raise InvalidRequestError(
                    f"Component {name}: property {key} is defined by the component type, so it "
                    "can't be deleted from the entity: use RESET_VALUE"
                )
            del definitions[key]
        elif "definition" in change:
            definitions[key] = definitions.get(key, {}) | change["definition"]
        if kind in {"DELETE", "RESET_VALUE"}:
            values.pop(key, None)
        elif "value" in change:
            values[key] = change["value"]
    updated = dataclasses.replace(
        component,
        description=update.get("description", component.description),
        definitions=definitions,
        values=values,
    )
    _check_component(space, name, updated)
    return updated


def _check_change(what: str, kind: str, change: Json, *, known: bool) -> None:
    if kind == "CREATE":
        if known:
            raise InvalidRequestError(f"{what} exists already: use UPDATE")
        if "definition" not in change:
            raise InvalidRequestError(f"{what} is new and needs a definition")
    elif not known:
        raise InvalidRequestError(f"{what} doesn't exist, so {kind} has nothing to work on")


def _passes(space: Space, entity: Entity, wanted: Json) -> bool:
    """Check an entity against a filter, a union with one member."""
    if "parentEntityId" in wanted:
        return bool(entity.parent_id == wanted["parentEntityId"])
    components = entity.components.values()
    if "componentTypeId" in wanted:
        wanted_id = wanted["componentTypeId"]
        return any(space.is_kind_of(item.component_type_id, wanted_id) for item in components)
    return any(
        wanted["externalId"] in external_ids(properties_in(space, c)).values() for c in components
    )


def external_ids(properties: Mapping[str, Json]) -> dict[str, str]:
    """Pick the string values of the properties that are external ids, by property name."""
    return {
        name: item["value"]["stringValue"]
        for name, item in properties.items()
        if item["definition"]["isExternalId"] and "stringValue" in item.get("value", {})
    }


def _shown_component(space: Space, entity: Entity, name: str) -> Json:
    component = entity.components[name]
    described = {} if component.description is None else {"description": component.description}
    return {
        "componentName": name,
        **described,
        "componentTypeId": component.component_type_id,
        "status": entity.lifecycle.to_status(),
        "properties": properties_in(space, component),
        "areAllPropertiesReturned": True,
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


def _refuse_unoffered(request: Json, member: str) -> None:
    if request.get(member):
        raise NotOfferedError(f"The local TwinMaker doesn't have {member}")
