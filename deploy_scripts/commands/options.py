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
from deploy_scripts.tokens.stores import STORES, TOKEN_VARIABLE, default_token_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deploy_scripts.tokens.stores import TokenStore

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


def stage_name(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    """Return the name of a stage; refuse one that can't be part of a name on AWS."""
    if not re.fullmatch(r"[A-Za-z0-9_-]+", value):
        raise click.BadParameter("use letters, digits, _ and -")
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
    help="What other clouds call Hot Readers on AWS by.  [default: what they do now, or api-gateway]",
)
token_store_option = click.option(
    "--token-store",
    "store",
    type=click.Choice([*STORES]),
    help="Where the inter-cloud token is kept.  [default: where the stage says, or ssm]",
)
token_name_option = click.option(
    "--token-name",
    help="Its name there.  [default: what the stage says, or /TWIN/STAGE/inter-cloud-token]",
)


def token_reference(twin_name: str, stage: str, store: str | None, name: str | None) -> str | None:
    """Spell as a reference what options say about the token; None if they say nothing.

    Raises
    ------
    click.BadParameter
        No store can have such a name.
    """
    if store is None and name is None:
        return None
    name = name or default_token_name(twin_name, stage)
    if not re.fullmatch(r"[A-Za-z0-9_./-]+", name):
        raise click.BadParameter(
            "use letters, digits and _ . / - (a name, not an ARN)", param_hint="--token-name"
        )
    if store == "secretsmanager":
        name = name.removeprefix("/")
    return f"{store or 'ssm'}:{name}"


def token_store_of(
    store: str | None, name: str | None, *, twin_name: str, stage: str, project: Path
) -> TokenStore:
    """Return where the token is kept: as the options say, or the stage, or by default.

    Raises
    ------
    ConfigureError
        The stage holds a token itself, or its reference is an ARN.
    StageError
        The stages can't be read.
    """
    import boto3

    from deploy_scripts.stage.configure import ConfigureError
    from deploy_scripts.stage.stage import Stage

    known = (Stage.load(project, stage).environment or {}).get(TOKEN_VARIABLE)
    reference = token_reference(twin_name, stage, store, name) or known
    reference = reference or f"ssm:{default_token_name(twin_name, stage)}"
    kind, _, place = reference.partition(":")
    if kind not in STORES or not place or place.startswith("arn:"):
        raise ConfigureError(
            f"{TOKEN_VARIABLE} of the stage {stage} must be ssm:NAME or secretsmanager:NAME to be "
            "looked after here."
        )
    make_client: Any = boto3.client  # its type lists each service by name
    return STORES[kind](make_client(kind), place, stage=stage)


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
