"""`python -m deploy_scripts publish`."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console

from chalicelib.model.errors import ConfigurationError
from deploy_scripts.commands.options import (
    REFUSED,
    USAGE,
    config_option,
    dry_run_option,
    endpoint_option,
    fail,
    project_option,
    token_name_option,
    token_store_option,
)
from deploy_scripts.plan.plan import FUNCTION_URL
from deploy_scripts.project_files.inter_cloud import (
    CONNECTIONS_FILE,
    InterCloudConnections,
    InterCloudError,
)
from deploy_scripts.project_files.problems import ConfigurationProblems
from deploy_scripts.project_files.twin_configuration import TwinConfiguration
from deploy_scripts.providers import PACKAGED
from deploy_scripts.publish.endpoints import (
    FIRST_BURST,
    FIRST_RATE,
    Published,
    PublishError,
    Throttling,
    check_endpoints_on_aws,
    check_remote,
    known_token,
    publish_remote,
    publish_stage,
)
from deploy_scripts.stage.stage import Stage, StageError
from deploy_scripts.tokens.stage_token import StageTokenError, endpoint_token, token_reference
from deploy_scripts.tokens.stores import token_store

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chalicelib.model.layout import ProviderLayout

_STANDARD_INPUT: Final = "-"


@click.command()
@config_option
@click.option("--stage", help="The Chalice stage that was deployed.")
@project_option
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
@endpoint_option
@token_store_option
@token_name_option
@click.option(
    "--cloud",
    type=click.Choice([*PACKAGED]),
    help="The Hot Readers are on this cloud: only save where.",
)
@click.option("--url", help="With --cloud: the Hot Reader's URL.")
@click.option("--last-entry-url", help="With --cloud: the Hot Reader Last Entry's URL.")
@click.option(
    "--token-file",
    type=click.Path(path_type=Path),
    help="With --cloud: a file of mode 0600 that holds the token that they accept; - is standard "
    "input.  [default: what is piped in, or else the connections' token, or else it asks]",
)
@dry_run_option
def publish(
    config: Path,
    stage: str | None,
    project: Path,
    rate: int | None,
    burst: int | None,
    endpoint: str | None,
    store: str | None,
    token_name: str | None,
    cloud: str | None,
    url: str | None,
    last_entry_url: str | None,
    token_file: Path | None,
    dry_run: bool,  # noqa: FBT001 - click passes options by name
) -> None:
    """Let the twin's cloud find the Hot Readers: save their URLs and their token as connections.

    With --stage, of a stage that was deployed to AWS, whose API is throttled, too. There, --endpoint
    function-url makes a Lambda Function URL, which nothing throttles, and --endpoint api-gateway takes
    it away again. With --cloud, of Hot Readers that were deployed to another cloud.

    Run again, it changes only what differs. Endpoints, region and credentials of AWS come from the
    environment, as for any AWS SDK. Exit codes: 0 done, 1 AWS refused, 2 something is wrong with the
    command or the configuration.
    """
    if (stage is None) == (cloud is None):
        raise click.UsageError("Name the --stage that was deployed to AWS, or the other --cloud.")
    if cloud is None and (url or last_entry_url or token_file):
        raise click.UsageError("--url, --last-entry-url and --token-file belong to --cloud.")
    if cloud is not None and (endpoint or rate or burst):
        raise click.UsageError("--endpoint, --rate and --burst belong to --stage.")
    if cloud is not None and not (url and last_entry_url):
        raise click.UsageError("--cloud needs --url and --last-entry-url.")
    connections = InterCloudConnections(config / CONNECTIONS_FILE)
    try:
        twin = TwinConfiguration.load(config)
        if cloud is not None:
            check_remote(twin.layout, cloud)
            changes = publish_remote(
                twin.layout,
                connections,
                cloud=cloud,
                urls=(url or "", last_entry_url or ""),
                token=_token(twin.layout, connections, token_file),
                dry_run=dry_run,
            )
        else:
            published = _publish_stage(
                twin,
                connections,
                project=project,
                stage=stage or "",
                reference=token_reference(twin.name, stage or "", store, token_name),
                throttling=Throttling(rate, burst) if rate or burst else None,
                endpoint=endpoint,
                dry_run=dry_run,
            )
            changes, endpoint = published.changes, published.endpoint
    except (
        ConfigurationError,
        ConfigurationProblems,
        StageTokenError,
        InterCloudError,
        PublishError,
        StageError,
    ) as error:
        fail(str(error), USAGE)
    except (BotoCoreError, ClientError) as error:
        fail(f"AWS refused: {error}", REFUSED)
    _show(changes, dry_run=dry_run)
    if endpoint == FUNCTION_URL:
        Console().print(
            "Note: nothing throttles a Function URL. REQUESTS_PER_SECOND in the stage limits each "
            "instance, and the function's reserved concurrency how many there are.",
            soft_wrap=True,
        )


def _publish_stage(
    twin: TwinConfiguration,
    connections: InterCloudConnections,
    *,
    project: Path,
    stage: str,
    reference: str | None,
    throttling: Throttling | None,
    endpoint: str | None,
    dry_run: bool,
) -> Published:
    import boto3

    from deploy_scripts.stage.deployed import DeployedStage

    check_endpoints_on_aws(twin.layout)
    deployed = DeployedStage.load(project, stage)
    source = endpoint_token(Stage.load(project, stage), reference)
    return publish_stage(
        twin.layout,
        connections,
        deployed=deployed,
        tokens=token_store(source, boto3.client),
        gateway=boto3.client("apigateway"),
        lambda_=boto3.client("lambda"),
        throttling=throttling,
        endpoint=endpoint,
        dry_run=dry_run,
    )


def _token(
    layout: ProviderLayout, connections: InterCloudConnections, token_file: Path | None
) -> str:
    """Return the token that a person gave, or else the one that the connections have."""
    if token_file is None:
        # A token that is piped in is meant; only without one is the known one kept.
        piped = "" if sys.stdin.isatty() else sys.stdin.read()
        known = piped.strip() or known_token(layout, connections)
        if known:
            return known
    if token_file is None or str(token_file) == _STANDARD_INPUT:
        if sys.stdin.isatty():
            return str(click.prompt("Token", hide_input=True))
        token = sys.stdin.read()
    else:
        token = _private_text(token_file)
    if not token.strip():
        raise PublishError(
            "There is no token yet: give the one that the Hot Readers accept on standard input, or "
            "in a file of mode 0600 with --token-file."
        )
    return token


def _private_text(path: Path) -> str:
    """Read a file that nobody else can read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, encoding="utf-8") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise PublishError(f"{path} isn't a file.")
            if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise PublishError(
                    f"{path} has the mode {stat.S_IMODE(status.st_mode):04o}: other users can get "
                    "at the token in it. Run chmod 600 on it, and change the token if anyone else "
                    "uses this machine."
                )
            return file.read()
    except OSError as error:
        flaw = str(error.strerror)
    except UnicodeDecodeError:
        flaw = "it isn't text in UTF-8"
    raise PublishError(f"{path} can't be read: {flaw}")


def _show(changes: Sequence[str], *, dry_run: bool) -> None:
    console = Console()
    for change in changes:
        console.print(
            f"{'would change' if dry_run else 'changed'}: {change}",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
    if not changes:
        console.print("Nothing to change: the connections are as they should be.")
