"""Servers that are fast enough not to be what is measured, each in a separate process."""

from __future__ import annotations

import subprocess
import sys
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import TYPE_CHECKING

import orjson
import urllib3

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class Handler(StreamRequestHandler):
    """Reads just as much of HTTP as the clouds' SDKs and urllib3 need, and counts what is read.

    A database's own handler says what it answers.
    """

    disable_nagle_algorithm = True
    content_type = "application/json"
    lock = threading.Lock()
    queries = 0
    items = 0
    last_request = b""

    def query(self, body: bytes, headers: Mapping[bytes, bytes]) -> tuple[bytes, str, int]:
        """Answer a query: the content, further headers, and the items in it.

        Parameters
        ----------
        body
            What was sent.
        headers
            By their names in lower case.
        """
        raise NotImplementedError

    def description(self, path: bytes) -> bytes:
        """Answer a GET request."""
        raise NotImplementedError

    def handle(self) -> None:
        """Answer the requests of a connection."""
        with suppress(ConnectionResetError):  # the process at its other end has been ended
            self._handle()

    def _handle(self) -> None:
        while line := self.rfile.readline():
            method, path, _ = line.split(b" ")
            headers: dict[bytes, bytes] = {}
            while (header := self.rfile.readline()).strip():
                name, _, value = header.partition(b":")
                headers[name.lower()] = value.strip()
            body = self.rfile.read(int(headers.get(b"content-length", 0)))
            if method == b"POST":
                self._query(body, headers)
            elif path == b"/counts":
                self._send(orjson.dumps({"queries": Handler.queries, "items": Handler.items}))
            elif path == b"/last-request":
                self._send(Handler.last_request)
            else:
                self._send(self.description(path))

    def _query(self, body: bytes, headers: Mapping[bytes, bytes]) -> None:
        content, more, items = self.query(body, headers)
        with self.lock:
            Handler.queries += 1
            Handler.items += items
            Handler.last_request = body
        self._send(content, more)

    def _send(self, content: bytes, headers: str = "") -> None:
        head = (
            f"HTTP/1.1 200 OK\r\nContent-Type: {self.content_type}\r\n"
            f"Content-Length: {len(content)}\r\n{headers}\r\n"
        )
        self.wfile.write(head.encode() + content)


class _Server(ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128


@dataclass(frozen=True)
class Counts:
    """The answers of a server since it started, counted."""

    queries: int
    items: int

    def since(self, before: Counts) -> Counts:
        """Return what came after."""
        return Counts(self.queries - before.queries, self.items - before.items)


@dataclass(frozen=True)
class LeanServer:
    """A running server.

    Attributes
    ----------
    url
        Where it is.
    """

    url: str

    def counts(self) -> Counts:
        """Ask what it has answered."""
        return Counts(**urllib3.request("GET", f"{self.url}/counts").json())

    def last_request(self) -> bytes:
        """Return the body of the query that it has answered last."""
        return urllib3.request("GET", f"{self.url}/last-request").data


@contextmanager
def running(module: str) -> Iterator[LeanServer]:
    """Run a module that serves in a separate process."""
    process = subprocess.Popen(  # noqa: S603 - this module's own callers
        [sys.executable, "-m", module], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        try:
            port = (process.stdout and process.stdout.readline().strip()) or ""
            if not port:
                raise RuntimeError(f"the benchmarks' server {module} doesn't start")
            yield LeanServer(f"http://127.0.0.1:{port}")
        finally:
            process.terminate()


def serve(handler: type[Handler]) -> None:
    """Serve until standard input ends, and print the port."""
    server = _Server(("127.0.0.1", 0), handler)

    def end_with_parent() -> None:
        # However the parent ends, the pipe closes, and no server is left behind.
        sys.stdin.read()
        server.shutdown()

    threading.Thread(target=end_with_parent, daemon=True).start()
    sys.stdout.write(f"{server.server_address[1]}\n")
    sys.stdout.flush()
    server.serve_forever()
