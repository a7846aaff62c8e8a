"""`python -m deploy_scripts rotate-token`."""

from __future__ import annotations

import click

from deploy_scripts.commands import options
from deploy_scripts.project_files.inter_cloud import CONNECTIONS_FILE
from deploy_scripts.publish.connections import check_layout
from deploy_scripts.tokens.rotation import Rotation, Step
from deploy_scripts.tokens.stage_token import endpoint_token
from deploy_scripts.tokens.stores import token_store


@click.command("rotate-token", epilog=options.ON_AWS)
@options.the_stage
@options.of_token
@click.option(
    "--retire",
    is_flag=True,
    help="Let the endpoints refuse the old token, now that the caller uses the new one.",
)
@click.option(
    "--no-wait",
    is_flag=True,
    help="Take one step and don't wait before the new token is handed over. Run it again when the "
    "time that it names has passed.",
)
@click.option("--dry-run", is_flag=True, help="Say which step is next, and change nothing.")
def rotate_token(
    target: options.Target,
    retire: bool,  # noqa: FBT001 - click passes options by name
    no_wait: bool,  # noqa: FBT001
    dry_run: bool,  # noqa: FBT001
) -> None:
    """Change the token of the Hot Readers on AWS, without a moment in which the caller is refused.

    The first run makes a new token, waits until each endpoint knows it, and saves it in
    config_inter_cloud.json. Then let the caller's cloud take it over from there. The second run, with
    --retire, ends the old one. A run that was stopped is simply run again.
    """
    import boto3

    twin, stage = target.twin, target.stage_name
    check_layout(twin.layout, "aws")
    source = endpoint_token(target.stage, target.chosen_token)
    rotation = Rotation(
        twin.layout,
        target.connections,
        token_store(source, boto3.client, stage=stage, twin=twin.name),
        max_age=source.max_age,
        report=lambda done: click.echo(f"ok {done}"),
    )
    if dry_run:
        click.echo(f"Next: {rotation.next_step().value}.")
    elif retire:
        if not rotation.retire():
            click.echo("There is no old token to retire.")
    elif rotation.run(wait=not no_wait) is Step.HAND_OVER:
        click.echo(f"Run it again in {rotation.wait_seconds} s or later: it will go on from here.")
    else:
        click.echo(
            "The endpoints accept both tokens. Let the caller's cloud take over the new one from "
            f"{CONNECTIONS_FILE}; when it uses it, run rotate-token --stage {stage} --retire."
        )
