"""The log lines, metrics and traces of a request on AWS."""

from __future__ import annotations

import json
import logging
import re
import socket
import sys
import threading
import time
from itertools import count
from typing import Any

import pytest

from chalicelib.data_connector.data_connector import DataConnector
from chalicelib.http.endpoint import HttpEndpoint, HttpRequest
from chalicelib.model.errors import HotStoreError, InvalidQueryError, RemoteReaderError
from chalicelib.model.reads import HISTORY
from chalicelib.model.results import Flaws
from chalicelib.observability.powertools import PowertoolsObservability
from chalicelib.observability.request_record import NAMESPACE
from chalicelib.settings.data_connector import DataConnectorSettings
from chalicelib.settings.endpoint import EndpointSettings
from chalicelib.settings.token_reference import TokenReference
from chalicelib.tokens.inter_cloud_token import InterCloudToken
from tests.unit.chalicelib.answer import StatedAnswer
from tests.unit.chalicelib.servers import PATIENCE_SECONDS, Scripted, error_response, response

TOKEN = "token-of-the-observability-tests"
_numbers = count()


class Output:
    """Printed log lines and metric lines."""

    def __init__(self, text: str) -> None:
        documents = [json.loads(line) for line in text.splitlines()]
        self.lines = [each for each in documents if "_aws" not in each]
        self.metric_lines = [each for each in documents if "_aws" in each]

    def metrics(self) -> dict[str, float]:
        """Add up the only request's metrics."""
        (line,) = self.metric_lines
        (directive,) = line["_aws"]["CloudWatchMetrics"]
        return {each["Name"]: sum(line[each["Name"]]) for each in directive["Metrics"]}


class CurrentStdout:
    """The present standard output: pytest puts another one there for each phase of a test."""

    def write(self, text: str) -> None:
        sys.stdout.write(text)

    def flush(self) -> None:
        sys.stdout.flush()


def make(**options: Any) -> PowertoolsObservability:
    # Powertools keeps a logger for each name: each test needs one of its own.
    made = PowertoolsObservability(f"function-{next(_numbers)}", **options)
    handler = made.logger.logger_handler
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(CurrentStdout())
    return made


@pytest.fixture
def observability():
    return make()


@pytest.fixture
def output(capsys):
    return lambda: Output(capsys.readouterr().out)


