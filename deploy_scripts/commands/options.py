"""Options and exit codes that several verbs share, and what the options name."""

from __future__ import annotations

import re
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from rich.console import Console

from chalicelib.model.errors import ConfigurationError, HotReaderError
from deploy_scripts import PROJECT
from deploy_scripts.errors import VerbError
from deploy_scripts.plan.plan import ENDPOINT_KINDS
from deploy_scripts.project_files.inter_cloud import CONNECTIONS_FILE, InterCloudConnections
from deploy_scripts.project_files.twin_configuration import TwinConfiguration
from deploy_scripts.register.twin import Twin
from deploy_scripts.stage.stage import Stage
from deploy_scripts.tokens.stage_token import token_reference
from deploy_scripts.tokens.stores import STORES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

REFUSED: Final = 1
"""The exit code when AWS refused."""
USAGE: Final = 2
"""The exit code when the command or the configuration is wrong."""
ON_AWS: Final = (
    "Endpoints, region and credentials of AWS come from the environment, as for any AWS SDK. Exit codes: "
    "0 done, 1 AWS refused, 2 something is wrong with the command or the configuration."
)
"""The end of the help of a verb that works on AWS."""

config = click.option(
    "--config",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=PROJECT / "config",
    show_default="config",
    help="The twin's configuration files.",
)


@dataclass(frozen=True)
class Target:
    """A stage of a Chalice project, and the files of its twin; each is read when it is first needed."""

    config: Path
    stage_name: str
    project: Path
    store: str | None = None
    token_name: str | None = None

    @cached_property
    def twin(self) -> TwinConfiguration:
        """The twin's configuration."""
        return TwinConfiguration.load(self.config)

    @cached_property
    def connections(self) -> InterCloudConnections:
        """The inter-cloud connections."""
        return InterCloudConnections(self.config / CONNECTIONS_FILE)

    @cached_property
    def stage(self) -> Stage:
        """The stage, as it was before anything was written."""
        return Stage.load(self.project, self.stage_name)

    def in_twinmaker(self, workspace: str | None) -> Twin:
        """Return the twin in a workspace of TwinMaker; by default in that of its own name."""
        twin = self.twin
        return Twin(twin.name, workspace or twin.name, tuple(each.id for each in twin.devices))

    @property
    def chosen_token(self) -> str | None:
        """The reference to the token that the options name; None without them."""
        return token_reference(self.twin.name, self.stage_name, self.store, self.token_name)


def _matching(pattern: str, rule: str) -> Callable[..., str | None]:
    """Return a callback of click's that refuses what doesn't match a pattern."""

    def check(_: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(pattern, value):
            raise click.BadParameter(rule)
        return value

    return check


def of_stage(**described: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add `--config`, `--stage` and `--project`; the command gets what they name as a `Target`.

    The arguments are those of click's option for `--stage`.
    """
    part_of_a_name = _matching(r"[A-Za-z0-9_-]+", "use letters, digits, _ and -")
    stage_option = click.option("--stage", callback=part_of_a_name, **described)
    project_option = click.option(
        "--project",
        type=click.Path(exists=True, file_okay=False, path_type=Path),
        default=PROJECT,
        show_default="this one",
        help="The Chalice project that the stage belongs to.",
    )

    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(command)
        def with_target(
            *context: click.Context, config: Path, stage: str, project: Path, **others: Any
        ) -> Any:
            token = {name: others.pop(name, None) for name in ("store", "token_name")}
            return command(*context, Target(config, stage, project, **token), **others)

        return config(stage_option(project_option(with_target)))

    return add


dry_run = click.option("--dry-run", is_flag=True, help="Say what would change, and change nothing.")
endpoint = click.option(
    "--endpoint",
    type=click.Choice([*ENDPOINT_KINDS]),
    help="The kind of URL by which other clouds call Hot Readers on AWS.  [default: as now, or api-gateway]",
)
kms_key = click.option(
    "--kms-key",
    # No policy takes an alias.
    callback=_matching(
        r"arn:[\w-]+:kms:[\w-]+:\d{12}:key/[\w-]+",
        "use the key's ARN, such as arn:aws:kms:REGION:ACCOUNT:key/ID",
    ),
    help="The ARN of the KMS key of the token or the hot table, where you manage it and configure can't "
    "look it up.",
)
workspace = click.option("--workspace", help="TwinMaker's workspace.  [default: the twin's name]")


the_stage = of_stage(required=True, help="The Chalice stage, such as multicloud.")
"""Add the options that name a stage."""


def of_token(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that name the place of the token."""
    name_option = click.option(
        "--token-name",
        help="Its name there.  [default: the stage's, or /TWIN/STAGE/inter-cloud-token]",
    )
    store_option = click.option(
        "--token-store",
        "store",
        type=click.Choice([*STORES]),
        help="The store of the inter-cloud token.  [default: the stage's, or ssm]",
    )
    return store_option(name_option(command))


def of_registration(command: Callable[..., Any]) -> Callable[..., Any]:
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
        workspace,
    ):
        command = option(command)
    return command


def show_changes(changes: Sequence[str], *, dry_run: bool, otherwise: str) -> None:
    """Show what was changed, or would be; if nothing, say so in other words."""
    for change in changes:
        click.echo(f"{'would change' if dry_run else 'changed'}: {change}")
    if not changes:
        click.echo(otherwise)


def write_text(path: Path, text: str) -> None:
    """Write a file that an option names."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise click.UsageError(f"{path} can't be written: {error.strerror}") from error


@contextmanager
def reported_failures() -> Iterator[None]:
    """Report a failure that is expected on standard error, and end with its exit code."""
    from botocore.exceptions import BotoCoreError, ClientError

    from deploy_scripts.verify.diagnosis import aws_problem

    try:
        yield
    except VerbError as error:
        message, code = str(error), error.exit_code
    except HotReaderError as error:
        message, code = str(error), USAGE if isinstance(error, ConfigurationError) else REFUSED
    except (BotoCoreError, ClientError) as error:
        problem, advice = aws_problem(error)
        message, code = f"{problem.rstrip('.')}. {advice}", REFUSED
    else:
        return
    Console(stderr=True).print(message, style="red", markup=False, highlight=False, soft_wrap=True)
    sys.exit(code)
