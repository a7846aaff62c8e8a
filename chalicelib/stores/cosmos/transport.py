"""Requests to Cosmos DB, sent by urllib3 without the library requests in between.

azure-core's own transport takes half of the processor time of a small page, most of it in requests,
which prepares each request anew and looks up the environment's proxies for it. What azure-core expects of
a transport is little: an answer, or one of its errors by whether the request can have arrived.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from azure.core.exceptions import (
    AzureError,
    ServiceRequestError,
    ServiceRequestTimeoutError,
    ServiceResponseError,
    ServiceResponseTimeoutError,
)
from azure.core.pipeline.transport import HttpResponse, HttpTransport
from azure.core.utils import CaseInsensitiveDict
from urllib3 import Timeout
from urllib3.exceptions import (
    ConnectTimeoutError,
    DecodeError,
    HTTPError,
    NewConnectionError,
    ProtocolError,
    ReadTimeoutError,
)

from chalicelib.connections.pool import pool_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from azure.core.pipeline.transport import HttpRequest
    from urllib3 import BaseHTTPResponse, PoolManager

_CONNECTIONS: Final = 32
UNGIVEN: Final = "the endpoint that gives tokens isn't available"
_TRANSIENT: Final = (408, 429)
"""Status codes below 500 at which a token may be had a little later."""


class PooledTransport(HttpTransport["HttpRequest", HttpResponse]):
    """A transport that keeps its connections, and asks the environment once for each host.

    `pool_for` says what the environment names. A `.netrc`'s password never takes the place of the SDK's
    own authorization.

    `read_timeout` bounds a whole answer, not each wait for a part of it.
    """

    def __init__(self) -> None:
        self._pools: dict[tuple[str, bool], PoolManager] = {}

    def __exit__(self, *_: object) -> None:
        self.close()

    def open(self) -> None:
        """Do nothing: a connection is opened when it is needed."""

    def close(self) -> None:
        """Close all connections."""
        for pool in self._pools.values():
            pool.clear()

    def send(
        self,
        request: HttpRequest,
        *,
        connection_timeout: float = 10,
        read_timeout: float = 10,
        connection_verify: bool = True,
        **_: Any,
    ) -> HttpResponse:
        """Send a request; see azure-core's `HttpTransport.send`.

        Parameters
        ----------
        request
            The request.
        connection_timeout, read_timeout
            Seconds.
        connection_verify
            True to trust a known authority's certificates only.

        Raises
        ------
        ServiceRequestError
            The request can't have arrived.
        ServiceResponseError
            It may have, but there is no whole answer.
        """
        host = "/".join(request.url.split("/", 3)[:3])
        pool = self._pools.get((host, connection_verify))
        if pool is None:
            try:
                pool = pool_for(host, _CONNECTIONS, verify=connection_verify)
            except OSError as error:
                raise AzureError(error, error=error) from error
            self._pools[host, connection_verify] = pool
        try:
            answer = pool.urlopen(
                request.method,
                request.url,
                body=request.data,
                headers=request.headers,
                timeout=Timeout(connect=connection_timeout, read=read_timeout),
                retries=False,
                redirect=False,
            )
            return _Answer(request, answer)
        except ReadTimeoutError as error:
            raise ServiceResponseTimeoutError(error, error=error) from error
        except (ProtocolError, DecodeError) as error:
            raise ServiceResponseError(error, error=error) from error
        except NewConnectionError as error:
            raise ServiceRequestError(error, error=error) from error
        except ConnectTimeoutError as error:
            raise ServiceRequestTimeoutError(error, error=error) from error
        except HTTPError as error:  # such as a certificate that isn't trusted
            raise ServiceRequestError(error, error=error) from error


class TokenTransport(PooledTransport):
    """A transport of requests for a token, at which failures that pass are errors, and named.

    azure-identity takes an answer of another status than 200 for a missing identity, and what its credentials
    raise for a list of reasons in words.
    """

    def send(self, request: HttpRequest, **options: Any) -> HttpResponse:
        """Send a request; see `PooledTransport.send`."""
        try:
            answer = super().send(request, **options)
        except (ServiceRequestError, ServiceResponseError) as error:
            raise type(error)(f"{UNGIVEN}: {error}", error=error) from error
        if answer.status_code >= 500 or answer.status_code in _TRANSIENT:
            raise ServiceResponseError(f"{UNGIVEN}: HTTP status {answer.status_code}")
        return answer


class _Answer(HttpResponse):
    """An answer whose content has been read."""

    def __init__(self, request: HttpRequest, answer: BaseHTTPResponse) -> None:
        super().__init__(request, answer)
        self.status_code = answer.status
        self.headers = _Headers(answer.headers)
        self.reason = answer.reason
        self.content_type = answer.headers.get("Content-Type")
        self._content = answer.data

    def body(self) -> bytes:
        """Return the content."""
        return self._content


class _Headers(CaseInsensitiveDict):
    """Headers that another thread may add to while they are copied.

    A client of the SDK keeps the headers of its last answer, whichever thread's it is, and each thread sets
    there how often it was throttled (azure-cosmos 4.17, `_retry_utility.Execute`).
    """

    def __iter__(self) -> Iterator[str]:
        pairs = tuple(self._store.values())  # at once, which a generator isn't
        return iter([name for name, _ in pairs])
