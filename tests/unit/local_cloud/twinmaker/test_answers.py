"""Every rule about a connector's answer, broken once."""

from __future__ import annotations

from typing import Any

import pytest

from local_cloud.twinmaker.connectors.invoker import LARGEST_PAYLOAD

from .conftest import unchanged_twin
from .twin import (
    COMPONENT,
    ENTITY,
    TYPE,
    WORKSPACE,
    Client,
    Connector,
    entry,
    history,
    latest,
)

twin = unchanged_twin


T1, T2 = "2026-01-30T17:10:00Z", "2026-01-30T17:20:00Z"
GOOD = {"doubleValue": 1.5}


def values(*items: Any) -> dict[str, Any]:
    """Write an answer whose one property has the given values, well-formed or not."""
    return {"propertyValues": [entry() | {"values": list(items)}]}


def typed(name: str, value: Any) -> tuple[str, dict[str, Any]]:
    return name, {"propertyValues": [entry((T1, value), name=name)]}


def refusal(client: Client, connector: Connector, answer: Any, *names: str, **ask: Any) -> Any:
    """Let the connector give an answer that must be refused; give the message."""
    connector.answer = answer
    with pytest.raises(client.exceptions.ConnectorFailureException) as raised:
        history(client, *names, **ask)
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 424
    return raised.value.response["Error"]["Message"]


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        pytest.param([], "the answer must be an object, not a list", id="a list"),
        pytest.param(None, "the answer must be an object, not null", id="null"),
        pytest.param(
            {"propertyValues": [], "statusCode": 200}, "unknown key 'statusCode'", id="proxy"
        ),
        pytest.param({}, "propertyValues is missing", id="empty"),
        pytest.param(
            {"propertyValues": {}}, "propertyValues must be a list, not an object", id="by name"
        ),
        pytest.param(
            {"propertyValues": ["x"]}, "propertyValues[0] must be an object", id="text entry"
        ),
        pytest.param(
            {"propertyValues": [entry() | {"unit": "C"}]}, "unknown key 'unit'", id="entry key"
        ),
        pytest.param(
            {"propertyValues": [{"values": []}]}, "entityPropertyReference is missing", id="no ref"
        ),
        pytest.param(
            {"propertyValues": [{"entityPropertyReference": {"entityId": ENTITY}}]},
            "propertyName is missing",
            id="no name",
        ),
        pytest.param(
            {"propertyValues": [entry(colour="red")]}, "unknown key 'colour'", id="reference key"
        ),
        pytest.param(
            {"propertyValues": [entry(name="count")]}, "'count' wasn't selected", id="not selected"
        ),
        pytest.param(
            {"propertyValues": [entry(entityId="machine-2")]},
            "entityId is 'machine-2', but 'machine-1' was asked for",
            id="other entity",
        ),
        pytest.param(
            {"propertyValues": [entry(componentName="other")]},
            "componentName is 'other', but 'telemetry' was asked for",
            id="other component",
        ),
        pytest.param(
            {"propertyValues": [{"entityPropertyReference": {"propertyName": "temperature"}}]},
            "entityId is missing: 'machine-1' was asked for",
            id="no entity",
        ),
        pytest.param(
            {"propertyValues": [entry() | {"values": {}}]}, "values must be a list", id="values"
        ),
        pytest.param(values(T1), "values[0] must be an object, not a string", id="text value"),
        pytest.param(
            values({"time": T1, "value": GOOD, "quality": 1}),
            "unknown key 'quality'",
            id="value key",
        ),
        pytest.param(values({"value": GOOD}), "time is missing", id="no time"),
        pytest.param(
            values({"timestamp": 1769793000000, "value": GOOD}),
            "timestamp: 1769793000000 isn't within",
            id="milliseconds",
        ),
        pytest.param(
            values({"time": T1, "timestamp": T1, "value": GOOD}),
            "timestamp must be a number",
            id="timestamp text",
        ),
        pytest.param(
            values({"time": 5, "value": GOOD}), "time must be a string, not an integer", id="time 5"
        ),
        pytest.param(values({"time": T1}), "value is missing", id="no value"),
        pytest.param(values({"time": T1, "value": 1.5}), "must be a DataValue object", id="bare"),
        pytest.param(
            values({"time": T1, "value": {"DoubleValue": 1.5}}),
            "unknown key 'DoubleValue'",
            id="upper camel case",
        ),
        pytest.param(
            values({"time": T1, "value": {}}), "exactly one DataValue key; it has none", id="no key"
        ),
        pytest.param(
            values({"time": T1, "value": {"doubleValue": 1.5, "stringValue": "x"}}),
            "exactly one DataValue key; it has doubleValue, stringValue",
            id="two keys",
        ),
        pytest.param(
            values({"time": T1, "value": {"expression": "${Parameters.x}"}}),
            "is an expression",
            id="expression",
        ),
        pytest.param(
            {"propertyValues": [], "nextToken": 7}, "nextToken must be a string", id="token 7"
        ),
        pytest.param(
            {"propertyValues": [], "nextToken": "x" * 17_881},
            "nextToken has 17881 characters; 17880 are allowed",
            id="long token",
        ),
        pytest.param({"propertyValues": [], "nextToken": ""}, "nextToken is empty", id="no token"),
        pytest.param(
            {"propertyValues": [], "nextToken": "a\nb"},
            "nextToken: 'a\\nb' doesn't match",
            id="line",
        ),
        pytest.param(
            {"propertyValues": [entry(externalIdProperty={"id": ""})]},
            "externalIdProperty",
            id="shape of the reference",
        ),
        pytest.param({"propertyValues": {1, 2}}, "isn't JSON", id="not JSON"),
        pytest.param(
            {"propertyValues": "x" * LARGEST_PAYLOAD}, "ask for fewer values a page", id="too large"
        ),
    ],
)
def test_a_malformed_answer_is_refused_with_the_place_and_the_reason(
    twin: Client, connector: Connector, answer: Any, message: str
) -> None:
    assert message in refusal(twin, connector, answer)


