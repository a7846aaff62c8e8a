"""`python -m deploy_scripts register`: make AWS IoT TwinMaker agree with the twin's configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.markup import escape

from deploy_scripts.commands import options

if TYPE_CHECKING:
    from collections.abc import Callable


@click.command(epilog=options.ON_AWS)
@options.the_stage
@options.of_registration
@click.option(
    "--adopt",
    is_flag=True,
    help="Take over component types and entities of the same ids that weren't made by this command.",
)
@options.dry_run
def register(
    target: options.Target,
    workspace: str | None,
    dry_run: bool,  # noqa: FBT001 - click passes options by name
    foreseen: Callable[[str], str] | None = None,  # from deploy, with dry_run: a function's ARN
    **settings: Any,
) -> None:
    """Make TwinMaker agree with the twin's configuration.

    Each device becomes a component type that reads through the Lambda functions of the stage, and
    the workspace's role may invoke these. Run it after each deployment: what is right already isn't
    touched.
    """
    import boto3

    from deploy_scripts.deployment.permissions import Permissions
    from deploy_scripts.register.calls import twinmaker_client
    from deploy_scripts.register.registration import Registration
    from deploy_scripts.register.twin import reader_functions
    from deploy_scripts.stage.deployed import DeployedStage

    console = Console()
    mark = "[yellow]dry run[/yellow]" if dry_run else "[green]ok[/green]"

    def show(step: str) -> None:
        console.print(f"{mark} {escape(step)}", highlight=False, soft_wrap=True)

    twin = target.in_twinmaker(workspace)
    functions = reader_functions(target.twin.layout)
    arn_of = foreseen or DeployedStage.load(target.project, target.stage_name).lambda_arn
    readers = {read: arn_of(name) for read, name in functions.items()}
    registration = Registration(
        twin,
        twinmaker_client(),
        boto3.client("lambda"),
        boto3.client("iam"),
        report=show,
    )
    settings |= {"foreseen": foreseen is not None, "dry_run": dry_run}
    summary = registration.register(target.twin.devices, readers, **settings)
    if foreseen is not None:
        permissions = Permissions(boto3.client)
        permissions.need_registration(summary, twin.workspace_id)
        permissions.check(console.print)
    if summary.agrees:
        console.print("TwinMaker agrees with the configuration.")
    elif dry_run and foreseen is None:  # deploy says it at its end
        console.print("Dry run: nothing was written.")
