"""The remote reader against servers that behave as badly as servers do."""

from __future__ import annotations

import gzip
import json
import logging
import socket
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import pytest
import requests
from werkzeug import Response
from werkzeug.serving import generate_adhoc_ssl_context

from chalicelib.connections.in_time import in_time
from chalicelib.contracts import wire_contract
from chalicelib.data_connector.remote_reader import RemoteReader
from chalicelib.model.data_value import DataType
from chalicelib.model.errors import InvalidQueryError, RemoteReaderError
from chalicelib.model.instants import parse_instant
from chalicelib.model.moment import Moment
from chalicelib.model.property_filter import PropertyFilter
from chalicelib.model.query import HistoryQuery, LastEntryQuery
from chalicelib.settings.data_connector import RemoteReaderSettings
from chalicelib.settings.token_reference import TokenReference
from tests.unit.chalicelib.servers import (
    CLOSE,
    HANG,
    PATIENCE_SECONDS,
    RESET,
    Cut,
    Dripping,
    RawServer,
    Scripted,
    error_response,
    read_request,
    response,
)

if TYPE_CHECKING:
    from collections.abc import Callable

TOKEN = "the-token-that-nobody-may-see"
TRACE_ID = "trace-of-this-test"
ENVELOPE = {"trace_id": TRACE_ID, "payload": {}}
QUERY = HistoryQuery(device_id="pump-1", selected_properties=("pressure",), start=0, end=9)
LAST_ENTRY = LastEntryQuery(device_id="pump-1", selected_properties=("pressure",))
DOCUMENT: dict[str, Any] = {
    "propertyValues": [
        {
            "entityPropertyReference": {
                "propertyName": "pressure",
                "externalIdProperty": {"iotDeviceId": "pump-1"},
            },
            "values": [{"time": "1970-01-01T00:00:00Z", "value": {"doubleValue": 4.2}}],
        }
    ]
}
OK = response(200, json.dumps(DOCUMENT).encode())


class Time:
    """A clock that only moves when somebody sleeps, and chance that is told what to draw."""

    def __init__(self, draw: float = 0.0) -> None:
        self.now = 1_000.0
        self.pauses: list[float] = []
        self.ranges: list[tuple[float, float]] = []
        self._draw = draw

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds

    def clock(self) -> float:
        return self.now

    def uniform(self, low: float, high: float) -> float:
        self.ranges.append((low, high))
        return low + (high - low) * self._draw


def settings(url: str, **changes: Any) -> RemoteReaderSettings:
    usual = RemoteReaderSettings(
        url=url,
        token=TokenReference.parse("INTER_CLOUD_TOKEN", TOKEN, max_age=60),
        source_cloud="aws",
        retries=3,
        connect_timeout=PATIENCE_SECONDS,
        longest_try=PATIENCE_SECONDS,
    )
    return replace(usual, **changes)


def reader_of(
    url: str,
    *,
    time: Time | None = None,
    now: Callable[[], Moment] = Moment.now,
    **changes: Any,
) -> RemoteReader:
    """Make a reader that doesn't really wait between its tries."""
    time = time or Time()
    return RemoteReader(
        settings(url, **changes),
        sleep=time.sleep,
        clock=time.clock,
        uniform=time.uniform,
        now=now,
    )


def failure_of(
    reader: RemoteReader, *, query: LastEntryQuery = QUERY, seconds: float = PATIENCE_SECONDS
) -> RemoteReaderError:
    with pytest.raises(RemoteReaderError) as failure:
        reader.read(ENVELOPE, query, seconds=seconds)
    return failure.value


def test_the_remotes_answer_is_returned_as_it_is():
    with Scripted(OK) as server:
        answer = reader_of(server.url).read(ENVELOPE, QUERY, seconds=PATIENCE_SECONDS)
    assert (answer.document, answer.attempts) == (DOCUMENT, 1)


def test_one_connection_serves_many_reads():
    with Scripted(OK) as server:
        reader = reader_of(server.url)
        for _ in range(5):
            reader.read(ENVELOPE, QUERY, seconds=PATIENCE_SECONDS)
        assert (server.connections, len(server.requests)) == (1, 5)


def test_a_connection_is_kept_over_error_answers_too():
    with Scripted(error_response(503, "store_unavailable", "Later"), OK) as server:
        reader_of(server.url).read(ENVELOPE, QUERY, seconds=PATIENCE_SECONDS)
        assert (server.connections, len(server.requests)) == (1, 2)


def test_a_compressed_answer_is_understood():
    body = gzip.compress(json.dumps(DOCUMENT).encode())
    with Scripted(response(200, body, {"Content-Encoding": "gzip"})) as server:
        answer = reader_of(server.url).read(ENVELOPE, QUERY, seconds=PATIENCE_SECONDS)
        assert server.requests[0].headers["accept-encoding"] == "gzip"
    assert answer.document == DOCUMENT


