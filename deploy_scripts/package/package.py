"""Packages the Hot Readers of a cloud that Chalice can't deploy to: a zip, and settings beside it.

The zip has the files of `functions/CLOUD` at its root and, of `chalicelib`, the modules that the entry
point reaches by import. What isn't named or imported isn't packaged, so nothing that lies about on an
engineer's machine gets in. Same input, same bytes: a zip that differs has other code in it.
"""

from __future__ import annotations

import ast
import io
import json
import stat
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from chalicelib.model.errors import ConfigurationError
from chalicelib.settings.cosmos import CosmosSettings
from chalicelib.settings.endpoint import EndpointSettings
from chalicelib.settings.firestore import FirestoreSettings
from chalicelib.settings.hot_reader import HotReaderSettings
from deploy_scripts.stage.configure import digital_twin_info

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from deploy_scripts.project_files.twin_configuration import TwinConfiguration

SHARED: Final = "chalicelib"
_EARLIEST: Final = (1980, 1, 1, 0, 0, 0)
"""The first instant that a zip can express (PKWARE's APPNOTE, 4.4.6)."""
_UNIX: Final = 3
_MODE: Final = stat.S_IFREG | 0o644
_SOME_TOKEN: Final = "a-token-for-a-check-only"  # noqa: S105 - no function accepts it


class PackageError(Exception):
    """The Hot Readers can't be packaged; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Cloud:
    """How a cloud wants its functions.

    Attributes
    ----------
    name
        `azure` or `gcp`.
    entry
        The module that the platform imports.
    files
        What else has to be at the zip's root.
    settings_suffix
        How the settings file's name ends.
    store
        The settings class of its hot storage.
    """

    name: str
    entry: str
    files: tuple[str, ...]
    settings_suffix: str
    store: type[CosmosSettings] | type[FirestoreSettings]


AZURE: Final = Cloud(
    "azure",
    "function_app.py",
    ("host.json", "requirements.txt"),
    "settings.json",
    CosmosSettings,
)
GCP: Final = Cloud("gcp", "main.py", ("requirements.txt",), "settings.yaml", FirestoreSettings)
CLOUDS: Final = {each.name: each for each in (AZURE, GCP)}


def check_layout(twin: TwinConfiguration, cloud: Cloud) -> None:
    """Check that a twin has Hot Readers on a cloud that another cloud asks.

    The table of the design note 'system', section 'Provider layouts'.

    Raises
    ------
    PackageError
        It hasn't.
    """
    layer_3_hot, layer_4 = twin.layout.layer_3_hot, twin.layout.layer_4
    if layer_3_hot != cloud.name:
        instead = "deploy" if layer_3_hot == "aws" else f"package --cloud {layer_3_hot}"
        raise PackageError(
            f"config_providers.json says that the hot storage is on {layer_3_hot} "
            f"(layer_3_hot_provider), and a Hot Reader reads on its own cloud only. Change it to "
            f"{cloud.name}, or run {instead}."
        )
    if not twin.layout.crosses_clouds:
        raise PackageError(
            f"config_providers.json says that hot storage and twin are both on {layer_4}: no other "
            "cloud asks for telemetry, so there is nothing to publish."
        )


# --- the zip ----------------------------------------------------------------------------------


def contents(project: Path, cloud: Cloud) -> dict[str, bytes]:
    """Return what belongs into a package.

    Parameters
    ----------
    project
        The project's directory.
    cloud
        Which cloud's functions.

    Returns
    -------
    dict[str, bytes]
        By name in the zip, in the order of the names.

    Raises
    ------
    PackageError
        A file is missing or isn't Python.
    """
    root = project / "functions" / cloud.name
    found = _Closure(root, project).of(cloud.entry)
    found |= {name: _read(root / name) for name in cloud.files}
    return dict(sorted(found.items()))


def zipped(files: Mapping[str, bytes]) -> bytes:
    """Return a zip whose bytes depend on names and contents only.

    It isn't compressed: zlib's output differs between its versions, and the code is small.

    Parameters
    ----------
    files
        Contents by name.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as package:
        for name, content in sorted(files.items()):
            entry = zipfile.ZipInfo(name, _EARLIEST)
            entry.create_system = _UNIX
            entry.external_attr = _MODE << 16
            package.writestr(entry, content)
    return buffer.getvalue()


