"""An entity's components: what they inherit, the parts of composite ones, and what must fit.

A composite component has a part for each of its type's ``compositeComponentTypes``, whether its
entity says something about it or not; parts may be composite themselves. The source is the service
model (``CompositeComponentTypeRequest``, and ``componentPath``, which starts 'from the top-level
component'); the guide doesn't describe them.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from ..errors import InvalidRequestError
from .definitions import check_required, component_properties, merged_group
from .owned import absent
from .resources import Component

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .resources import Entity, Json
    from .store import Space

SEPARATOR = "/"
"""Between the names of a path."""


def properties_in(space: Space, component: Component) -> dict[str, Json]:
    """List a component's properties as GetEntity shows them."""
    return component_properties(component, space.schema(space.types[component.component_type_id]))


def with_all_values(item: Json) -> Json:
    """Say of a ``PropertyResponse`` that all values of a list or map are there: 50 at most.

    The service shows 50 of them, and its model allows no request with more (``DataValueList``).
    """
    several = {"listValue", "mapValue"} & item.get("value", {}).keys()
    return item | {"areAllPropertyValuesReturned": True} if several else item


def groups_in(space: Space, component: Component) -> dict[str, Json]:
    """List a component's property groups, ``ComponentPropertyGroupResponse`` by name."""
    schema = space.schema(space.types[component.component_type_id])
    definitions = properties_in(space, component)
    groups = {name: item | {"isInherited": True} for name, item in schema.groups.items()}
    for name, group in component.groups.items():
        groups[name] = merged_group(name, groups.get(name), group, definitions)
    return groups


def with_parts(space: Space, components: Mapping[str, Component]) -> dict[str, Component]:
    """Add the parts of which an entity says nothing.

    Parameters
    ----------
    space : Space
        The workspace.
    components : mapping
        ``Entity.components``.

    Returns
    -------
    dict of str to Component
        All components by path, parts after their wholes.

    Raises
    ------
    InvalidRequestError
        A path leads to no part, or a component type has itself for a part.
    """
    every: dict[str, Component] = {}
    for name, component in components.items():
        if SEPARATOR not in name:
            every[name] = component
            every.update(_parts(space, components, name, component, ()))
    for path in components:
        if path not in every:
            raise InvalidRequestError(f"There is no composite component {path}")
    return every


def _parts(
    space: Space,
    components: Mapping[str, Component],
    path: str,
    component: Component,
    above: tuple[str, ...],
) -> Iterator[tuple[str, Component]]:
    type_id = component.component_type_id
    for name, part_type in part_types(space, type_id, above).items():
        below = f"{path}{SEPARATOR}{name}"
        part = components.get(below) or Component(part_type)
        yield below, part
        yield from _parts(space, components, below, part, (*above, type_id))


def part_types(space: Space, type_id: str, above: tuple[str, ...] = ()) -> dict[str, str]:
    """Return the component types of a composite type's parts by their names.

    Raises
    ------
    InvalidRequestError
        A part has no type or one that isn't there, or one of the types above for its own.
    """
    parts: dict[str, str] = {}
    for name, composite in space.schema(space.types[type_id]).composites.items():
        part = str(composite.get("componentTypeId"))
        if part not in space.types:
            raise InvalidRequestError(f"compositeComponentTypes.{name}: {absent(part)}")
        if part in {*above, type_id}:
            raise InvalidRequestError(f"Component type {part} would be a part of itself")
        parts[name] = part
    return parts


def check_parts(space: Space, type_id: str, above: tuple[str, ...] = ()) -> None:
    """Refuse a composite type whose parts are missing or would never end.

    Raises
    ------
    InvalidRequestError
        See :func:`part_types`.
    """
    for part in part_types(space, type_id, above).values():
        check_parts(space, part, (*above, type_id))


def new_component(type_id: str, item: Json, properties: Mapping[str, Json]) -> Component:
    """Make a component of what a request says about it.

    Parameters
    ----------
    type_id : str
        Its component type.
    item : dict
        A ``ComponentRequest``, ``CompositeComponentRequest``, or the update of one.
    properties : mapping
        Its ``PropertyRequest`` by name.
    """
    groups: Json = item.get("propertyGroups") or item.get("propertyGroupUpdates") or {}
    return Component(
        component_type_id=type_id,
        description=item.get("description"),
        definitions={
            key: given["definition"] for key, given in properties.items() if "definition" in given
        },
        values={key: given["value"] for key, given in properties.items() if "value" in given},
        groups={key: _group(group) for key, group in groups.items()},
    )


