"""A local Firestore: @firestore-emulator/server, with what it lacks, for unmodified Google SDKs.

firestore_server.mjs says what it lacks, and adds it. It asks for no composite indexes and knows no
access rules.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from google.auth.credentials import AnonymousCredentials
from google.cloud import firestore

from local_cloud.child_process import HOST, ChildProcess, free_port, node_command

if TYPE_CHECKING:
    from google.cloud.firestore import Client


class LocalFirestore(ChildProcess):
    """A context manager: started on entry, stopped on exit, with everything that was in it.

    Parameters
    ----------
    log
        The file that gets what it prints.
    project
        The Google Cloud project that `environment` and `client` name; any project is there.
    port
        The preferred port; a busy one is replaced by a free one.

    Attributes
    ----------
    host
        Where it listens: host and port.
    environment
        What a process needs to use it by Google's SDKs.

    Raises
    ------
    RuntimeError
        The npm package isn't installed; the message says how to get it.
    """

    def __init__(self, log: Path, *, project: str = "local-cloud", port: int = 0) -> None:
        port = free_port(port)
        server = Path(__file__).with_name("firestore_server.mjs")
        super().__init__("Firestore", node_command(server, str(port)), port=port, log=log)
        self.project = project
        self.host = f"{HOST}:{port}"
        self.environment = {"FIRESTORE_EMULATOR_HOST": self.host, "FIRESTORE_PROJECT": project}

    def client(self) -> Client:
        """Return a client that may do everything."""
        client = firestore.Client(project=self.project, credentials=AnonymousCredentials())  # type: ignore[no-untyped-call]
        # Otherwise only the environment of this whole process could say so.
        client._emulator_host = self.host
        return client
