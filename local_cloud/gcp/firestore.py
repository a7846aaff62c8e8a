"""A local Firestore: @firestore-emulator/server, with what it lacks, for unmodified Google SDKs.

firestore_server.mjs says what it lacks, and adds it. It asks for no composite indexes, knows no
access rules, and keeps nanoseconds of a timestamp, which the service rounds down to microseconds.
"""

from __future__ import annotations

from pathlib import Path

from local_cloud.child_process import HOST, ChildProcess, free_port, node_command


class LocalFirestore(ChildProcess):
    """A context manager: started on entry, stopped on exit, with everything that was in it.

    Parameters
    ----------
    log
        The file that gets its output.
    project
        The Google Cloud project that `environment` names; any project is there.

    Attributes
    ----------
    host
        Its host and port.
    environment
        The variables of a process that uses it by Google's SDKs.

    Raises
    ------
    RuntimeError
        The npm package isn't installed; the message says how to get it.
    """

    def __init__(self, log: Path, *, project: str = "local-cloud") -> None:
        port = free_port()
        server = Path(__file__).with_name("firestore_server.mjs")
        super().__init__("Firestore", node_command(server, str(port)), port=port, log=log)
        self.project = project
        self.host = f"{HOST}:{port}"
        self.environment = {"FIRESTORE_EMULATOR_HOST": self.host, "FIRESTORE_PROJECT": project}
