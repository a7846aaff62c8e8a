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
from .values import ValueMismatchError, read_data_value

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .resources import Component, ComponentType, Json

_MOST_PARENTS = 10
"""Component types that one may extend (guide, 'Core features of AWS IoT TwinMaker component types')."""

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
    """

    definitions: Mapping[str, Json]
    functions: Mapping[str, Json]

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
    if len(component_type.extends_from) > _MOST_PARENTS:
        raise InvalidRequestError(
            f"extendsFrom: {len(component_type.extends_from)} parents are more than the "
            f"{_MOST_PARENTS} that a component type may have"
        )
    definitions: dict[str, Json] = {}
    functions: dict[str, Json] = {}
    for parent_id in component_type.extends_from:
        if parent_id in lineage:
            raise InvalidRequestError(f"{parent_id} would extend itself: {' -> '.join(lineage)}")
        found = parent(parent_id)
        if found is None:
            raise InvalidRequestError(f"extendsFrom: there is no component type {parent_id}")
        schema = _schema(found, parent, (*lineage, parent_id))
        definitions |= schema.definitions
        functions |= schema.functions
    definitions = {name: item | {"isInherited": True} for name, item in definitions.items()}
    functions = {name: item | {"isInherited": True} for name, item in functions.items()}
    for name, override in component_type.definitions.items():
        definitions[name] = merged(name, definitions.get(name), override)
    for name, function in component_type.functions.items():
        functions[name] = functions.get(name, {}) | function | {"isInherited": False}
        if "implementedBy" in function:
            functions[name]["implementedBy"] = {"isNative": False} | function["implementedBy"]
    return Schema(definitions, functions)


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
    for name, override in component.definitions.items():
        definitions[name] = merged(name, definitions.get(name), override)
    for name, value in component.values.items():
        _check_value(name, value, definitions.get(name))
    return properties_of(definitions, component.values)


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
