"""`python -m deploy_scripts` and `chalice` as functions for `tests.forked`.

What a verb starts of them is a fork of the same process group.
"""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import tempfile
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path


def command_line(*arguments: str) -> None:
    """Run a verb with its options, and end."""
    import boto3

    from deploy_scripts.__main__ import main
    from deploy_scripts.register import registration
    from deploy_scripts.register.resources import Polling

    # The local TwinMaker gets on with each look; there is nothing to wait for.
    registration.Polling = partial(Polling, sleep=lambda _: None)  # type: ignore[assignment, attr-defined]
    subprocess.run = _chalice  # type: ignore[assignment]
    # A client takes as long to make as ten requests to the local AWS, whose place is the same all along.
    boto3.client = functools.cache(boto3.client)
    sys.argv = ["deploy_scripts", *arguments]
    main()


def chalice(*arguments: str) -> None:
    """Run a command of Chalice's with its options, and end."""
    from chalice.cli import main

    sys.argv = ["chalice", *arguments]
    sys.exit(main())


def unread_command_line(*arguments: str) -> None:
    """Run a verb whose output nobody reads any more, as behind `| head`."""
    reading, writing = os.pipe()
    os.close(reading)
    for descriptor in (1, 2):
        os.dup2(writing, descriptor)
    command_line(*arguments)


_run: Any = subprocess.run


def _chalice(command: list[str], *given: Any, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run `chalice`, or what deploys a stage, in a fork, and all else as `subprocess.run` does."""
    chalice, module = command[0].endswith("/chalice"), command[1:3]
    if chalice or module == ["-m", "deploy_scripts.deployment.chalice_stage"]:
        return _forked(command, chalice=chalice, **options)
    done: subprocess.CompletedProcess[str] = _run(command, *given, **options)
    return done


def _forked(
    command: list[str], *, chalice: bool, cwd: Path, stdout: int | None = None, **_: Any
) -> subprocess.CompletedProcess[str]:
    from chalice.cli import main as chalice_cli

    from deploy_scripts.deployment import chalice_stage

    sys.stdout.flush()
    with tempfile.TemporaryFile("w+") as printed:
        child = os.fork()
        if child == 0:
            code = 1
            try:
                sys.stdout = sys.__stdout__
                if stdout == subprocess.PIPE:
                    os.dup2(printed.fileno(), 1)
                os.chdir(cwd)
                sys.argv = command if chalice else command[2:]
                main = chalice_cli if chalice else chalice_stage.main
                code = main() or 0
            except SystemExit as ended:
                code = ended.code if isinstance(ended.code, int) else 1
                sys.stderr.write(f"{ended}\n")
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)
        ended_as = os.waitpid(child, 0)[1]
        printed.seek(0)
        return subprocess.CompletedProcess(
            command, os.waitstatus_to_exitcode(ended_as), printed.read()
        )
