"""A remote that keeps failing is left alone for a while."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from chalicelib.data_connector.breaker import Breaker
from chalicelib.data_connector.remote_reader import RemoteReader
from chalicelib.model.moment import Moment
from tests.unit.chalicelib.data_connector.test_remote_reader import (
    ENVELOPE,
    OK,
    QUERY,
    failure_of,
    reader_of,
)
from tests.unit.chalicelib.servers import PATIENCE_SECONDS, RESET, Act, Scripted, response


class Clocks:
    """Both clocks, which only a test moves."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> Moment:
        return Moment(self.seconds, int((1_769_792_400 + self.seconds) * 1e9))


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


def read(reader: RemoteReader) -> None:
    reader.read(ENVELOPE, QUERY, seconds=PATIENCE_SECONDS)


def test_a_dead_remote_gets_a_handful_of_requests_and_callers_are_told_until_when(clocks):
    with Scripted(response(500)) as server:
        reader = reader_of(server.url, now=clocks.now)
        failures = [failure_of(reader) for _ in range(50)]
        assert len(server.requests) == 5
    assert [failure.attempts for failure in failures] == [4, 1, *[0] * 48]
    told = "the last 5 tries failed, so no other is made before 2026-01-30T17:00:10Z"
    assert "(status 500, 1 attempt, trace id trace-of-this-test): Reason" in str(failures[1])
    assert told in str(failures[1])
    assert f"(no answer, 0 attempts, trace id trace-of-this-test): {told}" in str(failures[2])


def test_a_call_at_the_time_that_was_told_is_let_through(clocks):
    """Times are told in whole seconds, and a pause may end between two."""
    clocks.seconds = 0.7
    breaker = Breaker(1, now=clocks.now)
    breaker.begin()
    breaker.end(outage=True)
    assert str(breaker.begin()).endswith("before 2026-01-30T17:00:11Z")
    clocks.seconds = 11.0
    assert breaker.begin() is None


def test_fifty_calls_at_once_do_not_multiply(clocks):
    begun = threading.Barrier(50)

    def call(reader: RemoteReader) -> int:
        begun.wait(PATIENCE_SECONDS)
        return failure_of(reader).attempts

    with Scripted(response(500)) as server:
        reader = reader_of(server.url, now=clocks.now)
        with ThreadPoolExecutor(50) as threads:
            attempts = list(threads.map(call, [reader] * 50))
        assert len(server.requests) == sum(attempts) <= 50 + 10


@pytest.mark.parametrize("act", [RESET, response(429), response(503, headers={"Retry-After": "0"})])
def test_a_remote_that_answers_again_is_asked_again(clocks, act):
    with Scripted(*[act] * 5, OK) as server:
        reader = reader_of(server.url, now=clocks.now)
        failure_of(reader)
        failure_of(reader)
        clocks.seconds = 9.9
        assert failure_of(reader).attempts == 0
        clocks.seconds = 10.0
        for _ in range(3):
            read(reader)
        assert len(server.requests) == 8


def test_one_that_still_does_not_gets_one_request_each_time(clocks):
    with Scripted(response(500)) as server:
        reader = reader_of(server.url, now=clocks.now)
        for clocks.seconds in (0, 0, 10, 10, 19, 20, 20):
            failure_of(reader)
        assert len(server.requests) == 5 + 2


@pytest.mark.parametrize("act", [response(400), response(401), response(200, b"no JSON")])
def test_a_remote_that_answers_anything_is_not_down(clocks, act):
    with Scripted(act) as server:
        reader = reader_of(server.url, now=clocks.now)
        assert [failure_of(reader).attempts for _ in range(12)] == [1] * 12


def test_while_one_try_is_made_no_other_is(clocks):
    breaker = Breaker(1, now=clocks.now)
    assert breaker.begin() is None
    breaker.end(outage=True)
    clocks.seconds = 10
    assert breaker.begin() is None
    assert breaker.begin() == "the last 1 tries failed, and the next one is being made"
    breaker.end(outage=False)
    assert breaker.begin() is None


def test_a_try_that_ends_in_no_way_that_is_known_counts_as_an_outage(clocks, monkeypatch):
    with Scripted(OK) as server:
        reader = reader_of(server.url, retries=0, now=clocks.now)
        monkeypatch.setattr(RemoteReader, "_try", lambda *_: 1 / 0)
        for _ in range(2):
            with pytest.raises(ZeroDivisionError):
                read(reader)
        assert "the last 2 tries failed" in str(failure_of(reader))


def test_time_counts_while_the_function_is_frozen():
    moments = iter([Moment(1, 0), Moment(1.5, 0), Moment(1.6, 11 * 10**9)])
    breaker = Breaker(1, now=lambda: next(moments))
    breaker.begin()
    breaker.end(outage=True)
    assert "no other is made before 1970-01-01T00:00:10Z" in str(breaker.begin())
    assert breaker.begin() is None


def test_there_are_no_more_retries_than_answers_in_the_long_run():
    acts: list[Act] = [act for _ in range(30) for act in (response(500), response(500), OK)]
    with Scripted(*acts) as server:
        reader = reader_of(server.url)
        for _ in range(9):
            read(reader)  # two retries each, of which one is given back
        failure = failure_of(reader)
        assert len(server.requests) == 27 + 2
    assert "no retry is left: there were 10 more than answers" in str(failure)
