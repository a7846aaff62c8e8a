"""Connections whose read time-out bounds a whole answer: its status, headers and content together.

Twice the time-out of a connection bounds all that it takes to make it.
All that is waited for in one context, on any of them, may have an end as well (`all_until`).

A socket's time-out bounds each wait for bytes, so an answer that comes byte by byte never exceeds it, and
neither do its headers. urllib3, and botocore by it, read answers by the standard library's
`HTTPResponse`, and a connection class may name another one (`response_class`).
"""

from __future__ import annotations

import io
import math
import time
from contextlib import contextmanager
from contextvars import ContextVar
from http.client import HTTPResponse
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from urllib3.exceptions import ConnectTimeoutError

from chalicelib.connections.in_time import OutOfTimeError, in_time

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator, Mapping

    from urllib3 import PoolManager

Manager = TypeVar("Manager", bound="PoolManager")
Client = TypeVar("Client")

_WAITS: Final = 2
"""How many times its time-out a connection may take as a whole: looking up the name, which has no time-out, each of
its addresses, and TLS."""
_until: Final[ContextVar[float]] = ContextVar("until", default=math.inf)


@contextmanager
def all_until(until: float) -> Iterator[None]:
    """Bound all that is waited for in this context by a moment, in seconds of `time.monotonic`.

    However often an SDK tries, no connection is waited for beyond it, and no answer. An end that was set before
    holds, too.
    """
    before = _until.set(min(until, _until.get()))
    try:
        yield
    finally:
        _until.reset(before)


def seconds_left() -> float:
    """Return the seconds that are left of this context's time.

    Examples
    --------
    >>> with all_until(time.monotonic() + 5):
    ...     0 < seconds_left() <= 5
    True
    """
    return _until.get() - time.monotonic()


class _BoundedStream(io.RawIOBase):
    """The bytes that arrive at a socket before its time-out, counted from now, is over."""

    def __init__(self, its_socket: socket.socket, seconds: float) -> None:
        self._socket = its_socket
        self._until = time.monotonic() + seconds
        # A socket stays open as long as a stream of its is.
        self._stream = its_socket.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError("the answer isn't complete in its time")
        self._socket.settimeout(left)
        return self._socket.recv_into(buffer)

    def close(self) -> None:
        self._stream.close()
        super().close()


class _Source:
    """A socket as `HTTPResponse` uses it."""

    def __init__(self, its_socket: socket.socket) -> None:
        self._socket = its_socket

    def makefile(self, mode: str) -> io.BufferedIOBase:
        own = self._socket.gettimeout()
        seconds = min(math.inf if own is None else own, seconds_left())
        if seconds == math.inf:
            return cast("io.BufferedIOBase", self._socket.makefile(cast("Any", mode)))
        return io.BufferedReader(_BoundedStream(self._socket, seconds))


class _BoundedAnswer(HTTPResponse):
    """An answer that must be complete within the time-out that its socket has now."""

    def __init__(self, sock: Any, *args: Any, **options: Any) -> None:
        super().__init__(cast("socket.socket", _Source(sock)), *args, **options)


def with_bounded_answers(manager: Manager) -> Manager:
    """Let the read time-out of a manager's connections bound whole answers, and return the manager.

    Examples
    --------
    >>> from urllib3 import PoolManager
    >>> manager = with_bounded_answers(PoolManager())
    >>> pool = manager.connection_from_url("https://example.com")
    >>> issubclass(pool.ConnectionCls.response_class, HTTPResponse)
    True
    """
    manager.pool_classes_by_scheme = _bounded(manager.pool_classes_by_scheme)
    return manager


def with_bounded_answers_of_requests(adapter: Client) -> Client:
    """Let the read time-out of an adapter of requests bound whole answers, and return the adapter.

    Its connections through proxies are bounded, too.
    """
    its = cast("Any", adapter)
    with_bounded_answers(its.poolmanager)
    of_proxy = its.proxy_manager_for
    its.proxy_manager_for = lambda *args, **options: with_bounded_answers(
        of_proxy(*args, **options)
    )
    return adapter


def with_bounded_answers_of_sdk(client: Client) -> Client:
    """Let the read time-out of a client of the AWS SDK bound whole answers, and return the client."""
    # botocore has no public way to the classes of its connections.
    session = cast("Any", client)._endpoint.http_session
    session._pool_classes_by_scheme.update(_bounded(session._pool_classes_by_scheme))
    return client


def _bounded(pool_classes: Mapping[str, Any]) -> dict[str, Any]:
    # urllib3's documentation, 'Customizing pool behavior'.
    return {scheme: _bounded_pool(pool_class) for scheme, pool_class in pool_classes.items()}


def _bounded_pool(pool_class: Any) -> Any:
    if issubclass(pool_class.ConnectionCls.response_class, _BoundedAnswer):
        return pool_class

    class Connection(pool_class.ConnectionCls):  # type: ignore[misc]
        response_class = _BoundedAnswer
        timeout: float | None

        def connect(self) -> None:
            own = math.inf if self.timeout is None else self.timeout
            whole = min(_WAITS * own, seconds_left())
            if whole == math.inf:
                super().connect()
                return
            late = ConnectTimeoutError(self, f"There is no connection with {self.host} in time.")
            if whole <= 0:
                raise late
            self.timeout = min(own, whole)
            try:
                in_time(whole, super().connect)
            except OutOfTimeError:
                raise late from None

    class Pool(pool_class):  # type: ignore[misc]
        ConnectionCls = Connection

    return Pool
