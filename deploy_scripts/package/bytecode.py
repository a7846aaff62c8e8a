"""Bytecode of a package's modules: a function can't keep any, and would compile at each cold start."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_COMPILE: Final = ("-I", "-m", "compileall", "-qq", "--invalidation-mode", "unchecked-hash")
_SOME_FAILED: Final = 1
"""The exit code if a file isn't Python: of libraries, templates aren't."""


def with_bytecode(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return files with the bytecode of their modules, for the Python version that runs this.

    It is used whatever times the files get (PEP 552, 'unchecked'). Another version of Python looks for
    other files, and compiles. Bytecode is the same on all machines, but not in all processes: what a
    process has loaded shows in it. So a process of its own makes it, and the same sources give the
    same bytes.

    Parameters
    ----------
    files
        Contents by name.
    """
    with TemporaryDirectory() as directory:
        for name, content in files.items():
            if name.endswith(".py"):
                path = Path(directory, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
        compiled = subprocess.run(  # noqa: S603 - Python itself
            [sys.executable, *_COMPILE, "-s", directory, directory], check=False
        )
        if compiled.returncode != _SOME_FAILED:
            compiled.check_returncode()
        found = Path(directory).rglob("*.pyc")
        return {
            **files,
            **{path.relative_to(directory).as_posix(): path.read_bytes() for path in sorted(found)},
        }
