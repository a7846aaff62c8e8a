"""Lambda functions that really run: AWS's own runtime client on a local Runtime API.

A function's deployed zip is unpacked into a task root and started with ``awslambdaric``, the
runtime client of Lambda's managed Python runtimes. It asks this module for work over the four
calls of the *Lambda runtime API* (AWS Lambda developer guide, "Using the Lambda runtime API"),
exactly as it asks Lambda. So import errors, exceptions, marshalling, the context object and the
shape of errors are AWS's code and not an imitation.

What isn't imitated: the memory limit, the read-only file system, layers, and the frozen process
between two invocations.

Examples
--------
>>> spec = FunctionSpec(name="hello", handler="app.handler", code=zip_bytes)
>>> with LambdaRuntime() as runtime:
...     runtime.invoke(spec, b'{"name": "twin"}').payload
b'"hello twin"'
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import math
import os
import re
import secrets
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import uuid
import zipfile
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingTCPServer
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LOOPBACK: Final = "127.0.0.1"

MAX_REQUEST_BYTES: Final = 6 * 1024 * 1024
"""Largest payload of a synchronous invocation in bytes (AWS page "Lambda quotas": 6 MB)."""

MAX_RESPONSE_BYTES: Final = 6_291_556
"""Largest answer of a function in bytes, the number that Lambda's own error message names."""

MAX_EVENT_BYTES: Final = 1024 * 1024
"""Largest payload of an asynchronous invocation in bytes (AWS page "Lambda quotas": 1 MB)."""

INIT_LIMIT_SECONDS: Final = 10.0
"""Time for a cold start before it counts against the function's own timeout.

AWS page "Understanding the Lambda execution environment lifecycle": the init phase is limited to
10 seconds; an init that takes longer runs within the timeout of the first invocation.
"""

LOG_TAIL_BYTES: Final = 4096
"""How much of an invocation's log goes into ``LogResult`` (Lambda API, Invoke: the last 4 KB)."""

LOG_KEPT_BYTES: Final = 256 * 1024
"""How much output of one function is kept for ``LambdaRuntime.logs``."""

DUMMY_CREDENTIALS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "AWS_ACCESS_KEY_ID": "LOCALACCESSKEYID0000",
        "AWS_SECRET_ACCESS_KEY": "local-secret-access-key",
        "AWS_SESSION_TOKEN": "local-session-token",
    }
)
"""Credentials that are worth nothing. All three are set, so that no real one shows through."""

_API_ROOT: Final = "/2018-06-01/runtime"
_ANSWER_PATH: Final = re.compile(rf"{_API_ROOT}/invocation/([^/]+)/(response|error)")

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class FunctionSpec:
    """One version of one function: everything that decides how it runs.

    Two specs that are equal share warm workers; any difference starts fresh ones, as an update of
    code or configuration does on Lambda.

    Attributes
    ----------
    name
        The function's name, also the suffix of its logger ``lambda.NAME``.
    handler
        ``module.function``, as in the function's configuration.
    code
        The deployment package: the bytes of a zip file.
    environment
        The function's own variables.
    timeout
        Seconds that one invocation may take.
    memory
        Memory size in MB. It is told to the function, and not enforced.
    arn
        The ARN to invoke, with the version for a published one.
    version
        ``$LATEST`` or a version number.
    region
        AWS region that the function believes to run in.
    runtime
        Lambda's name of the runtime, for ``AWS_EXECUTION_ENV``. The code runs on the Python that
        runs this module, whatever the name.
    """

    name: str
    handler: str
    code: bytes = field(repr=False)
    environment: Mapping[str, str] = field(default_factory=dict)
    timeout: float = 3.0
    memory: int = 128
    arn: str = ""
    version: str = "$LATEST"
    region: str = "eu-central-1"
    runtime: str = "python3.11"

    @property
    def log_group(self) -> str:
        """Name of the log group that Lambda would write to."""
        return f"/aws/lambda/{self.name}"


