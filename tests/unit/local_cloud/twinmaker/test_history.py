from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from .conftest import unchanged_twin
from .twin import (
    ARN,
    COMPONENT,
    END,
    ENTITY,
    FUNCTIONS,
    PROPERTIES,
    START,
    TYPE,
    WORKSPACE,
    Client,
    Connector,
    entry,
    history,
    make_entity,
    make_type,
)

T1 = "2026-01-30T17:10:00Z"
GOOD = {"doubleValue": 1.5}


twin = unchanged_twin


def test_the_connector_gets_the_event_that_twinmaker_sends(
    twin: Client, connector: Connector
) -> None:
    history(twin, "temperature", "count")
    arn, event = connector.calls[0]
    properties = event.pop("properties")
    assert arn == ARN
    assert event == {
        "workspaceId": WORKSPACE,
        "selectedProperties": ["temperature", "count"],
        "startTime": START,
        "endTime": END,
        "startDateTime": 1769792400,
        "endDateTime": 1769796000,
        "entityId": ENTITY,
        "componentName": COMPONENT,
        "maxResults": 100,
        "orderByTime": "ASCENDING",
    }
    assert properties.keys() == PROPERTIES.keys()


def test_a_definition_in_the_event_has_both_spellings_of_its_flags(
    twin: Client, connector: Connector
) -> None:
    history(twin)
    assert connector.event["properties"]["temperature"] == {
        "definition": {
            "dataType": {"type": "DOUBLE", "unitOfMeasure": "C"},
            "isTimeSeries": True,
            "isRequiredInEntity": False,
            "isExternalId": False,
            "isStoredExternally": True,
            "isImported": False,
            "isFinal": False,
            "isInherited": False,
            "imported": False,
            "requiredInEntity": False,
            "inherited": False,
            "final": False,
            "storedExternally": True,
            "externalId": False,
            "timeSeries": True,
        }
    }


def test_the_event_carries_the_values_of_statics_with_their_defaults(
    twin: Client, connector: Connector
) -> None:
    history(twin)
    assert connector.event["properties"]["iotDeviceId"]["value"] == {"stringValue": "device-1"}
    assert "value" not in connector.event["properties"]["colour"]


def test_what_the_caller_adds_is_passed_on(twin: Client, connector: Connector) -> None:
    added = {
        "componentTypeId": TYPE,
        "propertyFilters": [
            {"propertyName": "count", "operator": ">", "value": {"integerValue": 3}}
        ],
        "interpolation": {"interpolationType": "LINEAR", "intervalInSeconds": 60},
        "nextToken": "page-2",
        "maxResults": 200,
        "orderByTime": "DESCENDING",
    }
    history(twin, **added)
    assert {name: connector.event[name] for name in added} == added


def test_max_results_zero_counts_as_not_given(twin: Client, connector: Connector) -> None:
    history(twin, maxResults=0)
    assert connector.event["maxResults"] == 100


def test_an_empty_token_asks_for_the_first_page(twin: Client, connector: Connector) -> None:
    history(twin, nextToken="")
    assert "nextToken" not in connector.event


def test_epoch_seconds_in_the_event_are_rounded_down(twin: Client, connector: Connector) -> None:
    history(twin, startTime="1969-12-31T23:59:59.999999999Z", endTime="2026-01-30T19:00:00.9+01:00")
    assert (connector.event["startDateTime"], connector.event["endDateTime"]) == (-1, 1769796000)
    assert connector.event["endTime"] == "2026-01-30T19:00:00.9+01:00"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_values_asked_for_by_deprecated_times_have_deprecated_times_too(
    twin: Client, connector: Connector
) -> None:
    connector.answer = {"propertyValues": [entry((START, {"doubleValue": 1.5}))]}
    found = twin.get_property_value_history(
        workspaceId=WORKSPACE,
        entityId=ENTITY,
        componentName=COMPONENT,
        selectedProperties=["temperature"],
        startDateTime=datetime(2026, 1, 30, 17, tzinfo=UTC),
        endDateTime=datetime(2026, 1, 30, 18, tzinfo=UTC),
    )
    assert (connector.event["startTime"], connector.event["endTime"]) == (START, END)
    (value,) = found["propertyValues"][0]["values"]
    assert value["time"] == START
    assert value["timestamp"] == datetime(2026, 1, 30, 17, tzinfo=UTC)
    assert "timestamp" not in history(twin)["propertyValues"][0]["values"][0]


