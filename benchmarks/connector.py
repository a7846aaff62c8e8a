"""The data connector in front of a Hot Reader that is 50 ms away."""

from __future__ import annotations

import http.client
import io
import math
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Final

import orjson

from benchmarks.far_reader import (
    DEVICE,
    PROPERTIES,
    SECONDS_AWAY,
    TOKEN,
    FarReader,
    event,
    far_reader,
    twin_info,
)
from benchmarks.measure import Finding, in_turn
from chalicelib.contracts import twinmaker, wire_contract
from chalicelib.data_connector.data_connector import DataConnector
from chalicelib.model.limits import LARGEST_TWINMAKER_PAGE
from chalicelib.model.reads import HISTORY
from chalicelib.observability.json_lines import JsonLogObservability
from chalicelib.observability.powertools import PowertoolsObservability
from chalicelib.settings.data_connector import DataConnectorSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from chalicelib.observability.request_record import Observability

_VALUES: Final = 10_000
_PATIENCE: Final = 25.0
"""Seconds that a Lambda function would have left."""
_MILLISECONDS: Final = 1_000
_AWAY: Final = f"{SECONDS_AWAY * _MILLISECONDS:.0f} ms away"


def findings(quick: bool, report: Callable[[str], None]) -> Iterator[Finding]:  # noqa: FBT001 - the benchmarks' common signature
    """Measure reading ahead, and what the connector adds to one call.

    Parameters
    ----------
    quick
        True for few rounds.
    report
        Called with each step.
    """
    with far_reader(math.ceil(_VALUES / len(PROPERTIES))) as reader:
        report(f"{_VALUES:,} values through the data connector, the reader {_AWAY}")
        yield _long_history(reader, rounds=2 if quick else 5)
        report(f"one call through the data connector, the reader {_AWAY}")
        yield _one_call(reader, rounds=20 if quick else 100)


def _long_history(reader: FarReader, *, rounds: int) -> Finding:
    round_trips: dict[str, int] = {}
    pages: dict[str, int] = {}

    def walk(name: str, **variables: str) -> Callable[[], None]:
        def run() -> None:
            connector = _connector(reader, **variables)
            log = JsonLogObservability("benchmark", emit=lambda _level, _line: None)
            token: str | None = None
            round_trips[name], pages[name] = 0, 0
            while token is not None or not pages[name]:
                with log.request("benchmark") as record:
                    answer = connector.answer(
                        event(nextToken=token), _PATIENCE, "benchmark", record
                    )
                    round_trips[name] += record.metrics["RemoteAttempts"]  # type: ignore[attr-defined]
                pages[name] += 1
                token = answer.get("nextToken")

        return run

    timings = in_turn(
        {
            "reading ahead": walk("reading ahead"),
            "page by page": walk("page by page", READ_AHEAD_PAGES="0"),
        },
        rounds=rounds,
    )
    trips, number = round_trips["reading ahead"], pages["reading ahead"]
    times_less = timings["page by page"].median / timings["reading ahead"].median
    return Finding(
        title=f"{_VALUES:,} values through the data connector in pages of "
        f"{LARGEST_TWINMAKER_PAGE}, remote {_AWAY}: remote round trips",
        target="at most one fifth of the pages; at least 3x less time than without read-ahead",
        measured=f"{trips} for {number} pages; {times_less:.1f}x less time",
        met=trips * 5 <= number and times_less >= 3,
        timings=timings,
        figures={"round_trips": round_trips, "pages": pages},
    )


def _one_call(reader: FarReader, *, rounds: int) -> Finding:
    connector = _connector(reader)
    with redirect_stdout(io.StringIO()):
        log = PowertoolsObservability("benchmark")
        timings = in_turn(
            {
                "data connector": lambda: _answer(connector, log),
                "the bare request": _bare_request(reader),
            },
            rounds=rounds,
            warm_ups=3,
        )
    added = timings["data connector"].median - timings["the bare request"].median
    return Finding(
        title=f"data connector in front of a reader {_AWAY}, one call, warm: added time",
        target="at most 5 ms",
        measured=f"{added * _MILLISECONDS:.1f} ms",
        met=added <= 0.005,
        timings=timings,
    )


def _answer(connector: DataConnector, log: Observability) -> None:
    trace_id = wire_contract.new_trace_id()
    with log.request(trace_id, function_request_id="benchmark") as record:
        connector.answer(event(), _PATIENCE, trace_id, record)


def _bare_request(reader: FarReader) -> Callable[[], None]:
    """Send the same question on a kept connection, and read the answer's bytes."""
    query = twinmaker.history_query(event(), DEVICE)
    envelope = wire_contract.envelope(query, source_cloud="aws", timestamp=0, trace_id="benchmark")
    connection = http.client.HTTPConnection("127.0.0.1", reader.port)
    headers = {
        wire_contract.TOKEN_HEADER: TOKEN,
        "Content-Type": "application/json",
        "Accept-Encoding": "gzip",
    }

    def run() -> None:
        connection.request("POST", HISTORY.path, orjson.dumps(envelope), headers)
        connection.getresponse().read()

    return run


def _connector(reader: FarReader, **variables: str) -> DataConnector:
    environment = {
        "DIGITAL_TWIN_INFO": twin_info("azure", "aws"),
        "INTER_CLOUD_TOKEN": TOKEN,
        "REMOTE_READER_URL": reader.url(HISTORY.hot_reader),
        **variables,
    }
    return DataConnector(HISTORY, DataConnectorSettings.load(environment, HISTORY))


if __name__ == "__main__":
    for finding in findings(quick=False, report=print):
        print(finding.title, finding.measured, finding.met, finding.to_json()["timings"], sep="\n")  # noqa: T201