def test_a_history_query_travels_as_the_contract_says():
    query = HistoryQuery(
        device_id="temperature-sensor-1",
        selected_properties=("temperature", "status"),
        property_types={"temperature": DataType("DOUBLE"), "status": DataType("STRING")},
        property_sources={"temperature": "Body.t"},
        entity_id="machine-1",
        component_name="temperature-sensor-1",
        start=parse_instant("2026-01-30T18:00:00+01:00"),
        end=parse_instant("2026-01-30T18:00:00.000000001Z"),
        filters=(PropertyFilter("temperature", ">", {"doubleValue": 20}),),
        max_results=200,
    )
    envelope = wire_contract.envelope(
        query, source_cloud="aws", timestamp=parse_instant("2026-01-30T18:00:00Z"), trace_id="6b0d"
    )
    with Scripted(OK) as server:
        reader_of(server.url).read(envelope, QUERY, seconds=PATIENCE_SECONDS)
    (request,) = server.requests
    assert request.line == "POST /hot-reader HTTP/1.1"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["x-inter-cloud-token"] == TOKEN
    assert request.document == {
        "source_cloud": "aws",
        "target_layer": "L3-Hot-Read",
        "message_type": "query",
        "timestamp": "2026-01-30T18:00:00.000Z",
        "trace_id": "6b0d",
        "payload": {
            "iot_device_id": "temperature-sensor-1",
            "start_time": "2026-01-30T17:00:00Z",
            "end_time": "2026-01-30T18:00:00.000000001Z",
            "selected_properties": ["temperature", "status"],
            "property_types": {"temperature": "DOUBLE", "status": "STRING"},
            "property_sources": {"temperature": "Body.t"},
            "property_filters": [
                {"propertyName": "temperature", "operator": ">", "value": {"doubleValue": 20}}
            ],
            "order_by_time": "ASCENDING",
            "max_results": 200,
            "next_token": None,
            "pages_ahead": 0,
            "entity_id": "machine-1",
            "component_name": "temperature-sensor-1",
            "times": False,
        },
    }


def test_a_last_entry_query_travels_without_a_range():
    query = LastEntryQuery(device_id="device-1", selected_properties=("temperature",))
    envelope = wire_contract.envelope(query, source_cloud="aws", timestamp=0, trace_id="6b0d")
    with Scripted(response(200, b'{"propertyValues": {}}')) as server:
        reader_of(server.url).read(envelope, query, seconds=PATIENCE_SECONDS)
    assert server.requests[0].document["payload"] == {
        "iot_device_id": "device-1",
        "selected_properties": ["temperature"],
        "property_types": {},
        "property_sources": {},
        "entity_id": None,
        "component_name": None,
        "times": False,
    }


