"""`python -m deploy_scripts deploy` and `destroy`: the other verbs and `chalice`, in order."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click
from rich.console import Console

from chalicelib.layout import aws_surface
from chalicelib.settings import PROVIDER_SPELLINGS, ProviderLayout
from deploy_scripts.commands.configure import configure
from deploy_scripts.commands.options import (
    REFUSED,
    USAGE,
    config_option,
    dry_run_option,
    fail,
    project_option,
    stage_option,
    token_name_option,
    token_store_of,
    token_store_option,
)
from deploy_scripts.commands.publish import publish
from deploy_scripts.commands.register import register, summary_table
from deploy_scripts.inter_cloud import CONNECTIONS_FILE, InterCloudConnections, InterCloudError
from deploy_scripts.twin_configuration import ConfigurationProblems, TwinConfiguration

workspace_option = click.option("--workspace", help="TwinMaker's.  [default: the twin's name]")


@click.command()
@config_option
@stage_option
@project_option
@token_store_option
@token_name_option
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
    token_store: str,
    token_name: str | None,
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
    console = Console()
    try:
        twin = TwinConfiguration.load(config)
    except ConfigurationProblems as problems:
        fail(str(problems), USAGE)
    where = {"config": config, "stage": stage, "project": project}
    tokens = {"token_store": token_store, "token_name": token_name}

    console.rule("configure", align="left")
    ctx.invoke(configure, **where, **tokens, table=table)
    console.rule("chalice deploy", align="left")
    chalice("deploy", stage, project)
    for each in forget_endpoints(config, twin.layout):
        console.print(f"removed the connection {each}", markup=False)
    if aws_surface(twin.layout).endpoints:
        console.rule("publish", align="left")
        ctx.invoke(publish, **where)
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
    token_store: str,
    token_name: str | None,
    workspace: str | None,
    delete_workspace: bool,  # noqa: FBT001 - click passes options by name
    yes: bool,  # noqa: FBT001
    dry_run: bool,  # noqa: FBT001
) -> None:
    """Take away what was deployed, and only that: entities and component types first.

    What is gone already doesn't matter. The configuration files and the hot storage stay.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    from deploy_scripts.register import RegistrationError

    console = Console()
    try:
        twin = TwinConfiguration.load(config)
        if not (yes or dry_run):
            question = f"Take away everything of the twin {twin.name} in the stage {stage}?"
            click.confirm(question, abort=True)
        if twin.layout.layer_4 == "aws":
            _deregister(
                twin, workspace, console, delete_workspace=delete_workspace, dry_run=dry_run
            )
        for each in forget_endpoints(config, None, dry_run=dry_run):
            console.print(f"connection {each}", markup=False)
        _delete_functions(stage, project, console, dry_run=dry_run)
        tokens = token_store_of(token_store, token_name, twin.name, stage)
        if dry_run:
            console.print(f"would delete {tokens.reference}, if it is this stage's")
        elif tokens.delete():
            console.print(f"deleted {tokens.reference}")
    except (ConfigurationProblems, InterCloudError) as error:
        fail(str(error), USAGE)
    except (RegistrationError, BotoCoreError, ClientError) as error:
        fail(f"AWS refused: {error}", REFUSED)
    console.print("Dry run: nothing was changed." if dry_run else "All of it is gone.")


def forget_endpoints(
    config: Path, layout: ProviderLayout | None, *, dry_run: bool = False
) -> list[str]:
    """Remove the connections to endpoints on AWS that a layout doesn't have (any more).

    Returns
    -------
    list[str]
        The ids of those that were there.
    """
    from deploy_scripts.publish import unpublish

    connections = InterCloudConnections(config / CONNECTIONS_FILE)
    forgotten = []
    for layer_4 in sorted({*PROVIDER_SPELLINGS.values()} - {"aws"}):
        other = ProviderLayout("aws", layer_4)
        if other != layout:
            forgotten += unpublish(other, connections, dry_run=dry_run)
    return forgotten


def _delete_functions(stage: str, project: Path, console: Console, *, dry_run: bool) -> None:
    from deploy_scripts.deployed import DeployedStage, NotDeployedError

    try:
        deployed = DeployedStage.load(project, stage)
    except NotDeployedError:
        return
    if not deployed.lambda_arns:
        return
    if dry_run:
        console.print(f"would run: chalice delete --stage {stage}")
    else:
        chalice("delete", stage, project)


def _deregister(
    twin: TwinConfiguration,
    workspace: str | None,
    console: Console,
    *,
    delete_workspace: bool,
    dry_run: bool,
) -> None:
    import boto3

    from deploy_scripts.register import Registration, Twin, twinmaker_client

    registration = Registration(twinmaker_client(), boto3.client("lambda"), boto3.client("iam"))
    summary = registration.deregister(
        Twin(twin.name, workspace or twin.name),
        devices=twin.devices,
        delete_workspace=delete_workspace,
        dry_run=dry_run,
    )
    console.print(summary_table(summary))


def chalice(verb: str, stage: str, project: Path) -> None:
    """Run `chalice VERB --stage STAGE` in a project, showing what it prints.

    Its exit code is ours if it fails.
    """
    command = [str(Path(sys.executable).with_name("chalice")), verb, "--stage", stage]
    done = subprocess.run(command, cwd=project, check=False)  # noqa: S603 - our own command line
    if done.returncode:
        fail(f"`chalice {verb}` failed; see above.", REFUSED)
