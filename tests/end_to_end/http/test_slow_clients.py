"""Callers without a token who send slowly, or not to the end: they hold up nobody."""

from __future__ import annotations

import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING

from .queries import LAST_ENTRY, last_entry
from .service import PATIENCE_SECONDS, TOKEN_HEADER

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .service import Service


def begun(service: Service, sent: bytes) -> socket.socket:
    """Connect, and send the beginning of a request."""
    connection = socket.create_connection(service.address, timeout=PATIENCE_SECONDS)
    connection.sendall(sent)
    return connection


def unfinished(service: Service, framing: str, token: str) -> socket.socket:
    """Send the headers of a POST, and the first bytes of its body."""
    target = f"{service.root}{LAST_ENTRY}"
    head = f"POST {target} HTTP/1.1\r\nHost: here\r\n{TOKEN_HEADER}: {token}\r\n{framing}\r\n\r\n"
    return begun(service, head.encode() + b"5\r\n{")


@contextmanager
def dripping(connections: Sequence[socket.socket]) -> Iterator[None]:
    """Send a byte on each connection now and then, for as long as they take one."""
    ended = threading.Event()

    def drip() -> None:
        while not ended.wait(0.02):
            for connection in connections:
                with suppress(OSError):
                    connection.send(b" ")

    with ThreadPoolExecutor(1) as threads:
        threads.submit(drip)
        try:
            yield
        finally:
            ended.set()


def test_whoever_never_ends_a_request_holds_up_nobody(service: Service) -> None:
    """They neither say all of their headers nor all of their bodies, and each is there to stay."""
    heads = (b"", b"GET /hot", f"GET {service.root}{LAST_ENTRY} HTTP/1.1\r\nHost: he".encode()) * 20
    framings = ("Content-Length: 1000", "Transfer-Encoding: chunked") * 20
    with ExitStack() as stack:
        waiting = [
            stack.enter_context(connection)
            for connection in (
                *(begun(service, head) for head in heads),
                *(unfinished(service, framing, "a wrong one") for framing in framings),
            )
        ]
        with dripping(waiting[::10]):
            assert service.post(LAST_ENTRY, last_entry()).status_code == 200
