"""The demo's result, as tables on the console and as a page with a chart."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rich.table import Table
from rich.text import Text

from deploy_scripts.verify.chart import svg

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from demo.reading import Reading
    from deploy_scripts.project_files.twin_configuration import Device
    from deploy_scripts.verify.chart import Series


@dataclass(frozen=True, slots=True)
class Step:
    """A step that was done.

    Attributes
    ----------
    title
        The question.
    result
        The answer, in a few words.
    milliseconds
        The time that it took.
    """

    title: str
    result: str
    milliseconds: float


@dataclass(frozen=True, slots=True)
class Report:
    """The result of a run.

    Attributes
    ----------
    device
        The device that TwinMaker read.
    steps
        The steps, in their order.
    readings
        The telemetry that TwinMaker read on each cloud.
    series
        The telemetry to chart.
    hours
        The length of the telemetry's time range.
    """

    device: Device
    steps: Sequence[Step]
    readings: Sequence[Reading]
    series: Sequence[Series]
    hours: float

    def tables(self) -> Iterator[Table]:
        """Yield the tables for the console."""
        yield self._steps()
        yield self._side_by_side()
        yield self._telemetry()

    def _steps(self) -> Table:
        table = Table(title="Multi-Cloud Hot Reader", title_justify="left", show_lines=False)
        table.add_column("asked")
        table.add_column("answer", overflow="fold")
        table.add_column("ms", justify="right")
        for step in self.steps:
            table.add_row(Text(step.title), Text(step.result), f"{step.milliseconds:,.0f}")
        return table

    def _side_by_side(self) -> Table:
        title = Text(f"{self.device.id}, read by TwinMaker on AWS")
        table = Table(title=title, title_justify="left")
        table.add_column("")
        for reading in self.readings:
            table.add_column(reading.title, justify="right")
        for name, cells in self._comparison():
            table.add_row(*map(Text, (name, *cells)))
        return table

    def _comparison(self) -> list[tuple[str, list[str]]]:
        """Return the rows that compare the clouds: a title, and a cell for each cloud."""
        rows = [
            (f"newest {each.name}", [str(r.newest.get(each.name, "")) for r in self.readings])
            for each in self.device.properties
        ]
        return [
            ("TwinMaker invokes", [reading.invoked for reading in self.readings]),
            *rows,
            ("values", [f"{reading.values:,}" for reading in self.readings]),
            ("pages", [str(reading.pages) for reading in self.readings]),
            ("newest entry, ms", [f"{reading.newest_ms:,.0f}" for reading in self.readings]),
            ("whole history, ms", [f"{reading.history_ms:,.0f}" for reading in self.readings]),
        ]

    def _telemetry(self) -> Table:
        table = Table(title=f"Telemetry of {self.hours:.0f} hours", title_justify="left")
        for column in ("series", "values", "lowest", "highest", "newest"):
            table.add_column(column, justify="left" if column == "series" else "right")
        for each in self.series:
            values = [value for _, value in each.points]
            shown = [
                f"{value:,.2f} {each.unit}" for value in (min(values), max(values), values[-1])
            ]
            table.add_row(*map(Text, (each.title, f"{len(values):,}", *shown)))
        return table

    def page(self) -> str:
        """Return an HTML page with the chart and the tables."""
        rows = "\n".join(
            f"<tr><td>{html.escape(step.title)}<td>{html.escape(step.result)}"
            f"<td class=number>{step.milliseconds:,.0f}"
            for step in self.steps
        )
        heads = "".join(f"<th class=number>{html.escape(r.title)}" for r in self.readings)
        clouds = "\n".join(
            f"<tr><td>{html.escape(name)}"
            + "".join(f"<td class=number>{html.escape(cell)}" for cell in cells)
            for name, cells in self._comparison()
        )
        return _PAGE_TEMPLATE.format(
            rows=rows,
            heads=heads,
            clouds=clouds,
            chart=svg(self.series) if self.series else "",
        )


_PAGE_TEMPLATE: Final = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Multi-Cloud Hot Reader: demo</title>
<style>
  body {{ font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }}
  table {{ border-collapse: collapse; width: 100%; }}
  td, th {{ border-bottom: 1px solid #ddd; padding: .35rem .6rem; text-align: left;
            vertical-align: top; }}
  td:nth-child(2) {{ overflow-wrap: anywhere; }}
  .number {{ text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }}
  svg {{ max-width: 100%; height: auto; }}
</style>
<h1>Multi-Cloud Hot Reader</h1>
<p>One device's telemetry in the hot storage of three clouds, read by AWS IoT TwinMaker, and other
devices', read over HTTP with a token. Everything ran on this machine.</p>
{chart}
<table>
<tr><th>read by TwinMaker{heads}
{clouds}
</table>
<table>
<tr><th>asked<th>answer<th class=number>ms
{rows}
</table>
</html>
"""
