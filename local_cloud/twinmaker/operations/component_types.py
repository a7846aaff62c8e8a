"""The operations on component types."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from ..errors import ConflictError, InvalidRequestError
from ..twin.components import check_parts, check_space, with_parts
from ..twin.functions import check_function_names
from ..twin.lifecycle import Lifecycle
from ..twin.owned import is_owned
from ..twin.resources import ComponentType
from .paging import page_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..connectors.invoker import Invoker
    from ..twin.resources import Json
    from ..twin.store import Space, Store
    from .initializers import Initializers

_SETTINGS = ("description", "componentTypeName", "isSingleton")


class ComponentTypes:
    """Create, get, update, delete and list component types.

    Parameters
    ----------
    store : Store
        The twin.
    invoker : Invoker
        Says whether a function's Lambda exists.
    initializers : Initializers
        Give component types properties.
    """

    def __init__(self, store: Store, invoker: Invoker, initializers: Initializers) -> None:
        self._store = store
        self._invoker = invoker
        self._initializers = initializers

    def create(self, request: Json) -> Json:
        """Answer CreateComponentType; ConflictError if the id is taken."""
        type_id = request["componentTypeId"]
        problem = self._problem(request)
        with self._store.lock:
            space = self._store.space(request["workspaceId"])
            if type_id in space.types:
                self._store.settle(space.types, type_id)
                raise ConflictError(f"Component type {type_id} exists already")
            now = self._store.now()
            path = f"workspace/{space.workspace.workspace_id}/component-type/{type_id}"
            created = ComponentType(
                component_type_id=type_id,
                arn=self._store.arn(path),
                settings=_settings(request),
                extends_from=tuple(request.get("extendsFrom", ())),
                definitions=request.get("propertyDefinitions", {}),
                functions=request.get("functions", {}),
                groups=request.get("propertyGroups", {}),
                composites=request.get("compositeComponentTypes", {}),
                created=now,
                updated=now,
                lifecycle=Lifecycle("CREATING", problem),
            )
            self._check_parents(space, created)
            space.schema(created)
            space.types[type_id] = created
            try:
                check_parts(space, type_id)
            except InvalidRequestError:
                del space.types[type_id]
                raise
            self._store.tags[created.arn] = dict(request.get("tags", {}))
        self._initializers.component_type(space, type_id, "CREATING")
        return {"arn": created.arn, "creationDateTime": now, "state": "CREATING"}

    def get(self, request: Json) -> Json:
        """Answer GetComponentType, with what the type inherits."""
        with self._store.lock:
            space = self._store.space(request["workspaceId"])
            found = self._store.seen(space.types, request["componentTypeId"])
            schema = space.schema(found)
        return {
            "workspaceId": space.workspace.workspace_id,
            "arn": found.arn,
            "componentTypeId": found.component_type_id,
            "isSingleton": False,
            **found.settings,
            "propertyDefinitions": schema.definitions,
            "extendsFrom": list(found.extends_from),
            "functions": schema.functions,
            "creationDateTime": found.created,
            "updateDateTime": found.updated,
            "isAbstract": bool(schema.why_abstract()),
            "isSchemaInitialized": found.imported is not None,
            **({"propertyGroups": schema.groups} if schema.groups else {}),
            **({"compositeComponentTypes": schema.composites} if schema.composites else {}),
            "status": found.lifecycle.to_status(),
        }

    def update(self, request: Json) -> Json:
        """Answer UpdateComponentType: each member that is given replaces the whole member."""
        problem = self._problem(request)
        with self._store.lock:
            space = self._store.space(request["workspaceId"])
            old = self._changeable(space, request["componentTypeId"])
            if "functions" not in request:
                problem = old.lifecycle.problem
            new = dataclasses.replace(
                old,
                settings={**old.settings, **_settings(request)},
                extends_from=tuple(request.get("extendsFrom", old.extends_from)),
                definitions=request.get("propertyDefinitions", old.definitions),
                functions=request.get("functions", old.functions),
                groups=request.get("propertyGroups", old.groups),
                composites=request.get("compositeComponentTypes", old.composites),
                updated=self._store.now(),
                lifecycle=Lifecycle("UPDATING", problem),
            )
            self._check_parents(space, new)
            self._replace(space, old, new)
        self._initializers.component_type(space, new.component_type_id, "UPDATING")
        return {
            "workspaceId": space.workspace.workspace_id,
            "arn": new.arn,
            "componentTypeId": new.component_type_id,
            "state": "UPDATING",
        }

    def _replace(self, space: Space, old: ComponentType, new: ComponentType) -> None:
        """Put the new version in, and the old one back if something doesn't fit it."""
        space.types[new.component_type_id] = new
        try:
            check_space(space)
        except InvalidRequestError:
            space.types[new.component_type_id] = old
            raise

    def delete(self, request: Json) -> Json:
        """Answer DeleteComponentType; InvalidRequestError while something uses the type."""
        type_id = request["componentTypeId"]
        with self._store.lock:
            space = self._store.space(request["workspaceId"])
            found = self._changeable(space, type_id)
            self._refuse_if_used(space, type_id)
            space.types[type_id] = dataclasses.replace(found, lifecycle=Lifecycle("DELETING"))
        return {"state": "DELETING"}

    def _changeable(self, space: Space, type_id: str) -> ComponentType:
        """Find a type in order to change it."""
        if is_owned(type_id):
            raise InvalidRequestError(f"Component type {type_id} is AWS's own and can't be changed")
        return self._store.resting(space.types, type_id)

    def _refuse_if_used(self, space: Space, type_id: str) -> None:
        entities = [
            entity.entity_id
            for entity in space.entities.values()
            if any(
                item.component_type_id == type_id
                for item in with_parts(space, entity.components).values()
            )
        ]
        heirs = [
            heir
            for heir, item in space.types.items()
            if type_id in item.extends_from
            or any(part.get("componentTypeId") == type_id for part in item.composites.values())
        ]
        for entity_id in entities:
            self._store.settle(space.entities, entity_id)
        for heir in heirs:
            self._store.settle(space.types, heir)
        if entities or heirs:
            raise InvalidRequestError(
                f"Component type {type_id} is in use by entities {sorted(entities)} and component "
                f"types {sorted(heirs)}; delete them first and wait until they are gone"
            )

    def list(self, request: Json) -> Json:
        """Answer ListComponentTypes: by id, AWS's own last; all filters must hold."""
        with self._store.lock:
            space = self._store.space(request["workspaceId"])
            chosen = {
                f"{is_owned(type_id):d}{type_id}": found
                for type_id, found in space.types.items()
                if all(_passes(space, found, item) for item in request.get("filters", []))
            }
            page, token = page_of(chosen, request, "component types")
            for _, found in page:
                self._store.settle(space.types, found.component_type_id)
        return {
            "workspaceId": space.workspace.workspace_id,
            "componentTypeSummaries": [_summary(found) for _, found in page],
        } | token

    def _check_parents(self, space: Space, component_type: ComponentType) -> None:
        """Refuse parents that can't be used now; one that isn't there has no schema."""
        for parent_id in component_type.extends_from:
            if parent_id in space.types and parent_id != component_type.component_type_id:
                self._store.usable(space.types, parent_id)

    def _problem(self, request: Json) -> str:
        """Return why a function's Lambda is refused; empty if none is."""
        check_function_names(request.get("functions", {}))
        for name, function in request.get("functions", {}).items():
            implementation: Mapping[str, Json] = function.get("implementedBy", {})
            if "lambda" in implementation:
                reason = self._invoker.refusal(implementation["lambda"]["arn"])
                if reason:
                    return f"Function {name}: {reason}"
        return ""


def _settings(request: Json) -> Json:
    return {name: request[name] for name in _SETTINGS if name in request}


def _passes(space: Space, found: ComponentType, wanted: Json) -> bool:
    """Check a type against a filter, a union with one member."""
    if "extendsFrom" in wanted:
        return wanted["extendsFrom"] in found.extends_from
    if "namespace" in wanted:
        return found.component_type_id.startswith(f"{wanted['namespace']}.")
    is_abstract: bool = wanted["isAbstract"]
    return bool(space.schema(found).why_abstract()) == is_abstract


def _summary(found: ComponentType) -> Json:
    shown = {name: item for name, item in found.settings.items() if name != "isSingleton"}
    return {
        "arn": found.arn,
        "componentTypeId": found.component_type_id,
        "creationDateTime": found.created,
        "updateDateTime": found.updated,
        **shown,
        "status": found.lifecycle.to_status(),
    }