class _Closure:
    """Follows imports from an entry point through our own modules."""

    def __init__(self, root: Path, project: Path) -> None:
        self._root = root
        self._project = project

    def of(self, entry: str) -> dict[str, bytes]:
        """Return the entry point and every module of ours that it reaches, by name in the zip."""
        found: dict[str, bytes] = {}
        waiting = {entry: ""}
        while waiting:
            file, package = waiting.popitem()
            path = self._path(file)
            found[file] = _read(path)
            for module in _imported(found[file], package, path):
                waiting |= {
                    name: package for name, package in self._files_of(module) if name not in found
                }
        return found

    def _path(self, file: str) -> Path:
        return (self._project if file.startswith(f"{SHARED}/") else self._root) / file

    def _files_of(self, module: str) -> Iterator[tuple[str, str]]:
        """Yield the files, each with its package, that importing a module runs, if they are ours."""
        parts = module.split(".")
        for count in range(1, len(parts) + 1):
            start, name = "/".join(parts[:count]), ".".join(parts[:count])
            if self._path(f"{start}/__init__.py").is_file():
                yield f"{start}/__init__.py", name
            elif self._path(f"{start}.py").is_file():
                yield f"{start}.py", name.rpartition(".")[0]


class _Imports(ast.NodeVisitor):
    """Collects what a module imports when it runs, at once or later."""

    def __init__(self, package: str) -> None:
        self._package = package
        self.names: set[str] = set()

    def visit_If(self, node: ast.If) -> None:
        if ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            for each in node.orelse:
                self.visit(each)
        else:
            self.generic_visit(node)

    def visit_Import(self, node: ast.Import) -> None:
        self.names |= {each.name for each in node.names}

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        module = node.module or ""
        if node.level:
            parts = self._package.split(".")
            above = parts[: len(parts) - node.level + 1]
            module = ".".join(filter(None, [*above, module]))
        # What is imported from a package may be a module or a name in it.
        self.names |= {".".join(filter(None, [module, each.name])) for each in node.names}


def _imported(source: bytes, package: str, path: Path) -> set[str]:
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError) as error:
        raise PackageError(f"{path} isn't Python: {error}.") from error
    imports = _Imports(package)
    imports.visit(tree)
    return imports.names


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise PackageError(
            f"{path} can't be read: {error.strerror}. Restore it from the repository."
        ) from error


# --- the settings -----------------------------------------------------------------------------


def settings(
    twin: TwinConfiguration, cloud: Cloud, given: Mapping[str, str | None]
) -> dict[str, str]:
    """Return a Hot Reader's settings, all but its token.

    They are read here as the function will read them, so that a mistake shows now.

    Parameters
    ----------
    twin
        The twin's configuration.
    cloud
        Which cloud's functions.
    given
        Other settings by variable (docs/settings.md); None leaves one at its default.

    Raises
    ------
    PackageError
        The layout has no Hot Readers there, or a setting is missing or malformed.
    """
    check_layout(twin, cloud)
    found = {name: value for name, value in given.items() if value is not None}
    found["DIGITAL_TWIN_INFO"] = digital_twin_info(twin, twin.devices, found)
    found = dict(sorted(found.items()))
    try:
        HotReaderSettings.load(found)
        cloud.store.load(found)
        EndpointSettings.load_outside_aws({**found, "INTER_CLOUD_TOKEN": _SOME_TOKEN})
    except ConfigurationError as error:
        raise PackageError(str(error)) from error
    return found


def spelled(cloud: Cloud, values: Mapping[str, str]) -> bytes:
    """Spell settings for the cloud's command line.

    For Azure, the list that `az functionapp config appsettings set --settings @FILE` takes and `list`
    gives; for Google Cloud, the YAML of `gcloud functions deploy --env-vars-file`, whose values must
    be text: a JSON string is one in YAML, too (YAML 1.2.2, section 1.3).
    """
    if cloud is AZURE:
        listed: list[dict[str, Any]] = [
            {"name": name, "value": value, "slotSetting": False} for name, value in values.items()
        ]
        return (json.dumps(listed, indent=2) + "\n").encode()
    return "".join(f"{name}: {json.dumps(value)}\n" for name, value in values.items()).encode()
