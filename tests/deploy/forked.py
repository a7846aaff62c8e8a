"""Command lines in processes that are forked from one that has imported everything.

A `python -m deploy_scripts` of its own spends a second on imports, and as much again if it starts
`chalice`. A fork is a process of its own all the same: with its own environment, working directory and
output, and `chalice` is a fork of it in the same process group.
"""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["tests.deploy.preloaded"])


def start(
    arguments: Sequence[str], *, environment: Mapping[str, str], directory: Path, output: Path
) -> Any:
    """Start `python -m deploy_scripts` with arguments, as the leader of a process group.

    Parameters
    ----------
    arguments
        The verb and its options.
    environment
        All environment variables of the process.
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
        target=_run, args=(list(arguments), dict(environment), str(directory), str(output))
    )
    process.start()
    return process


# --- in the forked process ----------------------------------------------------------------------


def _run(arguments: list[str], environment: dict[str, str], directory: str, output: str) -> None:
    os.setpgid(0, 0)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(directory)
    printed = os.open(output, os.O_WRONLY | os.O_APPEND)
    for descriptor in (1, 2):
        os.dup2(printed, descriptor)
    from deploy_scripts.__main__ import main
    from deploy_scripts.register import registration
    from deploy_scripts.register.resources import Polling

    # The local TwinMaker gets on with each look; there is nothing to wait for.
    registration.Polling = partial(Polling, sleep=lambda _: None)  # type: ignore[assignment, attr-defined]
    subprocess.run = _chalice  # type: ignore[assignment]
    sys.argv = ["deploy_scripts", *arguments]
    main()


def _chalice(command: list[str], *, cwd: Path, check: bool) -> subprocess.CompletedProcess[bytes]:
    """Run `chalice`, as `subprocess.run` would, in a fork of this process."""
    assert command[0].endswith("/chalice")
    assert not check
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.chdir(cwd)
            from chalice.cli import main

            sys.argv = list(command)
            code = main() or 0
        except SystemExit as ended:
            code = int(ended.code or 0)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    _, status = os.waitpid(child, 0)
    return subprocess.CompletedProcess(command, os.waitstatus_to_exitcode(status))
