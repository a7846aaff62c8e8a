"""Schema initializers: connectors that give a component type or a component its properties.

Source: the guide's 'AWS IoT TwinMaker data connectors', SchemaInitializer, with an example of each
of both lifecycles. It doesn't say which one a function serves; here that is its scope: ``WORKSPACE``
for the component type's, anything else for the entity's, as in AWS's Snowflake sample.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, cast

from ..connectors.queries import initializer_event
from ..errors import ApiError, ConnectorFailedError, InvalidRequestError
from ..protocol.rest_json import load_model
from ..protocol.validation import violations
from ..twin.components import check_all, check_space, properties_in, with_parts
from ..twin.definitions import properties_of
from ..twin.functions import SCHEMA_INITIALIZER, lambda_of
from ..twin.lifecycle import Lifecycle

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ..connectors.invoker import Invoker
    from ..twin.definitions import Schema
    from ..twin.lifecycle import State
    from ..twin.resources import Json
    from ..twin.store import Space, Store

_ANSWERED = frozenset({"isImported", "isFinal", "isInherited"})
"""Flags of an answered definition, which an initializer may repeat: newer guides let it answer those."""


class Initializers:
    """Runs schema initializers, for a thing that has just been stored.

    The store isn't locked meanwhile, so that a connector may ask TwinMaker itself.

    Parameters
    ----------
    store : Store
        The twin.
    invoker : Invoker
        Invokes connectors.
    """

    def __init__(self, store: Store, invoker: Invoker) -> None:
        self._store = store
        self._invoker = invoker

    def component_type(self, space: Space, type_id: str, state: State) -> None:
        """Let a component type's initializer give it properties; a failure ends in ERROR."""
        with self._store.lock:
            schema = space.schema(space.types[type_id])
            if not _initializes(schema, of_type=True):
                return
            arn = lambda_of(schema.functions, (SCHEMA_INITIALIZER,), type_id)
            properties = properties_of(schema.definitions, {})
        event = initializer_event(space.workspace.workspace_id, properties)
        imported, problem = self._ask(arn, event)
        with self._store.lock:
            if type_id not in space.types:
                return
            old = space.types[type_id]
            if problem:
                lifecycle = Lifecycle(state, problem)
                space.types[type_id] = dataclasses.replace(old, lifecycle=lifecycle)
                return
            definitions = {name: _definition(item) for name, item in imported.items()}
            space.types[type_id] = dataclasses.replace(old, imported=definitions)
            try:
                check_space(space)
            except InvalidRequestError as error:
                lifecycle = Lifecycle(state, f"The schema initializer {arn}: {error.message}")
                space.types[type_id] = dataclasses.replace(old, lifecycle=lifecycle)

    def components(self, space: Space, entity_id: str, paths: Iterable[str], state: State) -> None:
        """Let the initializers of an entity's components give them properties."""
        for path in paths:
            self._component(space, entity_id, path, state)

    def _component(self, space: Space, entity_id: str, path: str, state: State) -> None:
        with self._store.lock:
            entity = space.entities[entity_id]
            component = with_parts(space, entity.components)[path]
            type_id = component.component_type_id
            schema = space.schema(space.types[type_id])
            if not _initializes(schema, of_type=False):
                return
            arn = lambda_of(schema.functions, (SCHEMA_INITIALIZER,), type_id)
            properties = properties_in(space, component)
        event = initializer_event(space.workspace.workspace_id, properties, entity_id, path)
        imported, problem = self._ask(arn, event)
        with self._store.lock:
            old = space.entities.get(entity_id)
            if old is None:
                return
            component = dataclasses.replace(component, imported=imported)
            components = {**old.components, path: component}
            try:
                if not problem:
                    check_all(space, components)
            except InvalidRequestError as error:
                problem = f"The schema initializer {arn}: {error.message}"
            if problem:
                new = dataclasses.replace(old, lifecycle=Lifecycle(state, problem))
            else:
                new = dataclasses.replace(old, components=components)
            space.entities[entity_id] = new

    def _ask(self, arn: str, event: Json) -> tuple[Mapping[str, Json], str]:
        """Invoke an initializer; return the properties of its answer, and what is wrong with it."""
        try:
            return _properties(self._invoker.invoke(arn, event)), ""
        except ApiError as error:
            return {}, error.message


def _initializes(schema: Schema, *, of_type: bool) -> bool:
    function = schema.functions.get(SCHEMA_INITIALIZER)
    if function is None or "lambda" not in function.get("implementedBy", {}):
        return False
    return (function.get("scope") == "WORKSPACE") is of_type


def _properties(answer: object) -> dict[str, Json]:
    if not isinstance(answer, dict) or answer.keys() != {"properties"}:
        raise ConnectorFailedError(
            "The schema initializer's answer is invalid: it must be an object with properties alone"
        )
    properties = answer["properties"]
    if isinstance(properties, dict):
        properties = {name: _request(item) for name, item in properties.items()}
    found = violations(properties, load_model("iottwinmaker").shape_for("PropertyRequests"))
    if found:
        raise ConnectorFailedError(
            f"The schema initializer's answer is invalid: properties: {'; '.join(found)}"
        )
    return cast("dict[str, Json]", properties)


def _request(item: object) -> object:
    """Leave out what an answered property has in addition to a requested one."""
    if not isinstance(item, dict) or not isinstance(item.get("definition"), dict):
        return item
    definition = {key: each for key, each in item["definition"].items() if key not in _ANSWERED}
    return item | {"definition": definition}


def _definition(item: Json) -> Json:
    """Return an imported property's definition; a value of a type's property is its default."""
    default = {"defaultValue": item["value"]} if "value" in item else {}
    definition: Json = default | item.get("definition", {})
    return definition
