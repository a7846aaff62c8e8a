"""Firestore on this machine: the npm package @firestore-emulator/server, as a process of its own."""

from __future__ import annotations

import subprocess
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from google.auth.credentials import AnonymousCredentials
from google.cloud import firestore

if TYPE_CHECKING:
    from types import TracebackType

_SERVER: Final = Path(__file__).with_name("firestore_server.mjs")
_PACKAGE: Final = Path(__file__).parents[2] / "node_modules" / "@firestore-emulator" / "server"
_START_SECONDS: Final = 30.0


class LocalFirestore:
    """A context manager: started on entry, stopped on exit. It keeps everything in memory.

    Parameters
    ----------
    project
        The Google Cloud project that `environment` and `client` name; any project is there.
    """

    def __init__(self, *, project: str = "local-cloud") -> None:
        self.project = project
        self.host = ""
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        """Start it, and return when it answers.

        Raises
        ------
        RuntimeError
            The npm package isn't installed, or the server ended; the message has what it printed.
        """
        if not _PACKAGE.exists():
            raise RuntimeError(
                "The local Firestore isn't installed; in the project's directory, run: npm ci"
            )
        with tempfile.TemporaryFile("w+") as errors:
            self._process = subprocess.Popen(  # noqa: S603 - our own command line
                ["node", str(_SERVER)],  # noqa: S607 - whichever Node the engineer uses
                stdin=subprocess.PIPE,  # its end tells the server that we are gone
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                start_new_session=True,  # a Ctrl-C is ours to handle
            )
            give_up = threading.Timer(_START_SECONDS, self._process.kill)
            give_up.start()
            assert self._process.stdout is not None  # noqa: S101 - it is a pipe
            port = self._process.stdout.readline().strip()
            give_up.cancel()
            if not port:
                self.__exit__(None, None, None)
                errors.seek(0)
                raise RuntimeError(f"The local Firestore didn't start: {errors.read()}")
        self.host = f"127.0.0.1:{port}"
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        """Stop it; what it kept is gone."""
        if self._process is not None:
            self._process.terminate()
            self._process.communicate()
            self._process = None

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to use it by Google's SDKs."""
        return {"FIRESTORE_EMULATOR_HOST": self.host, "FIRESTORE_PROJECT": self.project}

    def client(self) -> firestore.Client:
        """Return a client of it."""
        client = firestore.Client(project=self.project, credentials=AnonymousCredentials())  # type: ignore[no-untyped-call]
        # Otherwise only the environment of this whole process could say so.
        client._emulator_host = self.host
        return client
