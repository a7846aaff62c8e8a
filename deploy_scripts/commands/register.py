"""`register`: makes AWS IoT TwinMaker agree with the twin's configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from chalicelib.model.errors import ConfigurationError
from deploy_scripts.commands.options import (
    REFUSED,
    USAGE,
    config_option,
    dry_run_option,
    fail,
    project_option,
    stage_option,
)
from deploy_scripts.project_files.problems import ConfigurationProblems

if TYPE_CHECKING:
    from pathlib import Path

    from deploy_scripts.register.summary import Summary


@click.command()
@config_option
@stage_option
@project_option
@click.option("--workspace", help="TwinMaker's workspace.  [default: the twin's name]")
@click.option(
    "--create-workspace/--no-create-workspace",
    default=False,
    show_default=True,
    help="Create the workspace if it isn't there.",
)
@click.option("--role-arn", help="The workspace's role; needed to create the workspace.")
@click.option("--s3-location", help="The ARN of a bucket; needed to create the workspace.")
@click.option(
    "--entities/--no-entities",
    default=False,
    show_default=True,
    help="Also make an entity for each device.",
)
@click.option(
    "--adopt",
    is_flag=True,
    help="Take over component types and entities of the same ids that weren't made by this command.",
)
@dry_run_option
def register(
    config: Path,
    stage: str,
    project: Path,
    workspace: str | None,
    create_workspace: bool,  # noqa: FBT001 - click passes options by name
    role_arn: str | None,
    s3_location: str | None,
    entities: bool,  # noqa: FBT001
    adopt: bool,  # noqa: FBT001
    dry_run: bool,  # noqa: FBT001
) -> None:
    """Make TwinMaker agree with the twin's configuration.

    Each device becomes a component type that reads through the Lambda functions of the stage, and
    the workspace's role may invoke these. Run it after each deployment: what is right already isn't
    touched. Endpoints, region and credentials come from the environment, as for any AWS SDK.

    The exit code is 0 if TwinMaker agrees, 1 if AWS refused, 2 if the command or the configuration
    is wrong.
    """
    import boto3

    from deploy_scripts.project_files.twin_configuration import TwinConfiguration
    from deploy_scripts.register.errors import NotOursError, RegistrationError
    from deploy_scripts.register.registration import Registration
    from deploy_scripts.register.twin import Twin, reader_functions
    from deploy_scripts.register.twinmaker import twinmaker_client
    from deploy_scripts.stage.deployed import DeployedStage

    console = Console()
    try:
        configured = TwinConfiguration.load(config)
        functions = reader_functions(configured.layout)
        deployed = DeployedStage.load(project, stage)
        readers = {read: deployed.lambda_arn(name) for read, name in functions.items()}
        registration = Registration(
            twinmaker_client(),
            boto3.client("lambda"),
            boto3.client("iam"),
            report=lambda step: console.print(
                f"[green]ok[/green] {escape(step)}", highlight=False, soft_wrap=True
            ),
        )
        summary = registration.register(
            Twin(configured.name, workspace or configured.name),
            configured.devices,
            readers,
            role_arn=role_arn,
            s3_location=s3_location,
            create_workspace=create_workspace,
            entities=entities,
            adopt=adopt,
            dry_run=dry_run,
        )
    except (ConfigurationError, ConfigurationProblems, NotOursError) as error:
        fail(str(error), USAGE)
    except (RegistrationError, ClientError, BotoCoreError) as error:
        fail(str(error), REFUSED)
    console.print(summary_table(summary))
    if summary.agrees:
        console.print("TwinMaker agrees with the configuration.")
    elif dry_run:
        console.print("Dry run: nothing was written.")


def summary_table(summary: Summary) -> Table:
    """Show a summary as a table."""
    table = Table(title="What would be done" if summary.dry_run else None, box=None)
    for heading in ("", "id", "outcome", "details"):
        table.add_column(heading, overflow="fold")
    for change in summary.changes:
        details = escape("; ".join(change.details))
        table.add_row(change.kind, escape(change.id), change.outcome, details)
    return table
