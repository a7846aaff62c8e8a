"""`python -m deploy_scripts configure`."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from rich.console import Console

from deploy_scripts.configure import (
    Configuration,
    ConfigureError,
    ParameterStore,
    SecretsManager,
    default_token_name,
)
from deploy_scripts.inter_cloud import InterCloudConnections, InterCloudError
from deploy_scripts.twin_configuration import ConfigurationProblems, TwinConfiguration

_PROJECT = Path(__file__).parents[2]


@click.command()
@click.option(
    "--config",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=_PROJECT / "config",
    show_default="config",
    help="The twin's configuration files, config_inter_cloud.json among them.",
)
@click.option("--stage", required=True, help="The Chalice stage to write, such as multicloud.")
@click.option(
    "--project",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=_PROJECT,
    show_default="this project",
    help="The Chalice project whose stage is written.",
)
@click.option(
    "--token-store",
    type=click.Choice(["ssm", "secretsmanager"]),
    default="ssm",
    show_default=True,
    help="Where the inter-cloud token is kept.",
)
@click.option("--token-name", help="Its name there.  [default: /TWIN/inter-cloud-token]")
@click.option(
    "--table", help="The hot table, if it is on AWS.  [default: the stage's, or TWIN-hot-telemetry]"
)
@click.option("--dry-run", is_flag=True, help="Say what would change, and change nothing.")
def configure(
    config: Path,
    stage: str,
    project: Path,
    token_store: str,
    token_name: str | None,
    table: str | None,
    dry_run: bool,  # noqa: FBT001 - click passes options by name
) -> None:
    """Write a stage's environment, policies and token from the twin's configuration.

    Run again, it changes only what differs. Endpoint, region and credentials come from the
    environment, as for any AWS SDK. Exit codes: 0 done, 1 AWS refused, 2 something is wrong with the
    configuration.
    """
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    console = Console()
    errors = Console(stderr=True)
    try:
        twin = TwinConfiguration.load(config)
        name = token_name or default_token_name(twin.name)
        if token_store == "ssm":  # noqa: S105 - the name of a store
            tokens: ParameterStore | SecretsManager = ParameterStore(boto3.client("ssm"), name)
        else:
            secret = name.removeprefix("/")
            tokens = SecretsManager(boto3.client("secretsmanager"), secret)
        changes = Configuration(
            twin,
            InterCloudConnections(config / "config_inter_cloud.json"),
            tokens,
            project=project,
            stage=stage,
            table=table,
        ).apply(dry_run=dry_run)
    except (ConfigurationProblems, ConfigureError, InterCloudError) as error:
        errors.print(str(error), style="red", markup=False, highlight=False)
        sys.exit(2)
    except (BotoCoreError, ClientError) as error:
        errors.print(f"AWS refused: {error}", style="red", markup=False, highlight=False)
        sys.exit(1)
    for change in changes:
        console.print(f"{'would change' if dry_run else 'changed'}: {change}", markup=False)
    if not changes:
        console.print(f"The stage {stage} is as it should be.")
