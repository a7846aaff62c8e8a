"""BatchPutPropertyValues through a dataWriter."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from .twin import (
    ARN,
    COMPONENT,
    ENTITY,
    FUNCTIONS,
    PROPERTIES,
    START,
    TYPE,
    WORKSPACE,
    Client,
    Connector,
    make_entity,
    make_type,
)

GOOD = {"doubleValue": 1.5}
BY_NAME = {"entityId": ENTITY, "componentName": COMPONENT, "propertyName": "temperature"}
BY_ID = {"externalIdProperty": {"iotDeviceId": "device-1"}, "propertyName": "temperature"}


@pytest.fixture
def writable(workspace: Client, connector: Connector) -> Client:
    functions = FUNCTIONS | {"dataWriter": {"implementedBy": {"lambda": {"arn": ARN}}}}
    make_type(workspace, propertyDefinitions=PROPERTIES, functions=functions)
    make_entity(workspace)
    connector.answer = {"errorEntries": []}
    return workspace


def put(client: Client, *entries: Any) -> Any:
    return client.batch_put_property_values(workspaceId=WORKSPACE, entries=list(entries))[
        "errorEntries"
    ]


def entry(reference: Any = BY_NAME, value: Any = GOOD, **time: Any) -> Any:
    return {
        "entityPropertyReference": reference,
        "propertyValues": [{"value": value, **(time or {"time": START})}],
    }


@pytest.mark.parametrize("reference", [BY_NAME, BY_ID])
def test_the_writer_gets_the_event_of_the_guide(
    writable: Client, connector: Connector, reference: Any
) -> None:
    assert put(writable, entry(reference)) == []
    event = connector.event
    assert event["workspaceId"] == WORKSPACE
    assert event["properties"][ENTITY]["temperature"]["definition"]["timeSeries"] is True
    value = {"timestamp": 1769792400, "time": START, "value": GOOD}
    assert event["entries"] == [
        {"entryId": "0", "entityPropertyReference": reference, "propertyValues": [value]}
    ]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_deprecated_timestamp_is_sent_as_a_time_too(
    writable: Client, connector: Connector
) -> None:
    assert put(writable, entry(timestamp=datetime(2026, 1, 30, 17, tzinfo=UTC))) == []
    (value,) = connector.event["entries"][0]["propertyValues"]
    assert (value["time"], value["timestamp"]) == (START, 1769792400)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (entry(BY_NAME | {"entityId": "none"}), "no entity none"),
        (entry(BY_NAME | {"componentName": "none"}), "no component none"),
        (entry(BY_NAME | {"propertyName": "none"}), "none isn't defined"),
        (entry(BY_NAME | {"componentName": "x" * 256}), f"has no component {'x' * 200}"),
        (entry(BY_NAME | {"propertyName": "colour"}), "colour isn't a time series"),
        (entry(BY_ID | {"externalIdProperty": {"iotDeviceId": "x"}}), "0 have"),
        (entry({"propertyName": "temperature"}), "0 have"),
        (entry(value={"longValue": 1}), "use doubleValue"),
        (entry(time="2026-01-30T24:00:00Z"), "is impossible"),
        (entry() | {"propertyValues": [{"value": GOOD}]}, "needs a time"),
    ],
)
def test_an_entry_that_cannot_be_written_is_named_and_the_others_are_written(
    writable: Client, connector: Connector, wrong: Any, message: str
) -> None:
    (failed,) = put(writable, wrong, entry())
    assert message in failed["errors"][0]["errorMessage"]
    assert len(failed["errors"][0]["errorMessage"]) <= 256
    assert failed["errors"][0]["entry"] == wrong
    assert len(connector.event["entries"]) == 1


def test_what_the_writer_could_not_write_is_answered(
    writable: Client, connector: Connector
) -> None:
    error = {"errorCode": "500", "errorMessage": "full", "entry": entry() | {"entryId": "0"}}
    connector.answer = {"errorEntries": [{"errors": [error]}]}
    assert put(writable, entry()) == [{"errors": [error | {"entry": entry()}]}]


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ({"propertyValues": []}, "unknown key 'propertyValues'"),
        ({}, "errorEntries must be a list"),
        ({"errorEntries": ["full"]}, "errorEntries[0] must be an object"),
        ({"errorEntries": [{"errors": ["full"]}]}, "errors[0] must be an object"),
        ({"errorEntries": [{"errors": [{"entry": 1}]}]}, "errors[0].entry must be an object"),
        ({"errorEntries": [{"errors": [{"errorCode": "1", "errorMessage": "x"}]}]}, "entry"),
        (None, "OSError: disk"),
    ],
)
def test_a_writer_that_fails_is_an_error_of_each_of_its_entries(
    writable: Client, connector: Connector, answer: Any, message: str
) -> None:
    connector.answer = answer
    connector.error = OSError("disk") if answer is None else None
    failed = put(writable, entry(), entry())
    assert [each["errors"][0]["errorCode"] for each in failed] == ["ConnectorFailureException"] * 2
    assert message in failed[0]["errors"][0]["errorMessage"]


def test_a_type_without_a_writer_is_named(twin: Client) -> None:
    (failed,) = put(twin, entry())
    assert f"{TYPE} has no function dataWriter" in failed["errors"][0]["errorMessage"]
