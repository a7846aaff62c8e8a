"""The dashboard shows, in a real browser, what is stored on each cloud.

`make test-dashboard` runs it; look.mjs looks at the page.
"""

from __future__ import annotations

import json
import subprocess
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
    from collections.abc import Iterator

    from demo.stack import LocalCloud

TITLES: Final = ("AWS", "Azure", "Google Cloud")
KPI_TIME: Final = "%m/%d/%Y, %I:%M:%S %p"
TOOLTIP_TIME: Final = "%Y-%m-%d %I:%M:%S %p"


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
    """A browser at the dashboard."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def __call__(self, request: str) -> dict[str, dict[str, Any]]:
        """Look, or read again and look; return what is shown of each device, by title."""
        assert self._process.stdin
        assert self._process.stdout
        print(request, file=self._process.stdin, flush=True)
        seen = json.loads(self._process.stdout.readline())
        assert seen["crashes"] == []
        return {each["title"]: each for each in seen["devices"]}


@pytest.fixture(scope="module")
def browser(cloud: LocalCloud, directory: Path) -> Iterator[Browser]:
    with running(PROJECT / "examples/dashboard/local.js", directory) as server:
        assert server.stdout
        line = next(line for line in server.stdout if line.startswith("Dashboard:"))
        with running(Path(__file__).with_name("look.mjs"), line.split()[1]) as process:
            yield Browser(process)


@pytest.fixture(scope="module")
def seen(browser: Browser) -> dict[str, dict[str, Any]]:
    return browser("look")


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
    for time, *rows in seen[title]["tooltips"]:
        for name, shown in zip(rows[::2], rows[1::2], strict=True):
            # Of a property that this entry lacks, the chart shows another one's value.
            if (key := (name, second(time, TOOLTIP_TIME))) in points:
                assert same(value(shown), points[key]), key
                compared += 1
    assert compared > 20


@pytest.mark.parametrize("title", TITLES)
def test_a_status_timeline_shows_each_change_that_was_stored(seen, stored, title):
    """Its pixels have the values' colors, in their order."""
    statuses = [value for name, _, value in stored if name == "status"]
    assert seen[title]["statuses"] == [[value for value, _ in groupby(statuses)]]


@pytest.mark.parametrize(("on", "title"), [("azure", "Azure"), ("gcp", "Google Cloud")])
def test_a_reader_that_is_down_shows_its_error_until_it_can_be_read_again(
    cloud, browser, seen, on, title
):
    down = cloud.clouds[on]
    down.stop_serving()
    try:
        shown = browser("read again")
    finally:
        cloud.serve(down, cloud.endpoints.token)
    assert shown[title]["error"].startswith("ConnectorFailureException\n")
    assert "RemoteReaderError" in shown[title]["error"]
    assert shown["AWS"]["newest"] == seen["AWS"]["newest"]
    assert browser("read again")[title]["newest"] == seen[title]["newest"]