@pytest.mark.parametrize(
    ("time", "message"),
    [
        ("2026-01-30T17:10:00", "has no zone"),
        ("2026-01-30 17:10:00Z", "isn't of the form"),
        ("2026-01-30T17:10Z", "isn't of the form"),
        ("2026-01-30t17:10:00z", "isn't of the form"),
        ("2026-01-30T17:10:00.Z", "isn't of the form"),
        ("2026-01-30T17:10:00.1234567890Z", "has 10 decimals"),
        ("2026-02-30T17:10:00Z", "is impossible"),
        ("2026-01-30T24:00:00Z", "is impossible"),
        ("2026-01-30T17:10:60Z", "is impossible"),
        ("2026-01-30T17:10:00+19:00", "is impossible"),
        ("2026-01-30T17:10:00+01:60", "is impossible"),
        ("2026-01-30T16:59:59.999999999Z", "isn't within"),
        ("2026-01-30T18:00:00.000000001Z", "isn't within"),
        ("2026-01-30T17:10:00-01:00", "isn't within"),
    ],
)
def test_a_time_that_is_malformed_or_out_of_range_is_refused(
    twin: Client, connector: Connector, time: str, message: str
) -> None:
    assert message in refusal(twin, connector, values({"time": time, "value": GOOD}))


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (
            typed("temperature", {"stringValue": "21.5"}),
            "declared data type is DOUBLE: use doubleV",
        ),
        (typed("count", {"longValue": 1}), "declared data type is INTEGER: use integerValue"),
        (typed("total", {"integerValue": 1}), "declared data type is LONG: use longValue"),
        (typed("temperature", {"doubleValue": "21,5"}), "must be a number, not a string"),
        (typed("temperature", {"doubleValue": "NaN"}), "must be a number, not a string"),
        (typed("temperature", {"doubleValue": "1e400"}), "must be finite"),
        (typed("count", {"integerValue": "21.0"}), "must be an integer, not a string"),
        (typed("total", {"longValue": str(2**63)}), "doesn't fit 64 bit"),
        (typed("running", {"booleanValue": "yes"}), "must be true or false, not a string"),
        (typed("temperature", {"doubleValue": True}), "must be a number, not a Boolean"),
        (typed("temperature", {"doubleValue": None}), "exactly one DataValue key; it has none"),
        (typed("temperature", {"doubleValue": 10**400}), "must be finite"),
        (typed("temperature", {"doubleValue": float("nan")}), "NaN isn't a JSON number"),
        (typed("temperature", {"doubleValue": float("inf")}), "Infinity isn't a JSON number"),
        (typed("count", {"integerValue": True}), "must be an integer, not a Boolean"),
        (typed("count", {"integerValue": 21.0}), "must be an integer, not a number"),
        (typed("count", {"integerValue": 2**31}), "doesn't fit 32 bit"),
        (typed("count", {"integerValue": -(2**31) - 1}), "doesn't fit 32 bit"),
        (typed("total", {"longValue": 2**63}), "doesn't fit 64 bit"),
        (typed("running", {"booleanValue": 1}), "must be true or false, not an integer"),
        (typed("note", {"stringValue": 5}), "must be a string, not an integer"),
        (typed("note", {"stringValue": ""}), "Invalid length for parameter"),
        (typed("note", {"stringValue": "x" * 257}), "more than the 256 allowed"),
        (typed("mode", {"stringValue": "standby"}), "isn't one of the data type's allowedValues"),
        (typed("history", {"listValue": {}}), "must be a list, not an object"),
        (typed("history", {"listValue": [1.5]}), "listValue[0] must be a DataValue object"),
        (typed("history", {"listValue": [{"integerValue": 1}]}), "listValue[0] has integerValue"),
        (typed("history", {"listValue": [GOOD] * 51}), "more than the 50 allowed"),
        (typed("anything", {"listValue": [{"real": 1}]}), "unknown key 'real'"),
        (typed("levels", {"mapValue": []}), "must be an object, not a list"),
        (typed("levels", {"mapValue": {"a": GOOD}}), "mapValue.a has doubleValue"),
        (
            typed("peer", {"relationshipValue": {"to": "x"}}),
            "targetComponentName and targetEntityId",
        ),
    ],
)
def test_a_value_that_does_not_fit_its_key_or_its_declared_type_is_refused(
    twin: Client, connector: Connector, answer: Any, message: str
) -> None:
    name, content = answer
    assert message in refusal(twin, connector, content, name)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("temperature", {"doubleValue": 21}),
        ("count", {"integerValue": -(2**31)}),
        ("total", {"longValue": 2**63 - 1}),
        ("running", {"booleanValue": False}),
        ("note", {"stringValue": "x" * 256}),
        ("mode", {"stringValue": "off"}),
        ("history", {"listValue": [{"doubleValue": 1.5}, {"doubleValue": 2}]}),
        ("levels", {"mapValue": {"low": {"integerValue": 1}}}),
        ("anything", {"listValue": [{"booleanValue": True}, {"stringValue": "x"}]}),
        ("peer", {"relationshipValue": {"targetEntityId": "machine-2"}}),
    ],
)
def test_a_value_of_the_declared_type_reaches_the_caller(
    twin: Client, connector: Connector, name: str, value: Any
) -> None:
    connector.answer = {"propertyValues": [entry((T1, value), name=name)]}
    answered = history(twin, name)["propertyValues"][0]["values"]
    assert answered == [{"time": T1, "value": value}]


