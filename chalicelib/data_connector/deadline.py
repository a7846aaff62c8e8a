"""The end of a call's time, whatever the call waits for.

docs/architecture.md, "Where a connector's time goes".
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

from chalicelib.connections.in_time import in_time

if TYPE_CHECKING:
    from collections.abc import Callable

Result = TypeVar("Result")


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
