"""Packages made by the real command, each layout from the same copy of the project."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Protocol

import pytest

from chalicelib.model.reads import READS
from deploy_scripts import PROJECT
from deploy_scripts.project_files.inter_cloud import InterCloudConnections
from deploy_scripts.project_files.twin_configuration import TwinConfiguration
from deploy_scripts.stage.configure import configure_stage
from deploy_scripts.stage.policies import KmsKeys
from deploy_scripts.tokens.stage_token import default_token_name
from deploy_scripts.tokens.stores import ParameterStore

from .package import Package

CONNECTOR_STAGE = "connector"
COMPATIBLE_STAGE = "compatible"


class MakePackage(Protocol):
    """Packages a stage, with the libraries that are required or, sooner, with none."""

    def __call__(self, stage: str, *, libraries: bool = False) -> Package: ...


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy with a stage of the data connector layout, and with files that mustn't be packaged."""
    project = tmp_path_factory.mktemp("project")
    shutil.copy(PROJECT / "app.py", project)
    shutil.copytree(
        PROJECT / "chalicelib", project / "chalicelib", ignore=shutil.ignore_patterns("__pycache__")
    )
    (project / ".chalice").mkdir()
    for policy in (PROJECT / ".chalice").glob("policy-*.json"):
        shutil.copy(policy, project / ".chalice")

    config = json.loads((PROJECT / ".chalice" / "config.json").read_text())
    stages = config["stages"]
    stages[COMPATIBLE_STAGE] = compatible_stage(stages["singlecloud"])
    (project / ".chalice" / "config.json").write_text(json.dumps(config))
    configure_stages(project, project / "twin")

    for name in (
        *("tests/test_it.py", "demo/stack.py", "deploy_scripts/__main__.py", "local_cloud/aws.py"),
        ".local/endpoints.json",
    ):
        (project / name).parent.mkdir()
        (project / name).touch()
    (project / "config_inter_cloud.json").touch()
    return project


class KnownToken:
    """Stands for an SSM client: the token is there."""

    def get_parameter(self, **_: Any) -> dict[str, Any]:
        return {"Parameter": {"Value": "t" * 43}}


class NoKeys(KmsKeys):
    """Stands for KMS: all that is read is under keys of AWS's own."""

    def __init__(self) -> None:
        """Need no client."""

    def grant(self, *_: Any, **__: Any) -> None:
        """Grant nothing."""


def configure_stages(project: Path, config: Path) -> None:
    """Let `configure` write the stages of the two layouts with data connectors."""
    shutil.copytree(PROJECT / "config", config)
    connections = InterCloudConnections(config / "config_inter_cloud.json")
    for layer_3_hot, stage in (("azure", CONNECTOR_STAGE), ("aws", COMPATIBLE_STAGE)):
        providers = {"layer_3_hot_provider": layer_3_hot, "layer_4_provider": "aws"}
        (config / "config_providers.json").write_text(json.dumps(providers))
        twin = TwinConfiguration.load(config)
        if twin.layout.crosses_clouds:
            for read in READS:
                url = f"https://reader.example.com/{read.hot_reader}"
                connections.put(twin.layout, read, url=url, token="t" * 43)
        tokens = ParameterStore(KnownToken(), default_token_name(twin.name, stage))
        configure_stage(twin, connections, tokens, NoKeys(), project=project, stage=stage)


def compatible_stage(singlecloud: dict[str, Any]) -> dict[str, Any]:
    """Add data connectors to a single cloud, for component types that still point at them."""
    local = {
        "LOCAL_HOT_READER_NAME": "factory-twin-hot-reader",
        "LOCAL_HOT_READER_LAST_ENTRY_NAME": "factory-twin-hot-reader-last-entry",
    }
    variables = singlecloud["environment_variables"]
    return {**singlecloud, "environment_variables": {**variables, **local}}


@pytest.fixture(scope="session")
def make_package(project: Path, tmp_path_factory: pytest.TempPathFactory) -> MakePackage:
    required = (PROJECT / "requirements.txt").read_text()

    def make_package(stage: str, *, libraries: bool = False) -> Package:
        (project / "requirements.txt").write_text(required if libraries else "")
        directory = tmp_path_factory.mktemp(stage)
        environment = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
        subprocess.run(
            [
                str(Path(sys.executable).with_name("chalice")),
                *("package", "--stage", stage, str(directory)),
            ],
            cwd=project,
            env=environment | {"AWS_DEFAULT_REGION": "eu-central-1"},
            check=True,
        )
        return Package(directory)

    return make_package


@pytest.fixture(scope="session")
def multicloud(make_package: MakePackage) -> Package:
    """Telemetry on AWS, the twin elsewhere: the one whose zip is looked into."""
    return make_package("multicloud", libraries=True)


@pytest.fixture(scope="session")
def singlecloud(make_package: MakePackage) -> Package:
    """Telemetry and twin on AWS."""
    return make_package("singlecloud")


@pytest.fixture(scope="session")
def connector(make_package: MakePackage) -> Package:
    """Telemetry elsewhere, the twin on AWS."""
    return make_package(CONNECTOR_STAGE)


@pytest.fixture(scope="session")
def compatible(make_package: MakePackage) -> Package:
    """Telemetry and twin on AWS, with data connectors that pass queries on."""
    return make_package(COMPATIBLE_STAGE)
