"""`python -m deploy_scripts load-telemetry`: sample telemetry into any hot storage."""

from __future__ import annotations

import itertools
import os
from datetime import timedelta
from typing import TYPE_CHECKING

import click
from botocore.exceptions import BotoCoreError
from rich.console import Console

from chalicelib.model.errors import ConfigurationError, HotReaderError
from demo import sample_telemetry
from demo.options import entries_option, progress, seed_option
from deploy_scripts.commands.options import REFUSED, USAGE, config_option, fail
from deploy_scripts.project_files import twin_configuration
from deploy_scripts.providers import PROVIDERS

if TYPE_CHECKING:
    from pathlib import Path


@click.command("load-telemetry")
@config_option
@entries_option
@seed_option
@click.option(
    "--cloud",
    type=click.Choice([*PROVIDERS]),
    default="aws",
    show_default=True,
    help="The cloud of the hot storage.",
)
@click.option("--table", help="The DynamoDB table.  [default: DYNAMODB_TABLE_NAME]")
@click.option("--device", "device_id", help="Only this device.")
@click.option(
    "--interval",
    type=click.IntRange(min=1),
    default=30,
    show_default=True,
    help="Seconds between two entries.",
)
@click.option("--dry-run", is_flag=True, help="Print the first entries instead of writing any.")
def load_telemetry(
    config: Path,
    entries: int,
    seed: int,
    cloud: str,
    table: str | None,
    device_id: str | None,
    interval: int,
    dry_run: bool,  # noqa: FBT001 - click passes options by name
) -> None:
    """Load sample telemetry into a hot storage, which must exist.

    The settings of the Hot Reader on that cloud, as environment variables, select it (docs/settings.md);
    on AWS, --table does, too. Credentials come from the environment, as for any SDK.
    """
    if table is not None and cloud != "aws":
        raise click.UsageError("--table is for --cloud aws only")
    chosen = [
        device
        for device in twin_configuration.devices(config)
        if device_id is None or device.id == device_id
    ]
    if not chosen:
        raise click.BadParameter(f"no device {device_id!r} in {config}", param_hint="--device")
    console = Console()
    telemetry = {
        device.id: sample_telemetry.generate(
            device,
            entries,
            end=sample_telemetry.latest_round_minute(),
            interval=timedelta(seconds=interval),
            seed=seed,
        )
        for device in chosen
    }
    if dry_run:
        for generated in telemetry.values():
            for entry in itertools.islice(generated, 5):
                console.print(entry.device_id, entry.timestamp, entry.values)
        return
    environment = os.environ if table is None else os.environ | {"DYNAMODB_TABLE_NAME": table}
    try:
        writer = PROVIDERS[cloud].writer(environment)
    except ConfigurationError as error:
        fail(str(error), USAGE)
    except (HotReaderError, BotoCoreError) as error:
        fail(str(error), REFUSED)
    for device, generated in telemetry.items():
        with progress(console) as advance:
            try:
                writer.write(generated, progress=lambda more: advance(entries, more))
            except Exception as error:  # noqa: BLE001 - each SDK has errors of its own
                fail(f"{writer.place} refuses: {error}", REFUSED)
        console.print(f"{entries:,} entries of {device} in {writer.place}")
