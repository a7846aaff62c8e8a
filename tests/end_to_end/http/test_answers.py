"""Answers: the same by POST and GET, whole histories page by page, typed as declared."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from .queries import (
    HISTORY,
    LAST_ENTRY,
    METER,
    PUMP,
    SENSOR,
    entries_of,
    history,
    last_entry,
    parameters,
    payload_for,
)

if TYPE_CHECKING:
    from .service import Service

WARM = [{"propertyName": "temperature", "operator": ">", "value": {"doubleValue": 20}}]
DOUBLES = {"temperature": "DOUBLE"}


def pages(service: Service, payload: dict[str, Any]) -> list[dict[str, Any]]:
    """Read a history to its end."""
    answers = [service.post(HISTORY, payload).json()]
    while "nextToken" in answers[-1]:
        following = payload | {"next_token": answers[-1]["nextToken"]}
        answers.append(service.post(HISTORY, following).json())
    return answers


def values_of(answer: dict[str, Any], index: int = 0) -> list[Any]:
    return [each["value"] for each in answer["propertyValues"][index]["values"]]


@pytest.mark.parametrize(
    ("path", "payload", "as_json"),
    [
        pytest.param(HISTORY, history(), {}, id="history"),
        pytest.param(HISTORY, history(max_results=3, order_by_time="DESCENDING"), {}, id="bounded"),
        pytest.param(HISTORY, history(entity_id="e", component_name="c"), {}, id="of an entity"),
        pytest.param(
            HISTORY, history(), {"property_filters": WARM, "property_types": DOUBLES}, id="filtered"
        ),
        pytest.param(LAST_ENTRY, last_entry(), {}, id="last entry"),
        pytest.param(LAST_ENTRY, last_entry(), {"property_types": DOUBLES}, id="last entry typed"),
    ],
)
def test_a_get_answers_as_the_post_does(
    service: Service, path: str, payload: dict[str, Any], as_json: dict[str, Any]
) -> None:
    posted = service.post(path, payload | as_json)
    spelled = {name: json.dumps(value) for name, value in as_json.items()}
    got = service.get(path, parameters(payload) | spelled)

    assert (posted.status_code, posted.json()) == (200, got.json())


def test_a_repeated_parameter_of_properties_is_one_list(service: Service) -> None:
    once = {"iot_device_id": SENSOR, "selected_properties": "temperature,status"}
    repeated = {"iot_device_id": SENSOR, "selected_properties": ["temperature", "status"]}

    assert service.get(LAST_ENTRY, repeated).json() == service.get(LAST_ENTRY, once).json()


def test_a_parameter_comes_back_as_it_was_sent(service: Service) -> None:
    sent = "Kälte + Maschine & №1=🌡%20"
    answer = service.get(HISTORY, parameters(history(entity_id=sent, component_name="c"))).json()

    assert answer["propertyValues"][0]["entityPropertyReference"]["entityId"] == sent


@pytest.mark.parametrize("order", ["ASCENDING", "DESCENDING"])
def test_pages_together_hold_every_value_once(service: Service, order: str) -> None:
    payload = history(
        iot_device_id=PUMP,
        end_time="2026-01-30T18:01:00Z",
        selected_properties=["pressure"],
        property_types={"pressure": "DOUBLE"},
        order_by_time=order,
        max_results=100,
    )
    found = [each for answer in pages(service, payload) for each in values_of(answer)]

    stored = [entry.values.get("pressure") for entry in entries_of(PUMP)]
    expected = [{"doubleValue": float(each)} for each in stored if each is not None]
    assert found == (expected if order == "ASCENDING" else expected[::-1])


def test_a_page_holds_no_more_values_than_asked_for_over_all_properties(service: Service) -> None:
    payload = history(iot_device_id=PUMP, selected_properties=["pressure", "running"])
    answer = service.post(HISTORY, payload | {"max_results": 7}).json()

    assert len(values_of(answer, 0)) + len(values_of(answer, 1)) == 7


def test_max_results_of_zero_asks_for_no_number(service: Service) -> None:
    payload = history(iot_device_id=PUMP, selected_properties=["pressure"])
    unbounded = service.post(HISTORY, payload).json()

    assert service.post(HISTORY, payload | {"max_results": 0}).json() == unbounded


def test_values_are_typed_as_the_query_declares(service: Service) -> None:
    types = {
        "totalEnergy": "LONG",
        "power": "STRING",
        "phase": {"type": "STRING"},
        "currents": {"type": "LIST", "nestedType": {"type": "DOUBLE"}},
    }
    payload = history(
        iot_device_id=METER, selected_properties=list(types), property_types=types, max_results=40
    )
    answer = service.post(HISTORY, payload).json()

    kinds = [{kind for value in values_of(answer, index) for kind in value} for index in range(4)]
    assert kinds == [{"longValue"}, {"stringValue"}, {"stringValue"}, {"listValue"}]


@pytest.mark.parametrize("ask", ["get", "post"])
def test_several_devices_have_one_history(service: Service, ask: str) -> None:
    selected = ["temperature", "pressure"]
    payload = history(
        selected_properties=selected, property_types=dict.fromkeys(selected, "DOUBLE")
    )
    alone = [service.post(HISTORY, payload | {"iot_device_id": each}) for each in (SENSOR, PUMP)]
    del payload["iot_device_id"]
    payload |= {"iot_device_ids": [SENSOR, PUMP], "external_id": "alarm_key"}
    spelled = {
        **parameters(payload),
        "iot_device_ids": f"{SENSOR},{PUMP}",
        "property_types": json.dumps(payload["property_types"]),
    }
    answer = service.get(HISTORY, spelled) if ask == "get" else service.post(HISTORY, payload)

    found = answer.json()["propertyValues"]
    assert [each["values"] for each in found] == [
        each["values"] for one in alone for each in one.json()["propertyValues"]
    ]
    assert [each["entityPropertyReference"]["externalIdProperty"] for each in found] == [
        {"alarm_key": SENSOR},
        {"alarm_key": PUMP},
    ]


def test_an_unknown_device_has_a_history_without_values(service: Service) -> None:
    answer = service.post(HISTORY, history(iot_device_id="nobody")).json()

    assert answer == {"propertyValues": []}


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_newest_values_have_their_times_if_the_query_asks_for_them(
    service: Service, method: str
) -> None:
    query = last_entry(selected_properties=["temperature", "humidity"])
    with_times = query | {"times": True}
    if method == "GET":
        asked = parameters(query) | {"times": "true"}
        values = service.get(LAST_ENTRY, asked).json()["propertyValues"]
    else:
        values = service.post(LAST_ENTRY, with_times).json()["propertyValues"]
    # The newest entry has no humidity.
    assert {name: each["time"] for name, each in values.items()} == {
        "temperature": "2026-01-30T17:01:30.123456789Z",
        "humidity": "2026-01-30T17:01:00Z",
    }
    without_times = service.post(LAST_ENTRY, query).json()["propertyValues"]
    assert not any("time" in each for each in without_times.values())


def test_an_unknown_device_has_a_last_entry_without_properties(service: Service) -> None:
    answer = service.post(LAST_ENTRY, last_entry(iot_device_id="nobody")).json()

    assert answer == {"propertyValues": {}}


@pytest.mark.parametrize("path", [HISTORY, LAST_ENTRY])
def test_keys_that_arent_known_are_ignored(service: Service, path: str) -> None:
    plain = service.post(path, payload_for(path))
    extended = service.post(path, payload_for(path, from_the_future={"a": 1}), version=2)

    assert extended.json() == plain.json()


@pytest.mark.parametrize("path", [HISTORY, LAST_ENTRY])
def test_optional_keys_may_be_null(service: Service, path: str) -> None:
    optional = ["property_types", "entity_id", "component_name", "times"]
    if path == HISTORY:
        optional += [
            "property_filters",
            "order_by_time",
            "max_results",
            "next_token",
            "pages_ahead",
        ]
    plain = service.post(path, payload_for(path))

    nulls = service.post(path, payload_for(path, **dict.fromkeys(optional)), trace_id=None)

    assert nulls.json() == plain.json()


def test_an_offset_in_a_query_means_the_same_instant(service: Service) -> None:
    in_utc = history(start_time="2026-01-30T17:00:30Z", end_time="2026-01-30T17:01:00Z")
    in_berlin = history(start_time="2026-01-30T18:00:30+01:00", end_time="2026-01-30T18:01:00+0100")

    assert service.post(HISTORY, in_berlin).json() == service.post(HISTORY, in_utc).json()
