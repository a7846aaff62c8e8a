"""Logs, metrics and traces on AWS: Powertools for AWS Lambda writes the first two."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, cast

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from chalicelib.observability import xray
from chalicelib.observability.json_lines import json_line
from chalicelib.observability.request_record import NAMESPACE, Observability, RequestRecord

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from chalicelib.observability.request_record import Log


class PowertoolsObservability(Observability):
    """Log lines of JSON, metrics in CloudWatch's embedded format, X-Ray subsegments.

    Parameters
    ----------
    function
        The function's name: the `service` of its log lines and the dimension of its metrics.
    level, tracing
        See `chalicelib.settings.logs.LogSettings`. Metrics are written at every level.
    """

    def __init__(self, function: str, *, level: int | None = None, tracing: bool = False) -> None:
        super().__init__(function)
        # Powertools' own serializer leaves a string that isn't Unicode as it is, and the line is
        # lost when it is written.
        self.logger = Logger(service=function, level=level, json_serializer=json_line)
        self._tracing = tracing

    @contextmanager
    def _record(self, keys: dict[str, Any]) -> Iterator[RequestRecord]:
        metrics = EphemeralMetrics(namespace=NAMESPACE, service=self._function)
        metrics.add_metadata("trace_id", keys["trace_id"])
        self.logger.thread_safe_append_keys(**keys)
        try:
            yield _PowertoolsRecord(self.logger, metrics, tracing=self._tracing)
        finally:
            self.logger.thread_safe_remove_keys(list(keys))
            metrics.flush_metrics()


class _PowertoolsRecord(RequestRecord):
    """The record of one request."""

    def __init__(self, logger: Logger, metrics: EphemeralMetrics, *, tracing: bool) -> None:
        super().__init__(cast("Log", logger))  # what isn't Python's own argument becomes a key
        self._metrics = metrics
        self._tracing = tracing

    def count(self, metric: str, number: int) -> None:
        self._metrics.add_metric(metric, MetricUnit.Count, number)

    def milliseconds(self, metric: str, number: float) -> None:
        self._metrics.add_metric(metric, MetricUnit.Milliseconds, number)

    def subsegment(self, name: str) -> AbstractContextManager[None]:
        return xray.subsegment(f"## {name}") if self._tracing else nullcontext()
