"""The Runtime API of a worker: the four calls by which AWS's runtime client asks for work."""

from __future__ import annotations

import contextlib
import json
import logging
import re
import secrets
import socket
import sys
import threading
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from typing import TYPE_CHECKING, Any, Final, Protocol

from local_cloud.child_process import HOST

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local_cloud.aws.lambda_runtime.function import FunctionSpec
    from local_cloud.aws.lambda_runtime.invocation import Invocation

_API_ROOT: Final = "/2018-06-01/runtime"
_ANSWER_PATH: Final = re.compile(rf"{_API_ROOT}/invocation/([^/]+)/(response|error)")


logger = logging.getLogger(__name__)


class Worker(Protocol):
    """The side of a worker that its Runtime API talks to."""

    spec: FunctionSpec

    def next_invocation(self) -> Invocation | None:
        """Wait for work; None when the worker has ended meanwhile."""

    def answered(self, request_id: str, body: bytes, *, failed: bool) -> HTTPStatus:
        """Take an invocation's answer or error; return the status for the runtime client."""

    def init_failed(self, body: bytes) -> None:
        """Take the error of a cold start."""


class RuntimeApi(ThreadingTCPServer):
    """The Runtime API of one worker, on a loopback port of its own.

    One port per worker, because the runtime client knows its API by host and port only.
    """

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self._closed = False
        super().__init__((HOST, 0), _Handler)
        self._thread = threading.Thread(
            target=self._serve, name=f"lambda-api-{worker.spec.name}", daemon=True
        )

    @property
    def address(self) -> str:
        """``host:port``, the value of ``AWS_LAMBDA_RUNTIME_API``."""
        host, port = self.server_address[:2]
        return f"{host!s}:{port}"

    def start(self) -> None:
        """Answer calls, in a thread of their own."""
        self._thread.start()

    def close(self) -> None:
        """Stop listening. A connection to ourselves wakes the loop, so nothing needs to poll."""
        self._closed = True
        if self._thread.ident is not None:
            with contextlib.suppress(OSError):  # the loop may have ended with an earlier call
                socket.create_connection(self.server_address[:2]).close()  # type: ignore[arg-type]  # typeshed: host may be bytes
            self._thread.join()
        self.server_close()

    def _serve(self) -> None:
        while not self._closed:
            self.handle_request()

    def verify_request(self, request: Any, client_address: Any) -> bool:  # noqa: ARG002 - the base's signature
        """Refuse the connection that only wakes the loop."""
        return not self._closed

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - the base's signature
        """Log what went wrong: a worker that is killed drops its connection, the rest is a fault."""
        if isinstance(sys.exception(), ConnectionError):
            logger.debug("the worker of %s dropped its connection", self.worker.spec.name)
            return
        logger.exception("the Runtime API of %s failed", self.worker.spec.name)


class _Handler(BaseHTTPRequestHandler):
    """HTTP side of the Runtime API: next, response, error and init error."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True
    server: RuntimeApi

    def do_GET(self) -> None:
        if self.path != f"{_API_ROOT}/invocation/next":
            self._reply(HTTPStatus.NOT_FOUND, _problem("NotFound", self.path))
            return
        worker = self.server.worker
        invocation = worker.next_invocation()
        if invocation is None:
            self.close_connection = True
            return
        headers = {
            "Lambda-Runtime-Aws-Request-Id": invocation.request_id,
            "Lambda-Runtime-Deadline-Ms": str(invocation.deadline_ms),
            "Lambda-Runtime-Invoked-Function-Arn": worker.spec.arn,
            "Lambda-Runtime-Trace-Id": _trace_id(),
        }
        if invocation.client_context is not None:
            headers["Lambda-Runtime-Client-Context"] = invocation.client_context
        self._reply(HTTPStatus.OK, invocation.payload, headers)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        worker = self.server.worker
        if self.path == f"{_API_ROOT}/init/error":
            worker.init_failed(body)
            self._reply(HTTPStatus.ACCEPTED, b'{"status": "OK"}')
            return
        match = _ANSWER_PATH.fullmatch(self.path)
        if match is None:
            self._reply(HTTPStatus.NOT_FOUND, _problem("NotFound", self.path))
            return
        request_id, kind = match.groups()
        status = worker.answered(request_id, body, failed=kind == "error")
        self._reply(status, _problem(status.phrase, "") if status >= 400 else b'{"status": "OK"}')

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's signature
        logger.debug(format, *args)

    def _reply(
        self, status: HTTPStatus, body: bytes, headers: Mapping[str, str] | None = None
    ) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _problem(error_type: str, message: str) -> bytes:
    return json.dumps({"errorType": error_type, "errorMessage": message}).encode()


def _trace_id() -> str:
    """Build a tracing header (AWS X-Ray developer guide, "Tracing header"), not sampled."""
    root = f"1-{int(time.time()):08x}-{secrets.token_hex(12)}"
    return f"Root={root};Parent={secrets.token_hex(8)};Sampled=0"
