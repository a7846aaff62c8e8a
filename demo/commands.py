"""`python -m deploy_scripts local` and `demo`: the product on the local cloud."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.markup import escape

from demo.options import entries_option, progress, seed_option
from deploy_scripts import PROJECT
from deploy_scripts.commands import options

if TYPE_CHECKING:
    from collections.abc import Iterator

    from demo.stack import LocalCloud

_directory_option = click.option(
    "--directory",
    type=click.Path(file_okay=False, path_type=Path),
    default=PROJECT / ".local",
    show_default=".local",
    help="The directory for endpoints, logs and reports.",
)
_PORT = click.IntRange(0, 65_535)
_interrupted = threading.Event()


@click.command()
@_directory_option
@options.config
@entries_option
@seed_option
@click.option(
    "--http-port",
    type=_PORT,
    default=8000,
    show_default=True,
    help="The port of the Hot Reader endpoints.",
)
@click.option("--aws-port", type=_PORT, default=4566, show_default=True, help="The port of AWS.")
@click.option(
    "--twinmaker-port", type=_PORT, default=4567, show_default=True, help="The port of TwinMaker."
)
def local(http_port: int, aws_port: int, twinmaker_port: int, **options: Any) -> None:
    """Run the local cloud until Ctrl-C.

    AWS with TwinMaker and the data connectors, and the Hot Readers on AWS, Azure and Google Cloud,
    each with sample telemetry in its hot storage, all on this machine. When all is ready,
    DIRECTORY/endpoints.json lists every URL. A busy port is replaced by a free one.
    """
    from demo.endpoints import ENDPOINTS_FILE, ENVIRONMENT_FILE
    from demo.stack import Ports

    console = Console()
    ports = Ports(http_port, aws_port, twinmaker_port)
    ready = False
    with (
        _failures_shown(console, RuntimeError),
        suppress(KeyboardInterrupt),
        _local_cloud(console, ports=ports, **options) as cloud,
    ):
        at, directory = cloud.endpoints, options["directory"]
        console.print(
            "\n[bold]Ready.[/bold] "
            + escape(
                f"{directory / ENDPOINTS_FILE} has the URLs and the token.\n"
                f"  HTTP        {at.hot_reader_url}\n"
                f"              {at.hot_reader_last_entry_url}\n"
                f"  TwinMaker   {at.twinmaker_url}, workspace {at.workspace_id}\n"
                f"  AWS         {at.aws_url}, region {at.region}\n"
                f"For SDKs in another shell: . {directory / ENVIRONMENT_FILE}\n"
                f"Logs: {directory}/*.log\n"
                "Ctrl-C stops everything."
            ),
            soft_wrap=True,
        )
        ready = True
        _interrupted.wait()
    console.print("Stopped.")
    if not ready:
        sys.exit(1)


@click.command()
@_directory_option
@options.config
@entries_option
@seed_option
def demo(**options: Any) -> None:
    """Run the main job from end to end on the local cloud, visibly, and end.

    The exit code is 0 only if every step gave the expected result.
    """
    from demo.checks import DemoError
    from demo.demo import Demo
    from demo.stack import Ports

    console = Console()
    with (
        _failures_shown(console, RuntimeError, DemoError),
        _local_cloud(console, ports=Ports(0, 0, 0), **options) as cloud,
    ):
        Demo(cloud, console).run(options["directory"] / "demo.html")
    console.print("[bold green]All of it worked.[/bold green]")


@contextmanager
def _failures_shown(console: Console, *failures: type[Exception]) -> Iterator[None]:
    """Print an expected kind of failure without a traceback, and end with exit code 1."""
    try:
        yield
    except failures as error:
        console.print(f"[bold red]Failed:[/bold red] {escape(str(error))}", soft_wrap=True)
        sys.exit(1)


def _interrupt(_number: int, _frame: object) -> None:
    """Interrupt the main thread, and note it: a library's clean-up may swallow the exception."""
    _interrupted.set()
    raise KeyboardInterrupt


@contextmanager
def _local_cloud(console: Console, **options: Any) -> Iterator[LocalCloud]:
    """Start the local cloud, showing each step."""
    from demo.stack import LocalCloud

    # SIGINT, too: a process that a script starts in the background inherits that it is ignored.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    # No proxy can reach this machine's loopback addresses.
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"
    directory: Path = options["directory"]
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    _log_to(directory / "local-cloud.log")

    def report(step: str) -> None:
        console.print(f"[green]ok[/green] {escape(step)}")

    console.print("Starting the local cloud ...")
    with ExitStack() as running:
        with progress(console) as advance:
            cloud = running.enter_context(
                LocalCloud(report=report, progress=advance, other_clouds=True, **options)
            )
        yield cloud


def _log_to(path: Path) -> None:
    """Write the logs of servers and Lambda functions to a file, not between the printed lines.

    The first line empties the file: until then another local cloud, which still runs, may own it.
    """
    file = logging.FileHandler(path, mode="w", delay=True)
    logging.basicConfig(
        handlers=[file], level=logging.INFO, format="%(asctime)s %(name)s %(message)s"
    )
