"""The inter-cloud wire contract, version 1: one contract for every cloud.

A query travels as an envelope in a POST, or as parameters of a GET with the same names
(docs/openapi.yaml; docs/architecture.md, 'The wire contract').
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, TypeVar
from uuid import uuid4

import orjson

from chalicelib.contracts.parsing import Document, check_range
from chalicelib.model.data_value import DataType
from chalicelib.model.errors import InvalidQueryError
from chalicelib.model.instants import NANOSECONDS, utc_text
from chalicelib.model.query import (
    MOST_DEVICES,
    AnyQuery,
    DevicesQuery,
    HistoryQuery,
    LastEntryQuery,
)
from chalicelib.model.reads import HISTORY, LAST_ENTRY, Read
from chalicelib.model.results import Flaws

Query = TypeVar("Query", bound=LastEntryQuery)
TARGET_LAYER: Final = "L3-Hot-Read"
MESSAGE_TYPE: Final = "query"
TOKEN_HEADER: Final = "X-Inter-Cloud-Token"  # noqa: S105 - a header's name
LEFT_OUT_HEADER: Final = "X-Left-Out"
"""The header of an answer from which values or entries are left out."""

_TRACE_ID: Final = re.compile(r"[!-~]{1,128}")
"""One word of a log line: a line break or a control character in it could forge another line."""
FOLLOWING_PAGES: Final = "followingPages"
"""The key under which an answer carries pages that were read ahead."""

_LEFT_OUT: Final = re.compile(r"\b(values|timestamps)=([0-9]{1,9})\b")
_COUNTS: Final = ("max_results", "pages_ahead")
_LISTS: Final = ("selected_properties", "iot_device_ids")
_FLAGS: Final = {"true": True, "false": False}
_JSON_PARAMETERS: Final = (
    *("property_types", "property_sources", "property_filters"),
    "interpolation",
)


def left_out(flaws: Flaws) -> str:
    """Spell the counts of what an answer lacks, for `LEFT_OUT_HEADER`; empty if it lacks nothing.

    Examples
    --------
    >>> left_out(Flaws(unrepresentable_values=3, unreadable_timestamps=600))
    'values=3, timestamps=600'
    """
    counts = {"values": flaws.unrepresentable_values, "timestamps": flaws.unreadable_timestamps}
    return ", ".join(f"{name}={count}" for name, count in counts.items() if count)


def flaws_of(header: str | None) -> Flaws:
    """Read `LEFT_OUT_HEADER`; what isn't spelled as the contract says counts nothing.

    Examples
    --------
    >>> flaws_of("values=3, timestamps=600")
    Flaws(unrepresentable_values=3, unreadable_timestamps=600, examples=[])
    """
    counts = {name: int(count) for name, count in _LEFT_OUT.findall(header or "")}
    return Flaws(counts.get("values", 0), counts.get("timestamps", 0))


def new_trace_id() -> str:
    """Make an id that finds a request in the logs of both clouds."""
    return str(uuid4())


def trace_id_of(envelope: Any) -> str | None:
    """Return an envelope's trace id, if it has a usable one.

    Examples
    --------
    >>> trace_id_of({"trace_id": "6b0d7c52"})
    '6b0d7c52'
    >>> trace_id_of({"trace_id": "two words"}) is None
    True
    """
    trace_id = envelope.get("trace_id") if isinstance(envelope, Mapping) else None
    return trace_id if isinstance(trace_id, str) and _TRACE_ID.fullmatch(trace_id) else None


def envelope(
    query: AnyQuery, *, source_cloud: str, timestamp: int, trace_id: str
) -> dict[str, Any]:
    """Put a query into an envelope.

    Parameters
    ----------
    query
        The query.
    source_cloud
        The cloud that asks: `aws`, `azure` or `gcp`.
    timestamp
        Now: nanoseconds since 1970-01-01T00:00:00Z.
    trace_id
        An id that finds the request in the logs of both clouds.

    Examples
    --------
    >>> query = LastEntryQuery(device_id="pump-1", selected_properties=("pressure",))
    >>> sent = envelope(query, source_cloud="aws", timestamp=0, trace_id="6b0d7c52")
    >>> sent["target_layer"], sent["timestamp"], sent["payload"]["iot_device_id"]
    ('L3-Hot-Read', '1970-01-01T00:00:00.000Z', 'pump-1')
    >>> last_entry_query(payload_of(sent)) == query
    True
    """
    return {
        "source_cloud": source_cloud,
        "target_layer": TARGET_LAYER,
        "message_type": MESSAGE_TYPE,
        "timestamp": utc_text(timestamp, 3),
        "trace_id": trace_id,
        "payload": _payload(query),
    }


def _payload(query: AnyQuery) -> dict[str, Any]:
    if isinstance(query, DevicesQuery):
        # Without iot_device_id, which a reader that knows no iot_device_ids complains of.
        payload = _payload(query.common) | {"iot_device_ids": list(query.device_ids)}
        del payload["iot_device_id"]
        return payload
    payload = {
        "iot_device_id": query.device_id,
        "selected_properties": list(query.selected_properties),
        "property_types": {
            name: query.property_types[name].to_json() for name in query.property_types
        },
        "property_sources": dict(query.property_sources),
        "entity_id": query.entity_id,
        "component_name": query.component_name,
        "times": query.times,
    }
    if query.component_path is not None:
        payload["component_path"] = query.component_path
    if query.external_id is not None:
        payload["external_id"] = query.external_id
    if isinstance(query, HistoryQuery):
        payload |= {
            "start_time": utc_text(query.start),
            "end_time": utc_text(query.end),
            "property_filters": [each.to_json() for each in query.filters],
            "order_by_time": "DESCENDING" if query.descending else "ASCENDING",
            "max_results": query.max_results,
            "next_token": query.next_token,
            "pages_ahead": query.pages_ahead,
        }
        if query.interval is not None:
            payload["interpolation"] = {
                "interpolationType": "LINEAR",
                "intervalInSeconds": query.interval // NANOSECONDS,
            }
    return payload


def payload_of(envelope: Any) -> Mapping[str, Any]:
    """Take the payload out of an envelope.

    Raises
    ------
    InvalidQueryError
        The document isn't an envelope with a query for the hot layer.

    Examples
    --------
    >>> payload_of({"payload": {"iot_device_id": "pump-1"}})
    {'iot_device_id': 'pump-1'}
    >>> payload_of({"target_layer": "L4", "payload": {}})
    Traceback (most recent call last):
    chalicelib.model.errors.InvalidQueryError: target_layer must be 'L3-Hot-Read' here
    """
    document = Document(envelope, "the body")
    for key in ("source_cloud", "timestamp", "trace_id"):
        document.optional_text(key)
    if document.get("trace_id") is not None and trace_id_of(envelope) is None:
        raise InvalidQueryError(
            "trace_id must be 1 to 128 visible ASCII characters without whitespace"
        )
    for key, expected in (("target_layer", TARGET_LAYER), ("message_type", MESSAGE_TYPE)):
        if document.optional_text(key) not in (None, expected):
            raise InvalidQueryError(f"{key} must be {expected!r} here")
    payload = document.get("payload")
    if not isinstance(payload, Mapping):
        raise InvalidQueryError(
            'payload must be a JSON object with the query: {"payload": {"iot_device_id": ...}}'
        )
    return payload


def payload_of_parameters(parameters: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Turn the parameters of a GET into a payload.

    Lists may be repeated or separated by commas; `property_types`, `property_sources` and `property_filters` are
    JSON.

    Raises
    ------
    InvalidQueryError
        A parameter is given twice, or isn't the JSON or the number that it must be.

    Examples
    --------
    >>> payload_of_parameters({"selected_properties": ["a, b", "c"], "max_results": ["2"]})
    {'selected_properties': ['a', 'b', 'c'], 'max_results': 2}
    """
    payload: dict[str, Any] = {}
    for name, values in parameters.items():
        if name in _LISTS:
            payload[name] = [
                each.strip() for value in values for each in value.split(",") if each.strip()
            ]
            continue
        if len(values) != 1:
            raise InvalidQueryError(f"{name} must be given once")
        payload[name] = _parameter(name, values[0])
    return payload


