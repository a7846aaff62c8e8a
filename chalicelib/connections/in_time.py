"""Calls that are left where they wait too long."""

from __future__ import annotations

import queue
import threading
from contextvars import copy_context
from typing import TYPE_CHECKING, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

Result = TypeVar("Result")


class _Raised(NamedTuple):
    error: BaseException


class OutOfTimeError(Exception):
    """A call that took longer than it had."""


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
