"""`chalice local`: the HTTP endpoints, in a process of its own."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from local_cloud.child_process import HOST, ChildProcess, own_environment

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class ChaliceLocal(ChildProcess):
    """`chalice local` of a stage; a context manager.

    Parameters
    ----------
    environment
        Its variables besides those of this process, of which it doesn't see AWS's.
    project
        The Chalice project's directory.
    stage
        The Chalice stage.
    port
        The port that it listens on, on loopback.
    log
        The file that gets its output.

    Attributes
    ----------
    url
        The URL that the endpoints' paths are appended to.
    """

    def __init__(
        self,
        environment: Mapping[str, str],
        *,
        project: Path,
        stage: str,
        port: int,
        log: Path,
    ) -> None:
        command = [
            *(sys.executable, "-m", "local_cloud.aws.chalice_process"),
            *("--project-dir", str(project)),
            "local",
            *("--stage", stage),
            *("--host", HOST),
            *("--port", str(port)),
            "--no-autoreload",
        ]
        super().__init__(
            "chalice local",
            command,
            port=port,
            log=log,
            environment=own_environment("AWS_") | dict(environment),
        )
        self.url = f"http://{HOST}:{port}"
