"""`python -m deploy_scripts load-telemetry`: into each cloud's hot storage."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from deploy_scripts.__main__ import cli
from local_cloud.azure.cosmos import LocalCosmos
from local_cloud.gcp.firestore import LocalFirestore
from tests.firestore_client import client_of

if TYPE_CHECKING:
    from pathlib import Path

COSMOS = {"COSMOS_DATABASE": "twin", "COSMOS_CONTAINER": "telemetry"}
FIRESTORE = {"FIRESTORE_COLLECTION": "telemetry"}


def load(*options: str, environment: dict[str, str] | None = None, code: int = 0) -> str:
    done = CliRunner().invoke(cli, ["load-telemetry", *options], env=environment)
    assert done.exit_code == code, done.output
    return done.output


def test_into_cosmos_db_and_again_without_doubling_it(tmp_path: Path):
    with LocalCosmos(tmp_path / "log") as cosmos:
        container = cosmos.create_container("twin", "telemetry")
        told = COSMOS | {"COSMOS_ENDPOINT": cosmos.endpoint, "COSMOS_KEY": cosmos.key}
        for _ in range(2):
            shown = load(
                "--cloud", "azure", "--device", "pump-1", "--entries", "7", environment=told
            )
            assert "7 entries of pump-1 in the Cosmos DB container telemetry" in shown
            documents = list(container.read_all_items())
            assert {each["device_id"] for each in documents} == {"pump-1"}
            assert len(documents) == 7


def test_into_firestore_and_again_without_doubling_it(tmp_path: Path):
    with LocalFirestore(tmp_path / "log") as firestore:
        told = FIRESTORE | firestore.environment
        for _ in range(2):
            shown = load("--cloud", "gcp", "--device", "pump-1", "--entries", "7", environment=told)
            assert "7 entries of pump-1 in the Firestore collection telemetry" in shown
            documents = list(client_of(firestore).collection("telemetry").stream())
            assert len(documents) == 7


def test_a_missing_region_is_told_in_a_line(monkeypatch, tmp_path: Path):
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    assert load("--table", "any", code=1) == "You must specify a region.\n"


@pytest.mark.parametrize(
    ("cloud", "variable"),
    [
        ("aws", "DYNAMODB_TABLE_NAME"),
        ("azure", "COSMOS_ENDPOINT"),
        ("gcp", "FIRESTORE_COLLECTION"),
    ],
)
def test_where_it_is_has_to_be_told(monkeypatch, cloud, variable):
    monkeypatch.delenv(variable, raising=False)
    assert f"{variable} is not set" in load("--cloud", cloud, code=2)


def test_a_table_is_for_aws():
    assert "--table" in load("--cloud", "gcp", "--table", "hot", code=2)


def test_a_store_that_refuses_is_told(tmp_path: Path):
    with LocalCosmos(tmp_path / "log") as cosmos:
        told = COSMOS | {"COSMOS_ENDPOINT": cosmos.endpoint, "COSMOS_KEY": cosmos.key}
        assert "COSMOS_DATABASE" in load(
            "--cloud", "azure", "--entries", "1", code=1, environment=told
        )
