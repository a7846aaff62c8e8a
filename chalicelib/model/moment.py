"""Elapsed time in a function that may be frozen."""

from __future__ import annotations

import time
from typing import NamedTuple


class Moment(NamedTuple):
    """A point in time on two clocks.

    Between two moments, as much time has passed as on the clock that went further: while Lambda freezes
    a function between invocations its monotonic clock may stand still, and a wall clock may be set back.

    Attributes
    ----------
    monotonic
        Seconds.
    wall
        Nanoseconds since 1970-01-01T00:00:00Z.

    Examples
    --------
    >>> frozen_in_between = Moment(2.0, 60_000_000_000)
    >>> Moment(1.0, 0).seconds_until(frozen_in_between)
    60.0
    """

    monotonic: float
    wall: int

    @classmethod
    def now(cls) -> Moment:
        """Return the present moment."""
        return cls(time.monotonic(), time.time_ns())

    def seconds_until(self, later: Moment) -> float:
        """Return the seconds that have passed until another moment."""
        return max(later.monotonic - self.monotonic, (later.wall - self.wall) / 1e9)
