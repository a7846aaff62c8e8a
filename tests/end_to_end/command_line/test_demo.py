"""`python -m deploy_scripts demo`: shows the main job and ends by itself."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING
from unittest import mock

import pytest
from click.testing import CliRunner

from demo.checks import DemoError, expect
from demo.commands import _interrupt
from demo.demo import Demo
from deploy_scripts import PROJECT
from deploy_scripts.__main__ import cli
from tests.spellings import spelled

if TYPE_CHECKING:
    from pathlib import Path


TOKEN = "planted/token+of~this=test-7b1e0c6f2d"
PLANTED = f"""
import secrets, sys
secrets.token_urlsafe = lambda _: {TOKEN!r}
def note(event, given):
    if event == "subprocess.Popen":
        with open(COMMANDS, "a") as file:
            file.write(f"{{given[1]}}\\n")
sys.addaudithook(note)
"""
"""Makes the demo's token a known one, and notes the arguments of every process that it starts."""


def run_demo(directory: Path, site: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "deploy_scripts", "demo", "--directory", str(directory), "--entries", "250"],
        cwd=PROJECT,
        env=os.environ | {"PYTHONPATH": str(site)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=500,
    )  # fmt: skip


def test_it_shows_each_step_and_leaves_a_page_with_a_chart_and_no_token(tmp_path):
    directory, site, commands = (tmp_path / each for each in ("demo", "site", "commands"))
    site.mkdir()
    (site / "sitecustomize.py").write_text(PLANTED.replace("COMMANDS", repr(str(commands))))
    done = run_demo(directory, site)
    assert done.returncode == 0, done.stdout + done.stderr
    for shown in (
        "refused: 401",
        "GetPropertyValueHistory",
        "each one as it was stored",
        "newest values, the same as GetPropertyValueHistory since 1899",
        "values by component type, each one as it was stored",
        "3 clouds",
        "the same to the last",
        "ConnectorFailureException",
        "demo.html",
    ):
        assert shown in " ".join(done.stdout.split())
    page = (directory / "demo.html").read_text()
    assert "<svg" in page
    assert "http://www.w3.org" in page
    assert "<script" not in page
    for program in ("node", "functions_framework", "local_cloud.azure.functions"):
        assert program in commands.read_text()
    left = [each.read_bytes() for each in directory.rglob("*") if each.is_file()]
    assert spelled(TOKEN, done.stdout, done.stderr, commands.read_bytes(), *left) == []


def test_a_step_that_goes_wrong_ends_it_with_exit_code_1(tmp_path):
    # Only the outermost check is replaced; servers and requests are real.
    def one_value_is_wrong(_self: Demo) -> str:
        expect(False, "temperature: 1 instead of 2")
        return ""

    with mock.patch.object(Demo, "_http_history", one_value_is_wrong):
        done = CliRunner().invoke(cli, ["demo", "--directory", str(tmp_path), "--entries", "20"])
    assert done.exit_code == 1
    assert "temperature: 1 instead of 2" in done.output
    # test_local shows what the handler does.
    signals = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)
    assert {signal.getsignal(each) for each in signals} == {_interrupt}


def test_expectations_raise():
    with pytest.raises(DemoError, match="no"):
        expect(False, "no")


@pytest.mark.parametrize("verb", ["local", "demo", "load-telemetry"])
def test_every_verb_has_help(verb):
    shown = CliRunner().invoke(cli, [verb, "--help"])
    assert shown.exit_code == 0
    assert "Usage:" in shown.output


def test_a_dry_run_of_load_telemetry_shows_entries_and_needs_no_cloud():
    done = CliRunner().invoke(cli, ["load-telemetry", "--dry-run", "--device", "pump-1"])
    assert done.exit_code == 0, done.output
    assert "pump-1" in done.output


def test_an_unknown_device_is_refused():
    done = CliRunner().invoke(cli, ["load-telemetry", "--device", "nobody"])
    assert done.exit_code == 2
    assert "nobody" in done.output
