"""The deployment package of a Lambda function: a zip of files."""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_NOT_PACKAGED: Final = frozenset({"__pycache__"})
_ZIP_DATE: Final = (1980, 1, 1, 0, 0, 0)  # the same files make the same package


def zip_of(source: Path, include: Iterable[str]) -> bytes:
    """Zip files and folders below `source`."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as package:
        for path in sorted({file for name in include for file in _files(source / name)}):
            entry = zipfile.ZipInfo(path.relative_to(source).as_posix(), _ZIP_DATE)
            entry.external_attr = 0o100644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            package.writestr(entry, path.read_bytes())
    return packed.getvalue()


def _files(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
        return
    if not path.is_dir():
        message = f"{path} isn't there: name files and folders below the source folder."
        raise FileNotFoundError(message)
    for child in path.iterdir():
        hidden = child.name.startswith(".")
        if not hidden and child.name not in _NOT_PACKAGED and child.suffix != ".pyc":
            yield from _files(child)
