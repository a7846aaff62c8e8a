"""The demo: the main job from end to end, on the local cloud, with real requests over real sockets."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import requests
from botocore.exceptions import ClientError
from rich.text import Text

from chalicelib.model.instants import NANOSECONDS, parse_instant, utc_text
from chalicelib.model.reads import HISTORY
from demo.checks import DemoError, expect, only, same
from demo.reading import PAGE, TIMEOUT, HttpReader, Reading, TwinMakerReader
from demo.report import Report, Step
from deploy_scripts.verify.chart import Series

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rich.console import Console

    from demo.other_clouds import OtherCloud
    from demo.reading import Points
    from demo.stack import LocalCloud
    from deploy_scripts.project_files.twin_configuration import Device, DeviceProperty
    from deploy_scripts.providers.telemetry import Entry

_NUMERIC: Final = ("DOUBLE", "INTEGER", "LONG")


class Demo:
    """Runs the demo's steps against a running local cloud.

    Parameters
    ----------
    cloud
        The local cloud.
    console
        The console to print on.
    """

    def __init__(self, cloud: LocalCloud, console: Console) -> None:
        self._cloud = cloud
        self._at = cloud.endpoints
        self._console = console
        self._device = cloud.devices[0]
        self._entries = list(cloud.telemetry())
        instants = [parse_instant(entry.timestamp) for entry in self._entries]
        self._hours = (max(instants) - min(instants)) / NANOSECONDS / 3600
        start, end = utc_text(min(instants)), utc_text(max(instants))
        self._http = HttpReader(self._at, start, end)
        self._twinmaker = TwinMakerReader(cloud.twinmaker(), self._at, self._device, start, end)
        self._series: list[Series] = []
        self._readings = [
            Reading(title, invoked, entity_id, f"{cloud.twin_name}-{cloud.fleet_type(provider)}")
            for provider, title, invoked, entity_id in (
                ("aws", "AWS (DynamoDB)", HISTORY.hot_reader, self._at.direct_entity_id),
                *(
                    (provider, each.title, "data connector", self._at.clouds[provider].entity_id)
                    for provider, each in cloud.clouds.items()
                ),
            )
        ]
        self._steps: list[Step] = []

    def run(self, page: Path) -> None:
        """Run every step, print tables, and write a page with a chart.

        Raises
        ------
        DemoError
            A step didn't give the expected result.
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
        for reading in self._readings:
            self._step(
                f"TwinMaker reads {len(self._cloud.fleet)} devices of one type on {reading.title}",
                partial(self._read_fleet, reading),
            )
        self._step(f"{self._last_cloud.title} is down", self._remote_down)
        self._step("... and back again", self._back_again)
        self._step("Other devices over HTTP", self._other_devices)
        result = Report(self._device, self._steps, self._readings, self._series, self._hours)
        for table in result.tables():
            self._console.print(table)
        page.write_text(result.page())
        self._console.print("Chart and table:", Text(str(page), "bold"), soft_wrap=True)

    def _step(self, title: str, action: Callable[[], str]) -> None:
        self._console.print(Text.assemble(("> ", "bold cyan"), title))
        started = time.perf_counter()
        result = action()
        step = Step(title, result, (time.perf_counter() - started) * 1000)
        self._steps.append(step)
        took = f" ({step.milliseconds:,.0f} ms)"
        self._console.print(Text.assemble("  ", ("ok ", "green"), result, (took, "dim")))

    # The steps

    def _refused(self) -> str:
        response = requests.post(self._at.hot_reader_url, json={}, timeout=TIMEOUT)
        expect(response.status_code == 401, f"status {response.status_code} instead of 401")
        return f"refused: 401 {response.json()['error']['message']}"

    def _http_history(self) -> str:
        names = [each.name for each in self._device.properties]
        answer = self._http.history(self._device, names, max_results=6)
        values = sum(len(each["values"]) for each in answer["propertyValues"])
        expect(values == 6, f"{values} values instead of 6")
        first = answer["propertyValues"][0]["values"][0]
        return f"200, {values} values and a nextToken; the first: {first['time']} {first['value']}"

    def _http_last_entry(self) -> str:
        return self._newest_shown(self._http.newest(self._device))

    def _read_by_twinmaker(self, reading: Reading) -> str:
        """Ask for the newest entry and for the whole history, as Grafana does."""
        started = time.perf_counter()
        reading.newest = self._twinmaker.newest(reading.entity_id)
        reading.newest_ms = (time.perf_counter() - started) * 1000
        self._expect_newest(reading.newest)
        by_history = self._twinmaker.newest_by_history(reading.entity_id)
        expect(
            by_history == reading.newest,
            f"the newest values are {reading.newest} by GetPropertyValue, but {by_history} by history",
        )
        started = time.perf_counter()
        with self._console.status("paging") as status:
            reading.pages, reading.points = self._twinmaker.history(
                reading.entity_id,
                lambda pages, values: status.update(f"page {pages}, {values:,} values"),
            )
        reading.history_ms = (time.perf_counter() - started) * 1000
        for name, got in reading.points.items():
            self._expect_stored(name, got)
        first = _first_numeric(self._device)
        if first and reading.points[first.name]:
            title = f"{first.name} from {reading.title}"
            self._series.append(Series(title, first.unit or "", reading.points[first.name]))
        return (
            f"GetPropertyValue of {self._at.latest_component_name}: {len(reading.newest)} newest values, the "
            "same as GetPropertyValueHistory since 1899 with maxResults 1, DESCENDING; the whole history: "
            f"{reading.values:,} values in {reading.pages} pages of {PAGE}, each one as it was stored"
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

    def _read_fleet(self, reading: Reading) -> str:
        """Ask for the history of a component type that devices share, as Grafana's panels do."""
        found = self._twinmaker.of_type(reading.fleet_type_id)
        for device in self._cloud.fleet:
            for each in device.properties:
                self._expect_stored(each.name, found.get((device.id, each.name), []), device)
        values = sum(map(len, found.values()))
        return f"{values:,} values by component type, each one as it was stored"

    @property
    def _last_cloud(self) -> OtherCloud:
        return list(self._cloud.clouds.values())[-1]

    def _remote_down(self) -> str:
        self._last_cloud.stop_serving()
        try:
            self._twinmaker.newest(self._readings[-1].entity_id)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            expect(code == "ConnectorFailureException", f"{code} instead of a connector failure")
            return f"{code}: {error.response['Error']['Message']}"
        finally:
            self._cloud.serve(self._last_cloud, self._at.token)
        raise DemoError("the data connector answered although the other cloud is down")

    def _back_again(self) -> str:
        return self._newest_shown(self._twinmaker.newest(self._readings[-1].entity_id))

    def _other_devices(self) -> str:
        total = 0
        for device in self._cloud.devices[1:]:
            first = _first_numeric(device)
            if first is None:
                continue
            points: Points = []
            for page in self._http.pages(device, [first.name]):
                points += [(each["time"], only(each["value"])) for each in page["values"]]
            if points:
                self._series.append(Series(f"{device.id} {first.name}", first.unit or "", points))
            stored = sum(first.name in entry.values for entry in self._entries_of(device))
            expect(len(points) == stored, f"{len(points)} values instead of {stored}")
            total += len(points)
        return f"{total:,} values of {len(self._cloud.devices) - 1} devices"

    # Checking

    def _entries_of(self, device: Device) -> list[Entry]:
        return [entry for entry in self._entries if entry.device_id == device.id]

    def _expect_newest(self, got: dict[str, Any]) -> None:
        entries = self._entries_of(self._device)
        stored: dict[str, Any] = {}
        for entry in sorted(entries, key=lambda entry: parse_instant(entry.timestamp)):
            stored |= entry.values
        expect(
            got.keys() == stored.keys() and all(same(got[name], stored[name]) for name in got),
            f"the newest values are {got} instead of {stored}",
        )

    def _newest_shown(self, got: dict[str, Any]) -> str:
        self._expect_newest(got)
        return ", ".join(f"{name} = {value}" for name, value in got.items())

    def _expect_stored(self, name: str, got: Points, device: Device | None = None) -> None:
        stored = sorted(
            (parse_instant(entry.timestamp), entry.values[name])
            for entry in self._entries_of(device or self._device)
            if name in entry.values
        )
        read = [(parse_instant(at), value) for at, value in got]
        expect(len(read) == len(stored), f"{name}: {len(read)} values instead of {len(stored)}")
        for (at, value), (expected_at, expected) in zip(read, stored, strict=True):
            expect(
                at == expected_at and same(value, expected),
                f"{name}: {value} at {utc_text(at)} instead of {expected} at {utc_text(expected_at)}",
            )


def _first_numeric(device: Device) -> DeviceProperty | None:
    return next((each for each in device.properties if each.data_type.type in _NUMERIC), None)
