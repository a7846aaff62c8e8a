"""A chart of telemetry, as SVG text that can stand in an HTML page."""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from chalicelib.model.timestamps import NANOSECONDS, parse_instant

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Series:
    """One line of a chart.

    Attributes
    ----------
    title
        What it shows.
    unit
        The unit of its values.
    points
        (time as ISO 8601 text, value) in the order of time.
    """

    title: str
    unit: str
    points: Sequence[tuple[str, float]]


def svg(series: Sequence[Series]) -> str:
    """Draw one panel per series, with one time axis in UTC.

    Parameters
    ----------
    series
        At least one.

    Returns
    -------
    str
        An `<svg>` element.
    """
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 1.1 + 1.7 * len(series)), layout="constrained")
    panels = figure.subplots(len(series), sharex=True, squeeze=False)
    for number, (panel, each) in enumerate(zip(panels[:, 0], series, strict=True)):
        times = [
            datetime.fromtimestamp(parse_instant(time) / NANOSECONDS, UTC)
            for time, _ in each.points
        ]
        panel.plot(times, [value for _, value in each.points], linewidth=1.1, color=f"C{number}")
        panel.set_title(f"{each.title} ({len(each.points):,} values)", loc="left", fontsize=10)
        panel.set_ylabel(each.unit, fontsize=9)
        panel.grid(alpha=0.3)
        panel.spines[["top", "right"]].set_visible(False)
    locator = AutoDateLocator(tz=UTC)  # type: ignore[no-untyped-call]
    panels[-1, 0].xaxis.set_major_locator(locator)
    panels[-1, 0].xaxis.set_major_formatter(ConciseDateFormatter(locator, tz=UTC))  # type: ignore[no-untyped-call]
    panels[-1, 0].set_xlabel("time (UTC)", fontsize=9)
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None})
    drawing = text.getvalue()
    return drawing[drawing.index("<svg") :]