@dataclass(frozen=True, slots=True)
class InvocationResult:
    """What the caller of an invocation gets.

    Attributes
    ----------
    payload
        The function's answer, or the JSON document that describes its error.
    function_error
        ``Unhandled`` when the invocation failed, else None (Lambda API, Invoke: ``FunctionError``).
    log_tail
        The end of the invocation's log, at most `LOG_TAIL_BYTES`.
    request_id
        The id that the function saw in its context.
    version
        The version that ran.
    """

    payload: bytes
    function_error: str | None
    log_tail: bytes
    request_id: str
    version: str


class InvalidPackageError(ValueError):
    """The deployment package isn't a zip file that can be unpacked."""


class RuntimeStoppedError(RuntimeError):
    """The `LambdaRuntime` was stopped and takes no more invocations."""


class _WorkerGoneError(Exception):
    """A warm worker had ended before it was given the invocation: another one can take it."""


class _PoolRetiredError(Exception):
    """The pool's version of the function was replaced: the newer pool takes the invocation."""


@dataclass(slots=True)
class _Invocation:
    """One invocation on its way through a worker."""

    payload: bytes
    client_context: str | None
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    deadline_ms: int = 0
    answer: _Answer | None = None


@dataclass(frozen=True, slots=True)
class _Answer:
    """How an invocation ended, and whether the worker can take another one."""

    payload: bytes
    failed: bool = False
    worker_usable: bool = True
    log_line: str = ""


def _failure(error_type: str, message: str, *, log_line: str = "") -> _Answer:
    """Describe a failure that Lambda itself reports, not the function."""
    payload = json.dumps({"errorType": error_type, "errorMessage": message}).encode()
    return _Answer(payload, failed=True, worker_usable=False, log_line=log_line)


class _LogBuffer:
    """The latest output of one function, from all its workers, bounded."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept = bytearray()

    def append(self, data: bytes) -> None:
        with self._lock:
            self._kept += data
            del self._kept[:-LOG_KEPT_BYTES]

    def text(self) -> str:
        with self._lock:
            return _readable(bytes(self._kept))


def _readable(output: bytes) -> str:
    """Decode output; the runtime client ends the lines within one record by a carriage return."""
    return output.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")


class _OutputPump:
    """Collects what a worker writes to stdout and stderr.

    A socket pair and not a pipe, because a reader that waits on a socket can be woken by shutting
    the socket down, even if some grandchild still holds the other end open.
    """

    def __init__(self, name: str, buffer: _LogBuffer) -> None:
        self._name = name
        self._logger = logging.getLogger(f"lambda.{name}")
        self._buffer = buffer
        self._lock = threading.Lock()
        self._tail = bytearray()
        self._line = bytearray()
        self._ours, self.theirs = socket.socketpair()
        self._ours.settimeout(0)
        self._thread = threading.Thread(
            target=self._pump, name=f"lambda-output-{name}", daemon=True
        )

    def start(self) -> None:
        """Begin to read, after the worker got its end."""
        self.theirs.close()
        self._thread.start()

    def close(self) -> None:
        """Stop reading, whoever may still hold the other end."""
        self.theirs.close()
        with contextlib.suppress(OSError):  # the other side may have gone before
            self._ours.shutdown(socket.SHUT_RDWR)
        if self._thread.ident is not None:
            self._thread.join()
        self._ours.close()

    def drain(self) -> bool:
        """Take everything that has been written so far; False at the end of the output.

        Whoever saw a worker's answer has all that the worker wrote before it after this call.
        """
        with self._lock:
            while True:
                try:
                    data = self._ours.recv(65536)
                except BlockingIOError:
                    return True
                except OSError:
                    data = b""
                if not data:
                    self._log_lines(last=True)
                    return False
                self._take(data)
                self._line += data
                self._log_lines()

    def platform_line(self, line: str) -> None:
        """Add a line that Lambda itself writes (START, END, REPORT)."""
        with self._lock:
            self._take(f"{line}\n".encode())
        self._logger.debug("%s", line)

    def take_tail(self) -> bytes:
        """Return the end of the output since the last call."""
        with self._lock:
            tail = bytes(self._tail)
            self._tail.clear()
            return tail

    def _take(self, data: bytes) -> None:
        self._buffer.append(data)
        self._tail += data
        del self._tail[:-LOG_TAIL_BYTES]

    def _log_lines(self, *, last: bool = False) -> None:
        *lines, rest = bytes(self._line).split(b"\n")
        self._line = bytearray(rest)
        if last and rest:
            lines.append(rest)
            self._line.clear()
        for line in lines:
            self._logger.info("%s", _readable(line))

    def _pump(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._ours, selectors.EVENT_READ)
            while True:
                selector.select()
                if not self.drain():
                    return


class _RuntimeApi(ThreadingTCPServer):
    """The Runtime API of one worker, on a loopback port of its own.

    One port per worker, because the runtime client knows its API by host and port only.
    """

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, worker: _Worker) -> None:
        self.worker = worker
        self._closed = False
        super().__init__((LOOPBACK, 0), _RuntimeApiHandler)
        self._thread = threading.Thread(
            target=self._serve, name=f"lambda-api-{worker.name}", daemon=True
        )

    @property
    def address(self) -> str:
        """``host:port``, the value of ``AWS_LAMBDA_RUNTIME_API``."""
        host, port = self.server_address[:2]
        return f"{host!s}:{port}"

    def start(self) -> None:
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
        return not self._closed

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - the base's signature
        # A worker that is killed drops its connection; anything else is a fault of ours.
        if isinstance(sys.exception(), ConnectionError):
            logger.debug("the worker of %s dropped its connection", self.worker.name)
            return
        logger.exception("the Runtime API of %s failed", self.worker.name)


class _RuntimeApiHandler(BaseHTTPRequestHandler):
    """HTTP side of the Runtime API: next, response, error and init error."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True
    server: _RuntimeApi

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


