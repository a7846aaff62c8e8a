"""400 for each thing that can be wrong with a query, with the culprit's name in the message."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from typing import TYPE_CHECKING, Any

import pytest

from deploy_scripts import PROJECT

from .contract import the_contract
from .queries import (
    HISTORY,
    LAST_ENTRY,
    SENSOR,
    history,
    last_entry,
    parameters,
    payload_for,
    without,
)
from .service import Service, error_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .conftest import Start

BOTH = [HISTORY, LAST_ENTRY]
CONDITION = {"propertyName": "temperature", "operator": ">", "value": {"doubleValue": 20}}

MISTYPED: dict[str, list[Any]] = {
    "iot_device_id": [7, "", ["a"], "x" * 1025],
    "iot_device_ids": [7, "a", [], [7], [""], ["a"] * 501],
    "start_time": [1769792400, "yesterday", "2026-01-30", "2026-02-30T00:00:00Z"],
    "end_time": [1769792400, "2026-01-30T24:00:00Z", "2026-01-30T12:00:00+15:00"],
    "selected_properties": ["temperature", [], [1], [""], {"temperature": True}],
    "property_types": [["DOUBLE"], {"temperature": 1}, {"temperature": {"nestedType": "DOUBLE"}}],
    "property_sources": ["Body.t", {"temperature": 1}, {"temperature": ""}, {"other": "Body.t"}],
    "property_filters": [
        CONDITION,
        ["temperature > 20"],
        [without(CONDITION, "propertyName")],
        [CONDITION | {"operator": "~"}],
        [CONDITION | {"value": 20}],
        [CONDITION | {"value": {"doubleValue": 1, "stringValue": "1"}}],
        [CONDITION | {"value": {"anyValue": 1}}],
    ],
    "order_by_time": ["UP", 1, ["ASCENDING"]],
    "max_results": [-1, 1.5, "5", True, [5], 2**31],
    "next_token": [5, ["a"], {}],
    "pages_ahead": [-1, 1.5, "5", True, [5], 2**31],
    "entity_id": [5, "", ["a"]],
    "component_name": [5, "", ["a"]],
    "component_path": [5, "", ["a"]],
    "external_id": [5, "", ["a"]],
    "interpolation": ["LINEAR", {"interpolationType": "STEP"}, {"intervalInSeconds": "60"}],
    "times": [1, "true", ["a"]],
}
MISTYPED_ENVELOPE: dict[str, list[Any]] = {
    "source_cloud": [5, ""],
    "target_layer": ["L2-Processing", 5],
    "message_type": ["command", 5],
    "timestamp": [1769792400, ""],
    "trace_id": [5, "", "has a blank", "ünicode", "x" * 129],
    "payload": [None, [], "query"],
}


def cases(mistyped: dict[str, list[Any]], keys: set[str]) -> list[Any]:
    return [
        pytest.param(key, value, id=f"{key}-{number}")
        for key, values in mistyped.items()
        if key in keys
        for number, value in enumerate(values)
    ]


def assert_names(service: Service, key: str, path: str, payload: Any) -> None:
    status, code, message = error_of(service.post(path, payload))

    assert (status, code) == (400, "invalid_query")
    assert key in message


@pytest.mark.parametrize(
    ("schema", "tried"), [("Payload", MISTYPED), ("Envelope", MISTYPED_ENVELOPE)]
)
def test_every_documented_key_is_tried_below(schema: str, tried: dict[str, Any]) -> None:
    assert set(tried) == the_contract().keys_of(f"History{schema}")


def test_the_document_refuses_the_same_but_for_what_only_words_can_say() -> None:
    schema = ("components", "schemas", "HistoryPayload")
    accepted = [
        value
        for key, values in MISTYPED.items()
        for value in values
        if the_contract().problem(history(**{key: value}), schema) is None
    ]
    assert accepted == ["2026-02-30T00:00:00Z", {"other": "Body.t"}]
    assert the_contract().problem(history(iot_device_id=None), schema) is not None


@pytest.mark.parametrize(("key", "value"), cases(MISTYPED, set(history()) | set(MISTYPED)))
def test_a_mistyped_key_of_a_history_query_is_named(service: Service, key: str, value: Any) -> None:
    assert_names(service, key, HISTORY, history(**{key: value}))


@pytest.mark.parametrize(
    ("key", "value"), cases(MISTYPED, the_contract().keys_of("LastEntryPayload"))
)
def test_a_mistyped_key_of_a_last_entry_query_is_named(
    service: Service, key: str, value: Any
) -> None:
    assert_names(service, key, LAST_ENTRY, last_entry(**{key: value}))


@pytest.mark.parametrize(("key", "value"), cases(MISTYPED_ENVELOPE, set(MISTYPED_ENVELOPE)))
def test_a_mistyped_key_of_the_envelope_is_named(service: Service, key: str, value: Any) -> None:
    envelope = {"payload": history(), key: value}
    status, _, message = error_of(service.request("POST", HISTORY, json=envelope))

    assert status == 400
    assert key in message


@pytest.mark.parametrize(
    ("path", "key"),
    [(HISTORY, key) for key in history()] + [(LAST_ENTRY, key) for key in last_entry()],
)
def test_a_missing_key_is_named(service: Service, path: str, key: str) -> None:
    assert_names(service, key, path, without(payload_for(path), key))


@pytest.mark.parametrize(
    ("path", "key"),
    [(HISTORY, key) for key in history()] + [(LAST_ENTRY, key) for key in last_entry()],
)
def test_a_missing_parameter_is_named(service: Service, path: str, key: str) -> None:
    given = without(parameters(payload_for(path)), key)
    status, _, message = error_of(service.get(path, given))

    assert status == 400
    assert key in message


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("start_time", "now"),
        ("selected_properties", ","),
        ("property_types", "DOUBLE"),
        ("property_types", '["DOUBLE"]'),
        ("property_sources", '["Body.t"]'),
        ("property_filters", "temperature>20"),
        ("property_filters", '[{"propertyName": "temperature"}]'),
        ("order_by_time", "up"),
        ("max_results", "many"),
        ("max_results", "-1"),
        ("max_results", "1.5"),
        ("pages_ahead", "some"),
        ("next_token", "abc"),
    ],
)
def test_a_mistyped_parameter_is_named(service: Service, key: str, value: str) -> None:
    status, _, message = error_of(service.get(HISTORY, parameters(history()) | {key: value}))

    assert status == 400
    assert key in message


@pytest.mark.parametrize("key", sorted(set(MISTYPED) - {"selected_properties", "iot_device_ids"}))
def test_a_parameter_that_is_given_twice_is_named(service: Service, key: str) -> None:
    status, _, message = error_of(service.get(HISTORY, parameters(history()) | {key: ["1", "1"]}))

    assert (status, message) == (400, f"{key} must be given once")


@pytest.mark.parametrize("path", BOTH)
@pytest.mark.parametrize(
    "body", [b'{"payload":', b"payload=1", b"\xff\xfe", b'{"a": NaN}'], ids=repr
)
def test_a_body_that_isnt_json_is_refused(service: Service, path: str, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    status, code, message = error_of(service.request("POST", path, data=body, headers=headers))

    assert (status, code) == (400, "invalid_query")
    assert "JSON" in message


@pytest.mark.parametrize("path", BOTH)
@pytest.mark.parametrize("body", ["[]", '"query"', "5", "null", "true", ""])
def test_a_body_that_isnt_an_object_is_refused(service: Service, path: str, body: str) -> None:
    headers = {"Content-Type": "application/json"}
    status, _, message = error_of(service.request("POST", path, data=body, headers=headers))

    assert (status, message) == (400, "the body must be a JSON object")


def test_a_range_that_ends_before_it_starts_is_refused(service: Service) -> None:
    backwards = history(start_time="2026-01-30T17:00:01Z", end_time="2026-01-30T17:00:00Z")
    status, _, message = error_of(service.post(HISTORY, backwards))

    assert status == 400
    assert "end_time is before start_time" in message


@pytest.mark.parametrize("key", ["start_time", "end_time"])
def test_a_timestamp_without_a_zone_is_refused(service: Service, key: str) -> None:
    status, _, message = error_of(service.post(HISTORY, history(**{key: "2026-01-30T17:00:00"})))

    assert status == 400
    assert message.startswith(key)
    assert "time zone" in message


@pytest.mark.parametrize("path", BOTH)
def test_an_unknown_type_is_refused_with_those_that_exist(service: Service, path: str) -> None:
    types = {"temperature": {"type": "LIST", "nestedType": {"type": "FLOAT"}}}
    status, _, message = error_of(service.post(path, payload_for(path, property_types=types)))

    assert status == 400
    assert "property_types.temperature.nestedType is 'FLOAT'" in message
    assert "DOUBLE" in message


@pytest.mark.parametrize(
    ("types", "condition"),
    [
        ({"temperature": "DOUBLE"}, CONDITION | {"value": {"stringValue": "warm"}}),
        ({"temperature": "BOOLEAN"}, CONDITION | {"value": {"booleanValue": True}}),
    ],
    ids=["other type", "no order"],
)
def test_a_filter_that_doesnt_fit_its_property_is_refused(
    service: Service, types: dict[str, str], condition: dict[str, Any]
) -> None:
    query = history(property_types=types, property_filters=[condition])
    status, _, message = error_of(service.post(HISTORY, query))

    assert status == 400
    assert "filter on temperature" in message


@pytest.mark.parametrize(
    ("kind", "content", "reason"),
    [
        ("doubleValue", "1", "no doubleValue within TwinMaker's limits, but a string"),
        ("integerValue", 2**31, "no integerValue within TwinMaker's limits, but a number"),
        ("longValue", True, "no longValue within TwinMaker's limits, but a boolean"),
        ("stringValue", 20, "no stringValue within TwinMaker's limits, but a number"),
        ("listValue", {}, "no listValue within TwinMaker's limits, but an object"),
        ("listValue", [{"floatValue": 1}], "no floatValue within TwinMaker's limits, but a number"),
    ],
)
def test_a_filter_holds_what_its_kind_does(
    service: Service, kind: str, content: Any, reason: str
) -> None:
    condition = CONDITION | {"operator": "=", "value": {kind: content}}
    query = history(property_types={"temperature": "DOUBLE"}, property_filters=[condition])
    status, _, message = error_of(service.post(HISTORY, query))

    assert status == 400
    assert message.endswith(reason)


def test_a_whole_number_may_be_spelled_with_a_point(service: Service) -> None:
    condition = CONDITION | {"operator": ">=", "value": {"integerValue": 20.0}}

    assert service.post(HISTORY, history(property_filters=[condition])).status_code == 200


def nested(levels: int, innermost: Any, wrap: Callable[[Any], Any]) -> Any:
    for _ in range(levels):
        innermost = wrap(innermost)
    return innermost


@pytest.mark.parametrize("levels", [33, 300])
def test_types_that_are_nested_too_deep_are_refused(service: Service, levels: int) -> None:
    declared = nested(levels, "DOUBLE", lambda inner: {"type": "LIST", "nestedType": inner})

    assert_names(service, "property_types", HISTORY, history(property_types={"a": declared}))


def test_a_filter_that_is_nested_too_deep_is_refused(service: Service) -> None:
    query = history(property_filters=[CONDITION | {"operator": "=", "value": "VALUE"}])
    value = '{"listValue": [' * 480 + '{"doubleValue": 1}' + "]}" * 480
    body = json.dumps({"payload": query}).replace('"VALUE"', value)
    headers = {"Content-Type": "application/json"}
    status, _, message = error_of(service.request("POST", HISTORY, data=body, headers=headers))

    assert status == 400
    assert "filter on temperature" in message or "property_filters" in message


@pytest.mark.parametrize("key", ["property_types", "property_filters"])
def test_a_parameter_that_is_nested_too_deep_is_named(service: Service, key: str) -> None:
    status, _, message = error_of(service.get(HISTORY, parameters(history()) | {key: "[" * 20_000}))

    assert status == 400
    assert key in message


@pytest.fixture(scope="module")
def twin(start: Start) -> Iterator[Service]:
    """A service whose settings list the twin's devices with their properties."""
    info = {
        "config": {"digital_twin_name": "factory-twin"},
        "config_providers": {"layer_3_hot_provider": "aws", "layer_4_provider": "azure"},
        "config_iot_devices": json.loads(
            (PROJECT / "config" / "config_iot_devices.json").read_text()
        ),
    }
    with start(stage={"DIGITAL_TWIN_INFO": json.dumps(info)}) as service:
        yield service


