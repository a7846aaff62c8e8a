"""Log lines and metrics on the clouds that have no Powertools."""

from __future__ import annotations

import json
import logging
import threading
from typing import Any

import pytest

from chalicelib.model.errors import HotStoreError, InvalidQueryError
from chalicelib.model.results import Flaws
from chalicelib.observability.json_lines import JsonLogObservability
from tests.unit.chalicelib.answer import StatedAnswer
from tests.unit.chalicelib.servers import PATIENCE_SECONDS


class Lines(list[tuple[int, dict[str, Any]]]):
    """The lines that were emitted, with their levels."""

    def emit(self, level, line):
        self.append((level, json.loads(line)))

    def documents(self):
        return [line for _, line in self]


@pytest.fixture
def lines():
    return Lines()


@pytest.fixture
def observability(lines):
    return JsonLogObservability("hot-reader", emit=lines.emit)


def test_every_line_of_a_request_carries_its_trace_id_and_the_function(observability, lines):
    with observability.request("trace-1", region="here") as record:
        record.logger.info("one", number=1)
        record.logger.warning("two")
    one, two, metrics = lines.documents()
    assert (one["message"], one["severity"], one["number"]) == ("one", "INFO", 1)
    assert (two["message"], two["severity"]) == ("two", "WARNING")
    assert metrics["metrics"] == {"Requests": 1}
    for line in (one, two, metrics):
        assert (line["trace_id"], line["service"]) == ("trace-1", "hot-reader")
        assert line["region"] == "here"
    assert [level for level, _ in lines] == [logging.INFO, logging.WARNING, logging.INFO]


@pytest.mark.parametrize(
    ("level", "written"),
    [
        (None, ["one", "two", "three"]),
        (logging.DEBUG, ["one", "two", "three"]),
        (logging.WARNING, ["two", "three"]),
        (logging.CRITICAL, []),
    ],
)
def test_lines_are_written_from_the_level_on_and_metrics_at_every_level(lines, level, written):
    observability = JsonLogObservability("hot-reader", level=level, emit=lines.emit)
    with observability.request("trace-1") as record:
        record.logger.info("one")
        record.logger.warning("two")
        record.logger.error("three")
    *documents, metrics = lines.documents()
    assert [line["message"] for line in documents] == written
    assert metrics["metrics"] == {"Requests": 1}


def test_an_answer_is_counted_with_what_it_lacks(observability, lines):
    with observability.request("trace-1") as record:
        record.answered(StatedAnswer({}, 3, Flaws(2, 1, ["an example"])))
        record.milliseconds("RemoteLatency", 1.5)
        record.count("ValuesReturned", 1)
    *_, metrics = lines.documents()
    assert metrics["metrics"] == {
        "Requests": 1,
        "ValuesReturned": 4,
        "UnrepresentableValues": 2,
        "UnreadableTimestamps": 1,
        "RemoteLatency": 1.5,
    }
    assert lines.documents()[0]["examples"] == ["an example"]


def test_a_failure_of_ours_has_its_stack_and_a_refusal_has_none(observability, lines):
    with pytest.raises(HotStoreError), observability.request("trace-1"):
        raise HotStoreError("the store is gone")
    with pytest.raises(InvalidQueryError), observability.request("trace-2"):
        raise InvalidQueryError("no such property")
    failed, counted, refused, also_counted = lines.documents()
    assert failed["severity"] == "ERROR"
    assert "HotStoreError: the store is gone" in failed["stack_trace"]
    assert counted["metrics"] == {"Requests": 1, "Failures": 1}
    assert (refused["severity"], refused["reason"]) == ("WARNING", "no such property")
    assert "stack_trace" not in refused
    assert also_counted["metrics"] == {"Requests": 1}


def test_requests_at_the_same_time_are_kept_apart(observability, lines):
    both_run = threading.Barrier(2, timeout=PATIENCE_SECONDS)

    def request(trace_id):
        with observability.request(trace_id) as record:
            both_run.wait()
            record.logger.info(f"from {trace_id}")

    threads = [threading.Thread(target=request, args=(f"trace-{n}",)) for n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_SECONDS)
    logged = [line for line in lines.documents() if "metrics" not in line]
    assert len(logged) == 2
    assert all(line["message"] == f"from {line['trace_id']}" for line in logged)


def test_standard_output_is_the_default(capsys):
    with JsonLogObservability("hot-reader").request("trace-1") as record:
        record.logger.info("a line\nwith a break", odd={"a": object()})
    first, _metrics = capsys.readouterr().out.splitlines()
    assert json.loads(first)["message"] == "a line\nwith a break"


@pytest.mark.parametrize("text", ["half a \ud800 pair", 2**70])
def test_what_json_cant_hold_is_logged_all_the_same(observability, lines, text):
    with observability.request("trace-1") as record:
        record.logger.info("odd", value=text)
    odd = lines.documents()[0]
    assert "trace-1" in str(odd)
    assert "odd" in odd["message"]