class _Worker:
    """One execution environment: a process with the function's code, and its Runtime API.

    Everything that changes is guarded by one condition. The threads that meet here are the
    caller of `invoke`, the Runtime API's handler, and the watcher that waits for the process.
    """

    def __init__(
        self, spec: FunctionSpec, task_root: Path, environment: Mapping[str, str], logs: _LogBuffer
    ) -> None:
        self.spec = spec
        self.name = spec.name
        self._changed = threading.Condition()
        self._closing = threading.Lock()
        self._closed = False
        self._polling = False
        self._was_ready = False
        self._offered: _Invocation | None = None
        self._current: _Invocation | None = None
        self._init_error: bytes | None = None
        self._exit_code: int | None = None
        self._output = _OutputPump(spec.name, logs)
        self._api = _RuntimeApi(self)
        self._started = time.monotonic()
        try:
            self._process = self._spawn(task_root, environment)
        except OSError:
            self._output.close()
            self._api.close()
            raise
        self._api.start()
        self._output.start()
        self._watcher = threading.Thread(
            target=self._watch, name=f"lambda-watch-{spec.name}", daemon=True
        )
        self._watcher.start()

    def _spawn(self, task_root: Path, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
        # -m puts the working directory, the task root, first on the import path. -B: Lambda's
        # task root is read-only, so no cold start finds another's byte code. -s: no packages from
        # the engineer's home. The session of its own lets a kill reach what the function started.
        command = [sys.executable, "-B", "-s", "-m", "awslambdaric", self.spec.handler]
        return subprocess.Popen(  # noqa: S603 - runs the function's own code, that is the purpose
            command,
            cwd=task_root,
            env={**environment, "AWS_LAMBDA_RUNTIME_API": self._api.address},
            stdin=subprocess.DEVNULL,
            stdout=self._output.theirs.fileno(),
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    # --- called by the pool -------------------------------------------------------------------

    @property
    def pid(self) -> int:
        """Process id of the worker."""
        return self._process.pid

    def invoke(self, invocation: _Invocation) -> _Answer:
        """Run one invocation and return how it ended.

        Raises
        ------
        _WorkerGoneError
            If a warm worker ended between two invocations.
        """
        with self._changed:
            init_left = self._started + INIT_LIMIT_SECONDS - time.monotonic()
            self._changed.wait_for(self._settled, max(0.0, init_left))
            deadline = time.monotonic() + self.spec.timeout
            invocation.deadline_ms = int((time.time() + self.spec.timeout) * 1000)
            self._changed.wait_for(self._settled, self.spec.timeout)
            if self._exit_code is not None and self._was_ready:
                raise _WorkerGoneError
            began = time.monotonic()
            request_id, version = invocation.request_id, self.spec.version
            self._output.platform_line(f"START RequestId: {request_id} Version: {version}")
            if self._polling:
                self._offered = self._current = invocation
                self._changed.notify_all()
                self._changed.wait_for(
                    lambda: invocation.answer is not None or self._exit_code is not None,
                    deadline - time.monotonic(),
                )
            answer = self._answer_to(invocation)
            self._current = self._offered = None
        self._output.drain()
        self._report(request_id, answer, time.monotonic() - began)
        return answer

    def take_log_tail(self) -> bytes:
        """Return the end of what was logged since the last call."""
        return self._output.take_tail()

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        with self._changed:
            return self._exit_code is None

    def close(self) -> None:
        """Kill the process and everything it started; a second call does nothing."""
        with self._closing:
            if self._closed:
                return
            if self._process.poll() is None:
                _kill_group(self._process.pid)
            self._watcher.join()
            self._output.close()
            self._api.close()
            self._closed = True

    # --- called by the Runtime API ------------------------------------------------------------

    def next_invocation(self) -> _Invocation | None:
        """Wait for work; None when the worker has ended meanwhile."""
        with self._changed:
            self._polling = self._was_ready = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._offered is not None or self._exit_code is not None)
            self._polling = False
            invocation, self._offered = self._offered, None
            return invocation

    def answered(self, request_id: str, body: bytes, *, failed: bool) -> HTTPStatus:
        """Take an invocation's answer or error; return the status for the runtime client."""
        with self._changed:
            invocation = self._current
            if invocation is None or invocation.request_id != request_id:
                return HTTPStatus.BAD_REQUEST
            status = HTTPStatus.ACCEPTED
            if len(body) > MAX_RESPONSE_BYTES:
                # The runtime client ends when it is told 413, here as on Lambda.
                status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
                invocation.answer = _failure(
                    "Function.ResponseSizeTooLarge",
                    "Response payload size exceeded maximum allowed payload size "
                    f"({MAX_RESPONSE_BYTES} bytes).",
                )
            else:
                invocation.answer = _Answer(body, failed=failed)
            self._changed.notify_all()
            return status

    def init_failed(self, body: bytes) -> None:
        """Take the error of a cold start."""
        with self._changed:
            self._init_error = body
            self._changed.notify_all()

    # --- inside -------------------------------------------------------------------------------

    def _settled(self) -> bool:
        return self._polling or self._init_error is not None or self._exit_code is not None

    def _answer_to(self, invocation: _Invocation) -> _Answer:
        request_id = invocation.request_id
        if invocation.answer is not None:
            return invocation.answer
        if self._init_error is not None:
            return _Answer(
                _with_request_id(self._init_error, request_id), failed=True, worker_usable=False
            )
        if self._exit_code is not None:
            reason = _exit_reason(self._exit_code)
            return _failure(
                "Runtime.ExitError",
                f"RequestId: {request_id} Error: {reason}",
                log_line=f"RequestId: {request_id} Error: {reason}\nRuntime.ExitError",
            )
        text = f"Task timed out after {self.spec.timeout:.2f} seconds"
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return _failure(
            "Sandbox.Timedout",
            f"RequestId: {request_id} Error: {text}",
            log_line=f"{now} {request_id} {text}",
        )

    def _report(self, request_id: str, answer: _Answer, seconds: float) -> None:
        if answer.log_line:
            self._output.platform_line(answer.log_line)
        milliseconds = seconds * 1000
        self._output.platform_line(f"END RequestId: {request_id}")
        self._output.platform_line(
            f"REPORT RequestId: {request_id}\tDuration: {milliseconds:.2f} ms\t"
            f"Billed Duration: {math.ceil(milliseconds)} ms\tMemory Size: {self.spec.memory} MB"
        )

    def _watch(self) -> None:
        exit_code = self._process.wait()
        _kill_group(self._process.pid)  # what the function started and left behind
        self._output.drain()
        with self._changed:
            self._exit_code = exit_code
            self._changed.notify_all()


def _kill_group(pid: int) -> None:
    # macOS says "not permitted" of a group in which only zombies are left
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _exit_reason(exit_code: int) -> str:
    """Describe the end of a process in Lambda's words."""
    if exit_code < 0:
        name = "killed" if -exit_code == signal.SIGKILL else signal.strsignal(-exit_code)
        return f"Runtime exited with error: signal: {(name or str(-exit_code)).lower()}"
    if exit_code == 0:
        return "Runtime exited without providing a reason"
    return f"Runtime exited with error: exit status {exit_code}"


def _with_request_id(error: bytes, request_id: str) -> bytes:
    """Fill in the id that the runtime client couldn't know when it failed to start."""
    try:
        document = json.loads(error)
    except ValueError:
        return error
    if not isinstance(document, dict):
        return error
    return json.dumps({**document, "requestId": request_id}).encode()


class _Pool:
    """The workers of one version of one function, at most `limit` at a time."""

    def __init__(
        self, spec: FunctionSpec, base: Mapping[str, str], logs: _LogBuffer, limit: int
    ) -> None:
        self.spec = spec
        self.base = base
        self._logs = logs
        self._limit = limit
        self._changed = threading.Condition()
        self._workers: set[_Worker] = set()
        self._starting = 0
        self._idle: list[_Worker] = []
        self._retired = False
        self._directory = tempfile.TemporaryDirectory(prefix="lambda-")
        # resolved, so that it is spelled the same in LAMBDA_TASK_ROOT and in stack traces
        self._task_root = Path(self._directory.name).resolve()
        try:
            _unpack(spec.code, self._task_root)
        except (zipfile.BadZipFile, OSError) as error:
            self._directory.cleanup()
            message = f"The package of {spec.name} can't be unpacked ({error}): deploy a zip file."
            raise InvalidPackageError(message) from error
        self._environment = _function_environment(spec, base, self._task_root)

    def run(self, invocation: _Invocation) -> tuple[_Answer, bytes]:
        """Run an invocation on a free worker, a new one, or the next that gets free.

        Raises
        ------
        _PoolRetiredError
            If the pool was retired before the invocation found a worker.
        """
        while True:
            worker = self._take()
            reusable = False
            try:
                answer = worker.invoke(invocation)
                tail = worker.take_log_tail()
                reusable = answer.worker_usable
            except _WorkerGoneError:
                continue
            finally:
                self._give_back(worker, reusable=reusable)
            return answer, tail

    def retire(self, *, kill: bool) -> None:
        """Stop the idle workers now; the busy ones now (`kill`) or after their invocation."""
        with self._changed:
            self._retired = True
            self._changed.notify_all()
            if kill:
                self._changed.wait_for(lambda: not self._starting)
            ending = set(self._workers) if kill else set(self._idle)
            self._idle.clear()
        for worker in ending:
            worker.close()
        with self._changed:
            self._workers -= ending
        self._clean_up()

    def end_idle(self) -> None:
        """Stop the idle workers; the next invocation starts one."""
        with self._changed:
            ending = set(self._idle)
            self._idle.clear()
        for worker in ending:
            worker.close()
        with self._changed:
            self._workers -= ending
            self._changed.notify_all()

    def pids(self) -> list[int]:
        """Process ids of the workers."""
        with self._changed:
            return sorted(worker.pid for worker in self._workers)

    @property
    def empty(self) -> bool:
        """Whether no worker runs and none is being started."""
        with self._changed:
            return not self._workers and not self._starting

    def _take(self) -> _Worker:
        with self._changed:
            while True:
                if self._retired:
                    raise _PoolRetiredError
                while self._idle:
                    worker = self._idle.pop()
                    if worker.alive:
                        return worker
                    self._workers.discard(worker)
                    worker.close()
                if len(self._workers) + self._starting < self._limit:
                    break
                self._changed.wait()
            self._starting += 1
        return self._start()

    def _start(self) -> _Worker:
        worker = None
        try:
            worker = _Worker(self.spec, self._task_root, self._environment, self._logs)
        finally:
            with self._changed:
                self._starting -= 1
                if worker is not None:
                    self._workers.add(worker)
                self._changed.notify_all()
                retired = self._retired
        if retired:
            self._give_back(worker, reusable=False)
            raise _PoolRetiredError
        return worker

    def _give_back(self, worker: _Worker, *, reusable: bool) -> None:
        with self._changed:
            if reusable and not self._retired:
                self._idle.append(worker)
                self._changed.notify()
                return
        worker.close()
        with self._changed:
            self._workers.discard(worker)
            self._changed.notify()
        self._clean_up()

    def _clean_up(self) -> None:
        with self._changed:
            if self._retired and self.empty:
                self._directory.cleanup()


def _unpack(code: bytes, target: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(code)) as package:
        for entry in package.infolist():
            path = Path(package.extract(entry, target))
            mode = entry.external_attr >> 16 & 0o777
            if mode and not entry.is_dir():
                path.chmod(mode | 0o400)


def _base_environment(endpoint_url: str | None, extra: Mapping[str, str]) -> dict[str, str]:
    """Build what every function gets before its own variables: nothing of the engineer's."""
    base = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        # boto3 would read ~/.aws of whoever runs this
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        **DUMMY_CREDENTIALS,
    }
    if endpoint_url is not None:
        base["AWS_ENDPOINT_URL"] = endpoint_url
    return {**base, **extra}


