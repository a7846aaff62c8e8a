"""`python -m deploy_scripts publish`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from chalicelib.model.reads import HISTORY, LAST_ENTRY
from deploy_scripts.commands import options
from deploy_scripts.errors import VerbError
from deploy_scripts.plan.plan import FUNCTION_URL
from deploy_scripts.project_files.whole_files import OTHERS, read_regular
from deploy_scripts.providers import PACKAGED
from deploy_scripts.publish import aws_endpoints
from deploy_scripts.publish.aws_endpoints import FIRST_BURST, FIRST_RATE
from deploy_scripts.publish.connections import check_layout, known_token, save_given
from deploy_scripts.stage.deployed import DeployedStage
from deploy_scripts.tokens.stage_token import endpoint_token
from deploy_scripts.tokens.stores import token_store

if TYPE_CHECKING:
    from chalicelib.model.layout import ProviderLayout
    from deploy_scripts.project_files.inter_cloud import InterCloudConnections

_STANDARD_INPUT: Final = "-"


@click.command(epilog=options.ON_AWS)
@options.of_stage(help="The Chalice stage that was deployed.")
@click.option(
    "--rate",
    type=click.IntRange(min=1),
    help=f"Requests per second that the API takes.  [default: what it has, or {FIRST_RATE}]",
)
@click.option(
    "--burst",
    type=click.IntRange(min=1),
    help=f"Requests that the API takes at once.  [default: what it has, or {FIRST_BURST}]",
)
@options.endpoint
@options.of_token
@click.option(
    "--cloud",
    type=click.Choice([*PACKAGED]),
    help="The Hot Readers are on this cloud: only save their URLs.",
)
@click.option("--url", help="With --cloud: the Hot Reader's URL.")
@click.option("--last-entry-url", help="With --cloud: the Hot Reader Last Entry's URL.")
@click.option(
    "--token-file",
    type=click.Path(path_type=Path),
    help="With --cloud: a file of mode 0600 that holds the token that they accept; - is standard "
    "input.  [default: what is piped in, or else the connections' token, or else it asks]",
)
@options.dry_run
def publish(
    target: options.Target,
    rate: int | None,
    burst: int | None,
    endpoint: str | None,
    cloud: str | None,
    url: str | None,
    last_entry_url: str | None,
    token_file: Path | None,
    dry_run: bool,  # noqa: FBT001 - click passes options by name
) -> None:
    """Let the twin's cloud find the Hot Readers: save their URLs and their token as connections.

    With --stage, of a stage that was deployed to AWS, whose API is throttled, too. There, --endpoint
    function-url makes a Lambda Function URL, which nothing throttles, and --endpoint api-gateway removes
    it again. With --cloud, of Hot Readers that were deployed to another cloud.

    Run again, it changes only what differs.
    """
    if (target.stage_name is None) == (cloud is None):
        raise click.UsageError("Name the --stage that was deployed to AWS, or the other --cloud.")
    if cloud is None and (url or last_entry_url or token_file):
        raise click.UsageError("--url, --last-entry-url and --token-file belong to --cloud.")
    if cloud is not None and (endpoint or rate or burst):
        raise click.UsageError("--endpoint, --rate and --burst belong to --stage.")
    if cloud is not None and not (url and last_entry_url):
        raise click.UsageError("--cloud needs --url and --last-entry-url.")
    layout, connections = target.twin.layout, target.connections
    check_layout(layout, cloud or "aws")
    if cloud is not None:
        token = _token(layout, connections, token_file)
        urls = {HISTORY: url or "", LAST_ENTRY: last_entry_url or ""}
        changes = save_given(layout, connections, urls, token, dry_run=dry_run)
    else:
        import boto3

        endpoint, changes = aws_endpoints.publish(
            layout,
            connections,
            deployed=DeployedStage.load(target.project, target.stage_name),
            tokens=token_store(endpoint_token(target.stage, target.chosen_token), boto3.client),
            gateway=boto3.client("apigateway"),
            lambda_=boto3.client("lambda"),
            rate=rate,
            burst=burst,
            endpoint=endpoint,
            dry_run=dry_run,
        )
    unchanged = "Nothing to change: the connections are as they should be."
    options.show_changes(changes, dry_run=dry_run, otherwise=unchanged)
    if endpoint == FUNCTION_URL:
        click.echo(
            "Note: nothing throttles a Function URL. REQUESTS_PER_SECOND in the stage limits each "
            "instance, and the function's reserved concurrency how many there are."
        )


def _token(
    layout: ProviderLayout, connections: InterCloudConnections, token_file: Path | None
) -> str:
    """Return the token that a person gave, or else the one that the connections have."""
    if token_file is not None and str(token_file) != _STANDARD_INPUT:
        token = _private_text(token_file)
    else:
        at_terminal = sys.stdin.isatty()
        # A token that is piped in is meant; only without one is the known one kept.
        token = "" if at_terminal else sys.stdin.read()
        if token_file is None and not token.strip():
            token = known_token(layout, connections) or ""
        if at_terminal and not token:
            token = str(click.prompt("Token", hide_input=True))
    if not token.strip():
        raise VerbError(
            "There is no token yet: give the one that the Hot Readers accept on standard input, or "
            "in a file of mode 0600 with --token-file."
        )
    return token


def _private_text(path: Path) -> str:
    """Read a file that nobody else can read."""
    try:
        content, mode = read_regular(path, follow=True)
    except OSError as error:
        raise VerbError(f"{path} can't be read: {error.strerror}") from error
    if mode & OTHERS:
        raise VerbError(
            f"{path} has the mode {mode:04o}: other users can get at the token in it. Run chmod 600 "
            "on it, and change the token if anyone else uses this machine."
        )
    return content.decode(errors="replace")  # what is no token is refused, and not shown
