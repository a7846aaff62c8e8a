"""`python -m deploy_scripts plan`: shows what would be deployed."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import botocore.session
import click
from rich.console import Console

from deploy_scripts.commands import options
from deploy_scripts.plan import views
from deploy_scripts.plan.plan import Plan
from deploy_scripts.project_files.inter_cloud import InterCloudConnections


@click.command()
@options.of_stage(
    default="multicloud", show_default=True, help="The Chalice stage of the functions on AWS."
)
@click.option(
    "--connections",
    "connections_file",
    type=click.Path(dir_okay=False, path_type=Path),
    show_default="config_inter_cloud.json in the --config directory",
    help="The inter-cloud connections. No token is shown.",
)
@options.endpoint
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "mermaid"]),
    default="text",
    show_default=True,
    help="The format of the plan.",
)
@click.option(
    "--mermaid",
    "chart",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    metavar="FILE",
    help="Also write a Mermaid flowchart into FILE.",
)
def plan(
    target: options.Target,
    connections_file: Path | None,
    endpoint: str | None,
    form: str,
    chart: Path | None,
) -> None:
    """Check the configuration and show what it deploys, without asking any cloud.

    For each cloud: the names of hot storage and token with their origin, its functions, HTTP endpoints
    and inter-cloud connections, and the TwinMaker component types with the functions that they point
    at. Then what is missing before `deploy --stage STAGE` can work, and what AWS would refuse.

    The exit code is 0 if the configuration is valid, even if something is missing, and 2 if it
    isn't: then every mistake is a line on standard error.
    """
    connections = (
        InterCloudConnections(connections_file) if connections_file else target.connections
    )
    # Read from the environment and AWS's own configuration files, as any AWS SDK does.
    region = botocore.session.get_session().get_config_variable("region")
    planned = Plan.make(target.twin, target.stage, connections, endpoint, region=region)
    if chart is not None:
        options.write_text(chart, views.mermaid(planned))
    if form == "json":
        click.echo(json.dumps(asdict(planned), indent=2))
    elif form == "mermaid":
        click.echo(views.mermaid(planned), nl=False)
    else:
        console = Console(highlight=False)
        for line in views.text(planned):
            console.print(line, soft_wrap=True)
