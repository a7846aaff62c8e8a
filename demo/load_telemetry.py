"""`python -m deploy_scripts load-telemetry`: sample telemetry into any hot storage."""

from __future__ import annotations

import itertools
import os
from datetime import timedelta
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.text import Text

from demo import sample_telemetry
from demo.options import entries_option, progress, seed_option
from deploy_scripts.commands import options
from deploy_scripts.errors import RefusedError
from deploy_scripts.project_files.twin_configuration import TwinConfiguration
from deploy_scripts.providers import PROVIDERS
from deploy_scripts.stage.hot_storage import storage_environment

if TYPE_CHECKING:
    from pathlib import Path


@click.command("load-telemetry")
@options.config
@entries_option
@seed_option
@click.option(
    "--cloud",
    type=click.Choice([*PROVIDERS]),
    help="The cloud of the hot storage.  [default: the twin's]",
)
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
    cloud: str | None,
    device_id: str | None,
    interval: int,
    dry_run: bool,  # noqa: FBT001 - click passes options by name
) -> None:
    """Load sample telemetry into a hot storage, which must exist.

    It is where config_storage.json says, or the settings of the Hot Reader on that cloud as environment
    variables, which win (docs/settings.md); entries are stored as these say. Credentials come from the
    environment, as for any SDK.
    """
    twin = TwinConfiguration.load(config)
    cloud = cloud or twin.layout.layer_3_hot
    chosen = [device for device in twin.devices if device_id is None or device.id == device_id]
    if not chosen:
        raise click.BadParameter(f"no device {device_id!r} in {config}", param_hint="--device")
    console = Console()
    telemetry = {
        device.id: sample_telemetry.as_stored(
            sample_telemetry.generate(
                device,
                entries,
                end=sample_telemetry.latest_round_minute(),
                interval=timedelta(seconds=interval),
                seed=seed,
            ),
            [device],
        )
        for device in chosen
    }
    if dry_run:
        for generated in telemetry.values():
            for entry in itertools.islice(generated, 5):
                console.print(Text(entry.device_id), Text(entry.timestamp), entry.values)
        return
    writer = PROVIDERS[cloud].writer(storage_environment(twin, cloud=cloud) | os.environ)
    for device, generated in telemetry.items():
        with progress(console) as advance:
            try:
                writer.write(generated, progress=lambda more: advance(entries, more))
            except Exception as error:
                raise RefusedError(f"{writer.place} refuses: {error}") from error
        console.print(Text(f"{entries:,} entries of {device} in {writer.place}"))