@pytest.mark.parametrize("path", BOTH)
def test_a_property_that_the_device_doesnt_have_is_refused(twin: Service, path: str) -> None:
    query = payload_for(path, selected_properties=["temperature", "colour"])
    status, code, message = error_of(twin.post(path, query))

    assert (status, code) == (400, "invalid_query")
    assert "'colour' is unknown" in message
    assert "humidity, serialNumber, status, temperature" in message


def test_a_filter_on_a_property_that_the_device_doesnt_have_is_refused(twin: Service) -> None:
    condition = CONDITION | {"propertyName": "colour"}
    status, _, message = error_of(twin.post(HISTORY, history(property_filters=[condition])))

    assert status == 400
    assert "'colour' is unknown" in message


@pytest.mark.parametrize(("value", "kept"), [("SN-09-104", True), ("SN-OTHER", False)])
def test_a_filter_on_a_constant_compares_its_value(
    twin: Service, value: str, *, kept: bool
) -> None:
    condition = {"propertyName": "serialNumber", "operator": "=", "value": {"stringValue": value}}
    answer = twin.post(HISTORY, history(property_filters=[condition]))

    assert answer.status_code == 200
    assert bool(answer.json()["propertyValues"]) is kept


def test_a_constant_is_in_no_entry(twin: Service) -> None:
    query = last_entry(selected_properties=["serialNumber"])
    status, _, message = error_of(twin.post(LAST_ENTRY, query))

    assert status == 400
    assert "'serialNumber' is a constant" in message
    declared = query | {"property_types": {"serialNumber": "STRING"}}
    assert twin.post(LAST_ENTRY, declared).json() == {"propertyValues": {}}


