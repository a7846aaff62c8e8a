"""`python -m deploy_scripts deploy` and `destroy`: the other verbs and `chalice`, in order."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from chalicelib.errors import ConfigurationError
from chalicelib.layout import aws_surface
from chalicelib.settings import PROVIDER_SPELLINGS, ProviderLayout
from deploy_scripts.commands.configure import configure
from deploy_scripts.commands.options import (
    REFUSED,
    USAGE,
    config_option,
    dry_run_option,
    endpoint_option,
    fail,
    project_option,
    stage_option,
    token_name_option,
    token_store_of,
    token_store_option,
)
from deploy_scripts.commands.publish import publish
from deploy_scripts.commands.register import register, summary_table
from deploy_scripts.configure import ConfigureError
from deploy_scripts.deployed import DeployedStage, NotDeployedError
from deploy_scripts.function_url import FunctionUrl
from deploy_scripts.inter_cloud import (
    CONNECTIONS_FILE,
    InterCloudConnections,
    InterCloudError,
    connection_id,
)
from deploy_scripts.plan import Stage, StageError
from deploy_scripts.publish import unpublish
from deploy_scripts.register import Registration, RegistrationError, Twin, twinmaker_client
from deploy_scripts.twin_configuration import ConfigurationProblems, TwinConfiguration

if TYPE_CHECKING:
    from deploy_scripts.configure import TokenStore

workspace_option = click.option("--workspace", help="TwinMaker's.  [default: the twin's name]")


@click.command()
@config_option
@stage_option
@project_option
@token_store_option
@token_name_option
@endpoint_option
@click.option("--table", help="The hot table, if it is on AWS.")
@workspace_option
@click.option("--create-workspace", is_flag=True, help="Create the workspace if it isn't there.")
@click.option("--role-arn", help="The workspace's role; needed to create the workspace.")
@click.option("--s3-location", help="The ARN of a bucket; needed to create the workspace.")
@click.option("--entities", is_flag=True, help="Also make an entity for each device.")
@click.pass_context
def deploy(
    ctx: click.Context,
    config: Path,
    stage: str,
    project: Path,
    store: str | None,
    token_name: str | None,
    endpoint: str | None,
    table: str | None,
    workspace: str | None,
    create_workspace: bool,  # noqa: FBT001 - click passes options by name
    role_arn: str | None,
    s3_location: str | None,
    entities: bool,  # noqa: FBT001
) -> None:
    """Configure, `chalice deploy`, then publish or register, as the layout needs.

    Each step can be run by itself, and all of them again: what is right already isn't touched. To see
    what a step would change, give its own verb --dry-run.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    console = Console()
    try:
        twin = TwinConfiguration.load(config)
        InterCloudConnections(config / CONNECTIONS_FILE).load()
    except (ConfigurationProblems, InterCloudError) as error:
        fail(str(error), USAGE)
    if endpoint and not aws_surface(twin.layout).endpoints:
        fail("--endpoint is for hot storage on AWS and the twin on another cloud.", USAGE)
    where = {"config": config, "stage": stage, "project": project}
    tokens = {"store": store, "token_name": token_name}

    console.rule("configure", align="left")
    ctx.invoke(configure, **where, **tokens, table=table)
    console.rule("chalice deploy", align="left")
    chalice("deploy", stage, project)
    try:
        forgotten = forget_endpoints(config, twin.layout, DeployedStage.load(project, stage))
    except (BotoCoreError, ClientError) as error:
        fail(f"AWS refused: {error}", REFUSED)
    for each in forgotten:
        console.print(f"removed the connection {each}", markup=False)
    if aws_surface(twin.layout).endpoints:
        console.rule("publish", align="left")
        ctx.invoke(publish, **where, endpoint=endpoint)
    if twin.layout.layer_4 == "aws":
        console.rule("register", align="left")
        ctx.invoke(
            register,
            **where,
            workspace=workspace,
            create_workspace=create_workspace,
            role_arn=role_arn,
            s3_location=s3_location,
            entities=entities,
        )


