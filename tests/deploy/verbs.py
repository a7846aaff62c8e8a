"""`python -m deploy_scripts` as a function for `tests.forked`; `chalice` is a fork of the same group."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def command_line(*arguments: str) -> None:
    """Run a verb with its options, and end."""
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
