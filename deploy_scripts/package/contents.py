"""The zip of a package: the cloud's own files, and what they import of `chalicelib`.

What isn't named or imported isn't packaged, so nothing that lies about on an engineer's machine gets in.
Same input, same bytes: a zip that differs has other code in it.
"""

from __future__ import annotations

import ast
import io
import stat
import subprocess
import sys
import zipfile
from functools import partial
from importlib.util import resolve_name
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from deploy_scripts.errors import VerbError
from deploy_scripts.project_files.whole_files import read_whole

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from deploy_scripts.providers.provider import Functions

_SHARED: Final = "chalicelib"
_EARLIEST: Final = (1980, 1, 1, 0, 0, 0)
"""The first instant that a zip can express (PKWARE's APPNOTE, 4.4.6)."""
_UNIX: Final = 3
_TYPES_ONLY: Final = ("TYPE_CHECKING", "typing.TYPE_CHECKING")
_MODE: Final = stat.S_IFREG | 0o644

_COMPILE: Final = ("-I", "-m", "compileall", "-qq", "--invalidation-mode", "unchecked-hash")
_SOME_FAILED: Final = 1
"""The exit code if a file isn't Python: of libraries, templates aren't."""
_read: Final = partial(read_whole, advice=" Restore it from the repository.")


def contents(project: Path, functions: Functions) -> dict[str, bytes]:
    """Return the files of a package: the named ones, and every module of ours that the entry reaches."""
    directory = project / functions.directory
    found = {name: _read(directory / name) for name in functions.files}
    waiting = {functions.entry: ""}
    while waiting:
        name, package = waiting.popitem()
        path = (project if name.startswith(f"{_SHARED}/") else directory) / name
        found[name] = _read(path)
        for module in _imported(path, found[name], package):
            for file, its_package in _files(module):
                root = project if file.startswith(f"{_SHARED}/") else directory
                if file not in found and (root / file).is_file():
                    waiting[file] = its_package
    return dict(sorted(found.items()))


def _files(module: str) -> Iterator[tuple[str, str]]:
    """Yield the files, each with its package, that importing a module runs if they are there."""
    parts = module.split(".")
    for count in range(1, len(parts) + 1):
        path, name = "/".join(parts[:count]), ".".join(parts[:count])
        yield f"{path}/__init__.py", name
        yield f"{path}.py", name.rpartition(".")[0]


def _imported(path: Path, source: bytes, package: str) -> Iterator[str]:
    """Yield what a module imports when it runs, at once or later."""
    try:
        waiting: list[ast.AST] = [ast.parse(source)]
    except (SyntaxError, ValueError) as error:
        raise VerbError(f"{path} isn't Python: {error}.") from error
    while waiting:
        match waiting.pop():
            case ast.If(test=test, orelse=otherwise) if ast.unparse(test) in _TYPES_ONLY:
                waiting += otherwise
            case ast.Import(names=names):
                yield from (each.name for each in names)
            case ast.ImportFrom(module=module, names=names, level=level):
                origin = resolve_name("." * level + (module or ""), package)
                # What is imported from a package may be a module or a name in it.
                yield from (f"{origin}.{each.name}" for each in names)
            case node:
                waiting += ast.iter_child_nodes(node)


def with_bytecode(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return files with the bytecode of their modules, for the Python version that runs this.

    It is used whatever times the files get (PEP 552, 'unchecked'). Another version of Python looks for
    other files, and compiles. Bytecode is the same on all machines, but not in all processes: what a
    process has loaded shows in it. So a process of its own makes it, and the same sources give the
    same bytes.
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


def zipped(files: Mapping[str, bytes]) -> bytes:
    """Return a zip whose bytes depend on names and contents only.

    It isn't compressed: zlib's output differs between its versions, and the code is small.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as package:
        for name, content in sorted(files.items()):
            entry = zipfile.ZipInfo(name, _EARLIEST)
            entry.create_system = _UNIX
            entry.external_attr = _MODE << 16
            package.writestr(entry, content)
    return buffer.getvalue()
