"""The Hot Readers on Google Cloud: HTTP functions over Firestore, hosted by functions-framework.

Cloud Functions (2nd gen) serves one function per deployment, on every path of its URL: deploy
`hot_reader` and `hot_reader_last_entry`. `hot_readers` is both in one, distinguished by the path, for a
single service on Cloud Run. `chalicelib` stands beside this file in the package.
"""

from __future__ import annotations

import os
import socket
import threading
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Final

import functions_framework
from flask import Response
from gunicorn.http.errors import ParseException  # type: ignore[import-untyped]
from werkzeug.exceptions import HTTPException

from chalicelib.http.endpoint import HttpEndpoint, HttpRequest, HttpResponse, no_such_path
from chalicelib.http.hot_reader_endpoints import endpoints_by_read
from chalicelib.model.errors import InvalidQueryError
from chalicelib.model.reads import HISTORY, LAST_ENTRY
from chalicelib.observability.json_lines import JsonLogObservability
from chalicelib.settings.endpoint import EndpointSettings
from chalicelib.settings.firestore import FirestoreSettings
from chalicelib.settings.hot_reader import HotReaderSettings
from chalicelib.settings.logs import LogSettings
from chalicelib.stores.firestore.store import connect
from chalicelib.tokens.inter_cloud_token import InterCloudToken

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Request

_settings: Final = HotReaderSettings.load(os.environ)
_store: Final = connect(FirestoreSettings.load(os.environ), _settings)
_endpoint_settings: Final = EndpointSettings.load_outside_aws(os.environ)
_endpoints: Final = endpoints_by_read(
    _store,
    _settings,
    _endpoint_settings,
    InterCloudToken(_endpoint_settings.token),
    partial(JsonLogObservability, level=LogSettings.load(os.environ).level),
)
_SECONDS: Final = 60.0
"""The time that Cloud Run functions give a request, unless they are deployed with another (Google Cloud
documentation, 'Set request timeout')."""
_BROKEN: Final = (OSError, HTTPException, ParseException)
"""Errors of reading a body that breaks off or is malformed."""
_BODY_SECONDS: Final = 10.0
"""The time for a body that is read."""
_DRAIN_SECONDS: Final = 0.1
"""The time for a body that nobody reads: its bytes come along with the headers, or not at all."""
_DRAINED_AT_ONCE: Final = 65_536
_by_path: Final = {read.path: endpoint for read, endpoint in _endpoints.items()}


@functions_framework.http
def hot_reader(request: Request) -> Response:
    """Answer a history query."""
    return _answer(_endpoints[HISTORY], request)


@functions_framework.http
def hot_reader_last_entry(request: Request) -> Response:
    """Answer a query for the newest entry."""
    return _answer(_endpoints[LAST_ENTRY], request)


@functions_framework.http
def hot_readers(request: Request) -> Response:
    """Answer the one or the other, by the path."""
    endpoint = _by_path.get(request.path.removesuffix("/"))  # as on every other host
    if endpoint is None:
        return _to_flask(no_such_path(request.path, _by_path))
    return _answer(endpoint, request)


def _answer(endpoint: HttpEndpoint, request: Request) -> Response:
    body = _Body(request)
    answer = endpoint.answer(
        HttpRequest(
            method=request.method,
            headers={name.lower(): value for name, value in request.headers.items()},
            parameters=dict(request.args.lists()),
            body=body.read,
            seconds=_SECONDS,
        )
    )
    body.leave()
    return _to_flask(answer)


class _Body:
    """A request's body, which is read when it is asked for."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._whole = not (request.content_length or "Transfer-Encoding" in request.headers)

    def read(self) -> bytes:
        """Return the body.

        Raises
        ------
        InvalidQueryError
            It breaks off or comes too slowly, or its chunks are malformed.
        """
        if self._whole:
            return b""
        try:
            with self._in_time(_BODY_SECONDS):
                content = self._request.get_data()
        except _BROKEN as error:
            raise InvalidQueryError(f"The body can't be read to its end: {error}") from error
        self._whole = True
        return content

    def leave(self) -> None:
        """Take what has arrived of a body that nobody read, and wait for no more of it.

        gunicorn would wait 5 s for the rest before its thread can answer another request, and 2 s for the
        caller to end the connection, in which it accepts no other.
        """
        if self._whole:
            return
        try:
            with self._in_time(_DRAIN_SECONDS):
                while self._request.stream.read(_DRAINED_AT_ONCE):
                    pass
        except _BROKEN:
            self._end_reading()

    @contextmanager
    def _in_time(self, seconds: float) -> Iterator[None]:
        """End the reading after some seconds.

        A time-out would bound each wait for bytes: whoever sends one now and then would keep the thread.
        """
        timer = threading.Timer(seconds, self._end_reading)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _end_reading(self) -> None:
        """End what can be read of the connection, but not what is written."""
        connection: socket.socket | None = self._request.environ.get("gunicorn.socket")
        if connection is not None:
            with suppress(OSError):  # the caller may have ended it
                connection.shutdown(socket.SHUT_RD)


def _to_flask(answer: HttpResponse) -> Response:
    # functions-framework reads the whole request before it answers, except where the answer is an iterator.
    response = Response(iter((answer.body,)), answer.status, dict(answer.headers))
    response.content_length = len(answer.body)
    return response
