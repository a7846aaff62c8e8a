"""Options and exit codes that several verbs share."""

from __future__ import annotations

import re
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

import click
from rich.console import Console

from chalicelib.model.errors import ConfigurationError
from deploy_scripts import PROJECT
from deploy_scripts.errors import VerbError
from deploy_scripts.plan.plan import ENDPOINT_KINDS
from deploy_scripts.tokens.stores import STORES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

REFUSED: Final = 1
"""The exit code when AWS refused."""
USAGE: Final = 2
"""The exit code when the command or the configuration is wrong."""

config_option = click.option(
    "--config",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=PROJECT / "config",
    show_default="config",
    help="The twin's configuration files.",
)
project_option = click.option(
    "--project",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=PROJECT,
    show_default="this one",
    help="The Chalice project that the stage belongs to.",
)


def stage_name(
    _context: click.Context, _parameter: click.Parameter, value: str | None
) -> str | None:
    """Return the name of a stage; refuse one that can't be part of a name on AWS."""
    if value is not None and not re.fullmatch(r"[A-Za-z0-9_-]+", value):
        raise click.BadParameter("use letters, digits, _ and -")
    return value


def key_arn(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    """Return the ARN of a KMS key; refuse an alias, which no policy takes."""
    if value is not None and not re.fullmatch(r"arn:[\w-]+:kms:[\w-]+:\d{12}:key/[\w-]+", value):
        raise click.BadParameter("use the key's ARN, such as arn:aws:kms:REGION:ACCOUNT:key/ID")
    return value


stage_option = click.option(
    "--stage",
    required=True,
    callback=stage_name,
    help="The Chalice stage, such as multicloud.",
)
dry_run_option = click.option(
    "--dry-run", is_flag=True, help="Say what would change, and change nothing."
)
endpoint_option = click.option(
    "--endpoint",
    type=click.Choice([*ENDPOINT_KINDS]),
    help="The kind of URL by which other clouds call Hot Readers on AWS.  [default: as now, or api-gateway]",
)
token_store_option = click.option(
    "--token-store",
    "store",
    type=click.Choice([*STORES]),
    help="The store of the inter-cloud token.  [default: the stage's, or ssm]",
)
token_name_option = click.option(
    "--token-name",
    help="Its name there.  [default: the stage's, or /TWIN/STAGE/inter-cloud-token]",
)
kms_key_option = click.option(
    "--kms-key",
    callback=key_arn,
    help="The ARN of the KMS key of the token or the hot table, where you manage it and configure can't "
    "look it up.",
)
workspace_option = click.option(
    "--workspace", help="TwinMaker's workspace.  [default: the twin's name]"
)


def stage_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that name a stage: `--config`, `--stage` and `--project`."""
    return config_option(stage_option(project_option(command)))


def token_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that name the place of the token: `--token-store` and `--token-name`."""
    return token_store_option(token_name_option(command))


def registration_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of a registration in TwinMaker."""
    for option in (
        click.option(
            "--prune",
            is_flag=True,
            help="Remove component types and entities of devices that left the configuration.",
        ),
        click.option("--entities/--no-entities", help="Also make an entity for each device."),
        click.option("--s3-location", help="The ARN of a bucket; needed to create the workspace."),
        click.option("--role-arn", help="The workspace's role; needed to create the workspace."),
        click.option(
            "--create-workspace/--no-create-workspace",
            help="Create the workspace if it isn't there.",
        ),
        workspace_option,
    ):
        command = option(command)
    return command


def show_changes(changes: Sequence[str], *, dry_run: bool, otherwise: str) -> None:
    """Show what was changed, or would be; if nothing, say so in other words."""
    for change in changes:
        click.echo(f"{'would change' if dry_run else 'changed'}: {change}")
    if not changes:
        click.echo(otherwise)


def fail(message: str, code: int) -> NoReturn:
    """Say on standard error what is wrong, and end with an exit code."""
    Console(stderr=True).print(message, style="red", markup=False, highlight=False, soft_wrap=True)
    sys.exit(code)


@contextmanager
def reported_failures() -> Iterator[None]:
    """Report a failure that is expected without a traceback, and end with its exit code."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except VerbError as error:
        fail(str(error), error.exit_code)
    except ConfigurationError as error:
        fail(str(error), USAGE)
    except (BotoCoreError, ClientError) as error:
        fail(f"AWS refused: {error}", REFUSED)
