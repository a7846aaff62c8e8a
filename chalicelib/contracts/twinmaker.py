"""AWS IoT TwinMaker's interface to a connector Lambda: its events, and the answers to them.

Sources: AWS IoT TwinMaker user guide, 'Data connectors';
docs/architecture.md, "TwinMaker's interface".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, TypeVar

import orjson

from chalicelib.contracts.parsing import Document, check_range, whole_number
from chalicelib.model.data_value import DataType, UnrepresentableValueError
from chalicelib.model.errors import InvalidQueryError
from chalicelib.model.instants import FIRST_INSTANT, LAST_INSTANT, NANOSECONDS
from chalicelib.model.limits import LARGEST_TWINMAKER_PAGE
from chalicelib.model.property_filter import plain_value
from chalicelib.model.query import DevicesQuery, HistoryQuery, LastEntryQuery

if TYPE_CHECKING:
    from chalicelib.model.results import DevicesPage, HistoryPage, LastEntry, PropertyValues

Event = Mapping[str, Any]
DEVICE_ID_PROPERTY: Final = "iotDeviceId"
"""The static property of a component type that holds the device's id."""
ALARM_KEY: Final = "alarm_key"
"""The external id of AWS's own alarm type, `com.amazon.iottwinmaker.alarm.basic`."""
SOURCE: Final = "source"
"""The key of a property definition's `configuration` with the property's stored name or path."""
Query = TypeVar("Query", bound=LastEntryQuery)
_SCALARS: Final = frozenset(
    {"booleanValue", "doubleValue", "integerValue", "longValue", "stringValue"}
)
"""Kinds of DataValues that hold neither lists nor maps."""


def history_query(event: Event, device_id: str) -> HistoryQuery:
    """Read a `dataReader` event of one device; see `history_queries`."""
    (query,) = history_queries(event, {device_id: {}})
    return query


def history_queries(
    event: Event, devices: Mapping[str, Mapping[str, Any]]
) -> Iterator[HistoryQuery]:
    """Read a `dataReader` event, once, and yield the query of each device.

    Parameters
    ----------
    event
        The event; unknown keys are ignored.
    devices
        The devices that the event is about (see `chalicelib.data_connector.device`), at least one, with
        the values of their constant properties of which the event has none: a component type that
        several devices share keeps none itself.

    Raises
    ------
    InvalidQueryError
        A part is missing, mistyped, or not supported.

    Examples
    --------
    >>> event = {
    ...     "entityId": "machine-1",
    ...     "componentName": "pump",
    ...     "selectedProperties": ["pressure"],
    ...     "startTime": "2026-01-30T17:00:00Z",
    ...     "endTime": "2026-01-30T18:00:00Z",
    ...     "orderByTime": "DESCENDING",
    ...     "properties": {"pressure": {"definition": {"dataType": {"type": "DOUBLE"}}}},
    ... }
    >>> (query,) = history_queries(event, {"pump-1": {}})
    >>> query.property_types["pressure"].type, query.descending, query.max_results
    ('DOUBLE', True, 200)
    """
    document = Document(event, "the event")
    start, end = _instant(document, "start"), _instant(document, "end")
    check_range(start, end, "startTime", "endTime")
    query = HistoryQuery(
        device_id=next(iter(devices)),
        selected_properties=document.names("selectedProperties"),
        entity_id=document.optional_text("entityId"),
        component_name=document.optional_text("componentName"),
        component_path=document.optional_text("componentPath"),
        start=start,
        end=end,
        filters=document.filters("propertyFilters"),
        descending=document.order_is_descending("orderByTime"),
        max_results=document.max_results("maxResults") or LARGEST_TWINMAKER_PAGE,
        next_token=document.token("nextToken"),
        interval=document.interval("interpolation"),
    )
    query = _declared(query, document)
    filtered = [each.property_name for each in query.filters]
    ids = _external_ids(document)
    for device_id, constants in devices.items():
        its_query = replace(query, device_id=device_id, external_id=_external_id(ids, device_id))
        if filtered:
            its_query = its_query.with_constants(_constants(document, filtered, constants))
        yield its_query


def last_entry_query(event: Event, device_id: str) -> LastEntryQuery:
    """Read an `attributePropertyValueReaderByEntity` event; see `history_query`."""
    document = Document(event, "the event")
    query = LastEntryQuery(
        device_id=device_id,
        selected_properties=document.names("selectedProperties"),
        entity_id=document.optional_text("entityId"),
        component_name=document.optional_text("componentName"),
        component_path=document.optional_text("componentPath"),
    )
    return _declared(query, document)


