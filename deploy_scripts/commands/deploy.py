"""`python -m deploy_scripts deploy` and `destroy`: the other verbs and `chalice`, in order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from chalicelib.model.layout import aws_surface
from deploy_scripts.commands.configure import configure
from deploy_scripts.commands.options import (
    USAGE,
    dry_run_option,
    endpoint_option,
    fail,
    registration_options,
    reported_failures,
    stage_options,
    token_options,
    workspace_option,
)
from deploy_scripts.commands.publish import publish
from deploy_scripts.commands.register import register
from deploy_scripts.project_files.inter_cloud import CONNECTIONS_FILE, InterCloudConnections
from deploy_scripts.project_files.twin_configuration import TwinConfiguration
from deploy_scripts.register.names import check_names
from deploy_scripts.register.twin import Twin
from deploy_scripts.stage.deployed import DeployedStage
from deploy_scripts.stage.stage import Stage
from deploy_scripts.tokens.stage_token import managed_store, token_reference

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@stage_options
@token_options
@endpoint_option
@registration_options
@click.pass_context
@reported_failures()
def deploy(
    ctx: click.Context,
    /,
    config: Path,
    stage: str,
    project: Path,
    store: str | None,
    token_name: str | None,
    endpoint: str | None,
    workspace: str | None,
    create_workspace: bool,  # noqa: FBT001 - click passes options by name
    **registered: Any,
) -> None:
    """Configure, `chalice deploy`, then publish or register, as the layout needs.

    Each step can be run by itself, and all of them again: what is right already isn't touched, and
    what a run left that was cut off is taken up. To see what a step would change, give its own verb
    --dry-run.

    If the twin was on AWS and isn't any more, its component types and entities, as far as they were
    made by register, are taken out of TwinMaker before their functions are deleted: they couldn't be
    read any more. The workspace and your dashboards stay. If an entity of somebody else's uses them,
    nothing is removed and deploy ends there.
    """
    from deploy_scripts.deployment.deployment import Deployment, store_of

    twin = TwinConfiguration.load(config)
    connections = InterCloudConnections(config / CONNECTIONS_FILE)
    connections.load()
    if endpoint and not aws_surface(twin.layout).endpoints:
        fail("--endpoint is for hot storage on AWS and the twin on another cloud.", USAGE)
    before = Stage.load(project, stage)
    tokens = store_of(before, twin.name)
    in_twinmaker = Twin(twin.name, workspace or twin.name)

    # Before anything is written: it may not be this twin's place, or have names that AWS refuses.
    deployment = Deployment(twin.layout, in_twinmaker, project, before, connections, click.echo)
    if twin.layout.layer_4 == "aws":
        check_names(in_twinmaker, twin.devices, **registered)
    where = {"config": config, "stage": stage, "project": project}
    _heading("configure")
    ctx.invoke(configure, **where, store=store, token_name=token_name)
    deployment.recover()
    if deployment.twin_moves_away:
        _heading("deregister")
        deployment.leave_twinmaker()
    _heading("chalice deploy")
    deployment.chalice("deploy")
    deployment.remove_connections(twin.layout, DeployedStage.load(project, stage))
    if tokens is not None and not twin.layout.crosses_clouds:
        deployment.delete_token(tokens)
    if aws_surface(twin.layout).endpoints:
        _heading("publish")
        ctx.invoke(publish, **where, endpoint=endpoint)
    if twin.layout.layer_4 == "aws":
        _heading("register")
        registered |= {"workspace": workspace, "create_workspace": create_workspace}
        ctx.invoke(register, **where, **registered)


@click.command()
@stage_options
@token_options
@workspace_option
@click.option("--delete-workspace", is_flag=True, help="Also the workspace, if we made it.")
@click.option("--yes", is_flag=True, help="Don't ask.")
@dry_run_option
@reported_failures()
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
    """Delete what was deployed, and only that: entities and component types first.

    A thing that is gone already doesn't matter, and neither does a record of Chalice that is missing: then what
    AWS itself shows to be this twin's is deleted (docs/operations.md, 'A run was cut off'). The
    configuration files and the hot storage stay, and so does a token that wasn't made for this stage.
    """
    import boto3

    from deploy_scripts.deployment.deployment import Deployment

    twin = TwinConfiguration.load(config)
    found = Stage.load(project, stage)
    chosen = token_reference(twin.name, stage, store, token_name)
    tokens = managed_store(found, twin.name, chosen, boto3.client)
    # A run that was cut off may have made a token for a stage that isn't written yet.
    if found.environment is None and not tokens.is_ours():
        fail(f"There is no stage {stage} in {project}; nothing was touched.", USAGE)
    connections = InterCloudConnections(config / CONNECTIONS_FILE)
    connections.load()
    deployment = Deployment(
        twin.layout,
        Twin(twin.name, workspace or twin.name),
        project,
        found,
        connections,
        click.echo,
        dry_run=dry_run,
    )
    if not (yes or dry_run):
        question = f"Delete everything of the twin {twin.name} in the stage {stage}?"
        click.confirm(question, abort=True)
    deployment.leave_twinmaker(delete_workspace=delete_workspace)
    deployment.remove_connections(None, deployment.deployed)
    deployment.delete_function_url()
    deployment.delete_stage()
    deployment.delete_token(tokens)
    click.echo("Dry run: nothing was changed." if dry_run else "Done.")


def _heading(step: str) -> None:
    Console().rule(step, align="left")
