"""Options and exit codes that several verbs share."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

import click
from rich.console import Console

from deploy_scripts.configure import default_token_name

if TYPE_CHECKING:
    from deploy_scripts.configure import TokenStore

PROJECT: Final = Path(__file__).parents[2]
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
stage_option = click.option("--stage", required=True, help="The Chalice stage, such as multicloud.")
dry_run_option = click.option(
    "--dry-run", is_flag=True, help="Say what would change, and change nothing."
)
token_store_option = click.option(
    "--token-store",
    type=click.Choice(["ssm", "secretsmanager"]),
    default="ssm",
    show_default=True,
    help="Where the inter-cloud token is kept.",
)
token_name_option = click.option(
    "--token-name", help="Its name there.  [default: /TWIN/inter-cloud-token]"
)
known_token_store_option = click.option(
    "--token-store",
    "store",
    type=click.Choice(["ssm", "secretsmanager"]),
    help="Where the endpoints' token is kept.  [default: where the stage says]",
)
known_token_name_option = click.option(
    "--token-name", help="Its name there.  [default: what the stage says]"
)


def token_reference(twin_name: str, store: str | None, name: str | None) -> str | None:
    """Spell as a reference what options say about the token; None if they say nothing."""
    if store is None and name is None:
        return None
    name = name or default_token_name(twin_name)
    if store == "secretsmanager":
        name = name.removeprefix("/")
    return f"{store or 'ssm'}:{name}"


def token_store_of(store: str, name: str | None, twin_name: str, stage: str) -> TokenStore:
    """Return the store that the options name."""
    import boto3

    from deploy_scripts.configure import ParameterStore, SecretsManager

    name = name or default_token_name(twin_name)
    if store == "ssm":
        return ParameterStore(boto3.client("ssm"), name, stage=stage)
    client = boto3.client("secretsmanager")
    return SecretsManager(client, name.removeprefix("/"), stage=stage)


def fail(message: str, code: int) -> NoReturn:
    """Say on standard error what is wrong, and end with an exit code."""
    Console(stderr=True).print(message, style="red", markup=False, highlight=False, soft_wrap=True)
    sys.exit(code)