def test_a_property_that_the_query_declares_is_known(twin: Service) -> None:
    query = last_entry(selected_properties=["colour"], property_types={"colour": "STRING"})

    assert twin.post(LAST_ENTRY, query).status_code == 200


def test_configured_types_are_used_where_the_query_gives_none(twin: Service) -> None:
    query = history(
        start_time="2026-01-30T17:01:00Z",
        end_time="2026-01-30T17:01:00Z",
        selected_properties=["temperature"],
    )
    (series,) = twin.post(HISTORY, query).json()["propertyValues"]

    assert series["values"] == [{"time": "2026-01-30T17:01:00Z", "value": {"doubleValue": 22.0}}]


@pytest.fixture(scope="module")
def page(service: Service) -> tuple[dict[str, Any], str]:
    """A query, and the token of its first page."""
    query = history(max_results=1)
    return query, service.post(HISTORY, query).json()["nextToken"]


def refusal(service: Service, query: dict[str, Any], token: str) -> tuple[int, str, str]:
    return error_of(service.post(HISTORY, query | {"next_token": token}))


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda token: token[:-1], id="cut"),
        pytest.param(lambda token: token + "A", id="longer"),
        pytest.param(lambda token: token[::-1], id="backwards"),
        pytest.param(lambda token: "Wz" + token[3:], id="a letter missing"),
        pytest.param(lambda token: token * 300, id="too long"),
    ],
)
def test_a_damaged_token_is_refused(
    service: Service, page: tuple[dict[str, Any], str], damage: Any
) -> None:
    query, token = page
    status, code, message = refusal(service, query, damage(token))

    assert (status, code) == (400, "invalid_query")
    assert "next_token" in message


