"""The data connector: to the Hot Reader in the same account, or to another cloud's."""

from __future__ import annotations

import itertools
import json
import re
import threading
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from werkzeug import Request, Response

from chalicelib.connections.in_time import in_time
from chalicelib.data_connector.data_connector import DataConnector
from chalicelib.data_connector.deadline import Deadline
from chalicelib.data_connector.remote_reader import RemoteAnswer, RemoteReader
from chalicelib.model.errors import (
    HotReaderError,
    InvalidQueryError,
    RemoteReaderError,
    StoreUnavailableError,
)
from chalicelib.model.moment import Moment
from chalicelib.model.reads import HISTORY, LAST_ENTRY, Read
from chalicelib.model.results import Flaws
from chalicelib.observability.json_lines import JsonLogObservability
from chalicelib.observability.powertools import PowertoolsObservability
from chalicelib.settings.data_connector import DataConnectorSettings
from chalicelib.tokens import aws_stores
from demo.stack import create_hot_table
from deploy_scripts import PROJECT
from tests.unit.chalicelib.servers import PATIENCE_SECONDS, Scripted, error_response, response

if TYPE_CHECKING:
    from local_cloud.aws.account import LocalAws

DEVICE = "sensor-1"
SECOND_DEVICE = "second-sensor"
TABLE = "hot-table-of-the-data-connector"
TOKEN = "token-of-the-data-connector-tests"
NAMES = {
    "hot-reader": "hot_reader_functions.hot_reader",
    "hot-reader-last-entry": "hot_reader_functions.hot_reader_last_entry",
    "connector": "data_connector_functions.digital_twin_data_connector",
    "connector-last-entry": "data_connector_functions.digital_twin_data_connector_last_entry",
}


def twin_info(layer_3_hot: str) -> str:
    providers = {"layer_3_hot_provider": layer_3_hot, "layer_4_provider": "aws"}
    typed = [
        {"name": "temperature", "dataType": "DOUBLE"},
        {"name": "status", "dataType": "STRING"},
    ]
    shared = {"componentType": "sensor", "properties": typed}
    return json.dumps(
        {
            "config": {"digital_twin_name": "my-twin"},
            "config_providers": providers,
            "config_iot_devices": [shared | {"id": each} for each in (DEVICE, SECOND_DEVICE)],
        }
    )


LOCAL = {
    "DIGITAL_TWIN_INFO": twin_info("aws"),
    "DYNAMODB_TABLE_NAME": TABLE,
    "LOCAL_HOT_READER_NAME": "hot-reader",
    "LOCAL_HOT_READER_LAST_ENTRY_NAME": "hot-reader-last-entry",
    "POWERTOOLS_TRACE_DISABLED": "true",
    # The providers don't differ, so this alone takes no connector elsewhere.
    "REMOTE_READER_URL": "https://nobody.example.com/hot-reader",
    "INTER_CLOUD_TOKEN": TOKEN,
}


def event(**changes: Any) -> dict[str, Any]:
    def described(data_type: str) -> dict[str, Any]:
        return {"definition": {"dataType": {"type": data_type}, "isTimeSeries": True}}

    return {
        "workspaceId": "factory",
        "entityId": "machine-1",
        "componentName": "telemetry",
        "selectedProperties": ["temperature", "status"],
        "properties": {
            "temperature": described("DOUBLE"),
            "status": described("STRING"),
            "iotDeviceId": {"value": {"stringValue": DEVICE}},
        },
        "startTime": "2026-01-30T17:00:00Z",
        "endTime": "2026-01-30T18:00:00Z",
        "maxResults": 200,
    } | changes


def event_of(read: Read) -> dict[str, Any]:
    times = {"startTime": None, "endTime": None, "maxResults": None}
    return event() if read is HISTORY else event(**times)


def allowing(asked: dict[str, Any], temperatures: list[float], status: str) -> dict[str, Any]:
    """List the values that the types of an event's properties allow."""
    listed = {
        "temperature": [{"doubleValue": each} for each in temperatures],
        "status": [{"stringValue": status, "doubleValue": None}],
    }
    for name, allowed in listed.items():
        asked["properties"][name]["definition"]["dataType"]["allowedValues"] = allowed
    return asked


