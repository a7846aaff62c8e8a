"""The Hot Readers as HTTP endpoints, hosted by Chalice: API Gateway, or `chalice local`.

`function_url` hosts the same ones behind a Function URL.
"""

from __future__ import annotations

import base64
import os
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from chalice import Blueprint, Response

from chalicelib.http.endpoint import HttpRequest
from chalicelib.http.hot_reader_endpoints import endpoints_by_read
from chalicelib.model.reads import HISTORY, LAST_ENTRY
from chalicelib.observability.powertools import PowertoolsObservability
from chalicelib.settings.dynamodb import DynamoDBSettings
from chalicelib.settings.endpoint import EndpointSettings
from chalicelib.settings.hot_reader import HotReaderSettings
from chalicelib.settings.logs import LogSettings
from chalicelib.stores.dynamodb.store import connect
from chalicelib.tokens.aws_stores import inter_cloud_token

if TYPE_CHECKING:
    from chalice.app import Request

    from chalicelib.http.endpoint import HttpEndpoint

endpoints: Final = Blueprint(__name__)

_settings: Final = HotReaderSettings.load(os.environ)
_store: Final = connect(DynamoDBSettings.load(os.environ), _settings)

_logs: Final = LogSettings.load(os.environ)
_endpoint_settings: Final = EndpointSettings.load(os.environ)
_by_read: Final = endpoints_by_read(
    _store,
    _settings,
    _endpoint_settings,
    inter_cloud_token(_endpoint_settings.token),
    partial(PowertoolsObservability, level=_logs.level, tracing=_logs.tracing),
)
BY_PATH: Final = {read.path: endpoint for read, endpoint in _by_read.items()}
"""The endpoints, each by its path."""

_SECONDS: Final = 29.0
"""The time that API Gateway gives a request (API Gateway developer guide, 'Quotas for configuring and
running a REST API')."""
# Every method and content type reaches the endpoint, so that a wrong one gets the contract's answer.
_ANY: Final[dict[str, Any]] = {
    "methods": ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"],
    "content_types": ["*/*"],
}


@endpoints.route(HISTORY.path, **_ANY)
def hot_reader() -> Response:
    """Answer a history query."""
    return _answer(_by_read[HISTORY], endpoints.current_request)


@endpoints.route(LAST_ENTRY.path, **_ANY)
def hot_reader_last_entry() -> Response:
    """Answer a query for the newest entry."""
    return _answer(_by_read[LAST_ENTRY], endpoints.current_request)


def _answer(endpoint: HttpEndpoint, request: Request) -> Response:
    given = request.query_params
    body = request.raw_body or b""
    function_seconds = endpoints.lambda_context.get_remaining_time_in_millis() / 1000
    answer = endpoint.answer(
        HttpRequest(
            method=request.method,
            headers=_headers(request),
            parameters={name: given.getlist(name) for name in given} if given else {},
            body=body if isinstance(body, bytes) else body.encode(),
            seconds=min(_SECONDS, function_seconds),
        )
    )
    if "Content-Encoding" in answer.headers:
        return _BinaryResponse(answer.body, dict(answer.headers), answer.status)
    return Response(answer.body.decode(), dict(answer.headers), answer.status)


def _headers(request: Request) -> dict[str, str]:
    # Of headers of one name, `request.headers` has the last; other hosts join them.
    sent = request.to_original_event().get("multiValueHeaders")
    if not sent:  # API Gateway sends them, `chalice local` doesn't
        return {name.lower(): value for name, value in request.headers.items()}
    joined: dict[str, list[str]] = {}
    for name, values in sent.items():
        joined.setdefault(name.lower(), []).extend(values)
    return {name: ",".join(values) for name, values in joined.items()}


class _BinaryResponse(Response):
    """A response whose body isn't text, whatever its content type says."""

    def to_dict(self, _binary_types: list[str] | None = None) -> dict[str, Any]:
        return {
            "statusCode": self.status_code,
            "headers": self.headers,
            "multiValueHeaders": {},
            "body": base64.b64encode(self.body).decode("ascii"),
            "isBase64Encoded": True,
        }