class TestTheLog:
    def test_has_the_trace_id_in_every_line_of_a_request(self, observability, output):
        with observability.request("trace-1", function_request_id="request-1") as record:
            record.logger.info("one")
            record.logger.warning("two")
        lines = output().lines
        assert [line["message"] for line in lines] == ["one", "two"]
        assert {line["trace_id"] for line in lines} == {"trace-1"}
        assert {line["function_request_id"] for line in lines} == {"request-1"}
        assert {line["service"] for line in lines} == {observability.logger.service}

    def test_has_no_keys_of_the_request_before(self, observability, output):
        with observability.request("trace-1", function_request_id="request-1"):
            pass
        observability.logger.info("between")
        with observability.request("trace-2") as record:
            record.logger.info("in the next")
        between, next_one = output().lines
        assert "trace_id" not in between
        assert next_one["trace_id"] == "trace-2"
        assert "function_request_id" not in between | next_one

    def test_has_no_keys_of_a_failed_request_before(self, observability, output):
        with pytest.raises(ValueError, match="broken"), observability.request("trace-1"):
            raise ValueError("broken")
        observability.logger.info("after")
        failed, after = output().lines
        assert failed["trace_id"] == "trace-1"
        assert "trace_id" not in after

    def test_has_the_id_of_the_trace_that_lambda_makes(self, observability, output, monkeypatch):
        monkeypatch.setenv("_X_AMZN_TRACE_ID", "Root=1-a-b;Parent=c;Sampled=0")
        with observability.request("trace-1") as record:
            record.logger.info("one")
        (line,) = output().lines
        assert line["xray_trace_id"] == "1-a-b"

    def test_keeps_requests_at_the_same_time_apart(self, observability, output):
        both_run = threading.Barrier(2, timeout=PATIENCE_SECONDS)

        def request(trace_id: str) -> None:
            with observability.request(trace_id) as record:
                both_run.wait()
                record.logger.info(f"from {trace_id}")
                both_run.wait()

        threads = [threading.Thread(target=request, args=(f"trace-{n}",)) for n in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE_SECONDS)
        lines = output().lines
        assert len(lines) == 2
        assert all(line["message"] == f"from {line['trace_id']}" for line in lines)

    def test_has_the_stack_of_a_failure_of_ours(self, observability, output):
        with pytest.raises(HotStoreError), observability.request("trace-1"):
            raise HotStoreError("the table is missing")
        (line,) = output().lines
        assert line["level"] == "ERROR"
        assert line["trace_id"] == "trace-1"
        assert "the table is missing" in line["exception"]
        assert (line["status"], line["code"]) == (500, "store_misconfigured")

    def test_has_the_reason_of_a_refusal_without_a_stack(self, observability, output):
        with pytest.raises(InvalidQueryError), observability.request("trace-1"):
            raise InvalidQueryError("end_time is before start_time")
        (line,) = output().lines
        assert line["level"] == "WARNING"
        assert line["reason"] == "end_time is before start_time"
        assert "exception" not in line

    def test_has_examples_of_what_was_left_out(self, observability, output):
        flaws = Flaws(2, 1, ["temperature at 17:00: not a finite number"])
        with observability.request("trace-1") as record:
            record.answered(StatedAnswer({"propertyValues": [], "nextToken": "x"}, 7, flaws))
        left_out, answered = output().lines
        assert left_out["level"] == "WARNING"
        assert left_out["unrepresentable_values"] == 2
        assert left_out["unreadable_timestamps"] == 1
        assert left_out["examples"] == ["temperature at 17:00: not a finite number"]
        assert (answered["values"], answered["more"]) == (7, True)

    def test_says_nothing_of_flaws_where_there_are_none(self, observability, output):
        with observability.request("trace-1") as record:
            record.answered(StatedAnswer({"propertyValues": []}, 7, Flaws()))
        (answered,) = output().lines
        assert (answered["values"], answered["more"]) == (7, False)

    def test_keeps_a_line_that_is_no_unicode(self, observability, output):
        with observability.request("trace-1") as record:
            record.logger.warning("from a caller", text="\ud800")
        (line,) = output().lines
        assert line["level"] == "WARNING"
        assert "from a caller" in line["message"]
        assert "trace-1" in line["message"]

    def test_has_lines_from_its_level_on(self, output, monkeypatch):
        monkeypatch.setenv("POWERTOOLS_LOG_LEVEL", "ERROR")
        for observability in (make(), make(level=logging.ERROR), make(level=logging.WARNING)):
            with observability.request("trace-1") as record:
                record.logger.info("one")
                record.logger.warning("two")
                record.logger.error("three")
        assert [line["message"] for line in output().lines] == ["three", "three", "two", "three"]

    def test_obeys_the_level_that_lambda_is_configured_with(self, output, monkeypatch):
        monkeypatch.setenv("AWS_LAMBDA_LOG_LEVEL", "WARN")
        with make().request("trace-1") as record:
            record.logger.info("one")
            record.logger.warning("two")
        assert [line["message"] for line in output().lines] == ["two"]


class TestMetrics:
    def test_are_in_cloudwatchs_embedded_format(self, observability, output):
        with observability.request("trace-1"):
            pass
        (line,) = output().metric_lines
        (directive,) = line["_aws"]["CloudWatchMetrics"]
        assert directive["Namespace"] == NAMESPACE
        assert directive["Dimensions"] == [["service"]]
        assert line["service"] == observability.logger.service
        assert line["trace_id"] == "trace-1"
        (metric,) = directive["Metrics"]
        assert (metric["Name"], metric["Unit"]) == ("Requests", "Count")
        assert line["Requests"] == [1.0]

    def test_are_written_for_each_request(self, observability, output):
        for number in range(3):
            with observability.request(f"trace-{number}"):
                pass
        assert [line["Requests"] for line in output().metric_lines] == [[1.0]] * 3

    def test_count_what_an_answer_holds_and_lacks(self, observability, output):
        with observability.request("trace-1") as record:
            record.answered(StatedAnswer({}, 7, Flaws(3, 2, ["x"])))
        assert output().metrics() == {
            "Requests": 1,
            "ValuesReturned": 7,
            "UnrepresentableValues": 3,
            "UnreadableTimestamps": 2,
        }

    def test_are_written_at_every_level(self, output):
        with make(level=logging.CRITICAL).request("trace-1") as record:
            record.logger.error("not written")
        printed = output()
        assert printed.lines == []
        assert printed.metrics() == {"Requests": 1}

    def test_count_an_empty_answer(self, observability, output):
        with observability.request("trace-1") as record:
            record.answered(StatedAnswer({}, 0, Flaws()))
        assert output().metrics() == {"Requests": 1, "ValuesReturned": 0}

    @pytest.mark.parametrize(
        ("error", "failures"),
        [(ValueError("a bug"), 1), (HotStoreError("denied"), 1), (InvalidQueryError("no"), None)],
    )
    def test_count_our_failures_and_not_the_callers(self, observability, output, error, failures):
        with pytest.raises(type(error)), observability.request("trace-1"):
            raise error
        assert output().metrics().get("Failures") == failures


