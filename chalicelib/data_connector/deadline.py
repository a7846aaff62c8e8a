"""The end of a call's time, whatever the call waits for.

docs/architecture.md, "Where a connector's time goes".
"""

from __future__ import annotations

import queue
import threading
import time
from contextvars import copy_context
from typing import TYPE_CHECKING, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

Result = TypeVar("Result")


class _Raised(NamedTuple):
    error: BaseException


class OutOfTimeError(Exception):
    """A call that took longer than it had."""


class Deadline:
    """The moment by which a call must be answered.

    Parameters
    ----------
    seconds
        The time until then.
    clock
        Returns monotonic seconds; tests replace it.

    Examples
    --------
    >>> deadline = Deadline(2.5, clock=lambda: 100.0)
    >>> deadline.seconds_left()
    2.5
    >>> deadline.run(lambda: "in time")
    'in time'
    """

    def __init__(self, seconds: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._end = clock() + seconds

    def seconds_left(self) -> float:
        """Return the seconds until the deadline; less than 0 after it."""
        return self._end - self._clock()

    def run(self, call: Callable[[], Result]) -> Result:
        """Call a function that may wait, until the deadline; see `in_time`."""
        return in_time(self.seconds_left(), call)


def in_time(seconds: float, call: Callable[[], Result]) -> Result:
    """Call a function that may wait, and leave it where it waits too long.

    Time-outs of clients bound each wait for bytes, not the whole: neither a silent name server nor an
    answer that comes byte by byte ever exceeds them. So the function runs in a thread of its own, which
    must end by itself at some time.

    Raises
    ------
    OutOfTimeError
        The function didn't return in time.
    """
    outcome: queue.SimpleQueue[Result | _Raised] = queue.SimpleQueue()

    def run() -> None:
        try:
            outcome.put(call())
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
            outcome.put(_Raised(error))

    thread = threading.Thread(
        target=copy_context().run, args=(run,), name=in_time.__name__, daemon=True
    )
    thread.start()
    try:
        result = outcome.get(timeout=max(0.0, seconds))
    except queue.Empty:
        raise OutOfTimeError from None
    if isinstance(result, _Raised):
        raise result.error
    return result
