"""Faults of the way to another cloud, over real sockets; docs/robustness.md has them as a table."""

from __future__ import annotations

import gzip
from dataclasses import dataclass

import pytest

from chalicelib.data_connector.remote_reader import RemoteReader
from chalicelib.model.errors import RemoteReaderError
from deploy_scripts import PROJECT
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
from tests.unit.chalicelib.servers import (
    CLOSE,
    HANG,
    RESET,
    Act,
    Cut,
    Scripted,
    error_response,
    response,
)

SECONDS = 28.5
TABLE = PROJECT / "docs" / "robustness.md"
WHOLE = OK.partition(b"\r\n\r\n")[2]
FOREIGN = WHOLE.replace(b"pressure", b"humidity")


def cut(framing: str, body: bytes = b"") -> Cut:
    return Cut(f"HTTP/1.1 200 OK\r\n{framing}\r\n\r\n".encode() + body)


FAULTS: dict[str, Act] = {
    "the connection is reset": RESET,
    "the connection is closed without an answer": CLOSE,
    "no answer comes": HANG,
    "the answer breaks off before its length": cut("Content-Length: 900", WHOLE[:40]),
    "the answer breaks off between chunks": cut(
        "Transfer-Encoding: chunked", b"8\r\n" + WHOLE[:8] + b"\r\n"
    ),
    "the answer breaks off, and nothing says where it ends": cut("Connection: close", WHOLE[:40]),
    "the compressed answer breaks off": response(
        200, gzip.compress(WHOLE)[:60], {"Content-Encoding": "gzip"}
    ),
    "the answer isn't compressed as it says": response(200, WHOLE, {"Content-Encoding": "gzip"}),
    "chunks have no sizes": cut("Transfer-Encoding: chunked", b"zz\r\n"),
    "what answers doesn't speak HTTP": Cut(b"220 mail.example.com ESMTP\r\n"),
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


@dataclass
class Outcome:
    """What came of a call."""

    attempts: int
    pauses: float
    failure: str


def outcome_of(*acts: Act) -> Outcome:
    """Call a remote that does these things, one with each request, the last one again and again."""
    moved = Time(draw=0.5)
    with Scripted(*acts) as server:
        # Nobody waits ten seconds here for an answer that doesn't come, and one that comes has time.
        longest_try = 10.0 if HANG not in acts else 1.0 if OK in acts else 0.15
        reader = RemoteReader(
            settings(server.url, longest_try=longest_try),
            sleep=moved.sleep,
            clock=moved.clock,
            uniform=moved.uniform,
        )
        failure = ""
        try:
            assert reader.read(ENVELOPE, QUERY, seconds=SECONDS).document == DOCUMENT
        except RemoteReaderError as error:
            failure = str(error)
        return Outcome(len(server.requests), sum(moved.pauses), failure)


def row_of(fault: str) -> str:
    """Describe what becomes of a fault that passes, and of one that stays."""
    once, always = outcome_of(FAULTS[fault], OK), outcome_of(FAULTS[fault])
    for each in (once, always):
        assert each.pauses <= SECONDS
        assert spelled(TOKEN, each.failure) == []
    passes = "fails" if once.failure else f"answers at try {once.attempts}"
    tries = f"{always.attempts} {'try' if always.attempts == 1 else 'tries'}"
    return f"| {fault} | {passes} | fails after {tries}, {always.pauses:.1f} s of pauses |"


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_answered_in_the_end_or_a_failure_by_name_as_documented(fault):
    assert row_of(fault) in TABLE.read_text().splitlines()


def test_there_is_no_other_fault_in_the_table():
    rows = [
        line.split(" | ")[0] for line in TABLE.read_text().splitlines() if " of pauses |" in line
    ]
    assert rows == [f"| {fault}" for fault in FAULTS]
