"""The log and the metrics of a request, wherever the function runs.

Every log line of a request carries its trace id, on both clouds. A token never gets here: neither
headers nor settings are logged. On AWS, Powertools writes (`chalicelib.observability.powertools`);
on the other clouds, `chalicelib.observability.json_lines` does.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, Final, Protocol

from chalicelib.model.errors import HotReaderError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from chalicelib.model.results import Answer, Flaws


NAMESPACE: Final = "MultiCloudHotReader"
"""The CloudWatch namespace of all metrics; docs/operations.md lists them."""


class Log(Protocol):
    """A log whose lines have a message, and keys with values."""

    def info(self, message: str, /, **keys: Any) -> None:
        """Log an event."""

    def warning(self, message: str, /, **keys: Any) -> None:
        """Log something that deserves a look."""

    def error(self, message: str, /, **keys: Any) -> None:
        """Log a failure; `exc_info` is an exception, whose stack trace is logged."""


class RequestRecord(ABC):
    """The log and the metrics of one request.

    Attributes
    ----------
    logger
        Its log.
    """

    def __init__(self, logger: Log) -> None:
        self.logger = logger

    @abstractmethod
    def count(self, metric: str, number: int) -> None:
        """Add to a count."""

    @abstractmethod
    def milliseconds(self, metric: str, number: float) -> None:
        """Record a duration."""

    def subsegment(self, name: str) -> AbstractContextManager[None]:  # noqa: ARG002 - a tracer needs it
        """Trace a part of the request, if the request is traced."""
        return nullcontext()

    def answered(self, answer: Answer, others: Flaws | None = None) -> None:
        """Log and count the values of an answer, and those that had to be left out of it.

        Parameters
        ----------
        answer
            The answer of the Hot Reader.
        others
            Values of it that its caller doesn't get.
        """
        values = answer.values - (others.unrepresentable_values if others else 0)
        self.count("ValuesReturned", values)
        self.left_out(answer.flaws)
        if others:
            self.left_out(others)
        self.logger.info("Answered", values=values, more=answer.more)

    def failed(self, error: Exception, *, status: int, code: str) -> None:
        """Log an error; only one of our own (5xx) counts as a failure.

        Parameters
        ----------
        error
            The error.
        status
            The HTTP status that it is answered with.
        code
            The contract's name for it (docs/architecture.md, 'The wire contract').
        """
        if status >= 500:
            self.count("Failures", 1)
            self.logger.error("Failed", status=status, code=code, exc_info=error)
        else:
            self.logger.warning("Refused", status=status, code=code, reason=str(error))

    def left_out(self, flaws: Flaws) -> None:
        """Record what an answer lacks; docs/architecture.md, 'What is left out is counted'."""
        if flaws.unrepresentable_values:
            self.count("UnrepresentableValues", flaws.unrepresentable_values)
        if flaws.unreadable_timestamps:
            self.count("UnreadableTimestamps", flaws.unreadable_timestamps)
        if flaws:
            self.logger.warning(
                "Entries or values were left out of the answer",
                unrepresentable_values=flaws.unrepresentable_values,
                unreadable_timestamps=flaws.unreadable_timestamps,
                examples=flaws.examples,
            )


class Observability(ABC):
    """The log and the metrics of one function.

    Parameters
    ----------
    function
        The function's name, in every log line and with every metric.
    """

    def __init__(self, function: str) -> None:
        self._function = function

    @abstractmethod
    def _record(self, keys: dict[str, Any]) -> AbstractContextManager[RequestRecord]:
        """Open the record of a request whose log lines carry some keys; write it out at the end."""

    @contextmanager
    def request(self, trace_id: str, **keys: Any) -> Iterator[RequestRecord]:
        """Record one request: its log lines get the trace id, its metrics are written at the end.

        Parameters
        ----------
        trace_id
            The envelope's trace id.
        **keys
            More keys for every log line of the request.

        Yields
        ------
        RequestRecord
            Takes what happens during the request.

        Raises
        ------
        Exception
            Whatever the request raises, logged with its trace id.
        """
        with self._record({**keys, "trace_id": trace_id}) as record:
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
