"""The demo: the main job from end to end, on the local cloud, with real requests over real sockets."""

from __future__ import annotations

import html
import time
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import requests
from botocore.exceptions import ClientError
from rich.table import Table

from chalicelib.contracts.wire_contract import TOKEN_HEADER
from chalicelib.model.reads import HISTORY
from chalicelib.model.timestamps import NANOSECONDS, parse_instant, utc_text
from deploy_scripts.verify.chart import Series, svg

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from rich.console import Console

    from demo.other_clouds import OtherCloud
    from demo.stack import LocalCloud

Points = list[tuple[str, Any]]
"""(time, value) of one property."""

_PAGE: Final = 200
_NUMERIC: Final = ("DOUBLE", "INTEGER", "LONG")
_TIMEOUT: Final = 60


class DemoError(Exception):
    """A step of the demo didn't give what it must."""


@dataclass(frozen=True, slots=True)
class Step:
    """A step that was done.

    Attributes
    ----------
    title
        What was asked.
    result
        What came back, in a few words.
    milliseconds
        How long it took.
    """

    title: str
    result: str
    milliseconds: float


@dataclass(slots=True)
class Reading:
    """What TwinMaker read of the device on one cloud.

    Attributes
    ----------
    title
        Where.
    invoked
        What TwinMaker invokes to read there.
    entity_id
        The entity whose component reads there.
    newest
        The newest entry's values.
    points
        The whole history.
    pages
        How many pages it took.
    newest_ms, history_ms
        How long it took.
    """

    title: str
    invoked: str
    entity_id: str
    newest: dict[str, Any] = field(default_factory=dict)
    points: dict[str, Points] = field(default_factory=dict)
    pages: int = 0
    newest_ms: float = 0
    history_ms: float = 0

    @property
    def values(self) -> int:
        """How many values the history has."""
        return sum(map(len, self.points.values()))


