"""`python -m deploy_scripts package`."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from deploy_scripts.commands import options
from deploy_scripts.package.contents import zipped
from deploy_scripts.package.package import Package
from deploy_scripts.project_files.twin_configuration import TwinConfiguration
from deploy_scripts.project_files.whole_files import write_whole
from deploy_scripts.providers import PACKAGED, PROVIDERS

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def _options_of_clouds(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that each cloud has for itself; clouds may share the name of one."""
    helps: dict[str, list[str]] = {}
    for cloud, functions in PACKAGED.items():
        for flag, meaning in functions.options.items():
            helps.setdefault(flag, []).append(f"{PROVIDERS[cloud].title}: {meaning}")
    for flag, lines in reversed(helps.items()):
        command = click.option(flag, help="; ".join(lines) + ".")(command)
    return command


@click.command()
@click.option(
    "--cloud", type=click.Choice([*PACKAGED]), required=True, help="The cloud of the Hot Readers."
)
@options.config
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("dist"),
    show_default=True,
    help="The directory for the zip and the settings.",
)
@click.option(
    "--requests-per-second", help="Requests that one instance answers.  [default: no limit]"
)
@click.option(
    "--log-level",
    type=click.Choice(["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]),
    help="The lowest level that is logged.  [default: INFO]",
)
@_options_of_clouds
@click.option("--dry-run", is_flag=True, help="List what would be packaged, and write nothing.")
def package(
    cloud: str,
    config: Path,
    output: Path,
    requests_per_second: str | None,
    log_level: str | None,
    dry_run: bool,  # noqa: FBT001 - click passes options by name
    **of_cloud: str | None,
) -> None:
    """Package the Hot Readers for a cloud that Chalice can't deploy to, and print how to publish them.

    Writes a zip and a settings file without secrets; prints a shell script for the cloud's command
    line on standard output, and all else on standard error. Nothing is sent anywhere. An option about
    the place of the functions fills in a name in the script; the others are to be filled in there. Where
    the hot storage is, config_storage.json says (docs/configuration.md).

    Run again, it changes only what differs. Exit codes: 0 done, 2 something is wrong with the command
    or the configuration.
    """
    given = _given(of_cloud)
    settings = {"REQUESTS_PER_SECOND": requests_per_second, "POWERTOOLS_LOG_LEVEL": log_level}
    _check_belong(given, cloud)
    twin = TwinConfiguration.load(config)
    made = Package.make(twin, cloud, given, settings=_given(settings), output=output, config=config)
    if dry_run:
        _list(made)
    else:
        _write(made.zip_path, zipped(made.contents))
        _write(made.settings_path, made.settings_text.encode())
    click.echo(made.script, nl=False)


def _given(chosen: dict[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in chosen.items() if value is not None}


def _check_belong(given: dict[str, str], cloud: str) -> None:
    """Refuse an option of another cloud."""
    for flag in (f"--{name.replace('_', '-')}" for name in given):
        if flag not in PACKAGED[cloud].options:
            other = next(each for each in PACKAGED if flag in PACKAGED[each].options)
            raise click.UsageError(f"{flag} belongs to --cloud {other}.")


def _write(path: Path, content: bytes) -> None:
    """Write a file if it differs."""
    with suppress(OSError):  # one that isn't there, or can't be read, differs
        if path.read_bytes() == content:
            click.echo(f"unchanged: {path}", err=True)
            return
    write_whole(path, content)
    click.echo(f"changed: {path} ({len(content):,} bytes)", err=True)


def _list(made: Package) -> None:
    """Show what would be written."""
    click.echo(f"would be in {made.zip_path}:", err=True)
    for name, content in made.contents.items():
        click.echo(f"  {name} ({len(content):,} bytes)", err=True)
    click.echo(f"would be in {made.settings_path}:", err=True)
    for line in made.settings_text.splitlines():
        click.echo(f"  {line}", err=True)
