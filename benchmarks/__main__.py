"""Run the benchmarks: `python -m benchmarks [--only NAME] [--quick] [--output DIR]`.

Each says whether its target is met; a target that is missed is no error.
"""

from __future__ import annotations

import importlib
import os
import platform
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
import orjson
from rich.console import Console
from rich.table import Table

from deploy_scripts.providers import PACKAGED

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from benchmarks.measure import Finding, Timing

MODULES: Final = {
    name: module
    for name, module in (
        *((name, f"benchmarks.{name}") for name in ("pages", "last_entry", "memory", "http")),
        *((provider, f"benchmarks.{provider}.reads") for provider in PACKAGED),
        *((name, f"benchmarks.{name}") for name in ("connector", "cold_start")),
    )
    if Path(*module.split(".")).with_suffix(".py").is_file()
}
_MILLISECONDS: Final = 1_000


@click.command()
@click.option(
    "--only", multiple=True, type=click.Choice(list(MODULES)), help="Run only this; repeatable."
)
@click.option("--quick", is_flag=True, help="See whether it works: too few rounds to tell.")
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(".local/benchmarks"),
    show_default=True,
    help="Where to write results.json and results.svg.",
)
def main(only: Sequence[str], quick: bool, output: Path) -> None:  # noqa: FBT001 - click's own way
    """Measure the read path, in ratios of two things measured in turn."""
    console = Console()
    found: list[Finding] = []
    for name in only or MODULES:
        with console.status(name) as status:

            def report(step: str, name: str = name) -> None:
                status.update(f"{name}: {step} ...")
                if not console.is_terminal and not step[:1].isdigit():
                    console.print(f"{name}: {step} ...")

            for finding in importlib.import_module(MODULES[name]).findings(quick, report):
                found.append(finding)
                console.print(f"{_mark(finding)} {finding.title}: {finding.measured}")
    _write(output, found)
    console.print(_table(found))
    missed = [finding for finding in found if finding.met is False]
    console.print(
        f"{len(missed)} of {len(found)} targets missed." if missed else "No target missed.",
        f"Written: {output / 'results.json'}, {output / 'results.svg'}",
    )


def _mark(finding: Finding) -> str:
    return {True: "[green]met[/]", False: "[red]MISSED[/]", None: "[blue]found[/]"}[finding.met]


def _table(found: Iterable[Finding]) -> Table:
    table = Table(title=f"{os.cpu_count()} cores, Python {platform.python_version()}")
    for heading in ("What", "Target", "Measured", "", "Medians (fastest to slowest), ms"):
        table.add_column(heading, overflow="fold")
    for finding in found:
        timings = "\n".join(f"{name}: {_spread(each)}" for name, each in finding.timings.items())
        table.add_row(finding.title, finding.target, finding.measured, _mark(finding), timings)
    return table


def _spread(timing: Timing) -> str:
    lowest, highest = timing.spread
    median = timing.median * _MILLISECONDS
    return f"{median:.1f} ({lowest * _MILLISECONDS:.1f} to {highest * _MILLISECONDS:.1f})"


def _write(output: Path, found: Sequence[Finding]) -> None:
    # The local cloud keeps its data in `.local`, too: nobody else may read what is made there. With
    # parents=True, a mode would be that of the last directory only.
    for each in (*reversed(output.parents), output):
        each.mkdir(mode=0o700, exist_ok=True)
    document = {
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "findings": [finding.to_json() for finding in found],
    }
    (output / "results.json").write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2))
    _chart(output / "results.svg", [finding for finding in found if finding.timings])


def _chart(path: Path, found: Sequence[Finding]) -> None:
    """Draw the medians of each comparison, with their spread."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 1.6 * max(len(found), 1)), layout="constrained")
    for number, finding in enumerate(found, start=1):
        axes = figure.add_subplot(len(found), 1, number)
        timings = list(finding.timings.values())
        medians = [each.median * _MILLISECONDS for each in timings]
        lowest = [(each.median - each.spread[0]) * _MILLISECONDS for each in timings]
        highest = [(each.spread[1] - each.median) * _MILLISECONDS for each in timings]
        axes.barh(list(finding.timings), medians, xerr=[lowest, highest], color="#4c78a8")
        axes.invert_yaxis()
        axes.set_title(f"{finding.title}: {finding.measured}", fontsize=8, loc="left")
        axes.set_xlabel("ms", fontsize=7)
        axes.tick_params(labelsize=7)
    figure.savefig(path)


if __name__ == "__main__":
    main()