class Demo:
    """Runs the demo's steps against a running local cloud.

    Parameters
    ----------
    cloud
        The local cloud.
    console
        Where to print.
    """

    def __init__(self, cloud: LocalCloud, console: Console) -> None:
        self._cloud = cloud
        self._at = cloud.endpoints
        self._console = console
        self._twinmaker = cloud.twinmaker()
        self._device = cloud.devices[0]
        self._entries = list(cloud.telemetry())
        mine = [entry for entry in self._entries if entry.device_id == self._device.id]
        self._own = mine
        self._newest = max(mine, key=lambda entry: parse_instant(entry.timestamp))
        instants = [parse_instant(entry.timestamp) for entry in self._entries]
        self._start = utc_text(min(instants))
        self._end = utc_text(max(instants))
        self._series: list[Series] = []
        self._readings = [
            Reading("AWS (DynamoDB)", HISTORY.hot_reader, self._at.direct_entity_id),
            *(
                Reading(each.title, "data connector", self._at.clouds[provider].entity_id)
                for provider, each in cloud.clouds.items()
            ),
        ]
        self.steps: list[Step] = []

    def run(self, report: Path) -> None:
        """Run every step, print a table, and write a page with the chart.

        Raises
        ------
        DemoError
            A step didn't give what it must.
        """
        self._step("HTTP read without a token", self._refused)
        self._step("HTTP read with the token", self._http_history)
        self._step("HTTP last entry", self._http_last_entry)
        for reading in self._readings:
            self._step(
                f"TwinMaker reads {self._device.id} on {reading.title}",
                partial(self._read_by_twinmaker, reading),
            )
        self._step("Do the clouds agree?", self._agree)
        self._step(f"{self._last_cloud.title} is down", self._remote_down)
        self._step("... and back again", self._back_again)
        self._step("Other devices over HTTP", self._other_devices)
        self._console.print(self._table())
        self._console.print(self._side_by_side())
        self._console.print(self._telemetry())
        report.write_text(self._page())
        self._console.print(f"Chart and table: [bold]{report}[/bold]", soft_wrap=True)

    def _step(self, title: str, action: Callable[[], str]) -> None:
        self._console.print(f"[bold cyan]>[/bold cyan] {title}")
        started = time.perf_counter()
        result = action()
        step = Step(title, result, (time.perf_counter() - started) * 1000)
        self.steps.append(step)
        self._console.print(
            f"  [green]ok[/green] {result} [dim]({step.milliseconds:,.0f} ms)[/dim]"
        )

    # The steps

    def _refused(self) -> str:
        response = requests.post(self._at.hot_reader_url, json={}, timeout=_TIMEOUT)
        expect(response.status_code == 401, f"status {response.status_code} instead of 401")
        return f"refused: 401 {response.json()['error']['message']}"

    def _http_history(self) -> str:
        names = [each.name for each in self._device.properties]
        answer = self._post(self._at.hot_reader_url, self._device.id, names, max_results=6)
        values = sum(len(each["values"]) for each in answer["propertyValues"])
        expect(values == 6, f"{values} values instead of 6")
        first = answer["propertyValues"][0]["values"][0]
        return f"200, {values} values and a nextToken; the first: {first['time']} {first['value']}"

    def _http_last_entry(self) -> str:
        names = [each.name for each in self._device.properties]
        answer = self._post(self._at.hot_reader_last_entry_url, self._device.id, names)
        got = {name: only(each["propertyValue"]) for name, each in answer["propertyValues"].items()}
        self._expect_newest(got)
        return ", ".join(f"{name} = {value}" for name, value in got.items())

    def _read_by_twinmaker(self, reading: Reading) -> str:
        """Ask for the newest entry and for the whole history, as Grafana does."""
        started = time.perf_counter()
        reading.newest = self._twinmaker_last_entry(reading.entity_id)
        reading.newest_ms = (time.perf_counter() - started) * 1000
        self._expect_newest(reading.newest)
        started = time.perf_counter()
        reading.pages, reading.points = self._history(reading.entity_id)
        reading.history_ms = (time.perf_counter() - started) * 1000
        for name, got in reading.points.items():
            self._expect_stored(name, got)
        first = next(
            (each for each in self._device.properties if each.data_type.type in _NUMERIC), None
        )
        if first and reading.points[first.name]:
            title = f"{first.name} from {reading.title}"
            self._series.append(Series(title, first.unit or "", reading.points[first.name]))
        return (
            f"GetPropertyValue: the newest entry; GetPropertyValueHistory: {reading.values:,} values in "
            f"{reading.pages} pages of {_PAGE}, each one as it was put there"
        )

    def _agree(self) -> str:
        first, *others = self._readings
        for other in others:
            for what in ("newest", "points"):
                expect(
                    getattr(other, what) == getattr(first, what),
                    f"{other.title} answers otherwise than {first.title}",
                )
        return f"{len(self._readings)} clouds, {first.values:,} values each: the same to the last"

    @property
    def _last_cloud(self) -> OtherCloud:
        return list(self._cloud.clouds.values())[-1]

    def _remote_down(self) -> str:
        self._last_cloud.stop_serving()
        try:
            self._twinmaker_last_entry(self._readings[-1].entity_id)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            expect(code == "ConnectorFailureException", f"{code} instead of a connector failure")
            return f"{code}: {error.response['Error']['Message']}"
        finally:
            self._cloud.serve(self._last_cloud, self._at.token)
        raise DemoError("the data connector answered although the other cloud is down")

    def _back_again(self) -> str:
        got = self._twinmaker_last_entry(self._readings[-1].entity_id)
        self._expect_newest(got)
        return ", ".join(f"{name} = {value}" for name, value in got.items())

    def _other_devices(self) -> str:
        total = 0
        for device in self._cloud.devices[1:]:
            first = next((p for p in device.properties if p.data_type.type in _NUMERIC), None)
            if first is None:
                continue
            points: Points = []
            for page in self._pages(device.id, [first.name]):
                points += [(each["time"], only(each["value"])) for each in page["values"]]
            if points:
                self._series.append(Series(f"{device.id} {first.name}", first.unit or "", points))
            stored = sum(
                first.name in entry.values
                for entry in self._entries
                if entry.device_id == device.id
            )
            expect(len(points) == stored, f"{len(points)} values instead of {stored}")
            total += len(points)
        return f"{total:,} values of {len(self._cloud.devices) - 1} devices"

    # Reading

    def _post(self, url: str, device_id: str, names: list[str], **more: Any) -> dict[str, Any]:
        payload = {
            "iot_device_id": device_id,
            "selected_properties": names,
            "property_types": {
                each.name: each.data_type.to_json()
                for device in self._cloud.devices
                if device.id == device_id
                for each in device.properties
            },
            "start_time": self._start,
            "end_time": self._end,
            **more,
        }
        response = requests.post(
            url,
            json={"message_type": "query", "target_layer": "L3-Hot-Read", "payload": payload},
            headers={TOKEN_HEADER: self._at.token},
            timeout=_TIMEOUT,
        )
        expect(response.status_code == 200, f"status {response.status_code}: {response.text}")
        answer: dict[str, Any] = response.json()
        return answer

    def _pages(self, device_id: str, names: list[str]) -> Iterator[dict[str, Any]]:
        token = None
        while True:
            answer = self._post(self._at.hot_reader_url, device_id, names, next_token=token)
            yield from answer["propertyValues"]
            token = answer.get("nextToken")
            if token is None:
                return

    def _history(self, entity_id: str) -> tuple[int, dict[str, Points]]:
        """Page through the device's whole history as Grafana does."""
        points: dict[str, Points] = {each.name: [] for each in self._device.properties}
        request: dict[str, Any] = {
            "workspaceId": self._at.workspace_id,
            "entityId": entity_id,
            "componentName": self._at.component_name,
            "selectedProperties": list(points),
            "startTime": self._start,
            "endTime": self._end,
            "maxResults": _PAGE,
        }
        pages = 0
        with self._console.status("paging") as status:
            while True:
                answer = self._twinmaker.get_property_value_history(**request)
                pages += 1
                for each in answer["propertyValues"]:
                    points[each["entityPropertyReference"]["propertyName"]] += [
                        (value["time"], only(value["value"])) for value in each["values"]
                    ]
                status.update(f"page {pages}, {sum(map(len, points.values())):,} values")
                if "nextToken" not in answer:
                    return pages, points
                request["nextToken"] = answer["nextToken"]

    def _twinmaker_last_entry(self, entity_id: str) -> dict[str, Any]:
        answer = self._twinmaker.get_property_value(
            workspaceId=self._at.workspace_id,
            entityId=entity_id,
            componentName=self._at.component_name,
            selectedProperties=[each.name for each in self._device.properties],
        )
        return {
            name: only(each["propertyValue"]) for name, each in answer["propertyValues"].items()
        }

    # Checking

    def _expect_newest(self, got: dict[str, Any]) -> None:
        stored = self._newest.values
        expect(
            got.keys() == stored.keys() and all(same(got[name], stored[name]) for name in got),
            f"the last entry is {got} instead of {stored}",
        )

    def _expect_stored(self, name: str, got: Points) -> None:
        stored = sorted(
            (parse_instant(entry.timestamp), entry.values[name])
            for entry in self._own
            if name in entry.values
        )
        read = [(parse_instant(at), value) for at, value in got]
        expect(len(read) == len(stored), f"{name}: {len(read)} values instead of {len(stored)}")
        for (at, value), (expected_at, expected) in zip(read, stored, strict=True):
            expect(
                at == expected_at and same(value, expected),
                f"{name}: {value} at {utc_text(at)} instead of {expected} at {utc_text(expected_at)}",
            )

    # Showing

    def _table(self) -> Table:
        table = Table(title="Multi-Cloud Hot Reader", title_justify="left", show_lines=False)
        table.add_column("asked")
        table.add_column("answer", overflow="fold")
        table.add_column("ms", justify="right")
        for step in self.steps:
            table.add_row(step.title, step.result, f"{step.milliseconds:,.0f}")
        return table

    def _side_by_side(self) -> Table:
        """Show what TwinMaker read on each cloud."""
        table = Table(title=f"{self._device.id}, read by TwinMaker on AWS", title_justify="left")
        table.add_column("")
        for reading in self._readings:
            table.add_column(reading.title, justify="right")
        for name, cells in self._comparison():
            table.add_row(name, *cells)
        return table

    def _comparison(self) -> list[tuple[str, list[str]]]:
        """Return what TwinMaker read: a title, and a cell for each cloud."""
        rows = [
            (f"newest {each.name}", [str(r.newest.get(each.name, "")) for r in self._readings])
            for each in self._device.properties
        ]
        return [
            ("TwinMaker invokes", [reading.invoked for reading in self._readings]),
            *rows,
            ("values", [f"{reading.values:,}" for reading in self._readings]),
            ("pages", [str(reading.pages) for reading in self._readings]),
            ("newest entry, ms", [f"{reading.newest_ms:,.0f}" for reading in self._readings]),
            ("whole history, ms", [f"{reading.history_ms:,.0f}" for reading in self._readings]),
        ]

    def _telemetry(self) -> Table:
        span = (parse_instant(self._end) - parse_instant(self._start)) / NANOSECONDS / 3600
        table = Table(title=f"Telemetry of {span:.0f} hours", title_justify="left")
        for column in ("series", "values", "lowest", "highest", "newest"):
            table.add_column(column, justify="left" if column == "series" else "right")
        for each in self._series:
            values = [value for _, value in each.points]
            table.add_row(
                each.title,
                f"{len(values):,}",
                *(f"{value:,.2f} {each.unit}" for value in (min(values), max(values), values[-1])),
            )
        return table

    def _page(self) -> str:
        rows = "\n".join(
            f"<tr><td>{html.escape(step.title)}<td>{html.escape(step.result)}"
            f"<td class=number>{step.milliseconds:,.0f}"
            for step in self.steps
        )
        heads = "".join(f"<th class=number>{html.escape(r.title)}" for r in self._readings)
        clouds = "\n".join(
            f"<tr><td>{html.escape(name)}"
            + "".join(f"<td class=number>{html.escape(cell)}" for cell in cells)
            for name, cells in self._comparison()
        )
        return _PAGE_TEMPLATE.format(
            rows=rows,
            heads=heads,
            clouds=clouds,
            chart=svg(self._series) if self._series else "",
        )


def expect(holds: bool, otherwise: str) -> None:  # noqa: FBT001 - reads like an assertion
    """Check what a step must give.

    Raises
    ------
    DemoError
        It doesn't hold.
    """
    if not holds:
        raise DemoError(otherwise)


def only(data_value: dict[str, Any]) -> Any:
    """Return what a DataValue of a scalar holds."""
    (value,) = data_value.values()
    return value


def same(read: Any, stored: Any) -> bool:
    """Compare a value with what was stored; a number by its value as a double."""
    if isinstance(read, bool) or not isinstance(read, int | float):
        return bool(read == stored)
    return float(read) == float(stored)


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
