"""`python -m deploy_scripts load-telemetry`: into each cloud's hot storage."""

from __future__ import annotations

from typing import TYPE_CHECKING

from click.testing import CliRunner

from deploy_scripts.__main__ import cli

if TYPE_CHECKING:
    from pathlib import Path


def load(*options: str, environment: dict[str, str] | None = None, code: int = 0) -> str:
    done = CliRunner().invoke(cli, ["load-telemetry", *options], env=environment)
    assert done.exit_code == code, done.output
    return done.output


def test_a_missing_region_is_told_in_a_line(monkeypatch, tmp_path: Path):
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    assert load(code=1) == "You must specify a region.\n"


def test_the_table_is_named_after_the_twin_unless_the_environment_names_it(monkeypatch):
    monkeypatch.setenv("DYNAMODB_TABLE_NAME", "")
    assert "DYNAMODB_TABLE_NAME is not set" in load(code=2)
