"""dynalite, another implementation of DynamoDB, as a process of its own."""

from __future__ import annotations

import socket
import subprocess
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

from botocore.config import Config
from botocore.session import Session

from deploy_scripts.local_cloud.stack import PROJECT, free_port

if TYPE_CHECKING:
    from pathlib import Path

_START_SECONDS = 30


class Dynalite:
    """Starts on entry, ends on exit."""

    def __init__(self, log: Path) -> None:
        self._port = free_port()
        self._log = log
        self.url = f"http://127.0.0.1:{self._port}"

    def __enter__(self) -> Self:
        command = PROJECT / "node_modules" / ".bin" / "dynalite"
        if not command.exists():
            raise RuntimeError("dynalite isn't installed; run: make test")
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [command, "--port", str(self._port), "--createTableMs", "0"],
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        give_up = time.monotonic() + _START_SECONDS
        while time.monotonic() < give_up:
            if self._process.poll() is not None:
                break
            with suppress(OSError), socket.create_connection(("127.0.0.1", self._port), timeout=1):
                return self
            time.sleep(0.05)
        self.__exit__()
        raise RuntimeError(f"dynalite didn't start: {self._log.read_text()}")

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()

    def client(self, session: Session | None = None) -> Any:
        return (session or Session()).create_client(
            "dynamodb",
            endpoint_url=self.url,
            region_name="eu-central-1",
            aws_access_key_id="local",
            aws_secret_access_key="local",
            config=Config(retries={"total_max_attempts": 2}),
        )
