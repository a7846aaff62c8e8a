"""The dashboard shows, in a real browser, what is stored on each cloud.

`make test-dashboard` runs it; look.mjs looks at the page.
"""

from __future__ import annotations

import json
import subprocess
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from chalicelib.model.instants import NANOSECONDS
from demo.checks import same
from deploy_scripts import PROJECT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from demo.stack import LocalCloud

TITLES: Final = ("AWS", "Azure", "Google Cloud")
KPI_TIME: Final = "%m/%d/%Y, %I:%M:%S %p"
TOOLTIP_TIME: Final = "%Y-%m-%d %I:%M:%S %p"


LOOK_SECONDS: Final = 300
BETWEEN_LOOKS: Final = 0.2
Shown = dict[str, dict[str, Any]]
"""By a device's title: its panel, as look.mjs describes it."""


@contextmanager
def running(*command: str | Path) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        ["node", *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.terminate()


class Browser:
    """A browser at the dashboard, which shows pages of a history as they come."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def look(self, until: Callable[[Shown], bool]) -> Shown:
        """Return what is shown of each device, by title, once it is as expected, or after a while."""
        return self._look("look", until)

    def glance(self, until: Callable[[Shown], bool], *, again: bool = False) -> Shown:
        """Return the errors and newest values alone; press 'Read again' before if it is to read again."""
        if again:
            self._ask("read again")
        return self._look("glance", until)

    def _look(self, request: str, until: Callable[[Shown], bool]) -> Shown:
        give_up = time.monotonic() + LOOK_SECONDS
        while not until(shown := self._ask(request)) and time.monotonic() < give_up:
            time.sleep(BETWEEN_LOOKS)
        return shown

    def _ask(self, request: str) -> Shown:
        assert self._process.stdin
        assert self._process.stdout
        print(request, file=self._process.stdin, flush=True)
        seen = json.loads(self._process.stdout.readline())
        # ECharts complains of a chart that 'Read again' takes away from under the mouse.
        assert seen["crashes"] == [] or request == "read again"
        return {each["title"]: each for each in seen["devices"]}


@pytest.fixture(scope="module")
def browser(cloud: LocalCloud, directory: Path) -> Iterator[Browser]:
    with running(PROJECT / "examples/dashboard/local.js", directory) as server:
        assert server.stdout
        line = next(line for line in server.stdout if line.startswith("Dashboard:"))
        with running(Path(__file__).with_name("look.mjs"), line.split()[1]) as process:
            yield Browser(process)


@pytest.fixture(scope="module")
def seen(
    browser: Browser, stored: list[tuple[str, int, Any]], newest: dict[str, tuple[int, Any]]
) -> Shown:
    """What is shown when all is read: times of the newest values and of each chart's last point."""
    last = max(at for _, at, _ in stored) // NANOSECONDS
    times = {name: at // NANOSECONDS for name, (at, _) in newest.items()}
    changes = len(status_changes(stored))

    def complete(shown: Shown) -> bool:
        return all(
            [len(each) for each in device["statuses"]] == [changes]
            and newest_times(device) == times
            and device["tooltips"]
            and second(device["tooltips"][-1][0], TOOLTIP_TIME) == last
            for device in shown.values()
        )

    return browser.look(complete)


def status_changes(stored: list[tuple[str, int, Any]]) -> list[str]:
    return [status for status, _ in groupby(value for name, _, value in stored if name == "status")]


def newest_times(device: dict[str, Any]) -> dict[str, int]:
    return {
        each["name"].split()[0]: second(each["time"], KPI_TIME)
        for each in device["newest"]
        if each.get("time")
    }


def second(shown: str, form: str) -> int:
    return int(datetime.strptime(shown, form).replace(tzinfo=UTC).timestamp())


def value(shown: str) -> Any:
    try:
        return float(shown)
    except ValueError:
        return shown


@pytest.mark.parametrize("title", TITLES)
def test_the_newest_values_are_those_stored(seen, newest, title):
    shown = {each["name"].split()[0]: each for each in seen[title]["newest"]}
    assert shown.keys() == newest.keys()
    for name, (at, stored_value) in newest.items():
        assert same(value(shown[name]["value"]), stored_value)
        assert second(shown[name]["time"], KPI_TIME) == at // NANOSECONDS


@pytest.mark.parametrize("title", TITLES)
def test_a_line_chart_shows_what_was_stored(seen, stored, title):
    """Hovering over it from left to right shows points and their values."""
    points = {(name, at // NANOSECONDS): value for name, at, value in stored}
    compared = 0
    for shown_time, *rows in seen[title]["tooltips"]:
        for name, shown in zip(rows[::2], rows[1::2], strict=True):
            # Of a property that this entry lacks, the chart shows another one's value.
            if (key := (name, second(shown_time, TOOLTIP_TIME))) in points:
                assert same(value(shown), points[key]), key
                compared += 1
    assert compared > 20


@pytest.mark.parametrize("title", TITLES)
def test_a_status_timeline_shows_each_change_that_was_stored(seen, stored, title):
    """The pixels of a chart have the values' colors, in their order."""
    assert seen[title]["statuses"] == [status_changes(stored)]


def test_readers_that_are_down_show_their_error_until_they_answer_again(cloud, browser, seen):
    down = {"Azure": cloud.clouds["azure"], "Google Cloud": cloud.clouds["gcp"]}

    def failed(shown: Shown) -> bool:
        return all("error" in shown[title] for title in down)

    def answered(shown: Shown) -> bool:
        return all(shown[title]["newest"] == seen[title]["newest"] for title in TITLES)

    for each in down.values():
        each.stop_serving()
    try:
        # A second time, so that the connectors make a pause before they ask the readers again.
        for _ in range(2):
            shown = browser.glance(failed, again=True)
    finally:
        for each in down.values():
            cloud.serve(each, cloud.endpoints.token)
    for title in down:
        assert shown[title]["error"].startswith("ConnectorFailureException\n")
        assert "RemoteReaderError" in shown[title]["error"]
        assert "\nAsked again at " in shown[title]["error"]
    assert "error" not in shown["AWS"]
    assert answered(browser.glance(answered))
    assert answered(browser.glance(answered, again=True))