class TestTheEndpointsMetrics:
    def ask(self, observability: PowertoolsObservability, read: Any, **headers: str) -> int:
        token = TokenReference.parse("INTER_CLOUD_TOKEN", TOKEN, max_age=60)
        settings = EndpointSettings(token, requests_per_second=None, compress=False)
        endpoint = HttpEndpoint(read, settings, InterCloudToken(token), observability)
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        body = b'{"trace_id": "trace-of-the-caller", "payload": {}}'
        return endpoint.answer(HttpRequest("POST", headers, body=body)).status

    @pytest.mark.parametrize("headers", [{}, {"x_inter_cloud_token": "wrong"}])
    def test_count_who_has_no_token(self, observability, output, headers):
        def read(_payload, _record, _seconds):
            raise AssertionError("the token comes first")

        assert self.ask(observability, read, **headers) == 401
        printed = output()
        assert printed.metrics() == {"Requests": 1, "Unauthorized": 1}
        (trace_id,) = {line["trace_id"] for line in printed.lines}
        assert trace_id != "trace-of-the-caller"  # nothing of who has no token is looked into

    def test_count_a_failure_once(self, observability, output):
        def read(_payload, _record, _seconds):
            raise KeyError("a bug")

        assert self.ask(observability, read, x_inter_cloud_token=TOKEN) == 500
        printed = output()
        assert printed.metrics() == {"Requests": 1, "Failures": 1}
        assert "a bug" in printed.lines[0]["exception"]

    def test_count_no_failure_if_the_query_is_wrong(self, observability, output):
        def read(_payload, _record, _seconds):
            raise InvalidQueryError("no such property")

        assert self.ask(observability, read, x_inter_cloud_token=TOKEN) == 400
        assert output().metrics() == {"Requests": 1}

    def test_count_values(self, observability, output):
        def read(_payload, _record, _seconds):
            return StatedAnswer({"propertyValues": []}, 5, Flaws())

        assert self.ask(observability, read, x_inter_cloud_token=TOKEN) == 200
        assert output().metrics() == {"Requests": 1, "ValuesReturned": 5}


EVENT = {
    "componentTypeId": "my-twin-sensor-1",
    "selectedProperties": ["temperature", "humidity", "pressure"],
    "startTime": "2026-01-30T17:00:00Z",
    "endTime": "2026-01-30T18:00:00Z",
}


class TestTheConnectorsMetrics:
    def ask(self, observability: PowertoolsObservability, url: str) -> None:
        providers = {"layer_3_hot_provider": "azure", "layer_4_provider": "aws"}
        info = {"config": {"digital_twin_name": "my-twin"}, "config_providers": providers}
        environment = {
            "DIGITAL_TWIN_INFO": json.dumps(info),
            "INTER_CLOUD_TOKEN": TOKEN,
            "REMOTE_READER_URL": url,
        }
        connector = DataConnector(HISTORY, DataConnectorSettings.load(environment, HISTORY))
        with observability.request("trace-1") as record:
            connector.answer(EVENT, PATIENCE_SECONDS, "trace-1", record)

    def test_count_tries_and_the_time_of_all_together(self, observability, output):
        value = {"time": "2026-01-30T17:00:00Z", "value": {"doubleValue": 20.5}}
        device = {"iotDeviceId": "sensor-1"}
        answer = {
            "propertyValues": [
                {
                    "entityPropertyReference": {"propertyName": name, "externalIdProperty": device},
                    "values": values,
                }
                for name, values in (
                    ("temperature", [value] * 3),
                    ("humidity", []),
                    ("pressure", [value]),
                )
            ]
        }
        busy = error_response(503, "store_unavailable", "Busy", {"Retry-After": "0"})
        with Scripted(busy, response(200, json.dumps(answer).encode())) as server:
            self.ask(observability, server.url)
        printed = output()
        metrics = printed.metrics()
        latency = metrics.pop("RemoteLatency")
        assert metrics == {"Requests": 1, "RemoteAttempts": 2, "ValuesReturned": 4}
        assert latency > 0
        retried, answered = printed.lines
        assert (retried["reason"], retried["trace_id"]) == ("store_unavailable: Busy", "trace-1")
        assert (answered["attempts"], answered["trace_id"]) == (2, "trace-1")

    def test_count_a_remote_that_fails(self, observability, output):
        with (
            Scripted(error_response(400, "invalid_query", "no")) as server,
            pytest.raises(RemoteReaderError),
        ):
            self.ask(observability, server.url)
        metrics = output().metrics()
        assert metrics.pop("RemoteLatency") > 0
        assert metrics == {"Requests": 1, "RemoteAttempts": 1, "Failures": 1}


