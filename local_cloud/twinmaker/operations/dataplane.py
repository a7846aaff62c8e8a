"""GetPropertyValue and GetPropertyValueHistory: from the caller to a connector and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from ..connectors import instants
from ..connectors.answers import check_history, check_last
from ..connectors.queries import HistoryQuery, LastQuery, Moment
from ..errors import (
    ConnectorFailedError,
    InvalidRequestError,
    NotOfferedError,
)
from ..protocol.rest_json import load_model
from ..protocol.validation import violations
from ..twin.components import SEPARATOR, external_ids, properties_in, with_parts
from ..twin.definitions import properties_of
from ..twin.functions import (
    ATTRIBUTE_READER,
    DATA_READER,
    ENTITY_READER,
    TYPE_READER,
    lambda_of,
)
from ..twin.values import ValueMismatchError, read_data_value
from .paging import page_size

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime
    from typing import Literal

    from ..connectors.invoker import Invoker
    from ..twin.definitions import Schema
    from ..twin.resources import Json
    from ..twin.store import Space, Store

_PASSED_ON = ("propertyFilters", "interpolation", "nextToken")
_DEFAULT_PAGE = 100
"""Values of a history on a page if the caller names no number: the event of AWS's Timestream sample.

The documentation of GetPropertyValueHistory says 25."""


class DataPlane:
    """Reads values.

    The store is only locked while a query is put together: connectors run side by side.

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

    def history(self, request: Json) -> Json:
        """Answer GetPropertyValueHistory from one of the component type's three data readers."""
        _check_target(request)
        start, end = _moment(request, "start"), _moment(request, "end")
        if end.nanoseconds < start.nanoseconds:
            raise InvalidRequestError(f"The end {end.text} is before the start {start.text}")
        _check_interpolation(request.get("interpolation"))
        with self._store.lock:
            space = self._store.space(request["workspaceId"])
            properties, schema, type_id = self._target(space, request)
            by = ENTITY_READER if "entityId" in request else TYPE_READER
            arn = lambda_of(schema.functions, (DATA_READER, by), type_id)
        _check_selected(request["selectedProperties"], properties, time_series=True)
        _check_filters(request.get("propertyFilters", []), properties)
        query = HistoryQuery(
            workspace_id=request["workspaceId"],
            selected=tuple(request["selectedProperties"]),
            start=start,
            end=end,
            properties=properties,
            entity_id=request.get("entityId"),
            component_name=_component_name(request),
            component_path=request.get("componentPath"),
            component_type_id=request.get("componentTypeId"),
            max_results=page_size(request, _DEFAULT_PAGE),
            order=cast(
                "Literal['ASCENDING', 'DESCENDING']", request.get("orderByTime", "ASCENDING")
            ),
            optional={name: request[name] for name in _PASSED_ON if request.get(name)},
        )
        answer = check_history(self._invoker.invoke(arn, query.to_event()), query)
        _check_shape(answer, "GetPropertyValueHistory")
        for entry in answer["propertyValues"]:
            if query.entity_id is not None:
                _add_external_ids(entry["entityPropertyReference"], properties)
            if "startDateTime" in request:
                _add_stamps(entry["values"])
        return answer

    def latest(self, request: Json) -> Json:
        """Answer GetPropertyValue: statics from the entity, the rest from a connector.

        It serves properties that aren't time series: the guide's AttributePropertyValueReaderByEntity
        has 'static properties' alone, and Grafana's client notes the same.
        """
        _refuse_unoffered(request, "propertyGroupName", "tabularConditions")
        if "entityId" not in request:
            raise InvalidRequestError(
                "entityId and componentName are needed: the local TwinMaker reads the newest "
                "values of one component; values by component type are for tabular data"
            )
        _check_target(request)
        if request.get("nextToken"):
            raise InvalidRequestError(
                "nextToken isn't one that this operation gave: it has one page"
            )
        with self._store.lock:
            space = self._store.space(request["workspaceId"])
            properties, schema, type_id = self._target(space, request)
        selected = request["selectedProperties"]
        _check_selected(selected, properties, time_series=False)
        outside = tuple(name for name in selected if _is_external(properties[name]))
        values = _statics(request, properties)
        if outside:
            arn = lambda_of(schema.functions, (ATTRIBUTE_READER,), type_id)
            query = LastQuery(
                workspace_id=request["workspaceId"],
                entity_id=request["entityId"],
                component_name=_component_name(request),
                component_path=request.get("componentPath"),
                selected=outside,
                properties=properties,
            )
            values |= check_last(self._invoker.invoke(arn, query.to_event()), query)
        answer = {"propertyValues": values}
        _check_shape(answer, "GetPropertyValue")
        for entry in values.values():
            _add_external_ids(entry["propertyReference"], properties)
        return answer

    def _target(self, space: Space, request: Json) -> tuple[dict[str, Json], Schema, str]:
        """Find the target of a read: its properties, its type with what it inherits, and the type's id."""
        if "entityId" not in request:
            type_id = request["componentTypeId"]
            schema = space.schema(self._store.usable(space.types, type_id))
            return properties_of(schema.definitions, {}), schema, type_id
        entity = self._store.usable(space.entities, request["entityId"])
        path = request.get("componentPath") or request["componentName"]
        component = with_parts(space, entity.components).get(path)
        if component is None:
            raise InvalidRequestError(f"Entity {entity.entity_id} has no component {path}")
        type_id = component.component_type_id
        if request.get("componentTypeId", type_id) != type_id:
            raise InvalidRequestError(
                f"Component {path} is of type {type_id}, not of {request['componentTypeId']}"
            )
        schema = space.schema(self._store.usable(space.types, type_id))
        return properties_in(space, component), schema, type_id


