"""`python -m deploy_scripts configure`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from rich.console import Console

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
from deploy_scripts.project_files.inter_cloud import (
    CONNECTIONS_FILE,
    InterCloudConnections,
    InterCloudError,
)
from deploy_scripts.project_files.problems import ConfigurationProblems
from deploy_scripts.project_files.twin_configuration import TwinConfiguration
from deploy_scripts.stage.configure import Configuration, ConfigureError
from deploy_scripts.stage.stage import StageError

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@config_option
@stage_option
@project_option
@token_store_option
@token_name_option
@click.option(
    "--table", help="The hot table, if it is on AWS.  [default: the stage's, or TWIN-hot-telemetry]"
)
@dry_run_option
def configure(
    config: Path,
    stage: str,
    project: Path,
    store: str | None,
    token_name: str | None,
    table: str | None,
    dry_run: bool,  # noqa: FBT001 - click passes options by name
) -> None:
    """Write a stage's environment, policies and token from the twin's configuration.

    Run again, it changes only what differs. Endpoint, region and credentials come from the
    environment, as for any AWS SDK. Exit codes: 0 done, 1 AWS refused, 2 something is wrong with the
    configuration.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    console = Console()
    try:
        twin = TwinConfiguration.load(config)
        changes = Configuration(
            twin,
            InterCloudConnections(config / CONNECTIONS_FILE),
            token_store_of(store, token_name, twin_name=twin.name, stage=stage, project=project),
            project=project,
            stage=stage,
            table=table,
        ).apply(dry_run=dry_run)
    except (ConfigurationProblems, ConfigureError, InterCloudError, StageError) as error:
        fail(str(error), USAGE)
    except (BotoCoreError, ClientError) as error:
        fail(f"AWS refused: {error}", REFUSED)
    for change in changes:
        console.print(
            f"{'would change' if dry_run else 'changed'}: {change}", markup=False, soft_wrap=True
        )
    if not changes:
        console.print(f"The stage {stage} is as it should be.")
