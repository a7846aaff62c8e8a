"""`python -m deploy_scripts destroy`."""

from __future__ import annotations

from contextlib import nullcontext

import click

from deploy_scripts.commands import options
from deploy_scripts.errors import VerbError
from deploy_scripts.tokens.stage_token import StageTokenError, managed_store
from deploy_scripts.tokens.stores import TOKEN_VARIABLE


@click.command(epilog=options.ON_AWS)
@options.the_stage
@options.of_token
@options.workspace
@click.option("--delete-workspace", is_flag=True, help="Also the workspace, if we made it.")
@click.option("--delete-logs", is_flag=True, help="Also the functions' logs, for good.")
@click.option("--yes", is_flag=True, help="Don't ask.")
@options.dry_run
def destroy(
    target: options.Target,
    workspace: str | None,
    delete_workspace: bool,  # noqa: FBT001 - click passes options by name
    delete_logs: bool,  # noqa: FBT001
    yes: bool,  # noqa: FBT001
    dry_run: bool,  # noqa: FBT001
) -> None:
    """Delete what was deployed, and only that: entities and component types first.

    A thing that is gone already doesn't matter, and neither does a record of Chalice that is missing: then what
    AWS itself shows to be this twin's is deleted (docs/operations.md, 'A run was cut off'). The
    configuration files and the hot storage stay, and so does a token that wasn't made for this stage.
    The functions' logs stay, and are named, unless --delete-logs is given. What your credentials may not
    look at, and the layout doesn't have, is named, too.
    """
    import boto3

    from deploy_scripts.deployment.deployment import Deployment
    from deploy_scripts.deployment.lock import only_deployment

    twin, found, connections = target.twin, target.stage, target.connections
    try:
        tokens = managed_store(found, twin.name, target.chosen_token, boto3.client)
    except StageTokenError:
        tokens = None  # the stage holds a token itself, or names it by an ARN: none that we made
    # A run that was cut off may have made a token for a stage that isn't written yet.
    if found.environment is None and not (tokens and tokens.is_ours()):
        raise VerbError(f"There is no stage {found.name} in {target.project}; nothing was touched.")
    connections.load()
    if not (yes or dry_run):
        question = f"Delete everything of the twin {twin.name} in the stage {found.name}?"
        click.confirm(question, abort=True)
    alone = only_deployment(found, boto3.client, click.echo)
    with nullcontext() if dry_run else alone:
        in_twinmaker = target.in_twinmaker(workspace)
        what = (twin.layout, in_twinmaker, target.project, found, connections)
        deployment = Deployment(*what, click.echo, dry_run=dry_run)
        deployment.leave_twinmaker(delete_workspace=delete_workspace)
        deployment.remove_connections(None, deployment.deployed)
        deployment.delete_function_url()
        deployment.delete_stage()
        if tokens is None:
            click.echo(
                f"kept the token that {TOKEN_VARIABLE} holds or names: configure didn't make it"
            )
        else:
            deployment.delete_token(tokens)
        deployment.leave_logs(delete=delete_logs)
    click.echo("Dry run: nothing was changed." if dry_run else "Done.")
