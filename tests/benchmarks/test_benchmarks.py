"""The benchmarks run, and tell what they find; how fast anything is, is no test's business."""

from __future__ import annotations

import json
import stat

import pytest
from click.testing import CliRunner

from benchmarks.__main__ import main
from benchmarks.measure import Finding, Timing, in_turn


@pytest.mark.parametrize("name", ["pages", "last_entry", "memory", "azure", "gcp"])
def test_a_benchmark_tells_what_it_finds(name, tmp_path):
    ran = CliRunner().invoke(main, ["--quick", "--only", name, "--output", str(tmp_path)])
    assert ran.exit_code == 0, ran.output
    found = json.loads((tmp_path / "results.json").read_text())["findings"]
    assert found
    assert all(each["title"] and each["target"] and each["measured"] for each in found)
    assert "<svg" in (tmp_path / "results.svg").read_text()


def test_reads_over_http_by_many_clients_meet_no_error(tmp_path):
    ran = CliRunner().invoke(main, ["--quick", "--only", "http", "--output", str(tmp_path)])
    assert ran.exit_code == 0, ran.output
    (found,) = json.loads((tmp_path / "results.json").read_text())["findings"]
    assert found["figures"]["requests"] > 0
    assert found["figures"]["errors"] == 0, found


def test_a_missed_target_is_told_and_no_error(monkeypatch, tmp_path):
    def findings(_quick, _report):
        yield Finding("a title", "a target", "a measure", met=False)

    monkeypatch.setattr("benchmarks.pages.findings", findings)
    output = tmp_path / "private" / "results"
    ran = CliRunner().invoke(main, ["--only", "pages", "--output", str(output)])
    assert ran.exit_code == 0
    assert stat.S_IMODE(output.parent.stat().st_mode) == 0o700
    assert "MISSED a title" in ran.output
    assert "1 of 1 targets missed" in ran.output


def test_an_unknown_benchmark_is_refused():
    ran = CliRunner().invoke(main, ["--only", "nothing"])
    assert ran.exit_code == 2
    assert "pages" in ran.output


def test_ways_run_in_turn_and_warm_ups_are_not_timed():
    order: list[str] = []
    ways = {name: lambda name=name: order.append(name) for name in ("a", "b")}
    timings = in_turn(ways, rounds=3, warm_ups=1)
    assert order == ["a", "b"] * 4
    assert [len(each.seconds) for each in timings.values()] == [3, 3]


def test_a_timing_tells_its_median_and_spread():
    assert Timing((3.0, 1.0, 2.0)).median == 2.0
    assert Timing((3.0, 1.0, 2.0)).spread == (1.0, 3.0)