def _parameter(name: str, value: str) -> Any:
    if name == "times":
        return _FLAGS.get(value.lower(), value)
    if name in _COUNTS:
        if not re.fullmatch("[0-9]{1,10}", value):
            raise InvalidQueryError(f"{name} must be a whole number, 0 or more")
        return int(value)
    if name in _JSON_PARAMETERS:
        try:
            return orjson.loads(value)
        except orjson.JSONDecodeError as error:
            raise InvalidQueryError(f"{name} must be JSON: {error}") from error
    return value


def history_query(payload: Mapping[str, Any]) -> HistoryQuery:
    """Read the payload of a history query.

    Raises
    ------
    InvalidQueryError
        A part is missing or mistyped; the message names it. Unknown keys are ignored.

    Examples
    --------
    >>> query = history_query(
    ...     {
    ...         "iot_device_id": "pump-1",
    ...         "selected_properties": ["pressure"],
    ...         "start_time": "1970-01-01T00:00:00Z",
    ...         "end_time": "1970-01-01T00:00:01Z",
    ...         "order_by_time": "DESCENDING",
    ...     }
    ... )
    >>> query.start, query.end, query.descending, query.max_results
    (0, 1000000000, True, None)
    """
    document = Document(payload, "payload")
    start, end = document.instant("start_time"), document.instant("end_time")
    check_range(start, end, "start_time", "end_time")
    query = HistoryQuery(
        device_id=document.text("iot_device_id"),
        selected_properties=document.names("selected_properties"),
        property_types=_types(document),
        property_sources=document.sources("property_sources"),
        entity_id=document.optional_text("entity_id"),
        component_name=document.optional_text("component_name"),
        component_path=document.optional_text("component_path"),
        external_id=document.optional_text("external_id"),
        start=start,
        end=end,
        filters=document.filters("property_filters"),
        descending=document.order_is_descending("order_by_time"),
        max_results=document.max_results("max_results"),
        next_token=document.token("next_token"),
        pages_ahead=document.pages_ahead("pages_ahead"),
        interval=document.interval("interpolation"),
        times=document.flag("times"),
    )
    return _checked(query)


