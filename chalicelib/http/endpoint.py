"""The HTTP read endpoint, the same on every host: token check, parsing, errors and logs.

A host (Chalice, Azure Functions, functions-framework) turns its own request into `HttpRequest` and
the `HttpResponse` back, and does nothing else.
"""

from __future__ import annotations

import gzip
import math
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import orjson

from chalicelib.contracts import wire_contract
from chalicelib.model.errors import (
    HotReaderError,
    InvalidQueryError,
    MethodNotAllowedError,
    PayloadTooLargeError,
    RetryLaterError,
    ThrottledError,
    UnauthorizedError,
    UnsupportedMediaTypeError,
)
from chalicelib.model.limits import LARGEST_PAYLOAD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from chalicelib.model.results import Answer
    from chalicelib.observability.request_record import Observability, RequestRecord
    from chalicelib.settings.endpoint import EndpointSettings
    from chalicelib.tokens.inter_cloud_token import InterCloudToken

_WORTH_COMPRESSING: Final = 1_024
"""Bytes; API Gateway's `minimum_compression_size` in .chalice/config.json is the same."""
_COMPRESSION_LEVEL: Final = 5
"""Measured on the JSON of pages: 9 takes ten times as long for 8 % fewer bytes."""
_LONGEST_PATH: Final = 200
"""Characters of a path in a message."""
_INSIDE: Final = {
    "internal_error": "The reader failed. Its log has the details under this trace id.",
    "store_misconfigured": (
        "A store that the reader needs can't be read as it is set up, and another try won't help. The "
        "reader's log says under this trace id what to change."
    ),
    "store_unavailable": "A store that the reader needs is throttling or unavailable. Try again later.",
}
"""The messages of internal failures for the caller; the log has the details."""


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request, as a host hands it to an endpoint.

    Attributes
    ----------
    method
        `GET`, `POST`, ...
    headers
        By name in lower case; those of one name are joined by commas.
    parameters
        Query parameters: every value of each name.
    body
        The bytes that were sent; or a function that reads them, where the host hasn't, and raises
        `InvalidQueryError`. Without a valid token it isn't called.
    direct
        True if nothing in front of the endpoint compresses the answer, whatever the settings say.
    seconds
        The time that the host has left for the request.
    """

    method: str
    headers: Mapping[str, str]
    parameters: Mapping[str, Sequence[str]] = field(default_factory=dict)
    body: bytes | Callable[[], bytes] = field(default=b"", repr=False)
    direct: bool = False
    seconds: float = math.inf


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """An answer: status, headers and bytes."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


def no_such_path(path: str, known: Iterable[str]) -> HttpResponse:
    """Answer a request for an unknown path, on a host that doesn't answer such requests itself.

    Parameters
    ----------
    path
        The path.
    known
        The endpoints' paths.
    """
    shown = path if len(path) <= _LONGEST_PATH else f"{path[:_LONGEST_PATH]}..."
    message = f"There is no {shown} here, only {' and '.join(known) or 'nothing'}."
    document = {
        "error": {"code": "not_found", "message": message.encode(errors="replace").decode()},
        "trace_id": wire_contract.new_trace_id(),
    }
    headers = {"Content-Type": "application/json", "Cache-Control": "no-store"}
    return HttpResponse(404, headers, orjson.dumps(document))