class TestRetries:
    @pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
    def test_what_may_pass_is_tried_again(self, status):
        with Scripted(response(status), OK) as server:
            answer = reader_of(server.url).read(ENVELOPE, QUERY, seconds=PATIENCE_SECONDS)
        assert (answer.document, answer.attempts) == (DOCUMENT, 2)

    @pytest.mark.parametrize(
        "status", [201, 204, 300, 301, 302, 303, 304, 307, 308, 400, 401, 403, 404, 405, 413, 415]
    )
    def test_what_will_not_pass_is_not_tried_again(self, status):
        time = Time()
        with Scripted(response(status), OK) as server:
            failure = failure_of(reader_of(server.url, time=time))
            assert len(server.requests) == 1
        assert (failure.remote_status, failure.attempts, time.pauses) == (status, 1, [])

    def test_a_reader_that_is_set_up_wrong_is_not_tried_again(self):
        refusal = error_response(500, "store_misconfigured", "another try won't help")
        with Scripted(refusal, OK) as server:
            failure = failure_of(reader_of(server.url))
        assert (failure.remote_status, failure.attempts) == (500, 1)
        assert "store_misconfigured: another try won't help" in str(failure)

    @pytest.mark.parametrize("act", [RESET, CLOSE])
    def test_a_lost_connection_is_tried_again(self, act):
        with Scripted(act, OK) as server:
            answer = reader_of(server.url).read(ENVELOPE, QUERY, seconds=PATIENCE_SECONDS)
        assert (answer.document, answer.attempts) == (DOCUMENT, 2)

    def test_an_answer_that_breaks_off_is_tried_again(self):
        cut = response(200, b'{"propertyValues"', {"Content-Length": "100", "Connection": "close"})
        with Scripted(Cut(cut), OK) as server:
            answer = reader_of(server.url).read(ENVELOPE, QUERY, seconds=PATIENCE_SECONDS)
        assert (answer.document, answer.attempts) == (DOCUMENT, 2)

    @pytest.mark.parametrize(
        ("headers", "body"),
        [
            ({"Connection": "close", "Content-Length": ""}, b'{"propertyValues": ['),
            ({"Connection": "close", "Content-Length": ""}, '{"é": "'.encode()),
            ({"Connection": "close", "Content-Length": ""}, '{"é'.encode()[:-1]),
            ({"Content-Encoding": "gzip"}, gzip.compress(json.dumps(DOCUMENT).encode())[:60]),
            ({"Transfer-Encoding": "chunked"}, b'8\r\n{"proper\r\n'),
        ],
        # Two workers compress at two times.
        ids=["close", "not ASCII", "in a character", "gzip", "chunked"],
    )
    def test_so_is_one_whatever_its_end_is_told_by(self, headers, body):
        cut = response(200, body, headers).replace(b"Content-Length: \r\n", b"")
        with Scripted(Cut(cut), OK) as server:
            answer = reader_of(server.url).read(ENVELOPE, QUERY, seconds=PATIENCE_SECONDS)
        assert (answer.document, answer.attempts) == (DOCUMENT, 2)

    def test_a_certificate_that_nobody_vouches_for_is_not_tried_again(self):
        time, secured = Time(), generate_adhoc_ssl_context()  # signed by itself

        def shake_hands(connection: socket.socket, _number: int) -> None:
            secured.wrap_socket(connection, server_side=True)

        with RawServer(shake_hands) as server:
            failure = failure_of(reader_of(server.url.replace("http:", "https:"), time=time))
            assert server.connections == 1
        assert (failure.attempts, time.pauses) == (1, [])
        assert "self-signed certificate" in str(failure)
        assert "check the URL, and the certificate of its host" in str(failure)

    @pytest.mark.parametrize(
        "answer",
        [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x15\3\3\0\2\2\x46", b"\x15\3\3\0\2\2\x28"],
        ids=["no TLS", "another version", "other ciphers"],
    )
    def test_tls_that_is_not_spoken_on_both_sides_is_not_tried_again(self, answer):
        def answer_hello(connection: socket.socket, _number: int) -> None:
            connection.recv(65_536)
            connection.sendall(answer)

        with RawServer(answer_hello) as server:
            failure = failure_of(reader_of(server.url.replace("http:", "https:")))
        assert failure.attempts == 1
        assert "check the URL, and the versions of TLS of its host" in str(failure)

    def test_certificates_that_the_environment_names_in_vain_are_named(self, monkeypatch):
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/no/such/bundle")
        failure = failure_of(reader_of("https://reader.example.com/hot-reader"))
        assert failure.attempts == 1
        assert "invalid path: /no/such/bundle" in str(failure)

    def test_a_handshake_that_breaks_off_is_tried_again(self):
        with RawServer(lambda connection, _number: connection.close()) as server:
            failure = failure_of(reader_of(server.url.replace("http:", "https:"), retries=2))
        assert failure.attempts == 3

    def test_a_refused_connection_is_tried_again(self):
        with Scripted(OK, listening=False) as server:
            reader = RemoteReader(settings(server.url), sleep=lambda _: server.listen())
            answer = reader.read(ENVELOPE, QUERY, seconds=PATIENCE_SECONDS)
        assert (answer.document, answer.attempts) == (DOCUMENT, 2)

    def test_a_reader_that_does_not_answer_in_time_is_tried_again(self):
        reasons = []
        with Scripted(HANG, OK) as server:
            answer = reader_of(server.url, longest_try=0.5).read(
                ENVELOPE,
                QUERY,
                seconds=PATIENCE_SECONDS,
                before_retry=lambda reason, _pause: reasons.append(reason),
            )
        assert answer.document == DOCUMENT
        assert "no complete answer within 0.5 s" in reasons[0]

    @pytest.mark.parametrize("retries", [0, 1, 3])
    def test_there_are_as_many_tries_as_are_set(self, retries):
        with Scripted(response(500)) as server:
            failure = failure_of(reader_of(server.url, retries=retries))
            assert len(server.requests) == failure.attempts == retries + 1

    def test_pauses_are_drawn_from_ranges_that_double_up_to_five_seconds(self):
        time = Time(draw=1.0)
        with Scripted(response(500)) as server:
            failure_of(reader_of(server.url, time=time, retries=7), seconds=1_000)
        expected = [0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]
        assert [low for low, _ in time.ranges] == [0] * 7
        assert [high for _, high in time.ranges] == pytest.approx(expected)
        assert time.pauses == pytest.approx(expected)

    @pytest.mark.parametrize("status", [502, 503])
    @pytest.mark.parametrize(("draw", "pauses"), [(0.0, [1.3, 2.8, 7.0]), (1.0, [2.6, 5.1, 10.2])])
    def test_tries_of_a_host_that_restarts_spread_over_the_time_that_there_is(
        self, status, draw, pauses
    ):
        time = Time(draw)
        with Scripted(response(status)) as server:
            failure_of(reader_of(server.url, time=time, longest_try=10), seconds=28.0)
        assert time.pauses == pytest.approx(pauses, abs=0.1)

    def test_even_in_little_time(self):
        time = Time(draw=1.0)
        with Scripted(response(503), response(503), OK) as server:
            reader_of(server.url, time=time, retries=2, longest_try=10).read(
                ENVELOPE, QUERY, seconds=3.0
            )
        assert time.pauses == pytest.approx([0.5, 1.25])

    def test_each_pause_is_announced_with_its_reason(self):
        told: list[tuple[str, float]] = []
        with Scripted(error_response(500, "internal_error", "Busy"), OK) as server:
            reader_of(server.url, time=Time(draw=0.5)).read(
                ENVELOPE,
                QUERY,
                seconds=PATIENCE_SECONDS,
                before_retry=lambda reason, pause: told.append((reason, pause)),
            )
        ((reason, pause),) = told
        assert reason == "internal_error: Busy"
        assert pause == pytest.approx(0.1)


class TestRetryAfter:
    NOW = datetime(2026, 1, 30, 17, tzinfo=UTC)

    @pytest.fixture
    def pause(self, monkeypatch):
        """Tell how long is waited after a 429 with this header, if chance draws no pause at all."""
        now = self.NOW

        class Frozen(datetime):
            @classmethod
            def now(cls, tz=None):
                return now.astimezone(tz)

        monkeypatch.setattr("chalicelib.data_connector.failed_try.datetime", Frozen)

        def pause(header: str, draw: float = 0.0, **more: str) -> float:
            time = Time(draw)
            headers = {"Retry-After": header, **more}
            with Scripted(response(429, headers=headers), OK) as server:
                reader_of(server.url, time=time).read(ENVELOPE, QUERY, seconds=PATIENCE_SECONDS)
            (paused,) = time.pauses
            return paused

        return pause

    def test_seconds_are_waited(self, pause):
        assert pause("7") == 7

    def test_a_date_is_waited_for(self, pause):
        assert pause(format_datetime(self.NOW + timedelta(seconds=9), usegmt=True)) == 9

    @pytest.mark.parametrize(
        "date", ["Fri, 30 Jan 2026 09:00:00 GMT", "Sun, 01 Feb 2026 00:00:00 GMT"]
    )
    def test_a_date_is_one_on_the_readers_clock(self, pause, date):
        asked_for = format_datetime(parsedate_to_datetime(date) + timedelta(seconds=9), usegmt=True)
        assert pause(asked_for, Date=date) == 9

    def test_a_date_without_a_zone_is_one_in_utc(self, pause):
        assert pause("Fri, 30 Jan 2026 17:00:09 -0000") == 9

    def test_a_date_that_has_passed_is_not(self, pause):
        assert pause(format_datetime(self.NOW - timedelta(days=9), usegmt=True)) == 0

    @pytest.mark.parametrize(
        "header", ["soon", "-5", "1.5", "1e9", "Wed, 21 Oct 99999 07:28:00 GMT", ""]
    )
    def test_nonsense_counts_for_nothing(self, pause, header):
        assert pause(header) == 0

    def test_the_longer_of_it_and_the_drawn_pause_counts(self, pause):
        assert pause("0", draw=1.0) == pytest.approx(0.2)
        assert pause("7", draw=1.0) == 7

    @pytest.mark.parametrize("header", ["31", "3600", "9" * 400, "Fri, 01 Jan 2100 00:00:00 GMT"])
    def test_one_that_lies_behind_the_deadline_ends_the_call_without_a_pause(self, header):
        time = Time()
        with Scripted(response(503, headers={"Retry-After": header}), OK) as server:
            failure = failure_of(reader_of(server.url, time=time), seconds=30)
            assert len(server.requests) == 1
        assert time.pauses == []
        assert "no time is left for another try" in str(failure)
        assert (failure.remote_status, failure.attempts) == (503, 1)


class TestDeadline:
    def test_without_time_nothing_is_sent(self):
        with Scripted(OK) as server:
            failure = failure_of(reader_of(server.url), seconds=0.05)
            assert server.connections == 0
        assert (failure.remote_status, failure.attempts) == (None, 0)
        assert "no time was left for a request" in str(failure)

    def test_pauses_count(self):
        time = Time(draw=1.0)  # pauses of 0.2, 0.4, 0.8 s
        with Scripted(response(500)) as server:
            failure = failure_of(reader_of(server.url, time=time, retries=9), seconds=1.0)
        assert time.pauses == pytest.approx([0.2, 0.4])
        assert failure.attempts == 3
        assert "no time is left" in str(failure)

    @pytest.mark.parametrize("longest_try", [0.2, PATIENCE_SECONDS])
    def test_a_reader_that_never_answers_is_left(self, longest_try):
        with Scripted(HANG) as server:
            reader = RemoteReader(settings(server.url, longest_try=longest_try, retries=0))
            failure = failure_of(reader, seconds=0.3)
        assert (failure.remote_status, failure.attempts) == (None, 1)

    def test_a_check_of_the_answer_that_takes_too_long_is_left(self, monkeypatch):
        checking = threading.Event()

        def check(*_: object) -> None:
            checking.wait(PATIENCE_SECONDS)

        monkeypatch.setattr("chalicelib.contracts.answer_check.check", check)
        with Scripted(OK) as server:
            failure = failure_of(RemoteReader(settings(server.url)), seconds=0.3)
            checking.set()
        assert "no complete answer within" in str(failure)

    HEADERS = (
        b"HTTP/1.1 200 OK\r\nX-Slow: ",
        b"x",
        b"\r\nContent-Length: 22\r\n\r\n" + b'{"propertyValues": []}',
    )
    BODY = (
        b"HTTP/1.1 200 OK\r\nContent-Length: 1022\r\n\r\n",
        b" ",
        b'{"propertyValues": []}',
    )
    CHUNKS = (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"1\r\n \r\n",
        b'16\r\n{"propertyValues": []}\r\n0\r\n\r\n',
    )
    CLOSING = (
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1022\r\n\r\n",
        b" ",
        b'{"propertyValues": []}',
    )
    ERROR = (
        b"HTTP/1.1 500 Broken\r\nContent-Length: 1022\r\n\r\n",
        b" ",
        b'{"propertyValues": []}',
    )
    REDIRECT = (
        b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 1022\r\n\r\n",
        b" ",
        b'{"propertyValues": []}',
    )
    ANY = pytest.mark.parametrize(
        "parts",
        [HEADERS, BODY, CHUNKS, CLOSING, ERROR, REDIRECT],
        ids=["headers", "body", "chunks", "closing", "error", "redirect"],
    )

    @ANY
    def test_a_dripping_answer_is_left(self, parts):
        with Dripping(*parts, later=OK) as server:
            failure = failure_of(RemoteReader(settings(server.url)), seconds=0.3)
            assert not server.completed
        assert "no complete answer within" in str(failure)
        assert (failure.remote_status, failure.attempts) == (None, 1)

    @ANY
    def test_whoever_read_a_dripping_answer_ends_while_it_still_drips(self, monkeypatch, parts):
        monkeypatch.setattr("chalicelib.data_connector.remote_reader._LEFT_FOR", 0.1)
        with Dripping(*parts, later=OK) as server:
            assert self.all_ended(RemoteReader(settings(server.url)))
            assert not server.completed

    def test_so_does_whoever_waits_for_a_proxy(self, monkeypatch):
        monkeypatch.delenv("no_proxy", raising=False)
        with Dripping(*self.HEADERS, later=OK) as proxy:
            monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{proxy.port}")
            url = "https://reader.example.com/hot-reader"
            assert self.all_ended(RemoteReader(settings(url, connect_timeout=0.2, retries=0)))
            assert not proxy.completed

    @staticmethod
    def all_ended(reader: RemoteReader) -> bool:
        """Let a call fail, and say whether the threads end that it left."""
        before = set(threading.enumerate())
        failure_of(reader, seconds=0.3)
        left = [t for t in set(threading.enumerate()) - before if t.name == in_time.__name__]
        for thread in left:
            thread.join(PATIENCE_SECONDS)
        return not any(thread.is_alive() for thread in left)

    @ANY
    def test_a_dripping_answer_leaves_time_for_another_try(self, parts):
        with Dripping(*parts, later=OK) as server:
            reader = reader_of(server.url, longest_try=0.3)
            answer = reader.read(ENVELOPE, QUERY, seconds=PATIENCE_SECONDS)
            assert not server.completed
        assert (answer.document, answer.attempts) == (DOCUMENT, 2)

    @ANY
    def test_the_next_call_does_not_meet_what_was_left(self, parts):
        with Dripping(*parts, later=OK) as server:
            reader = RemoteReader(settings(server.url))
            failure_of(reader, seconds=0.3)
            answer = reader.read(ENVELOPE, QUERY, seconds=PATIENCE_SECONDS)
            assert (answer.document, answer.attempts, server.connections) == (DOCUMENT, 1, 2)


class TestAnswers:
    @pytest.mark.parametrize(
        ("body", "complaint"),
        [
            (b"", "isn't JSON"),
            (b"<html>Sign in</html>", "isn't JSON"),
            (b'{"propertyValues": [NaN]}', "isn't JSON"),
            (b"null", "no propertyValues"),
            (b"[]", "no propertyValues"),
            (b"{}", "no propertyValues"),
            (b'{"propertyValues": null}', "no propertyValues"),
            (b'{"propertyValues": {}}', "no propertyValues"),
            (b'{"propertyValues": [1]}', "no propertyValues"),
            (b'{"propertyValues": [{}]}', "no propertyValues"),
            (b'{"propertyValues": [{"values": {}}]}', "no propertyValues"),
        ],
    )
    def test_a_200_that_is_no_history_is_a_failure_that_is_not_tried_again(self, body, complaint):
        with Scripted(response(200, body)) as server:
            failure = failure_of(reader_of(server.url))
            assert len(server.requests) == 1
        assert complaint in str(failure)
        assert "URL" in str(failure)
        assert failure.remote_status == 200

    @pytest.mark.parametrize(
        "body",
        [
            b'{"propertyValues": []}',
            b'{"propertyValues": {"temperature": 1}}',
            b'{"propertyValues": {"temperature": null}}',
        ],
    )
    def test_a_200_that_is_no_last_entry_is_a_failure(self, body):
        with Scripted(response(200, body)) as server:
            assert "no propertyValues" in str(failure_of(reader_of(server.url), query=LAST_ENTRY))

    def test_a_part_that_breaks_the_contract_is_named_and_not_passed_on(self):
        wrong = {"propertyValues": [], "nextToken": 7}
        with Scripted(response(200, json.dumps(wrong).encode())) as server:
            failure = failure_of(reader_of(server.url))
            assert len(server.requests) == 1
        assert str(failure).endswith(
            "the answer breaks the contract: nextToken must be a string of 1 to 17880 characters"
        )

    NESTED = (
        b'{"propertyValues":[],"nextToken":"x","followingPages":[' * 500 + b"]}" * 500,
        b'{"propertyValues":' + b"[" * 100_000,
        b'{"propertyValues":' + b"[" * 1_000 + b"]" * 1_000 + b"}",
    )

    @pytest.mark.parametrize("body", NESTED, ids=["pages", "cut", "lists"])
    def test_an_answer_that_is_nested_deep_is_a_failure(self, body):
        with Scripted(response(200, body)) as server:
            assert failure_of(reader_of(server.url)).remote_status == 200

    @pytest.mark.parametrize("body", NESTED, ids=["pages", "cut", "lists"])
    def test_an_error_that_is_nested_deep_is_a_failure(self, body):
        deep = b'{"error": {"code": "invalid_query", "message": %b}}'
        for each in (body, deep % body, deep % (b"[" * 1_000 + b"]" * 1_000)):
            with Scripted(response(400, each)) as server:
                assert "without the contract's error" in str(failure_of(reader_of(server.url)))

    def test_an_answer_as_large_as_the_limit_is_one(self, monkeypatch):
        monkeypatch.setattr("chalicelib.data_connector.remote_reader.LARGEST_PAYLOAD", 1_000)
        with Scripted(response(200, b'{"propertyValues": []}'.ljust(1_000))) as server:
            answer = reader_of(server.url).read(ENVELOPE, QUERY, seconds=PATIENCE_SECONDS)
        assert answer.document == {"propertyValues": []}

    def test_an_answer_over_the_limit_is_a_failure(self, monkeypatch):
        monkeypatch.setattr("chalicelib.data_connector.remote_reader.LARGEST_PAYLOAD", 1_000)
        with Scripted(response(200, b'{"propertyValues": []}'.ljust(1_001))) as server:
            failure = failure_of(reader_of(server.url))
            assert len(server.requests) == 1
        assert "larger than 1000 bytes" in str(failure)

    def test_an_answer_without_an_end_is_not_read_to_it(self):
        def endless(connection: socket.socket, _number: int) -> None:
            read_request(connection.makefile("rb"))
            connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            while True:
                connection.sendall(b"10000\r\n" + b" " * 65_536 + b"\r\n")

        with RawServer(endless) as server:
            assert "larger than 6291556 bytes" in str(failure_of(reader_of(server.url)))

    def test_a_small_answer_that_unpacks_to_a_large_one_is_a_failure(self):
        bomb = gzip.compress(bytes(20_000_000))
        with Scripted(response(200, bomb, {"Content-Encoding": "gzip"})) as server:
            assert "larger than 6291556 bytes" in str(failure_of(reader_of(server.url)))

    @pytest.mark.parametrize("encoding", ["gzip", "deflate"])
    def test_a_body_that_does_not_unpack_is_a_failure(self, encoding):
        body = b'{"propertyValues": []}'
        with Scripted(response(200, body, {"Content-Encoding": encoding})) as server:
            failure = failure_of(reader_of(server.url, retries=0))
        assert encoding in str(failure)

    @pytest.mark.parametrize(
        "answer",
        [
            b"garbage\r\n\r\n",
            b"HTTP/1.1 abc OK\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
            b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n",
            b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000 + b"\r\n\r\n",
        ],
    )
    def test_what_is_no_http_is_a_failure(self, answer):
        with RawServer(lambda connection, _: _say(connection, answer)) as server:
            failure_of(reader_of(server.url, retries=0))

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_a_redirect_is_named_and_not_followed(self, httpserver, status):
        with Scripted(OK) as target:
            httpserver.expect_request("/hot-reader").respond_with_response(
                Response(status=status, headers={"Location": target.url})
            )
            failure = failure_of(reader_of(httpserver.url_for("/hot-reader")))
            assert target.connections == 0
        assert "redirects" in str(failure)
        assert failure.remote_status == status


def _say(connection, answer):
    read_request(connection.makefile("rb"))
    connection.sendall(answer)


class TestMessages:
    def test_a_failure_says_status_attempts_trace_id_and_the_remotes_own_words(self):
        with Scripted(error_response(400, "invalid_query", "end_time is before it")) as server:
            failure = failure_of(reader_of(server.url))
        assert str(failure) == (
            "The remote Hot Reader failed (status 400, 1 attempt, trace id trace-of-this-test): "
            "invalid_query: end_time is before it"
        )
        assert failure.trace_id == TRACE_ID

    def test_without_any_answer_it_says_so(self):
        with Scripted(CLOSE) as server:
            failure = failure_of(reader_of(server.url))
        assert "(no answer, 4 attempts, trace id trace-of-this-test)" in str(failure)

    def test_the_last_status_counts(self):
        with Scripted(response(500), response(502), response(404)) as server:
            failure = failure_of(reader_of(server.url))
        assert "(status 404, 3 attempts," in str(failure)

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"<html>",
            b"null",
            b"[]",
            b'"error"',
            b"{}",
            b'{"error": null}',
            b'{"error": "x"}',
            b'{"error": []}',
            b'{"error": {"code": "x"}}',
            b'{"error": {"code": "x", "message": ["y"]}}',
            b'{"error": {"code": 7, "message": "y"}}',
        ],
    )
    def test_an_error_that_is_not_the_contracts_is_told_by_its_reason(self, body):
        with Scripted(response(403, body, reason="Forbidden by a gateway")) as server:
            failure = failure_of(reader_of(server.url))
        assert "Forbidden by a gateway, without the contract's error answer" in str(failure)

    def test_a_long_message_is_cut(self):
        with Scripted(error_response(400, "invalid_query", "x" * 100_000)) as server:
            assert len(str(failure_of(reader_of(server.url)))) < 500


