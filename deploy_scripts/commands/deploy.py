"""`python -m deploy_scripts deploy`: the other verbs and `chalice`, in order."""

from __future__ import annotations

import io
from contextlib import nullcontext, redirect_stdout
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from chalicelib.model.layout import aws_surface
from deploy_scripts.commands import options
from deploy_scripts.commands.configure import configure
from deploy_scripts.commands.publish import publish
from deploy_scripts.commands.register import register
from deploy_scripts.publish.aws_endpoints import first_changes
from deploy_scripts.register.names import check_names

if TYPE_CHECKING:
    from pathlib import Path

    from deploy_scripts.deployment.deployment import Deployment
    from deploy_scripts.tokens.stores import TokenStore


@click.command(epilog=options.ON_AWS)
@options.the_stage
@options.of_token
@options.endpoint
@options.kms_key
@options.of_registration
@options.dry_run
@click.pass_context
def deploy(
    ctx: click.Context,
    /,
    target: options.Target,
    endpoint: str | None,
    kms_key: str | None,
    dry_run: bool,  # noqa: FBT001 - click passes options by name
    **registered: Any,
) -> None:
    """Configure, `chalice deploy`, then publish or register, as the layout needs.

    All of it is tried first, in a copy of the project, and nothing is written if any of it can't be
    done. --dry-run shows what each step would change, and ends there. Each step can be run by itself,
    and all of them again: what is right already isn't touched, and what a run left that was cut off is
    taken up.

    If the twin was on AWS and isn't any more, its component types and entities, as far as they were
    made by register, are removed from TwinMaker before their functions are deleted: they couldn't be
    read any more. The workspace and your dashboards stay. If an entity of somebody else's uses them,
    nothing is removed and deploy ends there.
    """
    import boto3

    from deploy_scripts.deployment.deployment import Deployment, store_of, trial_copy
    from deploy_scripts.deployment.lock import is_locked, only_deployment

    twin = target.twin
    target.connections.load()
    if endpoint and not aws_surface(twin.layout).endpoints:
        raise click.UsageError(
            "--endpoint is for hot storage on AWS and the twin on another cloud."
        )
    before = target.stage
    in_twinmaker = target.in_twinmaker(registered["workspace"])
    if twin.layout.layer_4 == "aws":
        names = {name: registered[name] for name in ("role_arn", "s3_location", "entities")}
        check_names(in_twinmaker, twin.devices, **names)
    steps = _Steps(ctx, target, kms_key, endpoint, registered, store_of(before, twin.name))

    def deployment(project: Path, *, dry_run: bool = False) -> Deployment:
        found = (twin.layout, in_twinmaker, project, before, target.connections)
        return Deployment(*found, click.echo, dry_run=dry_run)

    tried = io.StringIO()
    with trial_copy(target.project) as copy, nullcontext() if dry_run else redirect_stdout(tried):
        trial = deployment(copy, dry_run=True)
        steps.deploy(trial)
        if dry_run or trial.changed:
            steps.connect(trial)
    if dry_run:
        click.echo("Dry run: nothing was changed.")
        return
    if not trial.changed and not is_locked(before, boto3.client):
        click.echo(tried.getvalue(), nl=False)
        # Nothing is to be deployed, so the stage needn't be looked at once more.
        trial.project, trial.dry_run = target.project, False
        steps.connect(trial)
        return
    with only_deployment(before, boto3.client, click.echo):
        found = deployment(target.project)  # as it is now: somebody else may just have ended
        steps.deploy(found)
        steps.connect(found)


@dataclass(frozen=True)
class _Steps:
    """The steps of `deploy`, with the options of each verb."""

    ctx: click.Context
    target: options.Target
    kms_key: str | None
    endpoint: str | None
    registered: dict[str, Any]
    tokens: TokenStore | None

    def _invoke(self, verb: click.Command, project: Path, **given: Any) -> Any:
        """Run a verb for the same stage, maybe of a copy of the project."""
        where = {"config": self.target.config, "stage": self.target.stage_name, "project": project}
        return self.ctx.invoke(verb, **where, **given)

    def deploy(self, deployment: Deployment) -> None:
        """Configure the stage, and deploy it; note in the deployment whether that changes anything."""
        _heading("configure")
        trial = {"dry_run": True, "trial": True} if deployment.dry_run else {}
        token = {"store": self.target.store, "token_name": self.target.token_name}
        given = token | {"kms_key": self.kms_key} | trial
        deployment.changed = bool(self._invoke(configure, deployment.project, **given))
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
        project, dry_run = deployment.project, deployment.dry_run
        if aws_surface(deployment.layout).endpoints:
            _heading("publish")
            if dry_run and not deployment.has_endpoints:
                changes = first_changes(deployment.layout, self.endpoint)
                options.show_changes(changes, dry_run=True, otherwise="")
            else:
                self._invoke(publish, project, endpoint=self.endpoint, dry_run=dry_run)
        if deployment.layout.layer_4 == "aws":
            _heading("register")
            foreseen = deployment.foreseen if dry_run else None
            given = self.registered | {"foreseen": foreseen, "dry_run": dry_run}
            self._invoke(register, project, **given)


def _heading(step: str) -> None:
    Console().rule(step, align="left")
