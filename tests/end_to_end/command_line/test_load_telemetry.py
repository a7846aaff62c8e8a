"""`python -m deploy_scripts load-telemetry`: into each cloud's hot storage."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

from click.testing import CliRunner

from deploy_scripts import PROJECT
from deploy_scripts.__main__ import cli
from local_cloud.aws.account import LocalAws

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
    assert load(code=1) == (
        "You must specify a region. Set AWS_PROFILE and AWS_DEFAULT_REGION (or what your set-up has "
        "instead).\n"
    )


def test_an_empty_name_in_the_environment_is_none(monkeypatch):
    monkeypatch.setenv("DYNAMODB_TABLE_NAME", "")
    assert "DYNAMODB_TABLE_NAME is not set" in load(code=2)


def config_with(directory: Path, **section: str) -> Path:
    """Copy the example's configuration, and add where its hot storage is."""
    config = directory / "config"
    shutil.copytree(PROJECT / "config", config)
    (config / "config_storage.json").write_text(json.dumps({"aws": section}))
    return config


def test_the_storage_file_says_which_table_and_how_entries_are_stored(tmp_path: Path):
    config = config_with(
        tmp_path,
        table="mine",
        device_id_attribute="iotDeviceId",
        timestamp_attribute="id",
        timestamp_format="epoch_milliseconds_text",
        values_path="payload",
    )
    with LocalAws() as aws:
        client = aws.client("dynamodb")
        client.create_table(
            TableName="mine",
            KeySchema=[
                {"AttributeName": "iotDeviceId", "KeyType": "HASH"},
                {"AttributeName": "id", "KeyType": "RANGE"},
            ],
            AttributeDefinitions=[
                {"AttributeName": name, "AttributeType": "S"} for name in ("iotDeviceId", "id")
            ],
            BillingMode="PAY_PER_REQUEST",
        )
        options = ("--config", str(config), "--device", "pump-1", "--entries", "3")
        assert "3 entries of pump-1 in the DynamoDB table mine" in load(
            *options, environment=aws.environment
        )
        items = client.scan(TableName="mine")["Items"]
    assert [sorted(each) for each in items] == [["id", "iotDeviceId", "payload"]] * 3
