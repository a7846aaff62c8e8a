"""A circuit breaker and a budget of retries, for one remote that many calls ask.

Own code, because pybreaker holds one lock while it calls, which would let one call at a time ask the remote.
"""

from __future__ import annotations

import math
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from chalicelib.model.moment import Moment

if TYPE_CHECKING:
    from collections.abc import Callable

_OPEN_SECONDS: Final = 10.0
"""The time that a remote isn't asked. Less than most dashboards take to refresh, and enough for a host to
start."""
_RETRY_BUDGET: Final = 10
"""The retries beyond the number of answers, at least as many as `REMOTE_RETRIES` may be."""


class Breaker:
    """The memory of how a remote's last tries went; several threads may use it.

    Closed, it lets all tries pass. After so many failures in a row it opens: no try passes for a while.
    Then it lets one pass, alone; its end closes the breaker or opens it again.

    Parameters
    ----------
    failures
        The number of failures in a row that open it.
    now
        Returns the present moment; tests replace it.

    Examples
    --------
    >>> moments = iter([Moment(1.0, 0), Moment(2.0, 0), Moment(12.0, 0)])
    >>> breaker = Breaker(2, now=lambda: next(moments))
    >>> for _ in range(2):
    ...     breaker.begin()
    ...     breaker.end(outage=True)
    >>> breaker.begin()
    'the last 2 tries failed, so no other is made before 1970-01-01T00:00:10Z'
    >>> breaker.begin() is None
    True
    """

    def __init__(self, failures: int, *, now: Callable[[], Moment] = Moment.now) -> None:
        self._most = failures
        self._now = now
        self._lock = threading.Lock()
        self._failures = 0
        self._opened: Moment | None = None
        self._trying = False
        self._budget = _RETRY_BUDGET

    def begin(self) -> str | None:
        """Let a try pass, whose end must be reported by `end`; or return why it must not begin."""
        with self._lock:
            refusal = self._refusal()
            if refusal is None and self._opened is not None:
                self._trying = True
            return refusal

    def end(self, *, outage: bool) -> None:
        """Record the end of a try: True if the remote was down or overloaded."""
        with self._lock:
            self._trying = False
            if not outage:
                self._failures, self._opened = 0, None
                self._budget = min(self._budget + 1, _RETRY_BUDGET)
                return
            self._failures += 1
            if self._failures >= self._most:
                self._opened = self._now()

    def retry(self) -> str | None:
        """Take a retry out of the budget, or return why there is none."""
        with self._lock:
            refusal = self._refusal()
            if refusal is None and self._budget == 0:
                return f"no retry is left: there were {_RETRY_BUDGET} more than answers"
            if refusal is None:
                self._budget -= 1
            return refusal

    def _refusal(self) -> str | None:
        if self._opened is None:
            return None
        if self._trying:
            return f"the last {self._failures} tries failed, and the next one is being made"
        if self._opened.seconds_until(self._now()) >= _OPEN_SECONDS:
            return None
        # In whole seconds, not before the pause is over: whoever asks then is heard.
        until = datetime.fromtimestamp(math.ceil(self._opened.wall / 1e9 + _OPEN_SECONDS), UTC)
        return (
            f"the last {self._failures} tries failed, so no other is made before "
            f"{until.isoformat().replace('+00:00', 'Z')}"
        )
