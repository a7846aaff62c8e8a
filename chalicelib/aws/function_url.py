"""The HTTP endpoints behind a Lambda Function URL, which has no API Gateway in front.

Lambda invokes the same function either way; a Function URL's event has the payload format 2.0 (AWS
Lambda developer guide, "Invoking Lambda function URLs"), which Chalice doesn't read.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs

from chalice import Chalice

from chalicelib.http.endpoint import HttpRequest, no_such_path

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chalicelib.http.endpoint import HttpEndpoint, HttpResponse

_FORMAT: Final = "2.0"


class HotReaderApp(Chalice):
    """A Chalice app whose HTTP handler answers the events of a Function URL, too."""

    def __init__(self, app_name: str) -> None:
        # Chalice's log has the name of the history's own log, which then had each line twice.
        super().__init__(app_name=app_name, configure_logs=False)
        self._by_path: dict[str, HttpEndpoint] = {}

    def serve_function_url(self, endpoints: Mapping[str, HttpEndpoint]) -> None:
        """Answer a Function URL's events by endpoints, each at its path."""
        self._by_path.update(endpoints)

    def __call__(self, event: Any, context: Any) -> dict[str, Any]:
        """Answer an event, as Lambda's handler."""
        if not _is_of_function_url(event):
            return super().__call__(event, context)
        # As API Gateway does: a slash at the end makes no difference.
        endpoint = self._by_path.get(event["rawPath"].removesuffix("/"))
        if endpoint is None:
            return _to_lambda(no_such_path(event["rawPath"], self._by_path))
        seconds = context.get_remaining_time_in_millis() / 1000
        return _to_lambda(endpoint.answer(_request(event, seconds)))


def _is_of_function_url(event: Any) -> bool:
    return (
        isinstance(event, dict)
        and event.get("version") == _FORMAT
        and "http" in event.get("requestContext", {})
    )


def _request(event: Mapping[str, Any], seconds: float) -> HttpRequest:
    body = event.get("body") or ""
    return HttpRequest(
        method=event["requestContext"]["http"]["method"],
        headers={name.lower(): value for name, value in event.get("headers", {}).items()},
        # queryStringParameters joins repeated ones with commas, which values may have, too.
        parameters=parse_qs(event.get("rawQueryString", ""), keep_blank_values=True),
        body=base64.b64decode(body) if event.get("isBase64Encoded") else body.encode(),
        direct=True,
        seconds=seconds,
    )


def _to_lambda(response: HttpResponse) -> dict[str, Any]:
    compressed = "Content-Encoding" in response.headers
    body = base64.b64encode(response.body) if compressed else response.body
    return {
        "statusCode": response.status,
        "headers": dict(response.headers),
        "body": body.decode(),
        "isBase64Encoded": compressed,
    }