@click.command()
@config_option
@stage_option
@project_option
@token_store_option
@token_name_option
@workspace_option
@click.option("--delete-workspace", is_flag=True, help="Also the workspace, if we made it.")
@click.option("--yes", is_flag=True, help="Don't ask.")
@dry_run_option
def destroy(
    config: Path,
    stage: str,
    project: Path,
    store: str | None,
    token_name: str | None,
    workspace: str | None,
    delete_workspace: bool,  # noqa: FBT001 - click passes options by name
    yes: bool,  # noqa: FBT001
    dry_run: bool,  # noqa: FBT001
) -> None:
    """Take away what was deployed, and only that: entities and component types first.

    What is gone already doesn't matter. The configuration files and the hot storage stay, and so does
    a token that wasn't made for this stage.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    console = Console()
    try:
        twin = TwinConfiguration.load(config)
        stages = Stage.load(project, stage)
        if stages.environment is None:
            fail(f"There is no stage {stage} in {project}; nothing was touched.", USAGE)
        deployed = _deployed(project, stages)
        tokens = token_store_of(
            store, token_name, twin_name=twin.name, stage=stage, project=project
        )
        InterCloudConnections(config / CONNECTIONS_FILE).load()
        if not (yes or dry_run):
            question = f"Take away everything of the twin {twin.name} in the stage {stage}?"
            click.confirm(question, abort=True)
        _deregister(
            Twin(twin.name, workspace or twin.name),
            deployed,
            console,
            delete_workspace=delete_workspace,
            dry_run=dry_run,
        )
        for each in forget_endpoints(config, None, deployed, dry_run=dry_run):
            console.print(f"connection {each}", markup=False)
        _delete_function_url(deployed, console, dry_run=dry_run)
        if deployed and deployed.lambda_arns:
            if dry_run:
                console.print(f"would run: chalice delete --stage {stage}")
            else:
                chalice("delete", stage, project)
        _delete_token(tokens, console, dry_run=dry_run)
    except (
        ConfigurationError,
        ConfigurationProblems,
        ConfigureError,
        InterCloudError,
        StageError,
    ) as error:
        fail(str(error), USAGE)
    except (RegistrationError, BotoCoreError, ClientError) as error:
        fail(f"AWS refused: {error}", REFUSED)
    console.print("Dry run: nothing was changed." if dry_run else "Done.")


def _deployed(project: Path, stage: Stage) -> DeployedStage | None:
    """Return Chalice's record of a stage; None if nothing is deployed.

    Without a record, functions of the stage's name are looked for: a deployment whose record is
    elsewhere, or was cut off before Chalice wrote one, must not be taken for none.
    """
    import boto3

    try:
        return DeployedStage.load(project, stage.name)
    except NotDeployedError:
        pages = boto3.client("lambda").get_paginator("list_functions").paginate()
        name = f"{stage.app_name}-{stage.name}"
        found = [
            each["FunctionName"]
            for page in pages
            for each in page["Functions"]
            if each["FunctionName"] == name or each["FunctionName"].startswith(f"{name}-")
        ]
    if found:
        fail(
            f"There is no record of this deployment in {project}, but AWS has {', '.join(found)}. "
            "Destroy it from where it was deployed, or run deploy here first and then destroy. "
            "Nothing was touched.",
            USAGE,
        )
    return None


def _delete_function_url(
    deployed: DeployedStage | None, console: Console, *, dry_run: bool
) -> None:
    import boto3

    lambda_ = boto3.client("lambda")
    found = FunctionUrl.of_stage(lambda_, deployed)
    for each in found.remove(lambda_, dry_run=dry_run) if found else ():
        console.print(f"{'would delete' if dry_run else 'deleted'} {each}", markup=False)


def _delete_token(tokens: TokenStore, console: Console, *, dry_run: bool) -> None:
    if tokens.get() is None:
        return
    if not tokens.is_ours():
        console.print(f"kept {tokens.reference}: it wasn't made for this stage")
    elif dry_run:
        console.print(f"would delete {tokens.reference}")
    else:
        tokens.delete()
        console.print(f"deleted {tokens.reference}")


def forget_endpoints(
    config: Path,
    layout: ProviderLayout | None,
    deployed: DeployedStage | None,
    *,
    dry_run: bool = False,
) -> list[str]:
    """Remove the connections to a stage's endpoints on AWS that a layout doesn't have (any more).

    Parameters
    ----------
    config
        Where the connections are saved.
    layout
        The layout whose connections stay; None for none.
    deployed
        The stage. Connections that lead to another one's endpoints stay.
    dry_run
        True to change nothing.

    Returns
    -------
    list[str]
        The ids of those that were there.
    """
    import boto3

    connections = InterCloudConnections(config / CONNECTIONS_FILE)
    known = connections.load()
    function_url = FunctionUrl.of_stage(boto3.client("lambda"), deployed)
    forgotten = []
    for layer_4 in sorted({*PROVIDER_SPELLINGS.values()} - {"aws"}):
        other = ProviderLayout("aws", layer_4)
        connection = known.get(connection_id(other, last_entry=False))
        api = deployed.rest_api if deployed else None
        elsewhere = connection and api and not connection.url.startswith(api.url.rstrip("/"))
        if connection and function_url and function_url.leads_here(connection.url):
            elsewhere = False
        if other != layout and not elsewhere:
            forgotten += unpublish(other, connections, dry_run=dry_run)
    return forgotten


def _deregister(
    twin: Twin,
    deployed: DeployedStage | None,
    console: Console,
    *,
    delete_workspace: bool,
    dry_run: bool,
) -> None:
    """Take the twin out of TwinMaker, unless it is another stage's functions that it reads by."""
    import boto3

    lambda_ = boto3.client("lambda")
    registration = Registration(twinmaker_client(), lambda_, boto3.client("iam"))
    own = set(deployed.lambda_arns.values()) if deployed else set()
    others = sorted(
        arn for arn in registration.functions_in_use(twin) - own if _exists(lambda_, arn)
    )
    if others:
        console.print(
            f"kept {twin.workspace_id}'s component types: they read by {', '.join(others)}, which "
            "isn't this stage's",
            markup=False,
        )
        return
    summary = registration.deregister(twin, delete_workspace=delete_workspace, dry_run=dry_run)
    console.print(summary_table(summary))


def _exists(lambda_: Any, arn: str) -> bool:
    from botocore.exceptions import ClientError

    try:
        lambda_.get_function_configuration(FunctionName=arn)
    except ClientError as error:
        if error.response["Error"]["Code"] == "ResourceNotFoundException":
            return False
        raise
    return True


def chalice(verb: str, stage: str, project: Path) -> None:
    """Run `chalice VERB --stage STAGE` in a project, showing what it prints.

    Its exit code is ours if it fails.
    """
    command = [str(Path(sys.executable).with_name("chalice")), verb, "--stage", stage]
    done = subprocess.run(command, cwd=project, check=False)  # noqa: S603 - our own command line
    if done.returncode:
        fail(f"`chalice {verb}` failed; see above.", REFUSED)
