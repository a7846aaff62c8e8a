"""Logs, metrics and traces of a function, by Powertools for AWS Lambda.

Every log line of a request carries its trace id, on both clouds. A token never gets here: neither
headers nor settings are logged.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from chalicelib.errors import HotReaderError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aws_lambda_powertools import Tracer

    from chalicelib.hot_reader import Flaws
    from chalicelib.reads import Answer

NAMESPACE: Final = "MultiCloudHotReader"
"""The CloudWatch namespace of all metrics; docs/operations.md lists them."""


class Observability:
    """What one function says about itself.

    Parameters
    ----------
    function
        The function's name: the `service` of its log lines and the dimension of its metrics.
    tracing
        True to send X-Ray subsegments.
    """

    def __init__(self, function: str, *, tracing: bool = False) -> None:
        self.logger = Logger(service=function)
        self._function = function
        self._tracer: Tracer | None = None
        if tracing:
            from aws_lambda_powertools import Tracer  # loads the X-Ray SDK

            self._tracer = Tracer(service=function, auto_patch=False)

    @contextmanager
    def request(self, trace_id: str, **keys: Any) -> Iterator[RequestRecord]:
        """Record one request: its log lines get the trace id, its metrics are written at the end.

        Parameters
        ----------
        trace_id
            The envelope's trace id.
        **keys
            What else every log line of the request shall carry.

        Raises
        ------
        Exception
            Whatever the request raises, logged with its trace id.
        """
        keys["trace_id"] = trace_id
        metrics = EphemeralMetrics(namespace=NAMESPACE, service=self._function)
        metrics.add_metadata("trace_id", trace_id)
        self.logger.thread_safe_append_keys(**keys)
        record = RequestRecord(self.logger, metrics, self._tracer)
        record.count("Requests", 1)
        try:
            yield record
        except Exception as error:
            record.failed(
                error,
                status=getattr(error, "status", HotReaderError.status),
                code=getattr(error, "code", HotReaderError.code),
            )
            raise
        finally:
            self.logger.thread_safe_remove_keys(list(keys))
            metrics.flush_metrics()


class RequestRecord:
    """The log and the metrics of one request."""

    def __init__(self, logger: Logger, metrics: EphemeralMetrics, tracer: Tracer | None) -> None:
        self.logger = logger
        self._metrics = metrics
        self._tracer = tracer

    def count(self, metric: str, number: int) -> None:
        """Add to a count."""
        self._metrics.add_metric(metric, MetricUnit.Count, number)

    def milliseconds(self, metric: str, number: float) -> None:
        """Record a duration."""
        self._metrics.add_metric(metric, MetricUnit.Milliseconds, number)

    @contextmanager
    def subsegment(self, name: str) -> Iterator[None]:
        """Trace a part of the request."""
        if self._tracer is None:
            yield
            return
        with self._tracer.provider.in_subsegment(f"## {name}"):
            yield

    def answered(self, answer: Answer) -> None:
        """Record what a reader found, and what it had to leave out."""
        self.count("ValuesReturned", answer.values)
        self._left_out(answer.flaws)
        self.logger.info(
            "Answered",
            values=answer.values,
            more=answer.document.get("nextToken") is not None,
        )

    def failed(self, error: Exception, *, status: int, code: str) -> None:
        """Record a failure; what the caller did wrong is no failure of ours."""
        if status >= 500:
            self.count("Failures", 1)
            self.logger.error("Failed", status=status, code=code, exc_info=error)
        else:
            self.logger.warning("Refused", status=status, code=code, reason=str(error))

    def _left_out(self, flaws: Flaws) -> None:
        if flaws.unrepresentable_values:
            self.count("UnrepresentableValues", flaws.unrepresentable_values)
        if flaws.unreadable_timestamps:
            self.count("UnreadableTimestamps", flaws.unreadable_timestamps)
        if flaws.examples:
            self.logger.warning(
                "Entries or values were left out of the answer",
                unrepresentable_values=flaws.unrepresentable_values,
                unreadable_timestamps=flaws.unreadable_timestamps,
                examples=flaws.examples,
            )