@pytest.mark.parametrize(
    "foreign",
    [
        pytest.param(urlsafe_b64encode(b"[" * 13_000).decode(), id="nested deep"),
        "abc",
        "!",
        "W10",
        "bnVsbA",
        "ünicode",
        "eyJFeGNsdXNpdmVTdGFydEtleSI6IG51bGx9",
    ],
)
def test_a_foreign_token_is_refused(
    service: Service, page: tuple[dict[str, Any], str], foreign: str
) -> None:
    query, _ = page
    status, _, message = refusal(service, query, foreign)

    assert status == 400
    assert "next_token" in message


@pytest.mark.parametrize(
    "change",
    [
        {"iot_device_id": "another-device"},
        {"start_time": "2026-01-30T11:00:00Z"},
        {"end_time": "2026-01-30T19:00:00Z"},
        {"selected_properties": ["status", "temperature"]},
        {"property_filters": [CONDITION]},
        {"order_by_time": "DESCENDING"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_the_token_of_another_query_is_refused(
    service: Service, page: tuple[dict[str, Any], str], change: dict[str, Any]
) -> None:
    query, token = page
    status, _, message = refusal(service, query | change, token)

    assert status == 400
    assert "belongs to another query" in message


@pytest.mark.parametrize(
    "change",
    [
        {"max_results": 2},
        {"property_types": {"temperature": "STRING"}},
        {"property_sources": {"temperature": "status"}},
        {"entity_id": "machine-1"},
        {"start_time": "2026-01-30T13:00:00+01:00"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_token_survives_what_doesnt_move_its_position(
    service: Service, page: tuple[dict[str, Any], str], change: dict[str, Any]
) -> None:
    query, token = page

    following = service.post(HISTORY, query | change | {"next_token": token})
    assert following.status_code == 200


def test_a_refusal_doesnt_depend_on_the_device(service: Service) -> None:
    known = service.post(HISTORY, history(iot_device_id=SENSOR, max_results=-1))
    unknown = service.post(HISTORY, history(iot_device_id="nobody", max_results=-1))

    assert error_of(known) == error_of(unknown)
