"""Logs and metrics where there is no Powertools: one line of JSON each, for the platform to collect.

Cloud Logging reads such lines from standard output and knows `severity`, `message` and `stack_trace`
(Google Cloud documentation, 'Structured logging'). Azure Functions collects what goes through
Python's logging; Application Insights keeps the line as the trace's message, for `parse_json`.
"""

from __future__ import annotations

import logging
import sys
import traceback
from collections import defaultdict
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson

from chalicelib.observability.request_record import Observability, RequestRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    Emit = Callable[[int, str], object]


def print_line(_level: int, line: str) -> None:
    """Write a line to standard output, at once and whole."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


class JsonLog:
    """Writes each log line as a JSON object.

    Parameters
    ----------
    emit
        Takes a level of Python's `logging` and the line.
    level
        The lowest level that is written.
    keys
        What every line carries.
    """

    def __init__(self, emit: Emit, level: int, keys: Mapping[str, Any]) -> None:
        self._emit = emit
        self._level = level
        self._keys = keys

    def info(self, message: str, /, **keys: Any) -> None:
        """Log an event."""
        self._write(logging.INFO, message, keys)

    def warning(self, message: str, /, **keys: Any) -> None:
        """Log something that deserves a look."""
        self._write(logging.WARNING, message, keys)

    def error(self, message: str, /, *, exc_info: BaseException | None = None, **keys: Any) -> None:
        """Log a failure with the exception's stack trace."""
        if exc_info is not None:
            keys["stack_trace"] = "".join(traceback.format_exception(exc_info))
        self._write(logging.ERROR, message, keys)

    def metrics(self, metrics: Mapping[str, float]) -> None:
        """Write a request's metrics, at every level: an alarm mustn't depend on how much is logged."""
        self._emit(logging.INFO, self._line(logging.INFO, "Metrics", {"metrics": metrics}))

    def _write(self, level: int, message: str, keys: Mapping[str, Any]) -> None:
        if level >= self._level:
            self._emit(level, self._line(level, message, keys))

    def _line(self, level: int, message: str, keys: Mapping[str, Any]) -> str:
        line = {
            "severity": logging.getLevelName(level),
            "message": message,
            "time": datetime.now(UTC).isoformat(),
            **self._keys,
            **keys,
        }
        return json_line(line)


def json_line(line: Mapping[str, Any]) -> str:
    """Serialize a log line; a value that JSON doesn't have is written as its `str`.

    A line that JSON can't hold all the same is written as one escaped string, so no line is lost.
    """
    try:
        return orjson.dumps(line, default=str).decode()
    except (
        orjson.JSONEncodeError
    ):  # a string that isn't Unicode, say: from a caller, or in a message
        escaped = repr(line).encode(errors="backslashreplace").decode()
        return orjson.dumps({**_first(line), "message": escaped}).decode()


def _first(line: Mapping[str, Any]) -> dict[str, Any]:
    """Return the first key of a line with its value: the level."""
    return dict([next(iter(line.items()))])


class JsonLogObservability(Observability):
    """Log lines of JSON; a request's metrics are one more line, with the key `metrics`.

    Parameters
    ----------
    function
        The function's name: the `service` of its log lines.
    level
        See `chalicelib.settings.logs.LogSettings`. Metrics are written at every level.
    emit
        Takes a level of Python's `logging` and a line; by default it writes to standard output.
    """

    def __init__(self, function: str, *, level: int | None = None, emit: Emit = print_line) -> None:
        super().__init__(function)
        self._level = level or logging.INFO
        self._emit = emit

    @contextmanager
    def _record(self, keys: dict[str, Any]) -> Iterator[RequestRecord]:
        log = JsonLog(self._emit, self._level, {"service": self._function, **keys})
        record = _JsonLogRecord(log)
        try:
            yield record
        finally:
            log.metrics(record.metrics)


class _JsonLogRecord(RequestRecord):
    """The record of one request."""

    def __init__(self, logger: JsonLog) -> None:
        super().__init__(logger)
        self.metrics: defaultdict[str, float] = defaultdict(int)

    def count(self, metric: str, number: int) -> None:
        self.metrics[metric] += number

    def milliseconds(self, metric: str, number: float) -> None:
        self.metrics[metric] += number
