"""Files that are written whole or not at all, so that nobody ever reads half of one."""

from __future__ import annotations

import errno
import json
import os
import stat
import tempfile
from pathlib import Path
from typing import Any, Final

from deploy_scripts.errors import VerbError

PRIVATE: Final = 0o600
"""The mode of a file that only its owner can read, from the moment it exists."""
OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
"""The part of a mode that lets others get at a file."""


def read_regular(path: Path, *, follow: bool = False) -> tuple[bytes, int]:
    """Read a file and its mode, waiting for no pipe, and following no symbolic link unless asked to.

    Raises `OSError`: it can't be read, is a symbolic link (`ELOOP`), or isn't a regular file.
    """
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (0 if follow else os.O_NOFOLLOW)
    descriptor = os.open(path, flags)
    try:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "it isn't a file")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read(), stat.S_IMODE(mode)
    finally:
        os.close(descriptor)


def read_whole(path: Path, advice: str = "") -> bytes:
    """Read a file, or raise a `VerbError` that ends with the advice."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise VerbError(f"{path} can't be read: {error.strerror}.{advice}") from error


def write_json(path: Path, document: Any) -> None:
    """Write a JSON file, as `write_whole` does."""
    write_whole(path, (json.dumps(document, indent=2) + "\n").encode())


def write_whole(
    path: Path, content: bytes, *, mode: int | None = None, locked: bool = False
) -> None:
    """Write a file beside the old one, put it in the old one's place, and wait for the disk.

    Parameters
    ----------
    mode
        Its mode, whatever the umask is; None for the old one's, or else one that others may read.
    locked
        True if the caller holds a lock, so that the rest of a killed writer can be removed.

    Raises
    ------
    VerbError
        It can't be written; the old one is as it was.
    """
    try:
        _write_whole(path, content, mode, locked=locked)
    except OSError as error:
        raise VerbError(
            f"{path} can't be written: {error.strerror}. Check the directory's permissions and the "
            "room on its disk."
        ) from error


def _write_whole(path: Path, content: bytes, mode: int | None, *, locked: bool) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if mode is None:
        mode = path.stat().st_mode & 0o777 if path.exists() else 0o644
    unfinished, descriptor = _unfinished(path, locked=locked)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        unfinished.chmod(mode)
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _unfinished(path: Path, *, locked: bool) -> tuple[Path, int]:
    """Make and open the file that is going to be `path`: private until it is finished."""
    if not locked:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        return Path(name), descriptor
    unfinished = path.with_name(f".{path.name}.unfinished")
    unfinished.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    return unfinished, os.open(unfinished, flags, PRIVATE)
