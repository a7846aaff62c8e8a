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
    groups : mapping
        ``PropertyGroupRequest`` by the group's name.
    composites : mapping
        ``CompositeComponentTypeRequest`` by the name of the part.
    imported : mapping
        ``PropertyDefinitionRequest`` by property name, from the schema initializer; None if it
        hasn't run.
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
    groups: Mapping[str, Json] = field(default_factory=dict)
    composites: Mapping[str, Json] = field(default_factory=dict)
    imported: Mapping[str, Json] | None = None


@dataclass(frozen=True, slots=True)
class Scene:
    """A scene, as it was last written.

    Attributes
    ----------
    settings : mapping
        ``contentLocation``, ``description``, ``capabilities`` and ``sceneMetadata``, as far as they
        were given.
    """

    scene_id: str
    arn: str
    settings: Mapping[str, Any]
    created: datetime
    updated: datetime


@dataclass(frozen=True, slots=True)
class Component:
    """A component of an entity.

    Attributes
    ----------
    definitions : mapping
        The entity's additions and changes to its component type's property definitions.
    values : mapping
        The entity's own DataValue by property name.
    groups : mapping
        The entity's additions and changes to its component type's property groups.
    imported : mapping
        ``PropertyRequest`` by property name, from the schema initializer.
    """

    component_type_id: str
    description: str | None = None
    definitions: Mapping[str, Json] = field(default_factory=dict)
    values: Mapping[str, Json] = field(default_factory=dict)
    groups: Mapping[str, Json] = field(default_factory=dict)
    imported: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Entity:
    """An entity, as it was last written.

    Attributes
    ----------
    components : mapping
        By path: the component's name, or for a part of a composite component the names from the
        outermost on, with slashes between them. A part of which the entity says nothing is absent.
    """

    entity_id: str
    arn: str
    name: str
    description: str | None
    parent_id: str
    components: Mapping[str, Component]
    created: datetime
    updated: datetime
    lifecycle: Lifecycle