def _declared(query: Query, document: Document) -> Query:
    """Check a query's entity and properties, and read what the event's definitions say of these.

    What they say of other properties concerns no answer, even if it can't be read.
    """
    component = query.component_name or query.component_path
    if (query.entity_id is None) != (component is None):
        raise InvalidQueryError("entityId and componentName must be given both, or neither")
    # The properties of a component type may lack some that are selected (AWS's recorded events).
    if document.get("properties") is not None and query.entity_id is not None:
        query.check_known(document.mapping("properties"))
    names = query.properties
    types, sources = _types(document, names), _sources(document, names)
    return replace(query, property_types=types, property_sources=sources)


def definitions(document: Document) -> dict[str, Mapping[str, Any]]:
    """Return the properties' definitions by name; an empty one where there is none."""
    properties = document.mapping("properties")
    return {name: _member(described, "definition") for name, described in properties.items()}


def _member(described: Any, name: str) -> Mapping[str, Any]:
    member = described.get(name) if isinstance(described, Mapping) else None
    return member if isinstance(member, Mapping) else {}


def _types(document: Document, names: Iterable[str]) -> dict[str, DataType]:
    defined = definitions(document)
    return {
        name: DataType.parse(declared, f"properties.{name}.definition.dataType")
        for name in names
        if (declared := defined.get(name, {}).get("dataType")) is not None
    }


def _sources(document: Document, names: Iterable[str]) -> dict[str, str]:
    """Return where the properties of some names are stored: their definitions' `configuration` says so."""
    defined = definitions(document)
    sources = {}
    for name in names:
        key = f"properties.{name}.definition.configuration.{SOURCE}"
        source = _member(defined.get(name), "configuration").get(SOURCE)
        if source:
            sources[name] = Document({key: source}, "the event").text(key)
    return sources


