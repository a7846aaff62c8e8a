"""The tests of those hosts whose servers are the local cloud's own, which `every_host` doesn't hold for."""

from __future__ import annotations

import socket
from http.client import HTTPResponse
from typing import TYPE_CHECKING

import pytest

from .queries import LAST_ENTRY
from .service import PATIENCE_SECONDS
from .test_slow_clients import (  # noqa: F401
    test_whoever_never_ends_a_request_holds_up_nobody,
)

if TYPE_CHECKING:
    from .service import Service


@pytest.mark.parametrize(
    ("target", "framing"),
    [
        ("{}", "Content-Length: -1"),
        ("{}", "Content-Length: 99999999999999999999"),
        ("{}", "Content-Length: 3\r\nContent-Length: 4"),
        ("{}", "Transfer-Encoding: chunked"),
        ("http://[here{}", "Content-Length: 0"),
    ],
)
def test_a_request_that_cant_be_read_is_refused_and_its_connection_ends(
    service: Service, target: str, framing: str
) -> None:
    target = target.format(service.root + LAST_ENTRY)
    with socket.create_connection(service.address, timeout=PATIENCE_SECONDS) as connection:
        connection.sendall(f"POST {target} HTTP/1.1\r\n{framing}\r\n\r\nno number\r\n".encode())
        answer = HTTPResponse(connection)
        answer.begin()
        assert (answer.status, answer.will_close) == (400, True)