def updated_component(space: Space, name: str, component: Component, update: Json) -> Component:
    """Lay a ``ComponentUpdateRequest``, or that of a composite's part, over a component.

    Raises
    ------
    InvalidRequestError
        The update makes no sense for this component.
    """
    if update.get("componentTypeId", component.component_type_id) != component.component_type_id:
        raise InvalidRequestError(
            f"Component {name}: the component type of a component can't change"
        )
    definitions, values = dict(component.definitions), dict(component.values)
    known = properties_in(space, component).keys()
    for key, change in update.get("propertyUpdates", {}).items():
        kind = change.get("updateType", "UPDATE")
        what = f"Component {name}: property {key}"
        _check_change(what, kind, change, known=key in known)
        if kind == "DELETE":
            _delete(what, key, definitions)
        elif "definition" in change:
            definitions[key] = definitions.get(key, {}) | change["definition"]
        if kind in {"DELETE", "RESET_VALUE"}:
            values.pop(key, None)
        elif "value" in change:
            values[key] = change["value"]
    return dataclasses.replace(
        component,
        description=update.get("description", component.description),
        definitions=definitions,
        values=values,
        groups=_updated_groups(name, component, update.get("propertyGroupUpdates", {})),
    )


def _delete(what: str, key: str, definitions: dict[str, Json]) -> None:
    if key not in definitions:
        raise InvalidRequestError(
            f"{what} is defined by the component type, so it can't be deleted from the entity: "
            "use RESET_VALUE"
        )
    del definitions[key]


def _check_change(what: str, kind: str, change: Json, *, known: bool) -> None:
    if kind == "CREATE":
        if known:
            raise InvalidRequestError(f"{what} exists already: use UPDATE")
        if "definition" not in change:
            raise InvalidRequestError(f"{what} is new and needs a definition")
    elif not known:
        raise InvalidRequestError(f"{what} doesn't exist, so {kind} has nothing to work on")


def _updated_groups(
    name: str, component: Component, updates: Mapping[str, Json]
) -> dict[str, Json]:
    groups = dict(component.groups)
    for key, update in updates.items():
        if update.get("updateType") != "DELETE":
            groups[key] = groups.get(key, {}) | _group(update)
        elif groups.pop(key, None) is None:
            raise InvalidRequestError(
                f"Component {name}: property group {key} isn't the entity's own, so there is "
                "nothing to delete"
            )
    return groups


def _group(update: Json) -> Json:
    return {key: item for key, item in update.items() if key != "updateType"}


def check_all(space: Space, components: Mapping[str, Component]) -> None:
    """Refuse components that don't fit their types.

    Raises
    ------
    InvalidRequestError
        A type is abstract, a value, definition or group doesn't fit, a required value is missing, a
        singleton type is used twice, or there is no such part.
    """
    for path, component in with_parts(space, components).items():
        try:
            _check_concrete(space, component.component_type_id)
            check_required(properties_in(space, component))
            groups_in(space, component)
        except InvalidRequestError as error:
            raise InvalidRequestError(f"Component {path}: {error.message}") from error
    used = [item.component_type_id for path, item in components.items() if SEPARATOR not in path]
    for type_id in set(used):
        if space.types[type_id].settings.get("isSingleton") and used.count(type_id) > 1:
            raise InvalidRequestError(
                f"Component type {type_id} is a singleton: an entity has one component of it"
            )


def _check_concrete(space: Space, type_id: str) -> None:
    reason = space.schema(space.types[type_id]).why_abstract()
    if reason:
        raise InvalidRequestError(
            f"component type {type_id} is abstract, because {reason}; extend it"
        )


def check_space(space: Space) -> None:
    """Refuse a component type that others in the workspace don't fit.

    Raises
    ------
    InvalidRequestError
        A type that extends it, or has it for a part, contradicts it; or some entity's component has
        a value or definition that its type no longer allows, or a type that became abstract.
    """
    for component_type in space.types.values():
        space.schema(component_type)
        check_parts(space, component_type.component_type_id)
    for entity in space.entities.values():
        try:
            check_all(space, entity.components)
        except InvalidRequestError as error:
            raise InvalidRequestError(f"Entity {entity.entity_id}: {error.message}") from error


def external_ids(properties: Mapping[str, Json]) -> dict[str, str]:
    """Pick the string values of the properties that are external ids, by property name."""
    return {
        name: item["value"]["stringValue"]
        for name, item in properties.items()
        if item["definition"]["isExternalId"] and "stringValue" in item.get("value", {})
    }


def summary_of(space: Space, entity: Entity, path: str, component: Component) -> Json:
    """Write a ``ComponentSummary``."""
    described = {} if component.description is None else {"description": component.description}
    groups = groups_in(space, component)
    return {
        "componentName": path.rpartition(SEPARATOR)[2],
        **described,
        "componentTypeId": component.component_type_id,
        "status": entity.lifecycle.to_status(),
        **({"propertyGroups": groups} if groups else {}),
        **({"componentPath": path} if SEPARATOR in path else {}),
    }
