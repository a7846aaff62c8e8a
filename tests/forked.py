"""Functions in processes of their own, which are forked from one that has imported everything.

A Python that starts from nothing spends half a second on imports before it gets to what a test is about.
A fork is a process all the same: with its own environment, working directory, output and end.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["tests.preloaded"])


def start(
    function: Callable[..., object],
    *arguments: Any,
    environment: Mapping[str, str],
    directory: Path,
    output: Path,
) -> Any:
    """Start a process, as the leader of a process group.

    Parameters
    ----------
    function
        What it does: a function of a module. The process imports that module, so a quick start wants one
        that `preloaded` has imported.
    *arguments
        The function's.
    environment
        All of its environment variables.
    directory
        Where it runs.
    output
        The file that gets its standard output and error.

    Returns
    -------
    multiprocessing.process.BaseProcess
        The process.
    """
    output.write_text("")
    process = _context.Process(
        target=_run, args=(function, arguments, dict(environment), str(directory), str(output))
    )
    process.start()
    return process


def run(
    function: Callable[..., object],
    *arguments: Any,
    environment: Mapping[str, str],
    directory: Path,
) -> subprocess.CompletedProcess[str]:
    """Run a process to its end; all that it prints is its standard output. See `start`."""
    with tempfile.NamedTemporaryFile() as file:
        output = Path(file.name)
        process = start(
            function, *arguments, environment=environment, directory=directory, output=output
        )
        process.join()
        return subprocess.CompletedProcess(arguments, process.exitcode, output.read_text())


def _run(
    function: Callable[..., object],
    arguments: tuple[Any, ...],
    environment: dict[str, str],
    directory: str,
    output: str,
) -> None:
    gc.disable()  # too short a life to be worth it
    os.setpgid(0, 0)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(directory)
    printed = os.open(output, os.O_WRONLY | os.O_APPEND)
    for descriptor in (1, 2):
        os.dup2(printed, descriptor)
    function(*arguments)