@pytest.mark.parametrize(
    ("name", "written", "read"),
    [
        ("temperature", {"doubleValue": "21.5"}, {"doubleValue": 21.5}),
        ("temperature", {"doubleValue": "-1e-05"}, {"doubleValue": -1e-05}),
        ("count", {"integerValue": "-7"}, {"integerValue": -7}),
        ("total", {"longValue": str(2**63 - 1)}, {"longValue": 2**63 - 1}),
        ("running", {"booleanValue": "True"}, {"booleanValue": True}),
        ("running", {"booleanValue": "false"}, {"booleanValue": False}),
        ("note", {"stringValue": "21.5"}, {"stringValue": "21.5"}),
        (
            "history",
            {"listValue": [{"doubleValue": "1"}, {"doubleValue": 2.5}]},
            {"listValue": [{"doubleValue": 1.0}, {"doubleValue": 2.5}]},
        ),
        (
            "levels",
            {"mapValue": {"a": {"integerValue": "1"}}},
            {"mapValue": {"a": {"integerValue": 1}}},
        ),
    ],
)
def test_a_string_that_stands_for_a_number_or_a_boolean_is_taken_for_it(
    twin: Client, connector: Connector, name: str, written: Any, read: Any
) -> None:
    connector.answer = {"propertyValues": [entry((T1, written), name=name)]}
    answered = history(twin, name)["propertyValues"][0]["values"][0]["value"]
    assert (answered, str(answered)) == (read, str(read))  # 1 == 1.0 == True