class TestTraces:
    TRACE = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"

    @pytest.fixture
    def daemon(self, monkeypatch):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as daemon:
            daemon.bind(("127.0.0.1", 0))
            daemon.settimeout(PATIENCE_SECONDS)
            address = f"127.0.0.1:{daemon.getsockname()[1]}"
            monkeypatch.setenv("AWS_XRAY_DAEMON_ADDRESS", address)
            monkeypatch.setenv("_X_AMZN_TRACE_ID", self.TRACE)
            yield daemon

    def received(self, daemon: socket.socket) -> Any:
        header, _, document = daemon.recv(65_536).partition(b"\n")
        assert json.loads(header) == {"format": "json", "version": 1}
        return json.loads(document)

    def nothing_came(self, daemon: socket.socket) -> bool:
        # What a request sends is there when it ends: nothing is under way on this machine.
        daemon.setblocking(False)
        with pytest.raises(BlockingIOError):
            daemon.recv(65_536)
        return True

    def request(self, *, tracing: bool, error: Exception | None = None) -> None:
        log = make(tracing=tracing)
        with log.request("trace-1") as record, record.subsegment("hot storage"):
            if error is not None:
                raise error

    def test_show_a_part_of_a_request_as_a_subsegment(self, daemon):
        before = time.time()
        self.request(tracing=True)
        subsegment = self.received(daemon)
        assert before <= subsegment["start_time"] <= subsegment["end_time"] <= time.time()
        assert re.fullmatch("[0-9a-f]{16}", subsegment["id"])
        assert {name: subsegment[name] for name in ("name", "type", "trace_id", "parent_id")} == {
            "name": "## hot storage",
            "type": "subsegment",
            "trace_id": "1-5759e988-bd862e3fe1be46a994272793",
            "parent_id": "53995c3f42cd8ad8",
        }
        assert "fault" not in subsegment

    def test_show_a_part_that_failed_as_a_fault(self, daemon):
        with pytest.raises(HotStoreError):
            self.request(tracing=True, error=HotStoreError("no such table"))
        subsegment = self.received(daemon)
        assert subsegment["fault"] is True
        (exception,) = subsegment["cause"]["exceptions"]
        assert (exception["type"], exception["message"]) == ("HotStoreError", "no such table")

    def test_go_to_the_daemon_wherever_it_is_said_to_be(self, daemon, monkeypatch):
        address = f"127.0.0.1:{daemon.getsockname()[1]}"
        monkeypatch.setenv("AWS_XRAY_DAEMON_ADDRESS", f"tcp:127.0.0.1:1 udp:{address}")
        self.request(tracing=True)
        assert self.received(daemon)["name"] == "## hot storage"

    def test_are_not_sent_while_they_are_off(self, daemon):
        self.request(tracing=False)
        assert self.nothing_came(daemon)

    @pytest.mark.parametrize(
        "header",
        [
            "",
            "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0",
            "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8",
            "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1",
            "Parent=53995c3f42cd8ad8;Sampled=1",
        ],
    )
    def test_are_not_sent_of_what_is_not_sampled(self, daemon, monkeypatch, header):
        monkeypatch.setenv("_X_AMZN_TRACE_ID", header)
        self.request(tracing=True)
        assert self.nothing_came(daemon)

    @pytest.mark.parametrize("address", ["", "127.0.0.1", "127.0.0.1:many", "127.0.0.1:1", "::"])
    def test_that_cannot_be_sent_are_lost(self, monkeypatch, address, capsys):
        monkeypatch.setenv("_X_AMZN_TRACE_ID", self.TRACE)
        monkeypatch.setenv("AWS_XRAY_DAEMON_ADDRESS", address)
        self.request(tracing=True)
        (metrics,) = Output(capsys.readouterr().out).metric_lines
        assert metrics["Requests"] == [1]
