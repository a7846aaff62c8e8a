"""Sessions with another cloud's Hot Reader, and requests that can be abandoned."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection

from chalicelib.settings.secure_url import LOOPBACK_HOSTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from urllib3 import HTTPConnectionPool, HTTPResponse

_running: Final = threading.local()
"""The exchange that a thread is at."""


class Exchange:
    """One request in progress, which another thread may abandon.

    Parameters
    ----------
    session
        The session that it belongs to.
    """

    def __init__(self, session: requests.Session) -> None:
        self._session = session
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._abandoned = False

    def post(self, url: str, **options: Any) -> requests.Response:
        """Send the request; see `requests.Session.post`.

        Raises
        ------
        requests.RequestException
            There is no answer, or the request was abandoned.
        """
        _running.exchange = self
        return self._session.post(url, stream=True, allow_redirects=False, **options)

    def waits_on(self, its_socket: socket.socket | None) -> None:
        """Record where the answer will come from."""
        with self._lock:
            self._socket = its_socket
            if self._abandoned:
                raise requests.ConnectionError("the request was abandoned")

    def abandon(self) -> None:
        """End the connection, so that the thread that waits for its bytes ends, too."""
        with self._lock:
            self._abandoned = True
            if self._socket is not None:
                with suppress(OSError):  # the connection may have ended by itself just now
                    self._socket.shutdown(socket.SHUT_RDWR)
        self._session.close()


class _Connection(HTTPConnection):
    def getresponse(self) -> HTTPResponse:  # type: ignore[override]
        _running.exchange.waits_on(self.sock)
        return super().getresponse()


class _SecureConnection(HTTPSConnection):
    def getresponse(self) -> HTTPResponse:  # type: ignore[override]
        _running.exchange.waits_on(self.sock)
        return super().getresponse()


class _Adapter(HTTPAdapter):
    def get_connection_with_tls_context(self, *args: Any, **options: Any) -> HTTPConnectionPool:
        pool: Any = super().get_connection_with_tls_context(*args, **options)
        # urllib3's documentation, 'Customizing pool behavior'.
        pool.ConnectionCls = _SecureConnection if pool.scheme == "https" else _Connection
        return cast("HTTPConnectionPool", pool)


def new_session(url: str, headers: Mapping[str, str]) -> requests.Session:
    """Return a session for requests to one URL, which adds nothing to them but some headers."""
    session = requests.Session()
    adapter = _Adapter()
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    session.headers.update(headers)
    session.auth = _no_auth
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    # Even with allow_redirects=False, requests reads the whole body of what looks like one.
    session.get_redirect_target = lambda _response: None  # type: ignore[method-assign,assignment]
    # A request to this machine, without TLS, must not pass a proxy of the environment.
    session.trust_env = urlsplit(url).hostname not in LOOPBACK_HOSTS
    return session


def _no_auth(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Keep requests from adding a login from ~/.netrc."""
    return request