@pytest.mark.parametrize("null", [{}, {"time": None}])
@pytest.mark.parametrize("stamp", [1769792400, 1769796000.0])
def test_a_deprecated_timestamp_alone_is_a_time(
    twin: Client, connector: Connector, stamp: float, null: Any
) -> None:
    connector.answer = values({"timestamp": stamp, "value": GOOD, **null})
    (value,) = history(twin)["propertyValues"][0]["values"]
    assert value.keys() == {"timestamp", "value"}
    assert value["timestamp"].timestamp() == stamp


def test_a_timestamp_that_was_cut_to_its_second_is_within_the_range(
    twin: Client, connector: Connector
) -> None:
    connector.answer = values({"timestamp": 1769792400, "value": GOOD})
    assert history(twin, startTime="2026-01-30T17:00:00.5Z")["propertyValues"][0]["values"]


def test_timestamps_alone_are_in_the_order_asked_for(twin: Client, connector: Connector) -> None:
    later, earlier = ({"timestamp": stamp, "value": GOOD} for stamp in (1769793001, 1769793000))
    assert "is out of order" in refusal(twin, connector, values(later, earlier))


def test_values_against_the_order_asked_for_are_refused(twin: Client, connector: Connector) -> None:
    answer = {"propertyValues": [entry((T1, GOOD), (T2, GOOD))]}
    message = refusal(twin, connector, answer, orderByTime="DESCENDING")
    assert "values[1].time is out of order: orderByTime is DESCENDING" in message


def test_order_is_that_of_instants_not_of_text(twin: Client, connector: Connector) -> None:
    earlier, later = "2026-01-30T18:30:00.5+01:00", "2026-01-30T17:30:00.500000001Z"
    connector.answer = {"propertyValues": [entry((earlier, GOOD), (later, GOOD))]}
    assert len(history(twin)["propertyValues"][0]["values"]) == 2
    connector.answer = {"propertyValues": [entry((later, GOOD), (earlier, GOOD))]}
    with pytest.raises(twin.exceptions.ConnectorFailureException, match="out of order"):
        history(twin)


def test_order_holds_across_two_entries_of_one_property(twin: Client, connector: Connector) -> None:
    answer = {"propertyValues": [entry((T2, GOOD)), entry((T1, GOOD))]}
    assert "propertyValues[1].values[0].time is out of order" in refusal(twin, connector, answer)


def test_each_property_has_an_order_of_its_own(twin: Client, connector: Connector) -> None:
    counted = entry((T1, {"integerValue": 1}), name="count")
    connector.answer = {"propertyValues": [entry((T2, GOOD)), counted]}
    assert len(history(twin, "temperature", "count")["propertyValues"]) == 2


def test_both_bounds_of_the_range_belong_to_it(twin: Client, connector: Connector) -> None:
    bounds = [("2026-01-30T17:00:00Z", GOOD), ("2026-01-30T18:00:00.000000000Z", GOOD)]
    connector.answer = {"propertyValues": [entry(*bounds)]}
    assert len(history(twin)["propertyValues"][0]["values"]) == 2


def test_more_values_than_max_results_are_refused_whichever_properties_they_are_of(
    twin: Client, connector: Connector
) -> None:
    counted = entry((T1, {"integerValue": 1}), name="count")
    answer = {"propertyValues": [entry((T1, GOOD), (T2, GOOD)), counted]}
    message = refusal(twin, connector, answer, "temperature", "count", maxResults=2)
    assert "there are 3 values, but maxResults is 2" in message


def test_an_empty_page_with_the_token_just_sent_is_refused_as_endless(
    twin: Client, connector: Connector
) -> None:
    answer = {"propertyValues": [entry()], "nextToken": "again"}
    assert "paging would never end" in refusal(twin, connector, answer, nextToken="again")