@pytest.fixture(scope="module")
def invoke(aws):
    """Invoke a Lambda function: a Hot Reader, or a data connector that points at it."""
    dynamodb = aws.client("dynamodb")
    create_hot_table(dynamodb, TABLE)
    for device_id, minute in itertools.product((DEVICE, SECOND_DEVICE), range(10)):
        item = {
            "device_id": {"S": device_id},
            "timestamp": {"S": f"2026-01-30T17:{minute:02}:00Z"},
            "temperature": {"N": f"{20 + minute}.5"},
            "status": {"S": "OK"},
        }
        dynamodb.put_item(TableName=TABLE, Item=item)
    for name, handler in NAMES.items():
        aws.create_function(
            name,
            handler=f"chalicelib.aws.{handler}",
            source=PROJECT,
            include=["app.py", "chalicelib"],
            environment=LOCAL,
        )

    return partial(invoked, aws)


def invoked(aws: LocalAws, name: str, payload: dict[str, Any]) -> Any:
    answer = aws.client("lambda").invoke(FunctionName=name, Payload=json.dumps(payload))
    return json.loads(answer["Payload"].read())


class TestOnOneCloud:
    @pytest.mark.parametrize(
        "changes",
        [
            {},
            {"orderByTime": "DESCENDING"},
            {"maxResults": 3},
            {"entityId": None, "componentName": None},
        ],
        ids=["all", "descending", "a page", "no entity"],
    )
    def test_a_history_is_the_hot_readers_own(self, invoke, changes):
        answer = invoke("connector", event(**changes))
        assert any(each["values"] for each in answer["propertyValues"])
        assert answer == invoke("hot-reader", event(**changes))

    def test_a_component_types_history_is_that_of_its_devices(self, invoke):
        by_type: dict[str, Any] = {
            "entityId": None,
            "componentName": None,
            "componentTypeId": "my-twin-sensor",
            "properties": {"iotDeviceId": {"definition": {"isExternalId": True}}},
        }
        asked = event(maxResults=7, **by_type)
        pages = [invoke("connector", asked)]
        while "nextToken" in pages[-1]:
            pages.append(invoke("connector", asked | {"nextToken": pages[-1]["nextToken"]}))
        alone = event(entityId=None, componentName=None)
        for device_id in (DEVICE, SECOND_DEVICE):
            alone["properties"]["iotDeviceId"]["value"]["stringValue"] = device_id
            for series in invoke("hot-reader", alone)["propertyValues"]:
                assert series["values"] == [
                    value
                    for page in pages
                    for each in page["propertyValues"]
                    if each["entityPropertyReference"] == series["entityPropertyReference"]
                    for value in each["values"]
                ]
        assert [sum(len(each["values"]) for each in page["propertyValues"]) for page in pages] == [
            *[7] * 5,
            5,
        ]

    @pytest.mark.parametrize(
        ("part", "name"),
        [
            ({"componentTypeId": ["my-twin-sensor"]}, "componentTypeId"),
            (
                {"properties": {"iotDeviceId": {"value": {"stringValue": "x" * 5_000}}}},
                "iotDeviceId",
            ),
            ({"entityId": "\ud800"}, "entityId"),
            ({"properties": {}, "componentTypeId": "my-twin-all-pumps"}, "my-twin-all-pumps"),
        ],
    )
    def test_a_wrong_part_is_refused_in_the_same_words_on_both_routes(
        self, invoke, record, part, name
    ):
        direct, answer = (invoke(each, event(**part)) for each in ("hot-reader", "connector"))
        assert name in direct["errorMessage"]
        assert direct["errorMessage"] in answer["errorMessage"]
        remote = connector_of(across_clouds("http://127.0.0.1:9/hot-reader"))
        with pytest.raises(InvalidQueryError) as refusal:
            remote.answer(event(**part), PATIENCE_SECONDS, "trace-1", record)
        assert str(refusal.value) == direct["errorMessage"]

    def test_pages_go_on_through_the_connector(self, invoke):
        first = invoke("connector", event(maxResults=3))
        second = invoke("connector", event(maxResults=3, nextToken=first["nextToken"]))
        direct = invoke("hot-reader", event(maxResults=6))
        for of_first, of_second, of_direct in zip(
            first["propertyValues"],
            second["propertyValues"],
            direct["propertyValues"],
            strict=True,
        ):
            assert of_first["values"] + of_second["values"] == of_direct["values"]

    def test_a_last_entry_is_the_hot_readers_own(self, invoke):
        answer = invoke("connector-last-entry", event_of(LAST_ENTRY))
        assert answer["propertyValues"]["temperature"]["propertyValue"] == {"doubleValue": 29.5}
        assert answer == invoke("hot-reader-last-entry", event_of(LAST_ENTRY))

    @pytest.mark.parametrize("function", ["hot-reader", "connector"])
    def test_values_that_a_type_does_not_allow_are_left_out(self, invoke, function):
        history = invoke(function, allowing(event(), [20.5, 29.5], "WARN"))
        (series,) = history["propertyValues"]
        assert [each["value"]["doubleValue"] for each in series["values"]] == [20.5, 29.5]
        asked = allowing(event_of(LAST_ENTRY), [20.5], "OK")
        newest = invoke(f"{function}-last-entry", asked)
        assert [*newest["propertyValues"]] == ["status"]

    def test_what_the_hot_reader_complains_of_comes_through(self, invoke):
        asked = event(selectedProperties=["pressure"])
        direct, answer = invoke("hot-reader", asked), invoke("connector", asked)
        assert "The property 'pressure' is unknown" in direct["errorMessage"]
        assert direct["errorMessage"] in answer["errorMessage"]
        assert "'hot-reader' failed" in answer["errorMessage"]


