"""A worker: a process that runs one function, one invocation at a time."""

from __future__ import annotations

import contextlib
import json
import math
import os
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from local_cloud.aws.lambda_runtime.function import MAX_RESPONSE_BYTES
from local_cloud.aws.lambda_runtime.invocation import Answer, Invocation, failure
from local_cloud.aws.lambda_runtime.output import OutputPump
from local_cloud.aws.lambda_runtime.runtime_api import RuntimeApi

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from local_cloud.aws.lambda_runtime.function import FunctionSpec

INIT_LIMIT_SECONDS: Final = 10.0
"""Time for a cold start before it counts against the function's own timeout.

AWS page "Understanding the Lambda execution environment lifecycle": the init phase is limited to
10 seconds; an init that takes longer runs within the timeout of the first invocation.
"""


class WorkerGoneError(Exception):
    """A warm worker had ended before it was given the invocation: another one can take it."""


class Worker:
    """One execution environment: a process with the function's code, and its Runtime API.

    Everything that changes is guarded by one condition. The threads that meet here are the
    caller of `invoke`, the Runtime API's handler, and the watcher that waits for the process.
    """

    def __init__(self, spec: FunctionSpec, task_root: Path, environment: Mapping[str, str]) -> None:
        self.spec = spec
        self._changed = threading.Condition()
        self._closing = threading.Lock()
        self._closed = False
        self._polling = False
        self._was_ready = False
        self._offered: Invocation | None = None
        self._current: Invocation | None = None
        self._init_error: bytes | None = None
        self._exit_code: int | None = None
        self._output = OutputPump(spec.name)
        self._api = RuntimeApi(self)
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

    def invoke(self, invocation: Invocation) -> Answer:
        """Run one invocation and return how it ended.

        Raises
        ------
        WorkerGoneError
            If a warm worker ended between two invocations.
        """
        with self._changed:
            init_left = self._started + INIT_LIMIT_SECONDS - time.monotonic()
            self._changed.wait_for(self._settled, max(0.0, init_left))
            deadline = time.monotonic() + self.spec.timeout
            invocation.deadline_ms = int((time.time() + self.spec.timeout) * 1000)
            self._changed.wait_for(self._settled, self.spec.timeout)
            if self._exit_code is not None and self._was_ready:
                raise WorkerGoneError
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
        """True if the process still runs."""
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

    def next_invocation(self) -> Invocation | None:
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
                # The runtime client ends on a 413, here as on Lambda.
                status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
                invocation.answer = failure(
                    "Function.ResponseSizeTooLarge",
                    "Response payload size exceeded maximum allowed payload size "
                    f"({MAX_RESPONSE_BYTES} bytes).",
                )
            else:
                invocation.answer = Answer(body, failed=failed)
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

    def _answer_to(self, invocation: Invocation) -> Answer:
        request_id = invocation.request_id
        if invocation.answer is not None:
            return invocation.answer
        if self._init_error is not None:
            return Answer(
                _with_request_id(self._init_error, request_id), failed=True, worker_usable=False
            )
        if self._exit_code is not None:
            reason = _exit_reason(self._exit_code)
            return failure(
                "Runtime.ExitError",
                f"RequestId: {request_id} Error: {reason}",
                log_line=f"RequestId: {request_id} Error: {reason}\nRuntime.ExitError",
            )
        text = f"Task timed out after {self.spec.timeout:.2f} seconds"
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return failure(
            "Sandbox.Timedout",
            f"RequestId: {request_id} Error: {text}",
            log_line=f"{now} {request_id} {text}",
        )

    def _report(self, request_id: str, answer: Answer, seconds: float) -> None:
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
