"""The unzipped package runs by itself, with nothing of the engineer's environment."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING, Final

import pytest

from deploy_scripts.providers import PACKAGED, PROVIDERS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from .package import Package

runs_here = pytest.mark.skipif(
    (platform.system(), platform.machine()) != ("Linux", "x86_64"),
    reason="the package holds compiled modules for Lambda: Linux on x86_64",
)
ISOLATED: Final = """
import importlib, json, sys
sys.path.insert(0, {folder!r})
for name in {modules!r}:
    importlib.import_module(name)
print(json.dumps({{name: getattr(m, "__file__", None) for name, m in sys.modules.items()}}))
"""
OTHER_STORES: Final = tuple(
    PROVIDERS[name].load_settings.__module__.replace(".settings.", ".stores.") + "."
    for name in PACKAGED
)
"""What the names of modules begin with whose SDK isn't in a package for Lambda."""
REGION: Final = {"AWS_DEFAULT_REGION": "eu-central-1"}


@pytest.fixture(scope="session")
def unzipped(multicloud: Package, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unzipped")
    with zipfile.ZipFile(multicloud.zip_path) as package:
        package.extractall(folder)
    return folder


def variables_of(package: Package) -> dict[str, str]:
    """Return the environment that the package's functions get."""
    first, *others = (each["Environment"]["Variables"] for each in package.functions().values())
    assert all(each == first for each in others)
    variables: dict[str, str] = first
    return variables


def load(folder: Path, environment: Mapping[str, str], *modules: str) -> dict[str, str | None]:
    """Import modules where only the standard library and a folder are; return all that was loaded."""
    code = ISOLATED.format(folder=str(folder), modules=modules)
    ended = subprocess.run(
        [sys.executable, "-I", "-S", "-X", f"pycache_prefix={folder}-bytecode", "-c", code],
        env=dict(environment),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    loaded: dict[str, str | None] = json.loads(ended.stdout)
    return loaded


def in_lambda(folder: Path) -> dict[str, str]:
    return {"LAMBDA_TASK_ROOT": str(folder), "AWS_LAMBDA_FUNCTION_NAME": "a-function"}


@runs_here
@pytest.mark.parametrize("layout", ["multicloud", "singlecloud", "compatible", "connector"])
def test_what_lambda_imports_needs_the_package_only(
    request: pytest.FixtureRequest, unzipped: Path, layout: str
) -> None:
    package: Package = request.getfixturevalue(layout)
    modules = {handler.rpartition(".")[0] for handler in package.functions()}
    loaded = load(unzipped, variables_of(package) | REGION | in_lambda(unzipped), *modules)

    assert modules
    assert all(str(loaded[each]).startswith(str(unzipped)) for each in modules)
    assert not [path for path in loaded.values() if path and "site-packages" in path]


@runs_here
def test_every_module_of_ours_imports_but_the_stores_of_other_clouds(
    unzipped: Path, multicloud: Package, connector: Package
) -> None:
    ours = (path.relative_to(unzipped) for path in unzipped.glob("chalicelib/**/[!_]*.py"))
    modules = {".".join(each.with_suffix("").parts) for each in ours}
    of_other_clouds = {each for each in modules if each.startswith(OTHER_STORES)}
    assert len(of_other_clouds) >= len(OTHER_STORES)
    # The variables of both layouts, with the providers of the one that goes to another cloud.
    environment = variables_of(multicloud) | variables_of(connector) | REGION

    needed = modules - of_other_clouds
    assert needed <= set(load(unzipped, environment, *sorted(needed)))


@runs_here
def test_a_data_connector_starts_with_what_it_needs_only(
    unzipped: Path, connector: Package
) -> None:
    environment = variables_of(connector) | in_lambda(unzipped)
    loaded = load(unzipped, environment, "chalicelib.aws.data_connector_functions")

    packages = {name.partition(".")[0] for name in loaded}
    assert {"requests", "aws_lambda_powertools"} <= packages
    assert packages.isdisjoint({"boto3", "chalice", "aws_xray_sdk"})
    # Powertools looks whether there is a botocore, and loads nothing of it.
    assert {name for name in loaded if name.startswith("botocore")} <= {"botocore"}
    assert "aws_lambda_powertools.utilities.parameters" not in loaded