def test_pages_are_followed_by_token_until_there_is_none(
    twin: Client, connector: Connector
) -> None:
    connector.answer = {"propertyValues": [entry((T1, GOOD))], "nextToken": "page-2"}
    token = history(twin, maxResults=1)["nextToken"]
    connector.answer = {"propertyValues": [entry((T1, GOOD))]}
    second = history(twin, maxResults=1, nextToken=token)
    assert connector.event["nextToken"] == "page-2"
    assert "nextToken" not in second


def test_the_answer_says_the_external_id_as_the_service_does(
    twin: Client, connector: Connector
) -> None:
    connector.answer = {"propertyValues": [entry((T1, GOOD))]}
    reference = history(twin)["propertyValues"][0]["entityPropertyReference"]
    assert reference["externalIdProperty"] == {"iotDeviceId": "device-1"}


def by_type(client: Client, **members: Any) -> Any:
    return client.get_property_value_history(
        **{
            "workspaceId": WORKSPACE,
            "componentTypeId": TYPE,
            "selectedProperties": ["temperature"],
            "startTime": START,
            "endTime": END,
            **members,
        }
    )


def test_a_query_by_component_type_names_no_entity(twin: Client, connector: Connector) -> None:
    by_type(twin)
    assert connector.event["componentTypeId"] == TYPE
    assert not {"entityId", "componentName"} & connector.event.keys()
    assert connector.event["properties"]["iotDeviceId"]["value"] == {"stringValue": "device-1"}


def test_a_reference_to_the_property_of_any_entity_is_answered_as_the_connector_wrote_it(
    twin: Client, connector: Connector
) -> None:
    keyed = {"propertyName": "temperature", "externalIdProperty": {"iotDeviceId": "device-1"}}
    named = keyed | {"entityId": ENTITY, "componentName": COMPONENT}
    connector.answer = {
        "propertyValues": [
            {"entityPropertyReference": item, "values": [{"time": T1, "value": GOOD}]}
            for item in (keyed | {"entityId": None, "componentName": None}, named)
        ]
    }
    answered = [item["entityPropertyReference"] for item in by_type(twin)["propertyValues"]]
    assert answered == [keyed, named]


def test_series_of_different_devices_have_an_order_of_their_own(
    twin: Client, connector: Connector
) -> None:
    def series(device: Any, time: str) -> Any:
        reference = {"propertyName": "temperature", "externalIdProperty": {"iotDeviceId": device}}
        return {"entityPropertyReference": reference, "values": [{"time": time, "value": GOOD}]}

    connector.answer = {"propertyValues": [series("b", END), series("a", START)]}
    assert len(by_type(twin)["propertyValues"]) == 2


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"selectedProperties": ["heat"]}, "property heat isn't defined"),
        ({"selectedProperties": ["colour"]}, "colour isn't a time series"),
        ({"startTime": "2026-01-30T18:00:00.000000001Z"}, "is before the start"),
        ({"startTime": "2026-01-30T17:00:00.0"}, "startTime: .* has no zone"),
        ({"endTime": "2026-01-31T24:00:00Z"}, "endTime: .* is impossible"),
        ({"endTime": "2026-01-30T18:00+00:00"}, "endTime: .* of the form"),
        ({"startTime": "2026-01-30T17:00:00.000000000+00:000"}, "startTime: 36 characters"),
        ({"startDateTime": datetime(2026, 1, 1, tzinfo=UTC)}, "not both"),
        ({"componentTypeId": "com.example.other"}, f"is of type {TYPE}, not of com.example.other"),
        ({"componentName": "other"}, f"Entity {ENTITY} has no component other"),
        ({"maxResults": 201}, "maxResults: 201 isn't in the range 0 to 200"),
        ({"orderByTime": "UP"}, "orderByTime: 'UP' isn't one of ASCENDING, DESCENDING"),
        ({"interpolation": {"interpolationType": "LINEAR"}}, "interpolation needs"),
        ({"propertyFilters": [{"propertyName": "count", "operator": "="}]}, "needs value"),
        (
            {"propertyFilters": [{"propertyName": "x", "operator": "=", "value": GOOD}]},
            r"propertyFilters\[0\]: property x isn't defined",
        ),
        (
            {"propertyFilters": [{"propertyName": "count", "operator": "=", "value": GOOD}]},
            "use integerValue",
        ),
    ],
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_wrong_question_never_reaches_the_connector(
    twin: Client, connector: Connector, members: Any, message: str
) -> None:
    with pytest.raises(twin.exceptions.ValidationException, match=message):
        history(twin, **members)
    assert connector.calls == []


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ("entityId", "belong together"),
        ("componentName", "belong together"),
        ("startTime", "startTime is missing"),
        ("endTime", "endTime is missing"),
    ],
)
def test_an_incomplete_question_is_refused(twin: Client, missing: str, message: str) -> None:
    question = {
        "workspaceId": WORKSPACE,
        "entityId": ENTITY,
        "componentName": COMPONENT,
        "selectedProperties": ["temperature"],
        "startTime": START,
        "endTime": END,
    }
    del question[missing]
    with pytest.raises(twin.exceptions.ValidationException, match=message):
        twin.get_property_value_history(**question)


