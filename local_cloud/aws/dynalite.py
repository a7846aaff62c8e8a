"""A local DynamoDB: dynalite, a stand-in that unmodified AWS SDKs talk to.

It answers several times as fast as moto. What it does differently from the service: tables are ready
at once, it checks no signature and no policy, and all accounts and regions share its tables.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from botocore.config import Config
from botocore.session import Session

from local_cloud.child_process import HOST, ChildProcess, free_port, node_command

_PROGRAM: Final = Path(__file__).parents[2] / "node_modules" / "dynalite" / "cli.js"


class Dynalite(ChildProcess):
    """A context manager: started on entry, stopped on exit, with everything that was in it.

    Parameters
    ----------
    log
        The file that gets its output.

    Attributes
    ----------
    url
        The value for `AWS_ENDPOINT_URL_DYNAMODB`.

    Raises
    ------
    RuntimeError
        The npm package isn't installed; the message says how to get it.
    """

    def __init__(self, log: Path) -> None:
        port = free_port()
        command = node_command(_PROGRAM, "--port", str(port), "--createTableMs", "0")
        super().__init__("dynalite", command, port=port, log=log)
        self.url = f"http://{HOST}:{port}"

    def client(self, session: Session | None = None) -> Any:
        """Return a client of a session, or of a new one."""
        return (session or Session()).create_client(
            "dynamodb",
            endpoint_url=self.url,
            region_name="eu-central-1",
            aws_access_key_id="local",
            aws_secret_access_key="local",  # noqa: S106 - dynalite checks none
            config=Config(retries={"total_max_attempts": 2}),
        )