class RateLimit:
    """A limit of requests per second, and of as many at once (a token bucket).

    The limit is that of one instance. API Gateway throttles in front of all instances; a Function URL
    has nothing in front of it.

    Examples
    --------
    >>> limit = RateLimit(1, clock=lambda: 0.0)
    >>> limit.check()
    >>> limit.check()
    Traceback (most recent call last):
    chalicelib.model.errors.ThrottledError: More than 1 requests per second. Wait and try again.
    """

    def __init__(self, per_second: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_second = per_second
        self._clock = clock
        self._lock = threading.Lock()
        self._allowance = float(per_second)
        self._checked = clock()

    def check(self) -> None:
        """Count a request.

        Raises
        ------
        ThrottledError
            The limit is exceeded.
        """
        with self._lock:
            now = self._clock()
            refill = (now - self._checked) * self._per_second
            self._allowance = min(self._per_second, self._allowance + refill)
            self._checked = now
            if self._allowance < 1:
                raise ThrottledError(
                    f"More than {self._per_second} requests per second. Wait and try again."
                )
            self._allowance -= 1


class HttpEndpoint:
    """An endpoint that answers requests by the wire contract.

    Parameters
    ----------
    read
        Reads what a payload asks for in so many seconds; raises `HotReaderError`.
    settings
        Limits.
    token
        The token that callers must send.
    observability
        The log and the metrics.

    Examples
    --------
    >>> from chalicelib.observability.json_lines import JsonLogObservability
    >>> from chalicelib.settings.endpoint import EndpointSettings
    >>> from chalicelib.tokens.inter_cloud_token import InterCloudToken
    >>> settings = EndpointSettings.load({"INTER_CLOUD_TOKEN": "not-a-real-token"})
    >>> endpoint = HttpEndpoint(
    ...     lambda payload, record, seconds: None,
    ...     settings,
    ...     InterCloudToken(settings.token),
    ...     JsonLogObservability("hot-reader", emit=lambda level, line: None),
    ... )
    >>> endpoint.answer(HttpRequest("GET", {"x-inter-cloud-token": "a wrong one"})).status
    401
    >>> endpoint.answer(HttpRequest("PUT", {"x-inter-cloud-token": "not-a-real-token"})).status
    405
    """

    def __init__(
        self,
        read: Callable[[Mapping[str, Any], RequestRecord, float], Answer],
        settings: EndpointSettings,
        token: InterCloudToken,
        observability: Observability,
    ) -> None:
        self._read = read
        self._token = token
        self._observability = observability
        self._compress = settings.compress
        limit = settings.requests_per_second
        self._rate_limit = RateLimit(limit) if limit else None

    def answer(self, request: HttpRequest) -> HttpResponse:
        """Answer a request; every failure becomes the contract's error answer."""
        started = time.monotonic()
        # By the headers alone: who has no token holds up nobody by a large body, or by one that never ends.
        refusal = self._refusal(request)
        body = _Body(request, refusal)
        trace_id = body.trace_id or wire_contract.new_trace_id()
        with self._observability.request(trace_id) as record:
            try:
                answer = self._answer(body, record, started + request.seconds)
                left_out = wire_contract.left_out(answer.flaws)
                headers = {wire_contract.LEFT_OUT_HEADER: left_out} if left_out else {}
                return self._response(request, 200, headers, answer.to_json())
            except HotReaderError as error:
                return self._failed(request, error, trace_id, record)
            except Exception as error:  # noqa: BLE001 - the contract: our bugs are a 500, logged whole
                return self._failed(request, error, trace_id, record)

    def _refusal(self, request: HttpRequest) -> Exception | None:
        # Space around a value isn't a part of it (RFC 9110, section 5.5); not every server takes it off.
        given = request.headers.get(wire_contract.TOKEN_HEADER.lower(), "").strip(" \t")
        try:
            accepted = self._token.accepts(given)
        except Exception as error:  # noqa: BLE001 - raised again under the request's trace id
            return error
        return None if accepted else UnauthorizedError()

    def _answer(self, body: _Body, record: RequestRecord, end: float) -> Answer:
        if body.refusal:
            raise body.refusal
        if self._rate_limit:
            self._rate_limit.check()
        answer = self._read(body.payload(), record, end - time.monotonic())
        record.answered(answer)
        return answer

    def _failed(
        self, request: HttpRequest, error: Exception, trace_id: str, record: RequestRecord
    ) -> HttpResponse:
        failure = error if isinstance(error, HotReaderError) else HotReaderError()
        status, code, message = failure.status, failure.code, str(failure)
        if status >= 500:
            # The cause is for the log, which has it under the trace id.
            message = _INSIDE[code]
        headers = {}
        if isinstance(error, RetryLaterError):
            headers["Retry-After"] = str(error.retry_after)
        if isinstance(error, MethodNotAllowedError):
            headers["Allow"] = "GET, POST"
        if isinstance(error, UnauthorizedError):
            record.count("Unauthorized", 1)
        record.failed(error, status=status, code=code)
        message = message.encode(errors="replace").decode()
        document = {"error": {"code": code, "message": message}, "trace_id": trace_id}
        return self._response(request, status, headers, orjson.dumps(document))

    def _response(
        self, request: HttpRequest, status: int, headers: dict[str, str], content: bytes
    ) -> HttpResponse:
        headers |= {"Content-Type": "application/json", "Cache-Control": "no-store"}
        compress = self._compress or request.direct
        if compress:
            headers["Vary"] = "Accept-Encoding"
        content = b"" if request.method == "HEAD" else content
        if compress and len(content) >= _WORTH_COMPRESSING and _accepts_gzip(request):
            content = gzip.compress(content, _COMPRESSION_LEVEL, mtime=0)
            headers["Content-Encoding"] = "gzip"
        return HttpResponse(status, headers, content)


class _Body:
    """A request's query, parsed once; of a request that is refused, the body isn't even read.

    Complaints about it wait until the request has its trace id.
    """

    def __init__(self, request: HttpRequest, refusal: Exception | None) -> None:
        self.refusal = refusal
        self._request = request
        self._envelope: Any = None
        self._complaint: HotReaderError | None = None
        if request.method == "POST" and not refusal:
            try:
                self._parse(request.body() if callable(request.body) else request.body)
            except HotReaderError as error:
                self._complaint = error
        self.trace_id = wire_contract.trace_id_of(self._envelope)

    def _parse(self, body: bytes) -> None:
        if not body:
            return
        if len(body) > LARGEST_PAYLOAD:
            raise PayloadTooLargeError(
                f"The body has {len(body)} bytes; at most {LARGEST_PAYLOAD} are allowed."
            )
        try:
            self._envelope = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise InvalidQueryError(
                f"The body isn't JSON in UTF-8, uncompressed: {error}"
            ) from error

    def payload(self) -> Mapping[str, Any]:
        request = self._request
        if request.method == "GET":
            return wire_contract.payload_of_parameters(request.parameters)
        if request.method != "POST":
            raise MethodNotAllowedError(request.method)
        content_type = request.headers.get("content-type", "").strip() or "application/json"
        if content_type.partition(";")[0].strip().lower() != "application/json":
            raise UnsupportedMediaTypeError(content_type)
        if self._complaint:
            raise self._complaint
        return wire_contract.payload_of(self._envelope)


def _accepts_gzip(request: HttpRequest) -> bool:
    """Read `Accept-Encoding` (RFC 9110, section 12.5.3); `gzip` counts more than `*`."""
    weights = {}
    for each in request.headers.get("accept-encoding", "").lower().split(","):
        coding, _, weight = each.replace(" ", "").partition(";q=")
        weights[coding] = weight.strip("0.") != "" if weight else bool(coding)
    return weights.get("gzip", weights.get("*", False))
