"""HTTP servers on raw sockets, for what a well-behaved server can't be made to do."""

from __future__ import annotations

import json
import random
import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from chalicelib.http.endpoint import HttpRequest

if TYPE_CHECKING:
    from typing import BinaryIO

    from chalicelib.http.endpoint import HttpEndpoint, HttpResponse

HOST = "127.0.0.1"
PATIENCE_SECONDS = 30
"""Only how long a broken subject holds a test up: nothing takes this long when all is well."""


@dataclass(frozen=True)
class Received:
    """A request as it came: the request line, headers by name in lower case, the body."""

    line: str
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        return json.loads(self.body)


def response(
    status: int, body: bytes = b"", headers: dict[str, str] | None = None, *, reason: str = "Reason"
) -> bytes:
    """Spell an answer; its length is given unless the headers say how the body ends."""
    lines = {"Content-Length": str(len(body)), **(headers or {})}
    if "Transfer-Encoding" in lines:
        del lines["Content-Length"]
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"HTTP/1.1 {status} {reason}\r\n{head}\r\n".encode("latin-1") + body


def error_response(
    status: int, code: str, message: str, headers: dict[str, str] | None = None
) -> bytes:
    """Spell the contract's error answer."""
    document = {"error": {"code": code, "message": message}, "trace_id": "theirs"}
    return response(status, json.dumps(document).encode(), headers)


def read_request(stream: BinaryIO) -> Received | None:
    """Read one request; None at the end of the connection."""
    line = stream.readline().decode().strip()
    if not line:
        return None
    headers = {}
    while header := stream.readline().decode().strip():
        name, _, value = header.partition(":")
        headers[name.lower()] = value.strip()
    return Received(line, headers, stream.read(int(headers.get("content-length", "0"))))


