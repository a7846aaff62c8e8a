"""A copy of a Chalice project that a deployment is tried in."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def trial_copy(project: Path) -> Iterator[Path]:
    """Make a copy of a Chalice project: its stages are the copy's own, its sources and packages are shared."""
    with TemporaryDirectory() as directory:
        copy = Path(directory)
        for each in project.resolve().iterdir():
            if each.name != ".chalice":
                (copy / each.name).symlink_to(each)
        packages = (project / ".chalice" / "deployments").resolve()
        packages.mkdir(exist_ok=True)
        ignored = shutil.ignore_patterns(packages.name, "venv")
        shutil.copytree(project / ".chalice", copy / ".chalice", ignore=ignored)
        (copy / ".chalice" / packages.name).symlink_to(packages)
        yield copy