@pytest.fixture
def record():
    with PowertoolsObservability("data-connector-of-the-tests").request("trace-1") as record:
        yield record


def connector_of(environment: dict[str, str], read: Read = HISTORY) -> DataConnector:
    return DataConnector(read, DataConnectorSettings.load(environment, read))


class Silent:
    """A service that takes connections, and answers nothing until it is let go."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self._let_go = threading.Event()

    def answer(self, _request: Request) -> Response:
        self.asked.set()
        self._let_go.wait(PATIENCE_SECONDS)
        return Response("{}")

    def let_go(self) -> None:
        self._let_go.set()


@pytest.fixture
def silent(aws_environment, monkeypatch, httpserver):
    """Let every service of AWS be silent."""
    service = Silent()
    httpserver.expect_request(re.compile(".*")).respond_with_handler(service.answer)
    for name in ("LAMBDA", "SSM", "SECRETS_MANAGER", "IOTTWINMAKER"):
        monkeypatch.setenv(f"AWS_ENDPOINT_URL_{name}", httpserver.url_for("/"))
    yield service
    service.let_go()
    for thread in threading.enumerate():
        if thread.name == in_time.__name__:
            thread.join(PATIENCE_SECONDS)


class TestTheDeadline:
    """Every wait is given up at it: none of the services answers before the assertions are made."""

    LEFT = 0.7

    @pytest.mark.parametrize("reference", ["ssm:/twin/token", "secretsmanager:twin-token"])
    @pytest.mark.parametrize("in_lambda", [True, False])
    def test_includes_fetching_the_token(self, silent, monkeypatch, record, reference, in_lambda):
        if in_lambda:
            monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "a-function")
            monkeypatch.setenv("AWS_REGION", "eu-central-1")
        with Scripted(response(500)) as server:
            connector = connector_of(across_clouds(server.url, INTER_CLOUD_TOKEN=reference))
            with pytest.raises(
                StoreUnavailableError, match=rf"{reference}\) wasn't fetched in time"
            ):
                connector.answer(event(), self.LEFT, "trace-1", record)
            assert silent.asked.wait(PATIENCE_SECONDS)
            assert server.connections == 0

    def test_leaves_time_to_read_with_a_token_that_is_known(self, silent, monkeypatch, record):
        old = aws_stores._Fetched(TOKEN, Moment(0.0, 0), 60.0)
        monkeypatch.setitem(aws_stores._last_fetched, ("ssm", "/twin/token"), old)
        with Scripted(response(200, json.dumps(HISTORY_ANSWER).encode())) as server:
            connector = connector_of(across_clouds(server.url, INTER_CLOUD_TOKEN="ssm:/twin/token"))
            connector.answer(event(), 4 * self.LEFT, "trace-1", record)
            assert silent.asked.wait(PATIENCE_SECONDS)
            assert server.requests[0].headers["x-inter-cloud-token"] == TOKEN

    def test_includes_looking_up_the_device(self, silent, record):
        asked = event(properties={"temperature": {}, "status": {}})
        with Scripted(response(500)) as server:
            connector = connector_of(across_clouds(server.url))
            with pytest.raises(HotReaderError, match=r"'machine-1' can't be looked up: .* in time"):
                connector.answer(asked, self.LEFT, "trace-1", record)
            assert silent.asked.wait(PATIENCE_SECONDS)
            assert server.connections == 0

    def test_includes_the_local_hot_reader(self, silent, record):
        with pytest.raises(HotReaderError, match="'hot-reader' didn't answer in time"):
            connector_of(LOCAL).answer(event(), self.LEFT, "trace-1", record)
        assert silent.asked.wait(PATIENCE_SECONDS)


class TestALocalFunctionThatCannotBeInvoked:
    @pytest.mark.parametrize("read", [HISTORY, LAST_ENTRY], ids=["history", "last entry"])
    def test_is_named_with_its_setting_if_it_does_not_exist(self, aws_environment, record, read):
        variable = read.local_function_setting
        connector = connector_of({**LOCAL, variable: "nobody"}, read)
        with pytest.raises(HotReaderError, match="'nobody' can't be invoked") as failure:
            connector.answer(event_of(read), PATIENCE_SECONDS, "trace-1", record)
        assert variable in str(failure.value)

    @pytest.mark.parametrize("answer", [None, {}, [], {"propertyValues": 1}, "text"])
    def test_is_named_with_its_setting_if_it_answers_something_else(
        self, aws_environment, monkeypatch, httpserver, record, answer
    ):
        httpserver.expect_request("/2015-03-31/functions/hot-reader/invocations").respond_with_json(
            answer
        )
        monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", httpserver.url_for(""))
        with pytest.raises(HotReaderError, match=r"'hot-reader' doesn't answer.*LOCAL_HOT_READER"):
            connector_of(LOCAL).answer(event(), PATIENCE_SECONDS, "trace-1", record)

    @pytest.mark.parametrize("body", ["nicht verfügbar".encode("latin-1"), b"null", b"7"])
    def test_is_named_if_something_else_answers_in_its_place(
        self, aws_environment, monkeypatch, record, body
    ):
        with Scripted(response(500, body)) as server:
            monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", f"http://127.0.0.1:{server.port}")
            with pytest.raises(HotReaderError, match="'hot-reader' can't be invoked"):
                connector_of(LOCAL).answer(event(), PATIENCE_SECONDS, "trace-1", record)

    def test_is_named_with_the_policy_if_it_is_denied(
        self, aws_environment, monkeypatch, httpserver, record
    ):
        httpserver.expect_request("/2015-03-31/functions/hot-reader/invocations").respond_with_json(
            {"message": "not authorized"}, 403, {"x-amzn-ErrorType": "AccessDeniedException"}
        )
        monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", httpserver.url_for(""))
        with pytest.raises(HotReaderError, match=r"not authorized.*function's policy"):
            connector_of(LOCAL).answer(event(), PATIENCE_SECONDS, "trace-1", record)


def across_clouds(url: str, **variables: str) -> dict[str, str]:
    return {
        "DIGITAL_TWIN_INFO": twin_info("azure"),
        "INTER_CLOUD_TOKEN": TOKEN,
        "REMOTE_READER_URL": url,
        "REMOTE_READER_LAST_ENTRY_URL": url,
        "REMOTE_RETRIES": "0",
        **variables,
    }


REFERENCE = {
    "propertyName": "temperature",
    "entityId": "machine-1",
    "componentName": "telemetry",
}
VALUE = {"doubleValue": 20.5}
HISTORY_ANSWER = {
    "propertyValues": [
        {
            "entityPropertyReference": REFERENCE,
            "values": [{"time": "2026-01-30T17:00:00Z", "value": VALUE}],
        }
    ],
    "nextToken": "t",
}
LAST_ENTRY_ANSWER: dict[str, Any] = {
    "propertyValues": {"temperature": {"propertyReference": REFERENCE, "propertyValue": VALUE}}
}


class TestAcrossClouds:
    @pytest.mark.parametrize(
        ("read", "document"),
        [(HISTORY, HISTORY_ANSWER), (LAST_ENTRY, LAST_ENTRY_ANSWER)],
        ids=["history", "last entry"],
    )
    def test_the_remotes_answer_is_passed_through(self, record, read, document):
        sent = document | {"known": "to a later version"}
        with Scripted(response(200, json.dumps(sent).encode())) as server:
            connector = connector_of(across_clouds(server.url), read)
            answer = connector.answer(event_of(read), PATIENCE_SECONDS, "trace-1", record)
            assert answer == document

    def test_values_that_a_type_does_not_allow_are_left_out_and_counted(self):
        log = JsonLogObservability("connector", emit=lambda _level, _line: None)
        with (
            Scripted(response(200, json.dumps(HISTORY_ANSWER).encode())) as server,
            log.request("trace-1") as record,
        ):
            answer = connector_of(across_clouds(server.url)).answer(
                allowing(event(), [20.0], "OK"), PATIENCE_SECONDS, "trace-1", record
            )
            counts = dict(record.metrics)  # type: ignore[attr-defined]
        assert answer == {"propertyValues": [], "nextToken": "t"}
        assert (counts["UnrepresentableValues"], counts["ValuesReturned"]) == (1, 0)

    def test_the_remote_is_asked_for_the_events_device_with_the_trace_id(self, record):
        with Scripted(response(200, json.dumps(HISTORY_ANSWER).encode())) as server:
            connector_of(across_clouds(server.url)).answer(
                event(), PATIENCE_SECONDS, "trace-1", record
            )
            (request,) = server.requests
        sent = request.document
        assert (sent["trace_id"], sent["source_cloud"]) == ("trace-1", "aws")
        assert sent["payload"]["iot_device_id"] == DEVICE
        assert sent["payload"]["property_types"] == {"temperature": "DOUBLE", "status": "STRING"}
        assert sent["payload"]["max_results"] == 200

    def test_an_answer_of_the_other_kind_is_refused(self, record):
        with Scripted(response(200, json.dumps(LAST_ENTRY_ANSWER).encode())) as server:
            connector = connector_of(across_clouds(server.url), HISTORY)
            with pytest.raises(RemoteReaderError, match="of the right kind"):
                connector.answer(event(), PATIENCE_SECONDS, "trace-1", record)

    def test_what_the_remote_complains_of_is_raised(self, record):
        with Scripted(error_response(400, "invalid_query", "no such device")) as server:
            connector = connector_of(across_clouds(server.url))
            with pytest.raises(RemoteReaderError, match=r"status 400.*trace-1.*no such device"):
                connector.answer(event(), PATIENCE_SECONDS, "trace-1", record)

    def test_an_event_that_cannot_be_answered_is_not_sent(self, record):
        with Scripted(response(500)) as server:
            connector = connector_of(across_clouds(server.url))
            with pytest.raises(InvalidQueryError, match="'pressure' is unknown"):
                connector.answer(
                    event(selectedProperties=["pressure"]), PATIENCE_SECONDS, "trace-1", record
                )
            assert server.connections == 0

    def test_a_filter_that_a_constant_does_not_meet_is_not_sent(self, record):
        serial = {"definition": {"dataType": {"type": "STRING"}}, "value": {"stringValue": "SN-1"}}
        asked = event(
            propertyFilters=[
                {"propertyName": "serial", "operator": "=", "value": {"stringValue": "SN-2"}}
            ]
        )
        asked["properties"]["serial"] = serial
        with Scripted(response(500)) as server:
            connector = connector_of(across_clouds(server.url))
            answer = connector.answer(asked, PATIENCE_SECONDS, "trace-1", record)
            assert (answer, server.connections) == ({"propertyValues": []}, 0)

    @pytest.mark.parametrize("left", [29.0, 0.2])
    def test_the_functions_own_time_less_a_margin_bounds_the_call(self, monkeypatch, record, left):
        given = []

        def read(_reader, _envelope, _query, *, seconds, before_retry):
            given.append(seconds)
            return RemoteAnswer({"propertyValues": []}, 1, Flaws())

        monkeypatch.setattr(RemoteReader, "read", read)
        stopped = partial(Deadline, clock=lambda: 1_000.0)
        monkeypatch.setattr("chalicelib.data_connector.data_connector.Deadline", stopped)
        connector = connector_of(across_clouds("https://reader.example.com"))
        connector.answer(event(), left, "trace-1", record)
        (seconds,) = given
        assert seconds == pytest.approx(left - 0.5)

    def test_a_function_does_not_wait_for_a_retry_longer_than_it_may_run(self, aws):
        busy = error_response(503, "store_unavailable", "Busy", {"Retry-After": "40"})
        with Scripted(busy) as server:
            aws.create_function(
                "connector-across-clouds",
                handler=f"chalicelib.aws.{NAMES['connector']}",
                source=PROJECT,
                include=["app.py", "chalicelib"],
                environment=across_clouds(server.url, REMOTE_RETRIES="1"),
                timeout=30,
            )
            answer = invoked(aws, "connector-across-clouds", event())
        assert "store_unavailable: Busy; no time is left for another try" in answer["errorMessage"]

    def test_without_time_nothing_is_sent(self, record):
        with Scripted(response(500)) as server:
            connector = connector_of(across_clouds(server.url))
            with pytest.raises(RemoteReaderError, match="no time was left for a request"):
                connector.answer(event(), 0.5, "trace-1", record)
            assert server.connections == 0
