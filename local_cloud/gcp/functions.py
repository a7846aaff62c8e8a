"""Google's Cloud Functions on this machine: the real functions-framework, a process per function."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from local_cloud.child_process import HOST, ChildProcess, free_port, own_environment

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_LEFT_OUT: Final = ("AWS_", "FIRESTORE_", "FUNCTION_", "GCLOUD_", "GOOGLE_")
"""The variables of an engineer's environment that a local function mustn't see."""


class LocalCloudFunction(ChildProcess):
    """One function in a process of its own; a context manager.

    Parameters
    ----------
    target
        The function's name in the source.
    settings
        Its settings, as its environment gets them.
    source
        The Python file.
    log
        The file that gets its output.
    port
        The preferred port; a busy one is replaced by a free one.

    Attributes
    ----------
    url
        Its URL, on loopback; it answers on every path.
    """

    def __init__(
        self, target: str, settings: Mapping[str, str], *, source: Path, log: Path, port: int = 0
    ) -> None:
        port = free_port(port)
        command = [
            *(sys.executable, "-m", "local_cloud.gcp.functions_framework_process"),
            *("--source", str(source)),
            *("--target", target),
            *("--host", HOST),
            *("--port", str(port)),
        ]
        super().__init__(
            f"The function {target}",
            command,
            port=port,
            log=log,
            environment=own_environment(*_LEFT_OUT) | dict(settings),
        )
        self.url = f"http://{HOST}:{port}"
