"""The first hops: the configuration, Chalice's record and the Lambda functions."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chalicelib.model.errors import ConfigurationError
from chalicelib.model.reads import READS
from deploy_scripts.plan.plan import Plan
from deploy_scripts.project_files.inter_cloud import (
    CONNECTIONS_FILE,
    InterCloudConnections,
    InterCloudError,
)
from deploy_scripts.project_files.problems import ConfigurationProblems
from deploy_scripts.project_files.twin_configuration import TwinConfiguration
from deploy_scripts.stage.deployed import DeployedStage, NotDeployedError
from deploy_scripts.stage.stage import API_HANDLER, Stage, StageError
from deploy_scripts.verify.hop import BrokenHopError, Passed

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from deploy_scripts.project_files.inter_cloud import Connection


@dataclass(frozen=True, slots=True)
class Subject:
    """What is verified.

    Attributes
    ----------
    twin
        The twin's configuration.
    stage
        The stage as configured.
    connections
        For history and last entry: the connections that this cloud's readers use, if they do.
    """

    twin: TwinConfiguration
    stage: Stage
    connections: tuple[Connection, ...]

    @property
    def environment(self) -> Mapping[str, str]:
        """The stage's environment."""
        return self.stage.environment or {}

    @property
    def functions(self) -> tuple[str, ...]:
        """What has to be deployed, by Chalice's names."""
        return self.stage.functions(self.twin.layout)


@dataclass(frozen=True, slots=True)
class ConfigurationHop:
    """The twin's files are valid and the stage agrees with them."""

    config: Path
    project: Path
    stage: str

    title = "configuration"

    def run(self) -> Passed[Subject]:
        """Read everything; see `Hop.run`."""
        again = f"run configure --stage {self.stage}, and deploy it"
        try:
            twin = TwinConfiguration.load(self.config)
        except ConfigurationProblems as error:
            advice = "Correct the files; docs/configuration.md has the rules."
            raise BrokenHopError(str(error), advice, unreadable=True) from error
        connections = InterCloudConnections(self.config / CONNECTIONS_FILE)
        try:
            stage = Stage.load(self.project, self.stage)
            missing = Plan.make(twin, stage, connections).missing
            used = _connections(twin, connections)
        except StageError as error:
            advice = "Restore the file, or name the project's directory with --project."
            raise BrokenHopError(str(error), advice, unreadable=True) from error
        except InterCloudError as error:
            raise BrokenHopError(str(error), "Correct that file.", unreadable=True) from error
        subject = Subject(twin, stage, used)
        layout = f"hot storage on {twin.layout.layer_3_hot}, twin on {twin.layout.layer_4}"
        if not subject.functions:
            raise BrokenHopError(
                f"{layout}: nothing of it is on AWS.",
                "Verify it with the tools of its own cloud, or correct config_providers.json.",
            )
        if missing:
            advice = f"Do what is missing, {again}; plan --stage {self.stage} shows all of it."
            raise BrokenHopError(" ".join(missing), advice)
        for read, connection in zip(READS, used, strict=False):
            if (
                stage.environment
                and stage.environment[read.remote_url_setting].strip() != connection.url
            ):
                raise BrokenHopError(
                    f"The stage's {read.remote_url_setting} isn't the URL of the connection "
                    f"{connection.id}.",
                    f"If the connection is right, {again}.",
                )
        return Passed(f"{twin.name}: {layout}, {len(twin.devices)} devices", subject)


def _connections(
    twin: TwinConfiguration, connections: InterCloudConnections
) -> tuple[Connection, ...]:
    if twin.layout.layer_4 != "aws" or not twin.layout.crosses_clouds:
        return ()
    found = [connections.get(twin.layout, read) for read in READS]
    return tuple(each for each in found if each is not None)


@dataclass(frozen=True, slots=True)
class RecordHop:
    """Chalice's record names what the layout needs."""

    project: Path
    subject: Subject

    title = "stage record"

    def run(self) -> Passed[DeployedStage]:
        """Read the record; see `Hop.run`."""
        stage = self.subject.stage.name
        try:
            deployed = DeployedStage.load(self.project, stage)
            for function in self.subject.functions:
                deployed.lambda_arn(function)
        except NotDeployedError as error:
            raise BrokenHopError(str(error), _deploy(stage)) from error
        except ConfigurationError as error:
            advice = f"Restore the file, or deploy again: chalice deploy --stage {stage}"
            raise BrokenHopError(str(error), advice) from error
        names = list(self.subject.functions)
        if API_HANDLER in names:
            if deployed.rest_api is None:
                problem = f"The stage {stage!r} was deployed without a REST API."
                raise BrokenHopError(problem, _deploy(stage))
            names.append(f"REST API at {deployed.rest_api.url}")
        return Passed(", ".join(names), deployed)


def _deploy(stage: str) -> str:
    return f"Deploy it: chalice deploy --stage {stage}"


@dataclass(frozen=True, slots=True)
class FunctionHop:
    """A Lambda function is there, and as the stage says."""

    lambda_: Any
    name: str
    arn: str
    stage: str
    environment: Mapping[str, str]

    @property
    def title(self) -> str:
        """Which function."""
        return f"Lambda function {self.name}"

    def run(self) -> Passed[None]:
        """Look at it; see `Hop.run`."""
        try:
            found = self.lambda_.get_function_configuration(FunctionName=self.arn)
        except self.lambda_.exceptions.ResourceNotFoundException as error:
            raise BrokenHopError(
                f"{self.arn} was recorded, but isn't there any more.",
                f"{_deploy(self.stage)}. If it was there a moment ago, check that region and "
                "credentials are those that it was deployed with.",
            ) from error
        state, update = found.get("State", "Active"), found.get("LastUpdateStatus", "Successful")
        if state != "Active" or update == "Failed":
            reason = found.get("StateReason") or found.get("LastUpdateStatusReason") or "no reason"
            raise BrokenHopError(
                f"{self.arn} is {state}, its last update {update}: {reason}",
                "Pending: wait a minute. Inactive: invoke it once. Failed: see the reason, then "
                f"deploy again: chalice deploy --stage {self.stage}",
            )
        deployed = found.get("Environment", {}).get("Variables", {})
        differing = [
            name for name, value in self.environment.items() if deployed.get(name) != value
        ]
        if differing:
            raise BrokenHopError(
                f"Its environment isn't the stage's: {', '.join(sorted(differing))}.",
                f"The stage was changed after it was deployed, or the function by hand. {_deploy(self.stage)}",
            )
        return Passed(f"{state}, {found.get('Runtime')}, environment as in the stage", None)


def function_environment(project: Path, stage: Stage, function: str) -> dict[str, str]:
    """Return what Chalice gives to a function: the stage's variables, then those of its own."""
    document = json.loads((project / ".chalice" / "config.json").read_bytes())
    environment = dict(stage.environment or {})
    for holder in (document, document.get("stages", {}).get(stage.name, {})):
        own = holder.get("lambda_functions", {}).get(function, {})
        environment |= own.get("environment_variables", {})
    return environment
