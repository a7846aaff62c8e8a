"""`python -m deploy_scripts deploy`: the other verbs and `chalice`, in order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from chalicelib.model.layout import aws_surface
from deploy_scripts.commands.configure import configure
from deploy_scripts.commands.options import (
    USAGE,
    endpoint_option,
    fail,
    registration_options,
    reported_failures,
    stage_options,
    token_options,
)
from deploy_scripts.commands.publish import publish
from deploy_scripts.commands.register import register
from deploy_scripts.project_files.inter_cloud import CONNECTIONS_FILE, InterCloudConnections
from deploy_scripts.project_files.twin_configuration import TwinConfiguration
from deploy_scripts.register.names import check_names
from deploy_scripts.register.twin import Twin
from deploy_scripts.stage.deployed import DeployedStage
from deploy_scripts.stage.stage import Stage

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


def _heading(step: str) -> None:
    Console().rule(step, align="left")
