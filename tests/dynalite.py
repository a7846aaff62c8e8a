"""dynalite, another implementation of DynamoDB, as a process of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.config import Config
from botocore.session import Session

from deploy_scripts import PROJECT
from local_cloud.child_process import HOST, ChildProcess, free_port, node_command

if TYPE_CHECKING:
    from pathlib import Path


class Dynalite(ChildProcess):
    """Starts on entry, ends on exit."""

    def __init__(self, log: Path) -> None:
        port = free_port()
        program = PROJECT / "node_modules" / "dynalite" / "cli.js"
        command = node_command(program, "--port", str(port), "--createTableMs", "0")
        super().__init__("dynalite", command, port=port, log=log)
        self.url = f"http://{HOST}:{port}"

    def client(self, session: Session | None = None) -> Any:
        return (session or Session()).create_client(
            "dynamodb",
            endpoint_url=self.url,
            region_name="eu-central-1",
            aws_access_key_id="local",
            aws_secret_access_key="local",
            config=Config(retries={"total_max_attempts": 2}),
        )