class TestSecrecy:
    def test_a_remote_that_echoes_the_token_does_not_get_it_into_the_message(self):
        answer = error_response(401, "unauthorized", f"{TOKEN} is no token, '{TOKEN}' isn't")
        with Scripted(answer) as server:
            failure = failure_of(reader_of(server.url))
        assert TOKEN not in str(failure)
        assert "*** is no token" in str(failure)

    @pytest.mark.parametrize("visible", range(1, len(TOKEN), 3))
    def test_a_token_across_the_cut_is_not_shown_in_part(self, visible):
        # 300 characters are shown, beginning with "code: "
        message = "-" * (300 - len("code: ") - visible) + TOKEN
        with Scripted(error_response(400, "code", message)) as server:
            failure = failure_of(reader_of(server.url))
        assert str(failure).rstrip("*").endswith("-")

    def test_a_token_in_the_reason_phrase_is_not_shown(self):
        with Scripted(response(403, reason=f"No {TOKEN}")) as server:
            assert TOKEN not in str(failure_of(reader_of(server.url)))

    def test_what_is_said_before_a_retry_does_not_show_the_token(self):
        reasons = []
        with Scripted(error_response(500, "x", f"echo {TOKEN}"), OK) as server:
            reader_of(server.url).read(
                ENVELOPE,
                QUERY,
                seconds=PATIENCE_SECONDS,
                before_retry=lambda reason, _pause: reasons.append(reason),
            )
        assert reasons == ["x: echo ***"]

    def test_a_remote_that_echoes_the_url_does_not_get_its_key_into_the_message(self):
        answer = error_response(404, "not_found", "no /hot-reader?code=key-in-the-url here")
        with Scripted(answer) as server:
            failure = failure_of(reader_of(f"{server.url}?code=key-in-the-url"))
        assert "key-in-the-url" not in str(failure)

    @pytest.mark.parametrize(
        "query", ["code=SECRETKEY%3d%3d", "code=SECRET|KEY", "code=SECRETKEY=="]
    )
    def test_a_key_is_hidden_in_every_spelling(self, caplog, query):
        caplog.set_level(logging.DEBUG)
        echo = "key SECRETKEY== SECRETKEY%3D%3D SECRET|KEY SECRET%7CKEY is invalid"
        with Scripted(error_response(403, "no", echo)) as server:
            failure = failure_of(reader_of(f"{server.url}?{query}"))
        hidden = (
            ("SECRET|KEY", "SECRET%7CKEY") if "|" in query else ("SECRETKEY==", "SECRETKEY%3D%3D")
        )
        for key in hidden:
            assert key not in str(failure)
            assert key not in caplog.text

    def test_a_query_that_json_cannot_hold_is_refused_in_words(self):
        with pytest.raises(InvalidQueryError, match="can't be sent as JSON"):
            reader_of("http://127.0.0.1:9/").read(
                {**ENVELOPE, "payload": {"value": 2**70}}, QUERY, seconds=PATIENCE_SECONDS
            )

    @pytest.mark.parametrize(
        "act",
        [
            OK,
            RESET,
            CLOSE,
            response(404),
            b"garbage\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nmalformed header line\r\n\r\n",
        ],
    )
    def test_the_query_string_of_the_url_gets_into_no_message_and_no_log(self, caplog, act):
        # Azure Functions take their key as ?code=
        caplog.set_level(logging.DEBUG)
        told = []
        with Scripted(act) as server:
            try:
                reader_of(f"{server.url}?code=key-in-the-url").read(
                    ENVELOPE,
                    QUERY,
                    seconds=PATIENCE_SECONDS,
                    before_retry=lambda reason, _pause: told.append(reason),
                )
            except RemoteReaderError as error:
                told.append(str(error))
            assert "?code=key-in-the-url" in server.requests[0].line
        assert "key-in-the-url" not in caplog.text + "".join(told)

    @pytest.mark.parametrize("end", ["", "==", '"{quoted}"'])
    def test_nor_if_nobody_listens(self, caplog, end):
        caplog.set_level(logging.DEBUG)
        with Scripted(OK, listening=False) as server:
            failure = failure_of(reader_of(f"{server.url}?code=key-in-the-url{end}"))
        assert "key-in-the-url" not in caplog.text + str(failure)
        assert "refused" in str(failure)

    def test_the_token_is_in_no_log(self, caplog):
        caplog.set_level(logging.DEBUG)
        with Scripted(response(500), OK) as server:
            reader_of(server.url).read(ENVELOPE, QUERY, seconds=PATIENCE_SECONDS)
        assert "POST /hot-reader" in caplog.text  # urllib3 does log at this level
        assert TOKEN not in caplog.text

    def test_the_target_of_a_redirect_does_not_get_the_token(self):
        with Scripted(OK) as target:
            with Scripted(response(307, headers={"Location": target.url})) as server:
                failure_of(reader_of(server.url))
            assert target.requests == []

    def test_cookies_are_not_kept(self):
        cookie = {"Set-Cookie": "session=1; Path=/"}
        with Scripted(response(200, json.dumps(DOCUMENT).encode(), cookie)) as server:
            reader = reader_of(server.url)
            for _ in range(2):
                reader.read(ENVELOPE, QUERY, seconds=PATIENCE_SECONDS)
            assert [request.headers.get("cookie") for request in server.requests] == [None, None]

    @pytest.fixture
    def elsewhere(self, monkeypatch):
        """Give a loopback server a name that isn't a loopback host's."""
        look_up = socket.getaddrinfo
        for name in ("http_proxy", "all_proxy", "no_proxy", "netrc"):
            monkeypatch.delenv(name, raising=False)
            monkeypatch.delenv(name.upper(), raising=False)
        monkeypatch.setattr(
            socket,
            "getaddrinfo",
            lambda host, *rest, **options: look_up(
                "127.0.0.1" if host == "reader.test" else host, *rest, **options
            ),
        )
        return lambda server: f"http://reader.test:{server.port}/hot-reader"

    def test_a_login_in_netrc_is_not_sent(self, monkeypatch, tmp_path, elsewhere):
        monkeypatch.setenv("HOME", str(tmp_path))
        (tmp_path / ".netrc").write_text("machine reader.test login someone password other\n")
        with Scripted(OK) as server:
            url = elsewhere(server)
            with requests.Session() as session:
                session.post(url, timeout=PATIENCE_SECONDS)  # requests itself would send it
            reader_of(url).read(ENVELOPE, QUERY, seconds=PATIENCE_SECONDS)
            sent = ["authorization" in request.headers for request in server.requests]
        assert sent == [True, False]

    @pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST"])
    def test_a_proxy_does_not_see_what_is_meant_for_this_machine(
        self, monkeypatch, elsewhere, host
    ):
        with Scripted(OK) as proxy, Scripted(OK) as server:
            monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
            url = server.url.replace("127.0.0.1", host)
            reader_of(url).read(ENVELOPE, QUERY, seconds=PATIENCE_SECONDS)
            assert (proxy.connections, server.connections) == (0, 1)

    def test_a_proxy_is_used_for_other_machines(self, monkeypatch, elsewhere):
        with Scripted(OK) as proxy, Scripted(OK) as server:
            monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
            reader_of(elsewhere(server)).read(ENVELOPE, QUERY, seconds=PATIENCE_SECONDS)
            assert (proxy.connections, server.connections) == (1, 0)
