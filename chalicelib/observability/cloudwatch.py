"""Logs, metrics and traces on AWS for a function whose cold start counts.

The lines are those of Powertools for AWS Lambda (`chalicelib.observability.powertools`), so that one query finds the
lines of all functions; what writes them is loaded in a fraction of the time.
"""

from __future__ import annotations

import logging
import time
import traceback
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from chalicelib.observability import xray
from chalicelib.observability.json_lines import json_line, print_line
from chalicelib.observability.request_record import NAMESPACE, Observability, RequestRecord

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from contextlib import AbstractContextManager

_COUNT: Final = "Count"
_MILLISECONDS: Final = "Milliseconds"
"""Units (Amazon CloudWatch API reference, 'MetricDatum')."""


class CloudWatchLog:
    """Writes each log line as a JSON object.

    Parameters
    ----------
    service
        Whose lines they are.
    level
        The lowest level of Python's logging that is written.
    keys
        What every line carries.
    """

    def __init__(self, service: str, level: int, keys: Mapping[str, Any]) -> None:
        self.service = service
        self._level = level
        self._keys = keys

    def with_keys(self, keys: Mapping[str, Any]) -> CloudWatchLog:
        """Return a log whose lines carry more."""
        return CloudWatchLog(self.service, self._level, {**self._keys, **keys})

    def info(self, message: str, /, **keys: Any) -> None:
        """Write what happened."""
        self._write(logging.INFO, message, keys)

    def warning(self, message: str, /, **keys: Any) -> None:
        """Write what deserves a look."""
        self._write(logging.WARNING, message, keys)

    def error(self, message: str, /, *, exc_info: BaseException | None = None, **keys: Any) -> None:
        """Write what failed, with the exception's stack."""
        if exc_info is not None:
            keys["exception"] = "".join(traceback.format_exception(exc_info)).rstrip()
            keys["exception_name"] = type(exc_info).__name__
        self._write(logging.ERROR, message, keys)

    def _write(self, level: int, message: str, keys: Mapping[str, Any]) -> None:
        if level < self._level:
            return
        now = datetime.now(UTC)
        line = {
            "level": logging.getLevelName(level),
            "message": message,
            "timestamp": f"{now:%Y-%m-%d %H:%M:%S},{now.microsecond // 1000:03}+0000",
            "service": self.service,
            **self._keys,
            **keys,
        }
        if trace := xray.trace():
            line["xray_trace_id"] = trace.root
        print_line(level, json_line(line))


class CloudWatchObservability(Observability):
    """Log lines of JSON, metrics in CloudWatch's embedded format, X-Ray subsegments.

    Parameters
    ----------
    function
        The function's name: the `service` of its log lines and the dimension of its metrics.
    level
        The lowest level of Python's logging that is written.
    tracing
        True to send X-Ray subsegments.
    """

    def __init__(self, function: str, *, level: int = logging.INFO, tracing: bool = False) -> None:
        super().__init__(function)
        self.logger = CloudWatchLog(function, level, {})
        self._tracing = tracing

    @contextmanager
    def _record(self, keys: dict[str, Any]) -> Iterator[RequestRecord]:
        record = _CloudWatchRecord(self.logger.with_keys(keys), tracing=self._tracing)
        try:
            yield record
        finally:
            print_line(logging.INFO, json_line(record.metrics(self._function, keys["trace_id"])))


class _CloudWatchRecord(RequestRecord):
    """The record of one request."""

    def __init__(self, log: CloudWatchLog, *, tracing: bool) -> None:
        super().__init__(log)
        self._tracing = tracing
        self._units: dict[str, str] = {}
        self._values: dict[str, list[float]] = {}

    def count(self, metric: str, number: int) -> None:
        self._add(metric, _COUNT, number)

    def milliseconds(self, metric: str, number: float) -> None:
        self._add(metric, _MILLISECONDS, number)

    def subsegment(self, name: str) -> AbstractContextManager[None]:
        return xray.subsegment(f"## {name}") if self._tracing else nullcontext()

    def metrics(self, service: str, trace_id: str) -> dict[str, Any]:
        """Return all metrics (Amazon CloudWatch user guide, 'Embedded metric format')."""
        directive = {
            "Namespace": NAMESPACE,
            "Dimensions": [["service"]],
            "Metrics": [{"Name": name, "Unit": unit} for name, unit in self._units.items()],
        }
        return {
            "_aws": {"Timestamp": time.time_ns() // 1_000_000, "CloudWatchMetrics": [directive]},
            "service": service,
            "trace_id": trace_id,
            **self._values,
        }

    def _add(self, metric: str, unit: str, number: float) -> None:
        self._units[metric] = unit
        self._values.setdefault(metric, []).append(float(number))