def _function_environment(
    spec: FunctionSpec, base: Mapping[str, str], task_root: Path
) -> dict[str, str]:
    """Build a worker's environment.

    AWS page "Using Lambda environment variables", section "Defined runtime environment
    variables": a function can't set the reserved ones.
    """
    stream = f"{datetime.now(UTC):%Y/%m/%d}/[{spec.version}]{uuid.uuid4().hex}"
    reserved = {
        "_HANDLER": spec.handler,
        "AWS_REGION": spec.region,
        "AWS_DEFAULT_REGION": spec.region,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{spec.runtime}",
        "AWS_LAMBDA_FUNCTION_NAME": spec.name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(spec.memory),
        "AWS_LAMBDA_FUNCTION_VERSION": spec.version,
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": spec.log_group,
        "AWS_LAMBDA_LOG_STREAM_NAME": stream,
        "LAMBDA_TASK_ROOT": str(task_root),
    }
    return {"PYTHONPATH": str(task_root), **base, **spec.environment, **reserved}


class LambdaRuntime:
    """Runs Lambda functions in worker processes and keeps the workers warm.

    One worker takes one invocation at a time. Invocations at the same time get workers of their
    own, up to `max_workers` per function, and queue after that. Idle workers live until the
    function changes, is forgotten, or the runtime stops. Should this process be killed, its
    workers end as soon as they next speak to the Runtime API.

    Parameters
    ----------
    endpoint_url
        Value of ``AWS_ENDPOINT_URL`` in the functions; None leaves it unset.
    extra_environment
        Further variables for all functions. A function's own variables win.
    max_workers
        Workers per function version.
    """

    def __init__(
        self,
        *,
        endpoint_url: str | None = None,
        extra_environment: Mapping[str, str] | None = None,
        max_workers: int = 4,
    ) -> None:
        if max_workers < 1:
            message = f"max_workers must be 1 or more, not {max_workers}"
            raise ValueError(message)
        self._endpoint_url = endpoint_url
        self._base = _base_environment(endpoint_url, extra_environment or {})
        self._max_workers = max_workers
        self._lock = threading.Lock()
        self._pools: dict[str, _Pool] = {}
        self._leaving: list[_Pool] = []  # replaced, with invocations that still run
        self._logs: dict[str, _LogBuffer] = {}
        self._events: set[threading.Thread] = set()
        self._stopped = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def invoke(
        self, spec: FunctionSpec, payload: bytes, *, client_context: str | None = None
    ) -> InvocationResult:
        """Run a function and wait for its answer.

        A failure of the function is a result, as on Lambda, and not an exception.

        Parameters
        ----------
        spec
            What to run.
        payload
            The event as JSON.
        client_context
            JSON for ``context.client_context``.

        Raises
        ------
        InvalidPackageError
            If the function's code isn't a zip file.
        RuntimeStoppedError
            If the runtime was stopped.
        """
        invocation = _Invocation(payload, client_context)
        while True:
            try:
                answer, tail = self._pool(spec).run(invocation)
            except _PoolRetiredError:
                continue
            return InvocationResult(
                payload=answer.payload,
                function_error="Unhandled" if answer.failed else None,
                log_tail=tail,
                request_id=invocation.request_id,
                version=spec.version,
            )

    def invoke_event(
        self, spec: FunctionSpec, payload: bytes, *, client_context: str | None = None
    ) -> None:
        """Run a function and don't wait (Lambda's invocation type ``Event``).

        Lambda tries a failing event twice more, a minute and two minutes later; here a failure is
        logged and final.
        """

        def run() -> None:
            try:
                result = self.invoke(spec, payload, client_context=client_context)
                if result.function_error:
                    logger.warning("the event for %s failed: %r", spec.name, result.payload)
            except (RuntimeStoppedError, InvalidPackageError) as error:
                logger.warning("the event for %s was dropped: %s", spec.name, error)
            finally:
                with self._lock:
                    self._events.discard(thread)

        thread = threading.Thread(target=run, name=f"lambda-event-{spec.name}", daemon=True)
        with self._lock:
            self._raise_if_stopped()
            self._events.add(thread)
            thread.start()

    def set_extra_environment(self, extra_environment: Mapping[str, str]) -> None:
        """Replace the variables that all functions get; workers start fresh to see them."""
        with self._lock:
            self._base = _base_environment(self._endpoint_url, extra_environment)

    def logs(self, name: str) -> str:
        """Return the latest output of a function, from all its workers; "" if there is none."""
        with self._lock:
            buffer = self._logs.get(name)
        return buffer.text() if buffer else ""

    def worker_pids(self, name: str) -> list[int]:
        """Return the process ids of a function's workers."""
        with self._lock:
            pools = [pool for pool in self._pools.values() if pool.spec.name == name]
        return [pid for pool in pools for pid in pool.pids()]

    def cool_down(self, name: str) -> None:
        """End a function's idle workers, as time does: its next invocation is a cold start."""
        with self._lock:
            pools = [pool for pool in self._pools.values() if pool.spec.name == name]
        for pool in pools:
            pool.end_idle()

    def forget(self, name: str) -> None:
        """End a function's workers, all versions, as deleting the function does."""
        self._drop(lambda pool: pool.spec.name == name, kill=False)

    def reset(self) -> None:
        """End all workers and drop all logs."""
        self._drop(lambda _: True, kill=True)
        with self._lock:
            self._logs.clear()

    def stop(self) -> None:
        """End all workers, busy ones too; can be called twice. No process is left after it."""
        with self._lock:
            self._stopped = True
            events = list(self._events)
        self._drop(lambda _: True, kill=True)
        for thread in events:
            thread.join()

    def _drop(self, condition: Callable[[_Pool], bool], *, kill: bool) -> None:
        with self._lock:
            dropped = [key for key, pool in self._pools.items() if condition(pool)]
            self._leaving += [self._pools.pop(key) for key in dropped]
        self._end_leaving(kill=kill)

    def _end_leaving(self, *, kill: bool) -> None:
        with self._lock:
            leaving = list(self._leaving)
        for pool in leaving:
            pool.retire(kill=kill)
        with self._lock:
            self._leaving = [pool for pool in self._leaving if not pool.empty]

    def _pool(self, spec: FunctionSpec) -> _Pool:
        key = f"{spec.arn or spec.name} {spec.version}"
        with self._lock:
            self._raise_if_stopped()
            old = self._pools.get(key)
            if old is not None and old.spec == spec and old.base is self._base:
                return old
            logs = self._logs.setdefault(spec.name, _LogBuffer())
            pool = self._pools[key] = _Pool(spec, self._base, logs, self._max_workers)
            if old is not None:
                self._leaving.append(old)
        self._end_leaving(kill=False)
        return pool

    def _raise_if_stopped(self) -> None:
        if self._stopped:
            message = "This LambdaRuntime was stopped: make a new one to invoke functions."
            raise RuntimeStoppedError(message)
