"""BatchPutPropertyValues: from the caller to the ``dataWriter`` of each component type.

An entry that can't be written doesn't keep the others from it: the answer names it with its reason
(API reference, BatchPutPropertyValues, ``errorEntries``).
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..connectors import instants
from ..connectors.answers import read_errors
from ..connectors.queries import writer_event
from ..errors import ApiError, InvalidRequestError
from ..twin.components import external_ids, properties_in, with_parts
from ..twin.functions import DATA_WRITER, lambda_of
from ..twin.values import ValueMismatchError, read_data_value

if TYPE_CHECKING:
    from ..connectors.invoker import Invoker
    from ..twin.resources import Component, Json
    from ..twin.store import Space, Store

_LONGEST_MESSAGE = 256
"""Longest ``errorMessage`` of an entry (service model, ``String``), in characters."""


@dataclass(frozen=True, slots=True)
class _Write:
    """An entry of the request, with what its connector needs to know of the entity."""

    entry: Json
    entity_id: str
    properties: Json


class Writes:
    """Writes values.

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

    def put(self, request: Json) -> Json:
        """Answer BatchPutPropertyValues, with one event for each Lambda function."""
        by_arn: dict[str, list[_Write]] = defaultdict(list)
        errors: list[Json] = []
        with self._store.lock:
            space = self._store.space(request["workspaceId"])
            for entry in request["entries"]:
                try:
                    arn, write = self._prepared(space, entry)
                except ApiError as error:
                    errors.append(_error(entry, error))
                else:
                    by_arn[arn].append(write)
        for arn, writes in by_arn.items():
            errors += self._write(request["workspaceId"], arn, writes)
        return {"errorEntries": errors}

    def _write(self, workspace_id: str, arn: str, writes: list[_Write]) -> list[Json]:
        properties: dict[str, Json] = {}
        for write in writes:
            properties[write.entity_id] = properties.get(write.entity_id, {}) | write.properties
        event = writer_event(workspace_id, properties, [write.entry for write in writes])
        try:
            return read_errors(self._invoker.invoke(arn, event))
        except ApiError as error:
            return [_error(write.entry, error) for write in writes]

    def _prepared(self, space: Space, entry: Json) -> tuple[str, _Write]:
        reference = entry["entityPropertyReference"]
        entity_id, component = self._component(space, reference)
        type_id = component.component_type_id
        properties = properties_in(space, component)
        name = reference["propertyName"]
        if name not in properties:
            raise InvalidRequestError(f"Property {name} isn't defined")
        definition = properties[name]["definition"]
        if not definition["isTimeSeries"]:
            raise InvalidRequestError(
                f"Property {name} isn't a time series: UpdateEntity changes its value"
            )
        schema = space.schema(self._store.usable(space.types, type_id))
        arn = lambda_of(schema.functions, (DATA_WRITER,), type_id)
        values = [_value(each, definition["dataType"]) for each in entry.get("propertyValues", ())]
        return arn, _Write(entry | {"propertyValues": values}, entity_id, properties)

    def _component(self, space: Space, reference: Json) -> tuple[str, Component]:
        """Find the component of a reference: by its names, or by an external id."""
        if "entityId" not in reference:
            return _by_external_id(space, reference.get("externalIdProperty", {}))
        entity = self._store.usable(space.entities, reference["entityId"])
        path = reference.get("componentPath") or reference.get("componentName")
        component = with_parts(space, entity.components).get(str(path))
        if component is None:
            raise InvalidRequestError(f"Entity {entity.entity_id} has no component {path}")
        return entity.entity_id, component


def _by_external_id(space: Space, wanted: Json) -> tuple[str, Component]:
    found = [
        (entity.entity_id, component)
        for entity in space.entities.values()
        for component in with_parts(space, entity.components).values()
        if wanted and wanted.items() <= external_ids(properties_in(space, component)).items()
    ]
    if len(found) != 1:
        raise InvalidRequestError(
            "Give entityId with componentName, or an externalIdProperty that one component has; "
            f"{len(found)} have {wanted}"
        )
    return found[0]


def _value(given: Json, data_type: Json) -> dict[str, Any]:
    """Write a value as a connector is sent it: its time as a string, and in epoch seconds."""
    if "time" in given:
        time = given["time"]
    elif "timestamp" in given:
        time = instants.written(given["timestamp"])
    else:
        raise InvalidRequestError("A value needs a time")
    try:
        nanoseconds = instants.parse(time)
        value = read_data_value(given["value"], data_type, "value")
    except (instants.TimeError, ValueMismatchError) as error:
        raise InvalidRequestError(f"A value of {time}: {error}") from error
    return {"timestamp": nanoseconds // instants.NANOSECONDS, "time": time, "value": value}


def _error(entry: Json, error: ApiError) -> Json:
    message = error.message[:_LONGEST_MESSAGE]
    return {"errors": [{"errorCode": error.code, "errorMessage": message, "entry": entry}]}
