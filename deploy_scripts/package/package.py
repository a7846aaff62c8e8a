"""The package of the Hot Readers of one cloud: a zip, the functions' settings, and a script for both."""

from __future__ import annotations

import json
import os
import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from chalicelib.model.errors import ConfigurationError
from chalicelib.settings.endpoint import EndpointSettings
from chalicelib.settings.hot_reader import HotReaderSettings
from deploy_scripts import PROJECT
from deploy_scripts.errors import VerbError
from deploy_scripts.package.contents import contents, with_bytecode
from deploy_scripts.project_files.storage import STORAGE_FILE
from deploy_scripts.providers import PACKAGED, PROVIDERS
from deploy_scripts.publish.connections import check_layout
from deploy_scripts.stage.hot_storage import storage_environment
from deploy_scripts.stage.twin_info import digital_twin_info, packed

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from deploy_scripts.project_files.twin_configuration import TwinConfiguration

_SOME_TOKEN: Final = "a-token-for-a-check-only"  # noqa: S105 - no function accepts it
_VARIABLE: Final = re.compile(r'^([A-Z_]+)="\$\{\1:([-?])(.*)\}"$', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Package:
    """The package, before anything is written."""

    # The zip, and the files in it by name.
    zip_path: Path
    contents: Mapping[str, bytes]
    # The settings file, and the settings by variable: all but the token.
    settings_path: Path
    settings: Mapping[str, str]
    settings_text: str  # the content of that file
    script: str  # the shell script that publishes both

    @classmethod
    def make(
        cls,
        twin: TwinConfiguration,
        cloud: str,
        options: Mapping[str, str],
        *,
        settings: Mapping[str, str],
        output: Path,
        config: Path,
    ) -> Self:
        """Make a package; nothing is written yet.

        `options`: the cloud's own options that were given, by name.
        `settings`: the settings that other options gave, by variable.
        """
        there = twin.layout.layer_3_hot
        run = f"Run package --cloud {there}" if there in PACKAGED else "Run deploy"
        change = f"change layer_3_hot_provider in config_providers.json to {cloud}"
        check_layout(twin.layout, cloud, f"{run}, or {change}.")
        functions = PACKAGED[cloud]
        given = {**storage_environment(twin), **settings}
        info = digital_twin_info(twin, twin.devices)
        _check(cloud, given | {"DIGITAL_TWIN_INFO": info})
        packed_info = packed(info, given, name=cloud)
        of_functions = dict(sorted({**given, "DIGITAL_TWIN_INFO": packed_info.setting}.items()))
        files = contents(PROJECT, functions)
        if functions.keeps_bytecode:
            files = with_bytecode(files)
        if packed_info.devices is not None:
            files[packed_info.file] = json.dumps(packed_info.devices).encode()
        zip_path = output / f"hot-reader-{cloud}.zip"
        settings_path = output / f"hot-reader-{cloud}-settings{functions.settings_suffix}"
        variables = {
            **given,
            **functions.variables(given),
            **{name.upper(): value for name, value in options.items()},
            "ZIP": str(zip_path),
            "SETTINGS": str(settings_path),
            "SOURCE": str(zip_path.with_suffix("")),
            "TOKEN_FILE": str(output / f"inter-cloud-token-{cloud}"),
            "CONFIG": _typed(config),
        }
        return cls(
            zip_path,
            files,
            settings_path,
            of_functions,
            functions.spelled(of_functions),
            _filled_in((PROJECT / functions.directory / "publish.sh").read_text(), variables),
        )


def _check(cloud: str, settings: Mapping[str, str]) -> None:
    """Read settings as the function will: a mistake shows now."""
    try:
        EndpointSettings.load_outside_aws({**settings, "INTER_CLOUD_TOKEN": _SOME_TOKEN})
    except ConfigurationError as error:
        raise VerbError(str(error)) from error
    try:
        HotReaderSettings.load(settings)
        PROVIDERS[cloud].load_settings(settings)
    except ConfigurationError as error:
        raise VerbError(
            f"{error}. The section {cloud!r} of {STORAGE_FILE} says it (docs/configuration.md)."
        ) from error


def _typed(path: Path) -> str:
    """Return a path as a person in the current directory would type it."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative


def _filled_in(script: str, values: Mapping[str, str]) -> str:
    """Return a script with values in place of what it takes from the environment, ready to be pasted.

    It takes each variable in a line of its own: `NAME="${NAME:-DEFAULT}"` or `NAME="${NAME:?HINT}"`.

    `script`: the script; its first line names the shell, and is left out.
    `values`: values by name. A variable that has neither a value nor a default is left empty: a person
    fills it in, and the script ends there if nobody does.
    """
    _, _, body = script.partition("\n")

    def assignment(found: re.Match[str]) -> str:
        name, kind, word = found.groups()
        if name in values:
            return f"{name}={shlex.quote(values[name])}"
        if kind == "-":
            return f'{name}="{word}"'
        return f'{name}=\n: "${{{name}:?{word}}}"'

    filled = _VARIABLE.sub(assignment, body)
    heading = "# Fill in what is empty.\n" if re.search("^[A-Z_]+=$", filled, re.MULTILINE) else ""
    return heading + filled
