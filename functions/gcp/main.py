"""The Hot Readers on Google Cloud: HTTP functions over Firestore, hosted by functions-framework.

Cloud Functions (2nd gen) serves one function per deployment, on every path of its URL: deploy
`hot_reader` and `hot_reader_last_entry`. `hot_readers` is both in one, told apart by the path, for a
single service on Cloud Run. `chalicelib` stands beside this file in the package.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

import functions_framework
from flask import Response

from chalicelib.http.endpoint import HttpEndpoint, HttpRequest, HttpResponse, no_such_path
from chalicelib.http.hot_reader_endpoints import endpoints_by_path
from chalicelib.observability.json_lines import JsonLogObservability
from chalicelib.settings import EndpointSettings, FirestoreSettings, HotReaderSettings
from chalicelib.stores import firestore

if TYPE_CHECKING:
    from flask import Request

_settings: Final = HotReaderSettings.load(os.environ)
_store: Final = firestore.connect(FirestoreSettings.load(os.environ), _settings)
_endpoint_settings: Final = EndpointSettings.load_outside_aws(os.environ)
_by_path: Final = endpoints_by_path(_store, _settings, _endpoint_settings, JsonLogObservability)
_history, _last_entry = _by_path.values()


@functions_framework.http
def hot_reader(request: Request) -> Response:
    """Answer a history query."""
    return _answer(_history, request)


@functions_framework.http
def hot_reader_last_entry(request: Request) -> Response:
    """Answer a query for the newest entry."""
    return _answer(_last_entry, request)


@functions_framework.http
def hot_readers(request: Request) -> Response:
    """Answer the one or the other, by the path."""
    endpoint = _by_path.get(request.path)
    if endpoint is None:
        return _to_flask(no_such_path(request.path, _by_path))
    return _answer(endpoint, request)


def _answer(endpoint: HttpEndpoint, request: Request) -> Response:
    answer = endpoint.answer(
        HttpRequest(
            method=request.method,
            headers={name.lower(): value for name, value in request.headers.items()},
            parameters=dict(request.args.lists()),
            body=request.get_data(),
        )
    )
    return _to_flask(answer)


def _to_flask(answer: HttpResponse) -> Response:
    return Response(answer.body, answer.status, dict(answer.headers))
