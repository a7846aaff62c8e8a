"""The things of the local TwinMaker: workspaces, component types, entities."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from .lifecycle import Lifecycle

Json = dict[str, Any]
"""A structure of the service, by member name."""

ROOT = "$ROOT"
"""The parent of an entity that has none (service model, ``ParentEntityId``)."""


@dataclass(frozen=True, slots=True)
class Workspace:
    """A workspace, as it was last written.

    Attributes
    ----------
    settings : mapping
        ``description``, ``role`` and ``s3Location``, as far as they were given.
    """

    workspace_id: str
    arn: str
    settings: Mapping[str, Any]
    created: datetime
    updated: datetime


@dataclass(frozen=True, slots=True)
class ComponentType:
    """A component type, as it was last written; what it inherits isn't in here.

    Attributes
    ----------
    settings : mapping
        ``description``, ``componentTypeName`` and ``isSingleton``, as far as they were given.
    extends_from : tuple of str
        The parents' ids.
    definitions : mapping
        ``PropertyDefinitionRequest`` by property name.
    functions : mapping
        ``FunctionRequest`` by function name.
    """

    component_type_id: str
    arn: str
    settings: Mapping[str, Any]
    extends_from: tuple[str, ...]
    definitions: Mapping[str, Json]
    functions: Mapping[str, Json]
    created: datetime
    updated: datetime
    lifecycle: Lifecycle


@dataclass(frozen=True, slots=True)
class Component:
    """A component of an entity.

    Attributes
    ----------
    definitions : mapping
        The entity's additions and changes to its component type's property definitions.
    values : mapping
        The entity's own DataValue by property name.
    """

    component_type_id: str
    description: str | None = None
    definitions: Mapping[str, Json] = field(default_factory=dict)
    values: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Entity:
    """An entity, as it was last written."""

    entity_id: str
    arn: str
    name: str
    description: str | None
    parent_id: str
    components: Mapping[str, Component]
    created: datetime
    updated: datetime
    lifecycle: Lifecycle
