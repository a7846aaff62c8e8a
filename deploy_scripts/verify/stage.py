"""The first hops: the configuration, Chalice's record, the Lambda functions and the token."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from chalicelib.model.errors import ConfigurationError
from chalicelib.settings.token_reference import TokenReference, split_tokens
from deploy_scripts.errors import VerbError
from deploy_scripts.plan.plan import Plan
from deploy_scripts.project_files.inter_cloud import (
    CONNECTIONS_FILE,
    InterCloudConnections,
)
from deploy_scripts.project_files.twin_configuration import TwinConfiguration
from deploy_scripts.stage.deployed import DeployedStage, NotDeployedError, deploy_command
from deploy_scripts.stage.stage import API_HANDLER, Stage
from deploy_scripts.stage.twin_info import unpacked
from deploy_scripts.tokens.stage_token import StageTokenError, accepted_tokens
from deploy_scripts.tokens.stores import TOKEN_VARIABLE, token_store
from deploy_scripts.verify.hop import BrokenHopError, Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from chalicelib.model.reads import Read
    from deploy_scripts import MakeClient
    from deploy_scripts.project_files.inter_cloud import Connection


@dataclass(frozen=True, slots=True)
class Subject:
    """The stage that is verified."""

    twin: TwinConfiguration
    stage: Stage
    connections: Mapping[Read, Connection]  # the connections that this cloud's readers use, by read

    @property
    def environment(self) -> Mapping[str, str]:
        """The stage's environment."""
        return self.stage.environment or {}

    @property
    def functions(self) -> tuple[str, ...]:
        """The functions that have to be deployed, by Chalice's names."""
        return self.stage.functions(self.twin.layout)


def check_configuration(config: Path, project: Path, stage: str) -> Finding[Subject]:
    """Check that the twin's files are valid and that the stage agrees with them."""
    again = f"run configure --stage {stage}, and deploy it"
    advice = "Correct the files; docs/configuration.md has the rules."
    try:
        twin = TwinConfiguration.load(config)
        advice = "Restore the file, or name the project's directory with --project."
        configured = Stage.load(project, stage)
        advice = "Correct that file."
        connections = InterCloudConnections(config / CONNECTIONS_FILE)
        missing = Plan.make(twin, configured, connections).missing
        asks = twin.layout.layer_4 == "aws" and twin.layout.crosses_clouds
        subject = Subject(twin, configured, connections.of(twin.layout) if asks else {})
    except VerbError as error:
        raise BrokenHopError(str(error), advice, unreadable=True) from error
    layout = f"hot storage on {twin.layout.layer_3_hot}, twin on {twin.layout.layer_4}"
    if not subject.functions:
        raise BrokenHopError(
            f"{layout}: nothing of it is on AWS.",
            "Verify it with the tools of its own cloud, or correct config_providers.json.",
        )
    if missing:
        advice = f"Do what is missing, {again}; plan --stage {stage} shows all of it."
        raise BrokenHopError(" ".join(missing), advice)
    for read, connection in subject.connections.items():
        if subject.environment[read.remote_url_setting].strip() != connection.url:
            raise BrokenHopError(
                f"The stage's {read.remote_url_setting} isn't the URL of the connection "
                f"{connection.id}.",
                f"If the connection is right, {again}.",
            )
    return Finding(f"{twin.name}: {layout}, {len(twin.devices)} devices", subject)


def check_record(project: Path, subject: Subject) -> Finding[DeployedStage]:
    """Check that Chalice's record names what the layout needs."""
    stage = subject.stage.name
    try:
        deployed = DeployedStage.load(project, stage)
        for function in subject.functions:
            deployed.lambda_arn(function)
    except NotDeployedError as error:
        raise BrokenHopError(str(error), _deploy(stage)) from error
    except ConfigurationError as error:
        advice = f"Restore the file, or deploy again: {deploy_command(stage)}"
        raise BrokenHopError(str(error), advice) from error
    names = list(subject.functions)
    if API_HANDLER in names:
        if deployed.rest_api is None:
            problem = f"The stage {stage!r} was deployed without a REST API."
            raise BrokenHopError(problem, _deploy(stage))
        names.append(f"REST API at {deployed.rest_api.url}")
    return Finding(", ".join(names), deployed)


def _deploy(stage: str) -> str:
    return f"Deploy it: {deploy_command(stage)}"


def check_function(
    client: MakeClient, arn: str, project: Path, stage: Stage, function: str
) -> Finding[str]:
    """Check that a Lambda function is there, is active, and has the environment of the stage.

    The value is the ARN of its role.
    """
    lambda_ = client("lambda")
    try:
        found = lambda_.get_function_configuration(FunctionName=arn)
    except lambda_.exceptions.ResourceNotFoundException as error:
        raise BrokenHopError(
            f"{arn} was recorded, but isn't there any more.",
            f"{_deploy(stage.name)}. If it was there a moment ago, check that region and credentials are "
            "those that it was deployed with.",
        ) from error
    state, update = found.get("State", "Active"), found.get("LastUpdateStatus", "Successful")
    if state != "Active" or update == "Failed":
        reason = found.get("StateReason") or found.get("LastUpdateStatusReason") or "no reason"
        raise BrokenHopError(
            f"{arn} is {state}, its last update {update}: {reason}",
            "Pending: wait a minute. Inactive: invoke it once. Failed: see the reason, then deploy "
            f"again: {deploy_command(stage.name)}",
        )
    deployed = found.get("Environment", {}).get("Variables", {})
    if "DIGITAL_TWIN_INFO" in deployed:  # which may name a file of devices
        info = unpacked(deployed["DIGITAL_TWIN_INFO"], project)
        deployed = {**deployed, "DIGITAL_TWIN_INFO": info}
    wanted = stage.environment_of(function).items()
    differing = [name for name, value in wanted if deployed.get(name) != value]
    if differing:
        raise BrokenHopError(
            f"Its environment isn't the stage's: {', '.join(sorted(differing))}.",
            "The stage was changed after it was deployed, or the function by hand. "
            f"{_deploy(stage.name)}",
        )
    detail = f"{state}, {found.get('Runtime')}, environment as in the stage"
    return Finding(detail, str(found["Role"]))


def check_token(
    client: MakeClient, reference: str, connections: Iterable[Connection]
) -> Finding[list[str]]:
    """Check that the token that a stage refers to can be read."""
    try:
        source = TokenReference.parse(TOKEN_VARIABLE, reference, max_age=1)
        if source.store is None:
            where = f"{TOKEN_VARIABLE} itself"
            tokens = split_tokens(f"The value of {where}", source.value)
        else:
            where = f"{source.store}:{source.value}"
            tokens = accepted_tokens(token_store(source, client))
    except (ConfigurationError, StageTokenError) as error:
        advice = (
            "Put a token there: configure does (after the value was deleted, if need be). Check the "
            "region, too."
        )
        raise BrokenHopError(str(error), advice) from error
    detail = f"{where} holds a token"
    if len(tokens) > 1:
        detail = f"{where} holds two tokens, current and previous"
    if all(each.token in tokens for each in connections):
        return Finding(detail, tokens)
    warning = f"It isn't the token in {CONNECTIONS_FILE}: if that one is right, run configure."
    return Finding(detail, tokens, (warning,))
