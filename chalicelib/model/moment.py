"""Telling how much time has passed in a function that may be frozen."""

from __future__ import annotations

import time
from typing import NamedTuple


class Moment(NamedTuple):
    """A point in time on two clocks.

    Between two moments, as much time has passed as on the clock that went further: the monotonic clock
    of a frozen function may have stood still, and a wall clock may be set back.

    Attributes
    ----------
    monotonic
        Seconds.
    wall
        Nanoseconds since 1970-01-01T00:00:00Z.
    """

    monotonic: float
    wall: int

    @classmethod
    def now(cls) -> Moment:
        """Look at the clocks."""
        return cls(time.monotonic(), time.time_ns())

    def seconds_until(self, later: Moment) -> float:
        """Return how much time has passed until another moment."""
        return max(later.monotonic - self.monotonic, (later.wall - self.wall) / 1e9)
