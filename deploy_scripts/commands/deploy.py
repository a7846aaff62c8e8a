"""`python -m deploy_scripts deploy` and `destroy`: the other verbs and `chalice`, in order."""

from __future__ import annotations

import io
from contextlib import redirect_stdout
from dataclasses import dataclass
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
    show_changes,
    stage_options,
    token_options,
    workspace_option,
)
from deploy_scripts.commands.publish import publish
from deploy_scripts.commands.register import register
from deploy_scripts.project_files.inter_cloud import CONNECTIONS_FILE, InterCloudConnections
from deploy_scripts.project_files.twin_configuration import TwinConfiguration
from deploy_scripts.publish.aws_endpoints import first_changes
from deploy_scripts.register.names import check_names
from deploy_scripts.register.twin import Twin
from deploy_scripts.stage.stage import Stage
from deploy_scripts.tokens.stage_token import managed_store, token_reference

if TYPE_CHECKING:
    from pathlib import Path

    from deploy_scripts.deployment.deployment import Deployment
    from deploy_scripts.tokens.stores import TokenStore


@click.command()
@stage_options
@token_options
@endpoint_option
@click.option("--table", help="The hot table, if it is on AWS.")
@registration_options
@dry_run_option
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
    table: str | None,
    dry_run: bool,  # noqa: FBT001 - click passes options by name
    **registered: Any,
) -> None:
    """Configure, `chalice deploy`, then publish or register, as the layout needs.

    All of it is tried first, in a copy of the project, and nothing is written if any of it can't be
    done. --dry-run shows what each step would change, and ends there. Each step can be run by itself,
    and all of them again: what is right already isn't touched, and what a run left that was cut off is
    taken up.

    If the twin was on AWS and isn't any more, its component types and entities, as far as they were
    made by register, are taken out of TwinMaker before their functions are deleted: they couldn't be
    read any more. The workspace and your dashboards stay. If an entity of somebody else's uses them,
    nothing is removed and deploy ends there.
    """
    from deploy_scripts.deployment.deployment import Deployment, store_of, trial_copy

    twin = TwinConfiguration.load(config)
    connections = InterCloudConnections(config / CONNECTIONS_FILE)
    connections.load()
    if endpoint and not aws_surface(twin.layout).endpoints:
        fail("--endpoint is for hot storage on AWS and the twin on another cloud.", USAGE)
    before = Stage.load(project, stage)
    in_twinmaker = Twin(twin.name, registered["workspace"] or twin.name)
    if twin.layout.layer_4 == "aws":
        names = {name: registered[name] for name in ("role_arn", "s3_location", "entities")}
        check_names(in_twinmaker, twin.devices, **names)
    steps = _Steps(
        ctx,
        {"config": config, "stage": stage},
        {"store": store, "token_name": token_name, "table": table},
        {"endpoint": endpoint},
        registered,
        store_of(before, twin.name),
    )

    def deployment(project: Path, *, dry_run: bool = False) -> Deployment:
        found = (twin.layout, in_twinmaker, project, before, connections)
        return Deployment(*found, click.echo, dry_run=dry_run)

    with trial_copy(project) as copy, redirect_stdout(io.StringIO()) as tried:
        trial = deployment(copy, dry_run=True)
        steps.deploy(trial)
        if dry_run or trial.changed:
            steps.connect(trial)
    if dry_run:
        click.echo(f"{tried.getvalue()}Dry run: nothing was changed.")
        return
    found = deployment(project)
    if trial.changed:
        steps.deploy(found)
    else:
        click.echo(tried.getvalue(), nl=False)
    steps.connect(found)


@dataclass(frozen=True)
class _Steps:
    """The steps of `deploy`, with the options of each verb."""

    ctx: click.Context
    twin: dict[str, Any]
    configured: dict[str, Any]
    published: dict[str, Any]
    registered: dict[str, Any]
    tokens: TokenStore | None

    def deploy(self, deployment: Deployment) -> None:
        """Configure the stage, and deploy it; note in the deployment whether that changes anything."""
        _heading("configure")
        trial = {"dry_run": True, "trial": True} if deployment.dry_run else {}
        where = self.twin | {"project": deployment.project}
        configured = self.ctx.invoke(configure, **where, **self.configured, **trial)
        deployment.changed = bool(configured)
        deployment.recover()
        if deployment.twin_moves_away:
            _heading("deregister")
            deployment.leave_twinmaker()
        _heading("chalice deploy")
        deployment.deploy_stage()
        deployment.remove_connections(deployment.layout, deployment.deployed_now)
        if self.tokens is not None and not deployment.layout.crosses_clouds:
            deployment.delete_token(self.tokens)

    def connect(self, deployment: Deployment) -> None:
        """Publish the endpoints, or register the twin."""
        where = self.twin | {"project": deployment.project, "dry_run": deployment.dry_run}
        if aws_surface(deployment.layout).endpoints:
            _heading("publish")
            if deployment.dry_run and not deployment.has_endpoints:
                changes = first_changes(deployment.layout, self.published["endpoint"])
                show_changes(changes, dry_run=True, otherwise="")
            else:
                self.ctx.invoke(publish, **where, **self.published)
        if deployment.layout.layer_4 == "aws":
            _heading("register")
            foreseen = deployment.foreseen if deployment.dry_run else None
            self.ctx.invoke(register, **where, **self.registered, foreseen=foreseen)


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
