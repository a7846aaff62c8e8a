"""`python -m deploy_scripts configure`."""

from __future__ import annotations

import click

from deploy_scripts.commands import options
from deploy_scripts.stage.configure import configure_stage
from deploy_scripts.stage.policies import KmsKeys
from deploy_scripts.tokens.stage_token import followed_reference, managed_store


@click.command(epilog=options.ON_AWS)
@options.the_stage
@options.of_token
@options.kms_key
@options.dry_run
def configure(
    target: options.Target,
    kms_key: str | None,
    dry_run: bool,  # noqa: FBT001 - click passes options by name
    trial: bool = False,  # noqa: FBT001, FBT002 - from deploy, with dry_run: the project is a copy
) -> list[str]:
    """Write a stage's environment, policies and token from the twin's configuration.

    Run again, it changes only what differs.
    """
    import boto3

    twin, stage = target.twin, target.stage
    reference = target.chosen_token or followed_reference(stage, twin.name)
    changes = configure_stage(
        twin,
        target.connections,
        managed_store(stage, twin.name, reference, boto3.client),
        KmsKeys(boto3.client, kms_key, lambda note: click.echo(f"note: {note}")),
        project=target.project,
        stage=stage.name,
        keep_token=trial,
        dry_run=dry_run and not trial,
    )
    options.show_changes(
        changes, dry_run=dry_run, otherwise=f"The stage {stage.name} is as it should be."
    )
    return changes