def test_an_empty_page_with_a_new_token_is_fine(twin: Client, connector: Connector) -> None:
    connector.answer = {"propertyValues": [], "nextToken": "further"}
    assert history(twin, nextToken="again")["nextToken"] == "further"


def test_a_page_with_values_may_repeat_the_token_just_sent(
    twin: Client, connector: Connector
) -> None:
    connector.answer = {"propertyValues": [entry((T1, GOOD))], "nextToken": "again"}
    assert history(twin, nextToken="again")["nextToken"] == "again"


def test_a_null_token_is_the_last_page(twin: Client, connector: Connector) -> None:
    connector.answer = {"propertyValues": [], "nextToken": None}
    assert "nextToken" not in history(twin)


def test_null_stands_for_whatever_is_not_there(twin: Client, connector: Connector) -> None:
    """Connectors in languages with classes answer with all members of those."""
    nulls = dict.fromkeys(("booleanValue", "stringValue", "mapValue"))
    items = typed("history", {"listValue": [GOOD | nulls], "doubleValue": None})[1]
    items["propertyValues"] += [entry(name="total", externalIdProperty=None) | {"values": None}]
    connector.answer = items
    answer = history(twin, "history", "total")["propertyValues"]
    assert answer[0]["values"][0]["value"] == {"listValue": [GOOD]}
    assert answer[1]["values"] == []
    reference = entry(name="level")["entityPropertyReference"]
    newest = {"propertyReference": reference, "propertyValue": None}
    connector.answer = {"propertyValues": {"level": newest}, "nextToken": None}
    assert "propertyValue" not in latest(twin, "level")["propertyValues"]["level"]


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ({}, "externalIdProperty is missing"),
        ({"externalIdProperty": {}}, "externalIdProperty is missing"),
        ({"externalIdProperty": {"iotDeviceId": 1}}, "must be an object of strings"),
        ({"externalIdProperty": ["device-1"]}, "must be an object of strings"),
    ],
)
def test_a_query_by_component_type_needs_external_ids_in_the_answer(
    twin: Client, connector: Connector, reference: Any, message: str
) -> None:
    connector.answer = {
        "propertyValues": [{"entityPropertyReference": {"propertyName": "temperature"} | reference}]
    }
    with pytest.raises(twin.exceptions.ConnectorFailureException) as raised:
        twin.get_property_value_history(
            workspaceId=WORKSPACE,
            componentTypeId=TYPE,
            selectedProperties=["temperature"],
            startTime="2026-01-30T17:00:00Z",
            endTime="2026-01-30T18:00:00Z",
        )
    assert message in str(raised.value)


def last(name: str = "level", value: Any = GOOD, **reference: Any) -> dict[str, Any]:
    where = {"entityId": ENTITY, "componentName": COMPONENT, "propertyName": name}
    return {"propertyReference": where | reference, "propertyValue": value}


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ([], "the answer must be an object"),
        ({}, "propertyValues is missing"),
        ({"propertyValues": {}, "nextToken": "x"}, "unknown key 'nextToken'"),
        ({"propertyValues": []}, "propertyValues must be an object by property name"),
        ({"propertyValues": {"level": 5}}, "must be an object, not an integer"),
        ({"propertyValues": {"level": last() | {"time": T1}}}, "unknown key 'time'"),
        (
            {"propertyValues": {"level": {"propertyValue": GOOD}}},
            "propertyReference is missing",
        ),
        ({"propertyValues": {"count": last("count")}}, "'count' wasn't selected"),
        (
            {"propertyValues": {"heat": last()}},
            "propertyName is 'level', but its key is 'heat'",
        ),
        ({"propertyValues": {"level": last(entityId="x")}}, "entityId is 'x'"),
        ({"propertyValues": {"level": last(componentName="x")}}, "componentName is 'x'"),
        ({"propertyValues": {"level": last(value={"integerValue": 1})}}, "use doubleValue"),
    ],
)
def test_a_malformed_answer_of_newest_values_is_refused(
    twin: Client, connector: Connector, answer: Any, message: str
) -> None:
    connector.answer = answer
    with pytest.raises(twin.exceptions.ConnectorFailureException) as raised:
        latest(twin, "level")
    assert message in str(raised.value)
