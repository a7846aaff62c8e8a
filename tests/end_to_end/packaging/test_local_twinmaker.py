"""The local TwinMaker, installed from its folder into an environment without this project."""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from typing import TYPE_CHECKING, Final

import pytest
from packaging.requirements import Requirement

from tests.unit.local_cloud.twinmaker.readme import (
    FOLDER,
    blocks,
    command_line,
    local_twinmaker,
)

from .package import closure, install

if TYPE_CHECKING:
    from pathlib import Path

DEPENDENCIES: Final = {"boto3", "click", "werkzeug"}


def files() -> set[Path]:
    return {path for path in FOLDER.rglob("*") if "__pycache__" not in path.parts}


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("local-twinmaker")
    venv.create(directory, symlinks=True, with_pip=False)
    before = files()
    pip = [sys.executable, "-m", "pip", "--python", str(directory / "bin" / "python")]
    build = [*pip, "install", "--quiet", "--no-compile", "--no-deps", str(FOLDER)]
    subprocess.run(build, check=True, cwd=directory)
    assert files() == before, "the build left something behind"
    install(closure(map(Requirement, DEPENDENCIES)), directory)
    return directory


def run(environment: Path, *arguments: str | Path, **variables: str) -> str:
    """Run the environment's Python where it can't see this project."""
    done = subprocess.run(
        [environment / "bin" / "python", "-I", *arguments],
        cwd=environment,
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_it_requires_boto3_click_and_werkzeug_alone(environment: Path) -> None:
    ask = "import importlib.metadata as m, json; print(json.dumps(m.requires('local-twinmaker')))"

    assert set(json.loads(run(environment, "-c", ask))) == DEPENDENCIES


def test_an_unmodified_client_reads_a_value_through_a_connector(
    environment: Path, tmp_path: Path
) -> None:
    connector, client, _ = blocks("python")
    script = tmp_path / "try_connector.py"
    script.write_text(client, encoding="utf-8")
    (tmp_path / "connector.py").write_text(connector, encoding="utf-8")
    command = [environment / "bin" / "local-twinmaker"]

    with local_twinmaker(command, command_line("connector:handler"), tmp_path) as variables:
        printed = run(environment, script, **variables)

    assert printed == blocks("text")[0]
