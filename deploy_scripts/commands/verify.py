"""`python -m deploy_scripts verify`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
from rich.console import Console
from rich.markup import escape

from chalicelib.model.reads import HISTORY, LAST_ENTRY
from deploy_scripts.commands import options
from deploy_scripts.project_files.problems import ConfigurationProblems

if TYPE_CHECKING:
    from deploy_scripts.verify.hop import HopResult

BROKEN: Final = 1
"""The exit code when a hop is broken."""


@click.command()
@options.the_stage
@options.workspace
@click.option("--url", help="The Hot Reader's URL.  [default: the recorded one]")
@click.option(
    "--last-entry-url", help="The Hot Reader Last Entry's URL.  [default: the recorded one]"
)
@click.option(
    "--html",
    "page_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Also write a page with the hops and a chart of recent telemetry.",
)
@click.option(
    "--format",
    "output",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="The form of the output.",
)
@click.option("--strict", is_flag=True, help="End with exit code 1 if there are warnings, too.")
def verify(
    target: options.Target,
    workspace: str | None,
    url: str | None,
    last_entry_url: str | None,
    page_file: Path | None,
    output: str,
    strict: bool,  # noqa: FBT001 - click passes options by name
) -> None:
    """Walk the read path of a deployed stage and say what is wrong at the first broken hop.

    Configuration, Chalice's record, Lambda functions, token, HTTP endpoints, hot storage, TwinMaker:
    as far as they belong to the provider layout. Nothing is changed. The token is sent to the
    endpoints only, over https, and never shown.

    Endpoints, region and credentials of AWS come from the environment, as for any AWS SDK. Exit codes:
    0 all is well, 1 a hop is broken (with --strict, or there is a warning), 2 something is wrong with
    the command, or the configuration can't be read.
    """
    from deploy_scripts.verify.hop import Walk
    from deploy_scripts.verify.verification import Verification

    urls = {HISTORY: url, LAST_ENTRY: last_entry_url}
    chosen = {read: each for read, each in urls.items() if each}
    if chosen:
        _check_urls_are_used(target)
    console = Console()
    text = output == "text"
    walk = Walk(lambda hop: _show(console, hop) if text else None)
    where = (target.stage_name, target.config, target.project)
    verification = Verification(*where, workspace, chosen, walk)
    verified = verification.run(chart=page_file is not None)
    if not text:
        click.echo(json.dumps(verified.to_json(), indent=2))
    if page_file is not None:
        from deploy_scripts.verify.report import page

        options.write_text(page_file, page(verified))
    if not verified.ok:
        sys.exit(options.USAGE if verified.unreadable else BROKEN)
    warnings = f", but for the warnings ({verified.warnings})" if verified.warnings else ""
    if text:
        well = "[bold green]All is well[/bold green]"
        console.print(
            f"{well} with the stage {escape(target.stage_name)}{warnings}.", highlight=False
        )
    if strict and warnings:
        sys.exit(BROKEN)


def _check_urls_are_used(target: options.Target) -> None:
    try:
        layout = target.twin.layout
    except ConfigurationProblems:
        return  # the walk reports it
    if not layout.crosses_clouds:
        raise click.UsageError(
            f"Hot storage and twin are both on {layout.layer_4}: no endpoint is asked, so leave out "
            "--url and --last-entry-url."
        )


def _show(console: Console, hop: HopResult) -> None:
    mark = "[green]ok[/green]" if hop.ok else "[bold red]broken[/bold red]"
    console.print(
        f"{mark} {escape(hop.title)}: {escape(hop.detail)} [dim]({hop.milliseconds:,.0f} ms)[/dim]",
        highlight=False,
        soft_wrap=True,
    )
    for warning in hop.warnings:
        line = f"  [bold yellow]warning:[/bold yellow] {escape(warning)}"
        console.print(line, highlight=False, soft_wrap=True)
    if hop.advice is not None:
        console.print(
            f"  [bold]What to do:[/bold] {escape(hop.advice)}", highlight=False, soft_wrap=True
        )