def _constants(
    document: Document, names: Iterable[str], configured: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what TwinMaker itself keeps of filtered properties: the entity's value, or else the type's."""
    constants = {}
    defined = definitions(document)
    for name in defined.keys() & names:
        definition = defined[name]
        elsewhere = [definition.get(flag) for flag in ("isTimeSeries", "isStoredExternally")]
        if any(elsewhere):
            continue
        value = kept_value(document, name)
        if value:
            try:
                constants[name] = plain_value(value)
            except UnrepresentableValueError as error:
                raise InvalidQueryError(f"properties.{name} has a value that is {error}") from error
        elif name in configured:
            constants[name] = configured[name]
        elif elsewhere == [False, False]:
            raise InvalidQueryError(
                f"The property {name!r} is no telemetry and has no value, so nothing can be filtered by "
                "it. Give it a value in the entity or the component type."
            )
    return constants


def kept_value(document: Document, name: str) -> Mapping[str, Any]:
    """Return the DataValue of a property that TwinMaker keeps itself: the component's, or else the type's.

    It is empty if the property has none.
    """
    described = document.mapping("properties").get(name)
    for value in (
        _member(described, "value"),
        _member(_member(described, "definition"), "defaultValue"),
    ):
        given = {kind: content for kind, content in value.items() if content is not None}
        if given:
            return given
    return {}


def external_ids(document: Document) -> list[str]:
    """Return the names of the properties that are declared as ids of an external data store."""
    return [
        name for name, definition in definitions(document).items() if definition.get("isExternalId")
    ]


def _external_ids(document: Document) -> dict[str, Any]:
    """Return the external ids by which TwinMaker may find an entity, with their values; None is any.

    There are none in an event that names the entity itself.
    """
    if document.get("entityId") is not None:
        return {}
    return {name: kept_value(document, name).get("stringValue") for name in external_ids(document)}


def _external_id(ids: Mapping[str, Any], device_id: str) -> str | None:
    """Return the property by which TwinMaker finds the entity of a device; None for `iotDeviceId`.

    That of an alarm is `alarm_key`: Grafana's alarm panel looks for it. One with another value isn't the
    device's id.
    """
    fitting = [name for name, value in ids.items() if value in (None, device_id)]
    for name in (ALARM_KEY, DEVICE_ID_PROPERTY, *fitting):
        if name in fitting:
            return None if name == DEVICE_ID_PROPERTY else name
    return None


def _instant(document: Document, bound: str) -> int:
    """Return a bound of the range, which older events give in seconds only."""
    seconds = document.get(f"{bound}DateTime")
    if document.get(f"{bound}Time") is not None or seconds is None:
        return document.instant(f"{bound}Time")
    whole = whole_number(seconds)
    if whole is None or not FIRST_INSTANT <= whole * NANOSECONDS <= LAST_INSTANT:
        raise InvalidQueryError(
            f"{bound}DateTime must be whole seconds since 1970, in the years 1 to 9999. Better leave it "
            f"out and give {bound}Time."
        )
    return whole * NANOSECONDS


def history_answer(
    query: HistoryQuery | DevicesQuery, page: HistoryPage | DevicesPage
) -> dict[str, Any]:
    """Return a page as TwinMaker expects it; `nextToken` is absent on the last page.

    A property without a value on the page is left out, as AWS's own connectors do it: Grafana's walk
    for the latest values takes an empty series for the property's value and ignores it on later pages.

    Examples
    --------
    >>> from chalicelib.model.results import Flaws, HistoryPage, PropertyValues
    >>> query = HistoryQuery(device_id="pump-1", selected_properties=("running",), start=0, end=9)
    >>> values = PropertyValues(["1970-01-01T00:00:00Z"], ["booleanValue"], [True])
    >>> answer = history_answer(query, HistoryPage({"running": values}, None, Flaws()))
    >>> answer["propertyValues"][0]["entityPropertyReference"]
    {'propertyName': 'running', 'externalIdProperty': {'iotDeviceId': 'pump-1'}}
    >>> answer["propertyValues"][0]["values"]
    [{'time': '1970-01-01T00:00:00Z', 'value': {'booleanValue': True}}]
    """
    answer: dict[str, Any] = {
        "propertyValues": [
            {
                "entityPropertyReference": its_reference,
                "values": [
                    {"time": time, "value": {kind: content}}
                    for time, kind, content in zip(
                        values.times, values.kinds, values.contents, strict=True
                    )
                ],
            }
            for its_reference, values in _series(query, page)
        ]
    }
    if page.next_token is not None:
        answer["nextToken"] = page.next_token
    return answer


def history_json(query: HistoryQuery | DevicesQuery, page: HistoryPage | DevicesPage) -> bytes:
    """Return the document of `history_answer` as JSON, written column by column."""
    properties = ",".join(
        f'{{"entityPropertyReference":{_json(its_reference)},"values":[{_values_json(values)}]}}'
        for its_reference, values in _series(query, page)
    )
    token = "" if page.next_token is None else f',"nextToken":{_json(page.next_token)}'
    return f'{{"propertyValues":[{properties}]{token}}}'.encode()


def _series(
    query: HistoryQuery | DevicesQuery, page: HistoryPage | DevicesPage
) -> Iterator[tuple[dict[str, Any], PropertyValues]]:
    """Yield the properties that have values on a page, each with its reference."""
    for each in query.each:
        for name, values in page.of_device(each.device_id).items():
            if values:
                yield reference(each, name), values


def _values_json(values: PropertyValues) -> str:
    kinds = set(values.kinds)
    if kinds <= _SCALARS:
        # One value a line: within a JSON string a line break is escaped, so lines can be split.
        lines = orjson.dumps(values.contents, option=orjson.OPT_INDENT_2)
        contents = lines[len("[\n  ") : -len("\n]")].decode().split(",\n  ")
    else:
        contents = [_json(content) for content in values.contents]
    between = {kind: f'","value":{{"{kind}":' for kind in kinds}
    pieces = ['}},{"time":"'] * (4 * len(values))
    pieces[0] = '{"time":"'
    pieces[1::4] = values.times
    pieces[2::4] = (
        [between[values.kinds[0]]] * len(values)
        if len(kinds) == 1
        else [between[kind] for kind in values.kinds]
    )
    pieces[3::4] = contents
    return "".join((*pieces, "}}"))


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


def last_entry_answer(query: LastEntryQuery, entry: LastEntry) -> dict[str, Any]:
    """Return newest values as TwinMaker expects them; a property without a value is left out.

    TwinMaker's answer has no room for times (API reference, 'PropertyLatestValue'): they are there only if
    the query asks for them.

    Examples
    --------
    >>> from chalicelib.model.results import Flaws, LastEntry
    >>> query = LastEntryQuery(device_id="pump-1", selected_properties=("pressure", "running"))
    >>> answer = last_entry_answer(query, LastEntry({"running": {"booleanValue": True}}, Flaws()))
    >>> list(answer["propertyValues"]), answer["propertyValues"]["running"]["propertyValue"]
    (['running'], {'booleanValue': True})
    """
    return {
        "propertyValues": {
            name: {
                "propertyReference": reference(query, name),
                "propertyValue": value,
                **({"time": entry.times[name]} if query.times else {}),
            }
            for name, value in entry.values.items()
        }
    }


def reference(query: LastEntryQuery, name: str) -> dict[str, Any]:
    """Return the reference to a property: of the query's entity or, without one, of the device."""
    its_reference: dict[str, Any] = {"propertyName": name}
    if query.entity_id is None:
        its_reference["externalIdProperty"] = {
            query.external_id or DEVICE_ID_PROPERTY: query.device_id
        }
    else:
        its_reference["entityId"] = query.entity_id
    if query.component_name is not None:
        its_reference["componentName"] = query.component_name
    if query.component_path is not None:
        its_reference["componentPath"] = query.component_path
    return its_reference
