"""The README of the local TwinMaker says what is so."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from deploy_scripts import PROJECT

from .readme import CREDENTIALS, FOLDER, blocks, connector, local_twinmaker

if TYPE_CHECKING:
    from pathlib import Path


def try_connector(directory: Path, source: str) -> subprocess.CompletedProcess[str]:
    """Do as the README says, in this repository, without an installation."""
    program = [sys.executable, "-m", "local_cloud.twinmaker"]
    script = directory / "try_connector.py"
    script.write_text(blocks("python")[0], encoding="utf-8")
    with (
        connector(directory, source) as url,
        local_twinmaker(program, url, PROJECT) as variables,
    ):
        return subprocess.run(
            [sys.executable, script],
            capture_output=True,
            text=True,
            check=False,
            env=dict(variables) | CREDENTIALS,
        )


def test_the_first_example_prints_what_the_readme_says(tmp_path: Path) -> None:
    (source,) = blocks("js")
    result = try_connector(tmp_path, source)
    assert result.stdout == blocks("text")[0], result.stderr


def test_the_mistake_that_the_readme_proposes_is_explained(tmp_path: Path) -> None:
    (source,) = blocks("js")
    result = try_connector(tmp_path, source.replace("doubleValue", "floatValue"))
    assert "ConnectorFailureException" in result.stderr
    assert "propertyValues[0].values[0].value has the unknown key 'floatValue'" in result.stderr


def test_the_example_for_python_tests_prints_what_the_readme_says(tmp_path: Path) -> None:
    (tmp_path / "local_twinmaker").symlink_to(FOLDER, target_is_directory=True)
    result = subprocess.run(
        [sys.executable, "-c", blocks("python")[1]],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(tmp_path)},
    )
    assert result.stdout == blocks("text")[1]