def last_entry_query(payload: Mapping[str, Any]) -> LastEntryQuery:
    """Read the payload of a last entry query; see `history_query`."""
    document = Document(payload, "payload")
    query = LastEntryQuery(
        device_id=document.text("iot_device_id"),
        selected_properties=document.names("selected_properties"),
        property_types=_types(document),
        property_sources=document.sources("property_sources"),
        entity_id=document.optional_text("entity_id"),
        component_name=document.optional_text("component_name"),
        times=document.flag("times"),
        component_path=document.optional_text("component_path"),
        external_id=document.optional_text("external_id"),
    )
    return _checked(query)


def histories_query(payload: Mapping[str, Any]) -> HistoryQuery | DevicesQuery:
    """Read the payload of a history query of one device (`iot_device_id`) or several (`iot_device_ids`).

    Examples
    --------
    >>> query = histories_query(
    ...     {
    ...         "iot_device_ids": ["pump-1", "pump-2"],
    ...         "selected_properties": ["pressure"],
    ...         "start_time": "1970-01-01T00:00:00Z",
    ...         "end_time": "1970-01-01T00:00:01Z",
    ...     }
    ... )
    >>> query.device_ids
    ('pump-1', 'pump-2')
    """
    if payload.get("iot_device_ids") is None:
        return history_query(payload)
    if payload.get("iot_device_id") is not None:
        raise InvalidQueryError("iot_device_id and iot_device_ids can't be given both")
    first, *others = Document(payload, "payload").names(
        "iot_device_ids", of="device ids", most=MOST_DEVICES
    )
    query = history_query({**payload, "iot_device_id": first})
    if not others:
        return query
    return DevicesQuery((query, *(replace(query, device_id=each) for each in others)))


QUERY_PARSERS: Final[Mapping[Read, Callable[[Mapping[str, Any]], AnyQuery]]] = {
    HISTORY: histories_query,
    LAST_ENTRY: last_entry_query,
}
"""The parser of each read's payloads."""


def _checked(query: Query) -> Query:
    """Check that every source is one of a property that is read: another may be a misspelt one."""
    for name in query.property_sources:
        if name not in query.properties:
            raise InvalidQueryError(
                f"property_sources names {name[:256]!r}, which the query neither selects nor filters "
                "by"
            )
    return query


def _types(document: Document) -> dict[str, DataType]:
    declared = document.get("property_types")
    if declared is None:
        return {}
    if not isinstance(declared, Mapping):
        raise InvalidQueryError(
            'property_types must be an object such as {"temperature": "DOUBLE"}'
        )
    return {name: DataType.parse(each, f"property_types.{name}") for name, each in declared.items()}