def _add_external_ids(reference: Json, properties: Mapping[str, Json]) -> None:
    ids = external_ids(properties)
    if ids:
        reference.setdefault("externalIdProperty", ids)


def _add_stamps(values: Iterable[Json]) -> None:
    """Give values the deprecated time, too, which who asks by deprecated times reads."""
    for value in values:
        if "time" in value:
            seconds = instants.parse(value["time"]) / instants.NANOSECONDS
            value.setdefault("timestamp", seconds)


def _check_target(request: Json) -> None:
    entity, component = "entityId" in request, _component_name(request) is not None
    if entity != component:
        raise InvalidRequestError("entityId and componentName belong together: give both")
    if request.get("componentName", _component_name(request)) != _component_name(request):
        raise InvalidRequestError(
            "componentName isn't the last name of componentPath: leave it out"
        )
    if not entity and "componentTypeId" not in request:
        raise InvalidRequestError(
            "Give entityId and componentName, or componentTypeId for a query across entities"
        )


def _component_name(request: Json) -> Any:
    """Return the name of the component that is asked for, None if there is none."""
    path = request.get("componentPath")
    return request.get("componentName") if path is None else path.rpartition(SEPARATOR)[2]


def _moment(request: Json, bound: str) -> Moment:
    """Read one bound of the time range from the new member or the deprecated one."""
    new, old = f"{bound}Time", f"{bound}DateTime"
    if new in request and old in request:
        raise InvalidRequestError(f"Give {new} or the deprecated {old}, not both")
    if new in request:
        text = request[new]
    elif old in request:
        given: datetime = request[old]
        text = instants.written(given)
    else:
        raise InvalidRequestError(f"{new} is missing")
    try:
        return Moment(text, instants.parse(text))
    except instants.TimeError as error:
        raise InvalidRequestError(f"{new}: {error}") from error


def _check_interpolation(interpolation: Json | None) -> None:
    if interpolation is None:
        return
    if "interpolationType" not in interpolation or interpolation.get("intervalInSeconds", 0) < 1:
        raise InvalidRequestError(
            "interpolation needs an interpolationType and an intervalInSeconds of at least 1"
        )


def _check_selected(
    selected: Iterable[str], properties: Mapping[str, Json], *, time_series: bool
) -> None:
    for name in selected:
        if name not in properties:
            raise InvalidRequestError(f"selectedProperties: property {name} isn't defined")
        if properties[name]["definition"]["isTimeSeries"] is time_series:
            continue
        raise InvalidRequestError(
            f"selectedProperties: property {name} "
            + (
                "isn't a time series, so it has no history"
                if time_series
                else "is a time series: GetPropertyValueHistory reads it, with maxResults 1 and "
                "orderByTime DESCENDING its newest value"
            )
        )


def _check_filters(filters: Iterable[Json], properties: Mapping[str, Json]) -> None:
    for index, item in enumerate(filters):
        where = f"propertyFilters[{index}]"
        missing = [key for key in ("propertyName", "operator", "value") if key not in item]
        if missing:
            raise InvalidRequestError(f"{where} needs {missing[0]}")
        name = item["propertyName"]
        if name not in properties:
            raise InvalidRequestError(f"{where}: property {name} isn't defined")
        data_type = dict(properties[name]["definition"]["dataType"])
        data_type.pop("allowedValues", None)  # comparing with any value makes sense
        try:
            read_data_value(item["value"], data_type, f"{where}.value")
        except ValueMismatchError as error:
            raise InvalidRequestError(str(error)) from error


def _is_external(item: Json) -> bool:
    definition = item["definition"]
    return bool(definition["isTimeSeries"] or definition["isStoredExternally"])


def _statics(request: Json, properties: Mapping[str, Json]) -> Json:
    """Return the selected values that the entity holds itself; one without a value is left out."""
    return {
        name: {
            "propertyReference": {
                "entityId": request["entityId"],
                "componentName": _component_name(request),
                **(
                    {"componentPath": request["componentPath"]}
                    if "componentPath" in request
                    else {}
                ),
                "propertyName": name,
            },
            "propertyValue": properties[name]["value"],
        }
        for name in request["selectedProperties"]
        if not _is_external(properties[name]) and "value" in properties[name]
    }


def _check_shape(answer: Json, operation: str) -> None:
    """Check a connector's answer against the service model too: lengths and patterns."""
    shape = load_model("iottwinmaker").operation_model(operation).output_shape
    found = violations(answer, shape) if shape is not None else []
    if found:
        raise ConnectorFailedError(f"The connector's answer is invalid: {'; '.join(found)}")


def _refuse_unoffered(request: Json, *members: str) -> None:
    for member in members:
        if member in request:
            raise NotOfferedError(f"The local TwinMaker doesn't have {member}")
