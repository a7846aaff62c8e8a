"""Faults of the way to another cloud."""

from __future__ import annotations

from chalicelib.data_connector.remote_reader import RemoteReader
from chalicelib.model.errors import RemoteReaderError
from tests.spellings import spelled
from tests.unit.chalicelib.data_connector.test_remote_reader import (
    DOCUMENT,
    ENVELOPE,
    OK,
    QUERY,
    TOKEN,
    Time,
    settings,
)
from tests.unit.chalicelib.faults import Matrix, Outcome, faults_of_http
from tests.unit.chalicelib.servers import Act, Scripted, error_response, response

SECONDS = 28.5
WHOLE = OK.partition(b"\r\n\r\n")[2]
FOREIGN = WHOLE.replace(b"pressure", b"humidity")
FAULTS: dict[str, Act] = {
    **faults_of_http(WHOLE),
    "429 with Retry-After": error_response(429, "throttled", "wait", {"Retry-After": "2"}),
    "429 that asks for more time than there is": response(429, b"", {"Retry-After": "60"}),
    "500 internal_error": error_response(500, "internal_error", "a bug"),
    "500 store_misconfigured": error_response(500, "store_misconfigured", "no index"),
    "502 of what is before the reader": response(502, b"<html>Bad Gateway</html>"),
    "503 with Retry-After": error_response(503, "store_unavailable", "wait", {"Retry-After": "1"}),
    "503 while the host restarts": response(503, b"Function host is not running."),
    "504 of what is before the reader": response(504, b""),
    "400 invalid_query": error_response(400, "invalid_query", "no such property"),
    "401 unauthorized": error_response(401, "unauthorized", "Send a valid token"),
    "404 with a page": response(404, b"<html>Not Found</html>"),
    "a redirect": response(302, b"", {"Location": "https://elsewhere.example.com/"}),
    "200 with a page": response(200, b"<html>Sign in</html>"),
    "200 without a body": response(200, b""),
    "200 with values of another property": response(200, FOREIGN),
    "200 with a value outside of the range": response(200, WHOLE.replace(b"1970", b"1999")),
    "200 with more bytes than any answer has": response(200, b" " * 6_300_000),
}
"""What the remote does with a first request, or with all."""


def outcome_of(acts: tuple[Act, ...], patience: float) -> Outcome:
    """Call a remote that does these things."""
    moved = Time(draw=0.5)
    with Scripted(*acts) as server:
        reader = RemoteReader(
            settings(server.url, longest_try=patience),
            sleep=moved.sleep,
            clock=moved.clock,
            uniform=moved.uniform,
        )
        failure, message = None, ""
        try:
            assert reader.read(ENVELOPE, QUERY, seconds=SECONDS).document == DOCUMENT
        except RemoteReaderError as error:
            failure, message = "fails", str(error)
        assert spelled(TOKEN, message) == []
        assert sum(moved.pauses) <= SECONDS
        return Outcome(len(server.requests), failure, f", {sum(moved.pauses):.1f} s of pauses")


MATRIX = Matrix("faults", FAULTS, OK, outcome_of)
