"""The package for Lambda: Chalice's, in the same bytes each time, with bytecode."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING, Any, Final

from chalice.utils import ChaliceZipFile, OSUtils

from deploy_scripts.package.contents import with_bytecode

if TYPE_CHECKING:
    from collections.abc import Iterator

_MODE: Final = 0o100644


class PackageFiles(OSUtils):
    """Files in an order, and without bytecode of others: the same sources make the same package anywhere.

    Loading app.py writes bytecode, and each verb loads more of chalicelib.
    """

    def walk(self, path: str, followlinks: bool = False) -> Iterator[Any]:  # noqa: FBT001, FBT002
        """Yield folders and files; see `os.walk`."""
        for directory, folders, files in super().walk(path, followlinks=followlinks):
            folders[:] = sorted(each for each in folders if each != "__pycache__")
            yield directory, folders, sorted(each for each in files if not each.endswith(".pyc"))

    def open_zip(
        self, filename: str, mode: str, compression: int = OSUtils.ZIP_DEFLATED
    ) -> zipfile.ZipFile:
        """Open a zip, which gets bytecode of the modules that are written to it."""
        return _Package(filename, mode, compression=compression, osutils=self)


class _Package(ChaliceZipFile):
    def close(self) -> None:
        if self.fp is not None and self.mode == "w":
            names = self.namelist()
            files = with_bytecode({name: self.read(name) for name in names})
            for name in sorted(files.keys() - names):
                entry = zipfile.ZipInfo(name, self._default_time_time)
                entry.external_attr = _MODE << 16
                entry.compress_type = self.compression
                self.writestr(entry, files[name])
        super().close()
