"""Property definitions and functions, with what is inherited, and a component's properties.

``extendsFrom`` is followed as the guide's chapter 'Component types' describes it: a type has its
parents' properties and functions, and may restate a part of them. Of several parents a later one
wins; the type itself wins over all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import InvalidRequestError
from .functions import why_incomplete
from .owned import absent
from .values import ValueMismatchError, read_data_value

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .resources import Component, ComponentType, Json

_MOST_PARENTS = 10
"""Component types that one may extend (guide, 'Core features of AWS IoT TwinMaker component types')."""

_IMPORTED: Json = {"isImported": True}

_FLAGS = (
    "isTimeSeries",
    "isRequiredInEntity",
    "isExternalId",
    "isStoredExternally",
    "isImported",
    "isFinal",
    "isInherited",
)


@dataclass(frozen=True, slots=True)
class Schema:
    """A component type with everything that it inherits.

    Attributes
    ----------
    definitions : mapping
        ``PropertyDefinitionResponse`` by property name.
    functions : mapping
        ``FunctionResponse`` by function name.
    groups : mapping
        ``PropertyGroupResponse`` by the group's name.
    composites : mapping
        ``CompositeComponentTypeResponse`` by the name of the part.
    """

    definitions: Mapping[str, Json]
    functions: Mapping[str, Json]
    groups: Mapping[str, Json]
    composites: Mapping[str, Json]

    def why_abstract(self) -> str:
        """Return why an entity can't use the type: it is there to be extended. Empty if it can."""
        return why_incomplete(self.functions, self.definitions)


def schema_of(
    component_type: ComponentType, parent: Callable[[str], ComponentType | None]
) -> Schema:
    """Put a component type together with what it inherits.

    Parameters
    ----------
    component_type : ComponentType
        The type, new or registered.
    parent : callable
        Looks a type up by id; None if there is none.

    Raises
    ------
    InvalidRequestError
        A parent doesn't exist, the type extends itself, or a definition is wrong.
    """
    return _schema(component_type, parent, (component_type.component_type_id,))


def _schema(
    component_type: ComponentType,
    parent: Callable[[str], ComponentType | None],
    lineage: tuple[str, ...],
) -> Schema:
    definitions, functions, groups, composites = _inherited(component_type, parent, lineage)
    for given, flags in (
        (component_type.imported or {}, _IMPORTED),
        (component_type.definitions, {}),
    ):
        for name, override in given.items():
            definitions[name] = merged(name, definitions.get(name), override) | flags
    for name, function in component_type.functions.items():
        functions[name] = _merged_function(functions.get(name, {}), function)
    for name, group in component_type.groups.items():
        groups[name] = merged_group(name, groups.get(name), group, definitions)
    for name, composite in component_type.composites.items():
        composites[name] = composite | {"isInherited": False}
    return Schema(definitions, functions, groups, composites)


def _inherited(
    component_type: ComponentType,
    parent: Callable[[str], ComponentType | None],
    lineage: tuple[str, ...],
) -> tuple[dict[str, Json], ...]:
    """Collect the four parts of a schema from the parents; of several the later one wins."""
    if len(component_type.extends_from) > _MOST_PARENTS:
        raise InvalidRequestError(
            f"extendsFrom: {len(component_type.extends_from)} parents are more than the "
            f"{_MOST_PARENTS} that a component type may have"
        )
    parts: tuple[dict[str, Json], ...] = ({}, {}, {}, {})
    for parent_id in component_type.extends_from:
        if parent_id in lineage:
            raise InvalidRequestError(f"{parent_id} would extend itself: {' -> '.join(lineage)}")
        found = parent(parent_id)
        if found is None:
            raise InvalidRequestError(f"extendsFrom: {absent(parent_id)}")
        schema = _schema(found, parent, (*lineage, parent_id))
        inherited = (schema.definitions, schema.functions, schema.groups, schema.composites)
        for part, items in zip(parts, inherited, strict=True):
            part.update({name: item | {"isInherited": True} for name, item in items.items()})
    return parts


def _merged_function(base: Json, override: Json) -> Json:
    """Lay a ``FunctionRequest`` over an inherited function; recordings have both flags."""
    function = base | override | {"isInherited": False}
    if "implementedBy" in override:
        function["implementedBy"] = {"isNative": False} | override["implementedBy"]
    return function


