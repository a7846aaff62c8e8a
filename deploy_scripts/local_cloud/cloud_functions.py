"""Google's Cloud Functions on this machine: the real functions-framework, a process per function."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from chalicelib.reads import HISTORY, LAST_ENTRY

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

_PROJECT: Final = Path(__file__).parents[2]
_SOURCE: Final = _PROJECT / "functions" / "gcp" / "main.py"
_HOST: Final = "127.0.0.1"
_START_SECONDS: Final = 60.0
_NOT_THEIRS: Final = ("AWS_", "FIRESTORE_", "FUNCTION_", "GCLOUD_", "GOOGLE_")
"""What of an engineer's own environment a local function mustn't see."""


class CloudFunction:
    """One function: started on entry, stopped on exit.

    Parameters
    ----------
    target
        The function's name in `functions/gcp/main.py`.
    environment
        Its settings.
    log
        The file that gets what it prints.
    port
        Where it listens, on loopback; 0 for any free port.
    """

    def __init__(
        self, target: str, environment: Mapping[str, str], *, log: Path, port: int = 0
    ) -> None:
        self._target = target
        self._environment = environment
        self._log = log
        self._port = port or _free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"http://{_HOST}:{self._port}"

    def __enter__(self) -> Self:
        """Start it, and return when it answers.

        Raises
        ------
        RuntimeError
            It ended instead; the message has what it printed last.
        """
        command = [
            *(sys.executable, "-m", "deploy_scripts.local_cloud.functions_framework_process"),
            *("--source", str(_SOURCE)),
            *("--target", self._target),
            *("--host", _HOST),
            *("--port", str(self._port)),
        ]
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith(_NOT_THEIRS)
        }
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own command line
                command,
                cwd=_PROJECT,
                env=inherited | dict(self._environment),
                stdin=subprocess.PIPE,  # its end tells the process that we are gone
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # a Ctrl-C is ours to handle
            )
        self._until_listening(self._process)
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        """Stop it, if it runs."""
        if self._process is not None:
            self._process.terminate()
            self._process.communicate()
            self._process = None

    def _until_listening(self, process: subprocess.Popen[bytes]) -> None:
        give_up = time.monotonic() + _START_SECONDS
        while time.monotonic() < give_up:
            if process.poll() is not None:
                raise RuntimeError(f"functions-framework ended: {self._last_lines()}")
            with suppress(OSError), socket.create_connection((_HOST, self._port), timeout=1):
                return
            time.sleep(0.05)
        self.__exit__(None, None, None)
        raise RuntimeError(f"functions-framework didn't start within {_START_SECONDS:.0f} s")

    def _last_lines(self) -> str:
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-5:])


class LocalCloudFunctions:
    """Both Hot Readers, each a function of its own: started on entry, stopped on exit.

    Parameters
    ----------
    environment
        Their settings, and where Firestore is.
    directory
        Where their logs are written.
    """

    def __init__(self, environment: Mapping[str, str], *, directory: Path) -> None:
        self._exit = ExitStack()
        self.logs = {name: directory / f"{name}.log" for name in (HISTORY.name, LAST_ENTRY.name)}
        self._functions = {
            name: CloudFunction(name.replace("-", "_"), environment, log=log)
            for name, log in self.logs.items()
        }

    def __enter__(self) -> Self:
        """Start them; one that has been started is stopped again if the other fails.

        Raises
        ------
        RuntimeError
            One ended instead; the message has what it printed last.
        """
        with self._exit:
            for function in self._functions.values():
                self._exit.enter_context(function)
            self._exit = self._exit.pop_all()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        """Stop both."""
        self._exit.close()

    @property
    def hot_reader_url(self) -> str:
        """Where the history is read."""
        return f"{self._functions[HISTORY.name].url}/{HISTORY.name}"

    @property
    def hot_reader_last_entry_url(self) -> str:
        """Where the newest entry is read."""
        return f"{self._functions[LAST_ENTRY.name].url}/{LAST_ENTRY.name}"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        return int(probe.getsockname()[1])
