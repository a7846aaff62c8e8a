"""Servers of the local cloud that run as processes of their own, and never outlive this one."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from local_cloud import PROJECT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

HOST: Final = "127.0.0.1"
_START_SECONDS: Final = 60.0
_STOP_SECONDS: Final = 5.0
_NOT_FOR_CONNECTIONS: Final = range(20_000, 32_768)
"""Ports that a connection doesn't get by itself (Linux, ip_local_port_range; RFC 6335, section 6)."""
_TRIES: Final = 20
_END_WITH_PARENT: Final = Path(__file__).with_name("end_with_parent.js")


class ChildProcess:
    """A server on loopback: a context manager, or `start` and `stop`.

    The process gets a pipe as standard input, which closes however this process ends. A server has to
    watch it: `end_with_parent` does in Python, `node_command` adds it to a Node program.

    Parameters
    ----------
    name
        Its name in messages.
    command
        The program and its arguments; no secrets, everybody on the machine can list them.
    port
        The port that it listens on.
    log
        The file that gets its output.
    environment
        Its environment; None for this process's own (see `own_environment`).
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        port: int,
        log: Path,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._name = name
        self._command = command
        self._port = port
        self._log = log
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and return when it listens.

        Raises
        ------
        RuntimeError
            It ended instead, or doesn't listen; the message has the end of its output.
        """
        with self._log.open("ab") as log:
            process = subprocess.Popen(  # noqa: S603 - our own command line
                self._command,
                cwd=PROJECT,
                env=self._environment,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # a Ctrl-C is ours to handle, and its processes can be killed together
            )
        self._process = process
        give_up = time.monotonic() + _START_SECONDS
        while time.monotonic() < give_up:
            if process.poll() is not None:
                self.stop()
                raise RuntimeError(f"{self._name} ended: {self._last_lines()}")
            with suppress(OSError), socket.create_connection((HOST, self._port), timeout=1):
                return
            time.sleep(0.05)
        self.stop()
        raise RuntimeError(f"{self._name} didn't start: {self._last_lines()}")

    def stop(self) -> None:
        """Stop it, if it runs, with the processes that it started."""
        if self._process is None:
            return
        self._process.terminate()
        if self._process.stdin is not None:
            self._process.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            # gunicorn waits half a minute for a worker that was signalled while it began.
            self._process.wait(timeout=_STOP_SECONDS)
        with suppress(ProcessLookupError):  # as a rule they have ended, too
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._process = None

    def output(self) -> str:
        """Return its output so far."""
        return self._log.read_text(errors="replace")

    def __enter__(self) -> Self:
        """Start it; see `start`."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop it."""
        self.stop()

    def _last_lines(self) -> str:
        return "\n".join(self.output().splitlines()[-20:])


def node_command(program: Path, *arguments: str) -> list[str | Path]:
    """Return the command of a Node program that ends with this process.

    Parameters
    ----------
    program
        A script of ours, or one below node_modules.
    *arguments
        Its arguments.

    Raises
    ------
    RuntimeError
        node_modules isn't there; the message says how to get it.
    """
    if not program.exists() or not (PROJECT / "node_modules").exists():
        raise RuntimeError(f"{program.name} needs node_modules; run: npm ci")
    return ["node", "--require", _END_WITH_PARENT, program, *arguments]


def end_with_parent() -> None:
    """End this process as soon as the one that started it is gone.

    The parent keeps the other end of standard input open and never writes to it. However the parent
    ends, the pipe closes, and no server is left behind on a port.
    """

    def wait() -> None:
        os.read(0, 1)
        os._exit(0)

    threading.Thread(target=wait, daemon=True).start()


def own_environment(*left_out: str) -> dict[str, str]:
    """Return this process's environment without the variables that a local server mustn't see.

    Parameters
    ----------
    *left_out
        The prefixes of such variables' names.
    """
    return {name: value for name, value in os.environ.items() if not name.startswith(left_out)}


def free_port(preferred: int = 0) -> int:
    """Return the preferred port if it is free on loopback, else another one that is.

    Nothing keeps it free until the server listens, so it isn't one that a connection may get meanwhile.
    """
    for port in (preferred or _any_port(), *(_any_port() for _ in range(_TRIES)), 0):
        with suppress(OSError), socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((HOST, port))
            return int(probe.getsockname()[1])
    raise RuntimeError("no port is free on this machine")


def _any_port() -> int:
    return secrets.choice(_NOT_FOR_CONNECTIONS)