class RawServer:
    """Accepts connections and hands each to a function, in a thread of its own.

    Parameters
    ----------
    serve
        Takes the connection and its number, from 1. An `OSError` of its ends the connection.
    listening
        False to only take the port, until `listen` is called: connections are refused.
    """

    def __init__(
        self, serve: Callable[[socket.socket, int], None], *, listening: bool = True
    ) -> None:
        self._serve = serve
        self._listener = socket.socket()
        self._listener.bind((HOST, 0))
        self._accepting = threading.Thread(target=self._accept, name="raw-server", daemon=True)
        self._threads: list[threading.Thread] = []
        self._connections: list[socket.socket] = []
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://{HOST}:{self.port}/hot-reader"
        self.stopping = threading.Event()
        if listening:
            self.listen()

    def listen(self) -> None:
        self._listener.listen()
        self._accepting.start()

    @property
    def connections(self) -> int:
        """The number of connections so far."""
        return len(self._connections)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        if self._accepting.is_alive():
            socket.create_connection((HOST, self.port)).close()  # wakes it
            self._accepting.join(PATIENCE_SECONDS)
        self._listener.close()
        for connection in self._connections:
            with suppress(OSError):  # closed before
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(PATIENCE_SECONDS)

    def _accept(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            if self.stopping.is_set():
                connection.close()
                return
            self._connections.append(connection)
            thread = threading.Thread(
                target=self._run, args=(connection, self.connections), daemon=True
            )
            self._threads.append(thread)
            thread.start()

    def _run(self, connection: socket.socket, number: int) -> None:
        with connection, suppress(OSError):
            self._serve(connection, number)


class Cut(bytes):
    """Bytes behind which the connection ends."""


class Drip(bytes):
    """Bytes behind which a byte follows now and then, and never the last one."""


RESET, CLOSE, HANG = "reset", "close", "hang"
Act = bytes | str | Callable[[int], bytes]
"""What to do with a request: answer these bytes, or those for its number from 1, or one of the words above."""


class Scripted(RawServer):
    """Does prepared things with one request after the other, the last thing again and again.

    Connections stay open between requests.

    Parameters
    ----------
    acts
        What to do with each request.
    aside
        Returns the answer to a request that is none of these; None if it is one.
    """

    def __init__(
        self,
        *acts: Act,
        listening: bool = True,
        aside: Callable[[Received], bytes | None] = lambda _request: None,
    ) -> None:
        self._acts = list(acts)
        self._aside = aside
        self._lock = threading.Lock()
        self.requests: list[Received] = []
        super().__init__(self._answer, listening=listening)

    def _answer(self, connection: socket.socket, _number: int) -> None:
        with connection.makefile("rb") as stream:
            while request := read_request(stream):
                if (answer := self._aside(request)) is not None:
                    connection.sendall(answer)
                    continue
                with self._lock:
                    act = self._acts[min(len(self.requests), len(self._acts) - 1)]
                    self.requests.append(request)
                    number = len(self.requests)
                if callable(act):
                    act = act(number)
                if isinstance(act, bytes):
                    connection.sendall(act)
                    if isinstance(act, Drip):
                        while not self.stopping.wait(0.02):
                            connection.sendall(b" ")
                    if isinstance(act, Cut):
                        return
                    continue
                if act == HANG:
                    self.stopping.wait(PATIENCE_SECONDS)
                if act == RESET:
                    linger = struct.pack("ii", 1, 0)
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                return


class Endpoint(RawServer):
    """Serves an HTTP endpoint of ours, for POST.

    Parameters
    ----------
    endpoint
        What answers.
    """

    def __init__(self, endpoint: HttpEndpoint) -> None:
        self._endpoint = endpoint
        self.requests: list[Received] = []
        super().__init__(self._answer)

    @property
    def payloads(self) -> list[Any]:
        """The payloads of all requests."""
        return [each.document["payload"] for each in self.requests]

    def answer(self, request: Received) -> HttpResponse:
        return self._endpoint.answer(HttpRequest("POST", request.headers, body=request.body))

    def _answer(self, connection: socket.socket, _number: int) -> None:
        with connection.makefile("rb") as stream:
            while request := read_request(stream):
                self.requests.append(request)
                answer = self.answer(request)
                connection.sendall(response(answer.status, answer.body, dict(answer.headers)))


class Cutting(RawServer):
    """Passes connections on to a server, and cuts one now and then between parts that come either way.

    How many parts are between two cuts is random: at a fixed number, callers that go in step with each other
    would all be cut at each of their tries.

    Parameters
    ----------
    server
        The address of the server, on this machine: host and port, with whatever is before them.

    Attributes
    ----------
    every
        The number of parts from one cut to the next, on average; less than twice as many are the most. 0 for no cut.
    cuts
        The number of cuts so far.
    """

    def __init__(self, server: str) -> None:
        self._port = int(server.strip("/").rpartition(":")[2])
        self._random = random.Random(0)
        self._parts_left = 0
        self._counting = threading.Lock()
        self.every = 0
        self.cuts = 0
        super().__init__(self._pass_on)

    @property
    def address(self) -> str:
        return f"{HOST}:{self.port}"

    def _pass_on(self, connection: socket.socket, _number: int) -> None:
        with socket.create_connection((HOST, self._port)) as server:
            answers = threading.Thread(target=self._copy, args=(server, connection), daemon=True)
            answers.start()
            self._copy(connection, server)
            answers.join()

    def _copy(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while part := source.recv(65_536):
                if self._is_time():
                    sink.sendall(part[: len(part) // 2])
                    break
                sink.sendall(part)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _is_time(self) -> bool:
        if not self.every:
            return False
        with self._counting:
            self._parts_left -= 1
            if self._parts_left > 0:
                return False
            self._parts_left = self._random.randrange(1, 2 * self.every)
            self.cuts += 1
            return True


class Dripping(RawServer):
    """Answers the first request byte by byte, so slowly that it takes ten seconds; others at once.

    Parameters
    ----------
    before
        What is sent at once.
    drip
        What is sent a thousand times.
    after
        What completes the answer.
    later
        The answer to later requests.
    """

    def __init__(self, before: bytes, drip: bytes, after: bytes, *, later: bytes) -> None:
        self._parts = (before, drip, after)
        self._later = later
        self.completed = False
        super().__init__(self._answer)

    def _answer(self, connection: socket.socket, number: int) -> None:
        with connection.makefile("rb") as stream:
            if number > 1:
                while read_request(stream):
                    connection.sendall(self._later)
                return
            read_request(stream)
        before, drip, after = self._parts
        connection.sendall(before)
        for _ in range(1_000):
            if self.stopping.wait(0.01):
                return
            connection.sendall(drip)
        connection.sendall(after)
        self.completed = True
