"""Strings of a twin are printed by the demo as they are, whatever they would mean to rich."""

from __future__ import annotations

import pytest
from rich.console import Console

from chalicelib.model.data_value import DataType
from demo.demo import Demo
from demo.reading import Reading
from demo.report import Report, Step
from deploy_scripts.project_files.twin_configuration import Device, DeviceProperty
from deploy_scripts.verify.chart import Series

MARKUP = "[/b] [red]x <script>alert(1)</script> \\"


@pytest.fixture
def console() -> Console:
    return Console(width=200, record=True, quiet=False, file=None)


def test_tables_show_markup_as_it_is(console):
    device = Device(MARKUP, (DeviceProperty(MARKUP, DataType("DOUBLE"), None),), ())
    reading = Reading("AWS", "hot-reader", "entity", "type", newest={MARKUP: MARKUP})
    series = Series(MARKUP, MARKUP, [("2026-01-30T17:00:00Z", 1.0)])
    report = Report(device, [Step(MARKUP, MARKUP, 1.0)], [reading], [series], 1.0)
    for table in report.tables():
        console.print(table)
    # A step's two, the device's and the property's with its value, the series' with three units.
    assert console.export_text().count(MARKUP) == 2 + 3 + 4
    assert "[/b] [red]x &lt;script&gt;" in report.page()
    assert "<script" not in report.page()


def test_steps_show_markup_as_it_is(console):
    demo = Demo.__new__(Demo)
    demo._console = console
    demo._steps = []
    demo._step(MARKUP, lambda: MARKUP)
    assert console.export_text().count(MARKUP) == 2
