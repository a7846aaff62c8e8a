"""Projects whose twin's configuration tests change, and a verb that is run on them."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, ClassVar

from click.testing import CliRunner

from deploy_scripts import PROJECT
from deploy_scripts.__main__ import cli
from deploy_scripts.project_files.inter_cloud import InterCloudConnections

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from click.testing import Result


class Configured:
    """A project.

    Attributes
    ----------
    config
        The directory of its configuration.
    """

    config: Path

    def providers(self, layer_3_hot: str, layer_4: str) -> None:
        """Choose a layout."""
        document = {"layer_3_hot_provider": layer_3_hot, "layer_4_provider": layer_4}
        (self.config / "config_providers.json").write_text(json.dumps(document))

    @property
    def connections(self) -> InterCloudConnections:
        return InterCloudConnections(self.config / "config_inter_cloud.json")


def copy_project(directory: Path, *folders: str) -> None:
    """Copy folders of this project, without what a deployment leaves in them."""
    ignored = shutil.ignore_patterns("__pycache__", "deploy*", "config_inter_cloud.json")
    for name in folders:
        shutil.copytree(PROJECT / name, directory / name, ignore=ignored)


class Command(Configured):
    """A project, and a verb that is run on it, in this process."""

    verb: ClassVar[str]

    def __init__(self, directory: Path, environment: Mapping[str, str]) -> None:
        self.directory = directory
        self.config = directory / "config"
        self.environment = {**environment}

    def run(self, *options: str, stage: str | None = "multicloud", given: str = "") -> Result:
        """Run the verb; `given` is on its standard input."""
        arguments = ["--config", str(self.config), "--project", str(self.directory)]
        arguments += ["--stage", stage] if stage else []
        words = [self.verb, *arguments, *options]
        return CliRunner().invoke(cli, words, env=self.environment, input=given)

    def ok(self, *options: str, stage: str | None = "multicloud", given: str = "") -> str:
        """Run the verb, which must end with exit code 0; return what it printed."""
        return self._ended(0, self.run(*options, stage=stage, given=given))

    def refused(self, *options: str, stage: str | None = "multicloud", given: str = "") -> str:
        """Run the verb, which must end with exit code 2; return what it printed."""
        return self._ended(2, self.run(*options, stage=stage, given=given))

    def _ended(self, code: int, done: Result) -> str:
        assert done.exit_code == code, done.output
        return done.output

    def write_variables(self, stage: str = "multicloud", **variables: str) -> None:
        """Write into a stage's environment, as people do."""
        path = self.directory / ".chalice" / "config.json"
        document = json.loads(path.read_text())
        document["stages"][stage]["environment_variables"] |= variables
        path.write_text(json.dumps(document))
