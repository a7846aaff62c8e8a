"""A chart of telemetry, as SVG that can stand in an HTML page."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from chalicelib.model.instants import NANOSECONDS, parse_instant
from deploy_scripts.wording import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from deploy_scripts.project_files.twin_configuration import Device

MOST_PANELS: Final = 24
"""Panels of a chart. Arranging hundreds takes minutes, and nobody looks at them."""
_LARGEST: Final = 1e300
"""Values from here on are scaled."""
_NUMERIC: Final = frozenset({"DOUBLE", "INTEGER", "LONG"})


@dataclass(frozen=True, slots=True)
class Series:
    """One line of a chart."""

    title: str
    unit: str
    points: Sequence[tuple[str, float]]  # (time as an ISO 8601 string, value) in the order of time


def numeric_names(device: Device) -> list[str]:
    """Return the names of a device's properties that a chart can show."""
    return [each.name for each in device.properties if each.data_type.type in _NUMERIC]


def series_of(device: Device, answered: Iterable[Mapping[str, Any]]) -> Iterator[Series]:
    """Make a line of each property that an answer has numbers of.

    `answered`: `propertyValues` of a history in descending order.
    """
    answers = list(answered)
    for each in device.properties:
        points = [
            (value["time"], number)
            for part in answers
            if part["entityPropertyReference"]["propertyName"] == each.name
            for value in reversed(part["values"])
            for number in value["value"].values()
            if isinstance(number, int | float) and math.isfinite(number)
        ]
        if points:
            yield Series(f"{device.id} {each.name}", each.unit or "", points)


def svg(series: Sequence[Series]) -> str:
    """Draw one panel per series, with one time axis in UTC.

    `series`: at least one.
    Raises `ValueError`: a time isn't ISO 8601, or too near to an end of the calendar.
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
        values, unit = _scaled([value for _, value in each.points], each.unit)
        panel.plot(times, values, linewidth=1.1, color=f"C{number}")
        title = f"{each.title} ({len(each.points):,} values)"
        # Else a dollar sign would begin a formula.
        panel.set_title(printable(title), loc="left", fontsize=10, parse_math=False)
        panel.set_ylabel(printable(unit), fontsize=9, parse_math=False)
        panel.grid(alpha=0.3)
        panel.spines[["top", "right"]].set_visible(False)
    locator = AutoDateLocator(tz=UTC)  # type: ignore[no-untyped-call]
    panels[-1, 0].xaxis.set_major_locator(locator)
    panels[-1, 0].xaxis.set_major_formatter(ConciseDateFormatter(locator, tz=UTC))  # type: ignore[no-untyped-call]
    panels[-1, 0].set_xlabel("time (UTC)", fontsize=9)
    drawing = io.StringIO()
    figure.savefig(drawing, format="svg", metadata={"Date": None})
    element = drawing.getvalue()
    return element[element.index("<svg") :]


def _scaled(values: list[float], unit: str) -> tuple[list[float], str]:
    """Scale values whose distances a double can't express: matplotlib computes with them."""
    largest = max(map(abs, values), default=0)
    if largest < _LARGEST:
        return values, unit
    power = math.floor(math.log10(largest))
    return [value / 10**power for value in values], f"1e{power} {unit}"
