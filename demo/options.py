"""The options of sample telemetry, and a progress bar."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console

entries_option = click.option(
    "--entries",
    type=click.IntRange(min=1),
    default=2_880,
    show_default=True,
    help="The number of entries per device, one every 30 seconds.",
)
seed_option = click.option(
    "--seed", type=int, default=1, show_default=True, help="The seed of the sample telemetry."
)


@contextmanager
def progress(console: Console) -> Iterator[Callable[[int, int], None]]:
    """Show a bar for written entries: call it with their total and the number of new ones."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("entries", total=None, visible=False)
        yield lambda total, more: bar.update(task, total=total, advance=more, visible=True)