def merged_group(
    name: str, base: Json | None, override: Json, definitions: Mapping[str, Json]
) -> Json:
    """Lay a ``PropertyGroupRequest`` over an inherited group.

    Returns
    -------
    dict
        A complete ``PropertyGroupResponse``.

    Raises
    ------
    InvalidRequestError
        The group has no type, or names a property that isn't among the definitions.
    """
    group: Json = {"propertyNames": []} | (base or {}) | override | {"isInherited": False}
    if "groupType" not in group:
        raise InvalidRequestError(f"Property group {name} needs a groupType")
    for each in group["propertyNames"]:
        if each not in definitions:
            raise InvalidRequestError(f"Property group {name}: property {each} isn't defined")
    return group


def merged(name: str, base: Json | None, override: Json) -> Json:
    """Lay a ``PropertyDefinitionRequest`` over an inherited definition.

    Parameters
    ----------
    name : str
        The property, for messages.
    base : dict or None
        The inherited ``PropertyDefinitionResponse``; None if nothing is inherited.
    override : dict
        The definition that is laid over it.

    Returns
    -------
    dict
        A complete ``PropertyDefinitionResponse``.

    Raises
    ------
    InvalidRequestError
        There is no data type, the inherited one would change, or a value in the definition
        doesn't fit it.
    """
    definition: Json = (base or dict.fromkeys(_FLAGS, False)) | override
    if "dataType" not in definition:
        raise InvalidRequestError(f"The definition of property {name} needs a dataType")
    if base is not None and definition["dataType"]["type"] != base["dataType"]["type"]:
        raise InvalidRequestError(
            f"Property {name} is inherited as {base['dataType']['type']}; its type can't change "
            f"to {definition['dataType']['type']}"
        )
    _check_own_values(name, definition)
    return definition


def _check_own_values(name: str, definition: Json) -> None:
    data_type = definition["dataType"]
    plain = {key: item for key, item in data_type.items() if key != "allowedValues"}
    try:
        for index, value in enumerate(data_type.get("allowedValues", [])):
            read_data_value(value, plain, f"allowedValues[{index}]")
        if "defaultValue" in definition:
            read_data_value(
                definition["defaultValue"], data_type, "defaultValue", expression_allowed=True
            )
    except ValueMismatchError as error:
        raise InvalidRequestError(f"The definition of property {name}: {error}") from error


def component_properties(component: Component, schema: Schema) -> dict[str, Json]:
    """List a component's properties as GetEntity shows them.

    Parameters
    ----------
    component : Component
        The entity's part.
    schema : Schema
        The component type's part.

    Returns
    -------
    dict
        ``PropertyResponse`` by property name: the definition, and the entity's own value or else
        the default; no ``value`` if there is neither.

    Raises
    ------
    InvalidRequestError
        The entity's part doesn't fit the component type's.
    """
    definitions = dict(schema.definitions)
    imported = {name: item.get("definition", {}) for name, item in component.imported.items()}
    for given, flags in ((imported, _IMPORTED), (component.definitions, {})):
        for name, override in given.items():
            definitions[name] = merged(name, definitions.get(name), override) | flags
    values = {
        name: item["value"] for name, item in component.imported.items() if "value" in item
    } | dict(component.values)
    for name, value in values.items():
        _check_value(name, value, definitions.get(name))
    return properties_of(definitions, values)


def properties_of(definitions: Mapping[str, Json], values: Mapping[str, Json]) -> dict[str, Json]:
    """Pair definitions with values: the given one, or else the definition's default."""
    properties: dict[str, Json] = {}
    for name, definition in definitions.items():
        properties[name] = {"definition": definition}
        value = values.get(name, definition.get("defaultValue"))
        if value is not None:
            properties[name]["value"] = value
    return properties


def _check_value(name: str, value: Json, definition: Json | None) -> None:
    if definition is None:
        raise InvalidRequestError(
            f"Property {name} isn't defined: neither in the component type nor by the entity"
        )
    if definition["isTimeSeries"]:
        raise InvalidRequestError(
            f"Property {name} is a time series: its values come from the connector, so the entity "
            "can't hold one"
        )
    try:
        read_data_value(value, definition["dataType"], "its value", expression_allowed=True)
    except ValueMismatchError as error:
        raise InvalidRequestError(f"Property {name}: {error}") from error


def check_required(properties: Mapping[str, Json]) -> None:
    """Refuse a component that lacks a value which its definition requires.

    Raises
    ------
    InvalidRequestError
        A property with ``isRequiredInEntity`` has no value. Values that come from a connector
        can't be required.
    """
    for name, item in properties.items():
        definition = item["definition"]
        external = definition["isTimeSeries"] or definition["isStoredExternally"]
        if definition["isRequiredInEntity"] and not external and "value" not in item:
            raise InvalidRequestError(f"Property {name} is required in the entity and has no value")