def test_a_question_for_neither_an_entity_nor_a_type_is_refused(twin: Client) -> None:
    with pytest.raises(twin.exceptions.ValidationException, match="or componentTypeId"):
        twin.get_property_value_history(
            workspaceId=WORKSPACE, selectedProperties=["temperature"], startTime=START, endTime=END
        )


def test_an_unknown_entity_is_not_found(twin: Client) -> None:
    with pytest.raises(twin.exceptions.ResourceNotFoundException, match="no entity machine-9"):
        history(twin, entityId="machine-9")


@pytest.mark.parametrize(
    ("reader", "ask", "refused"),
    [
        ("dataReader", history, by_type),
        ("dataReaderByEntity", history, by_type),
        ("dataReaderByComponentType", by_type, history),
    ],
)
def test_a_data_reader_serves_the_queries_that_are_documented_for_it(
    workspace: Client, connector: Connector, reader: str, ask: Any, refused: Any
) -> None:
    functions = {reader: FUNCTIONS["dataReader"]}
    make_type(workspace, propertyDefinitions=PROPERTIES, functions=functions)
    make_entity(workspace)
    assert ask(workspace)["propertyValues"] == []
    if reader == "dataReader":
        assert refused(workspace)["propertyValues"] == []
        return
    with pytest.raises(
        workspace.exceptions.ValidationException, match=f"{TYPE} has no function dataReader or data"
    ):
        refused(workspace)
    assert len(connector.calls) == 1


def test_a_function_that_the_service_implements_is_not_offered(workspace: Client) -> None:
    functions = {"dataReader": {"implementedBy": {"isNative": True}}}
    make_type(workspace, propertyDefinitions=PROPERTIES, functions=functions)
    make_entity(workspace)
    with pytest.raises(workspace.exceptions.ClientError, match="one of the service's own"):
        history(workspace)


def test_a_connector_that_raises_is_a_failure_with_its_message(
    twin: Client, connector: Connector
) -> None:
    connector.error = LookupError("the hot reader answered 503")
    with pytest.raises(
        twin.exceptions.ConnectorFailureException, match="LookupError: the hot reader answered 503"
    ):
        history(twin)


def test_a_connector_that_runs_out_of_time_is_a_timeout(twin: Client, connector: Connector) -> None:
    connector.error = TimeoutError("after 30 s")
    with pytest.raises(twin.exceptions.ConnectorTimeoutException, match="after 30 s") as raised:
        history(twin)
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 424


def test_a_long_message_of_a_connector_is_cut_to_what_the_model_allows(
    twin: Client, connector: Connector
) -> None:
    connector.error = ValueError("x" * 5000)
    with pytest.raises(twin.exceptions.ConnectorFailureException) as raised:
        history(twin)
    assert len(raised.value.response["Error"]["Message"]) == 2048


def test_a_connector_may_change_its_event_without_harm(twin: Client, connector: Connector) -> None:
    history(twin)
    connector.event["properties"].clear()
    history(twin)
    assert json.dumps(connector.event["properties"]["count"])


def test_the_entity_being_updated_refuses_one_read(twin: Client) -> None:
    twin.update_entity(workspaceId=WORKSPACE, entityId=ENTITY, description="new")
    with pytest.raises(twin.exceptions.ValidationException, match="is UPDATING"):
        history(twin)
    assert history(twin)["propertyValues"] == []


def test_the_type_being_updated_refuses_one_read(twin: Client) -> None:
    twin.update_component_type(
        workspaceId=WORKSPACE, componentTypeId=TYPE, functions=FUNCTIONS, description="new"
    )
    with pytest.raises(twin.exceptions.ValidationException, match="is UPDATING"):
        history(twin)
    assert history(twin)["propertyValues"] == []
