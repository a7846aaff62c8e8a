"""Projects whose telemetry something else has stored, each dropped in with one `config_storage.json`."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from chalicelib.model.reads import READS
from deploy_scripts import PROJECT
from deploy_scripts.project_files.storage import STORAGE_FILE
from deploy_scripts.project_files.twin_configuration import TwinConfiguration
from tests.deploy.deployment import WORKSPACE, Deployment
from tests.deploy.verbs import command_line

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.deploy.deployment import Account

TOKEN: Final = "token-of-the-existing-projects"
PUMP: Final = "pump-1"
PRESSURES: Final = (4.25, 4.5, 4.75)
_STAGE: Final = "existing"
_PROJECT: Final[dict[str, Any]] = {
    "config.json": {
        "digital_twin_name": "factory-twin",
        "hot_storage_size_in_days": 30,
        "cold_storage_size_in_days": 90,
        "mode": "DEBUG",
    },
    "config_iot_devices.json": [
        {
            "id": PUMP,
            "properties": [
                {"name": "pressure", "dataType": "DOUBLE", "initValue": "0.0"},
                {"name": "running", "dataType": "BOOLEAN", "initValue": "false"},
            ],
            "constProperties": [{"name": "serial", "dataType": "STRING", "value": "SN-1"}],
        }
    ],
}
"""Files as the larger deployer has them, with keys that only it knows."""


def measured() -> list[tuple[datetime, dict[str, Any]]]:
    """Return what the pump has measured in the last minutes."""
    end = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=1)
    return [
        (end - timedelta(minutes=2 - number), {"pressure": pressure, "running": True})
        for number, pressure in enumerate(PRESSURES)
    ]


def documented(heading: str) -> list[dict[str, Any]]:
    """Return the contents of `config_storage.json` that the page shows under a heading."""
    page = (PROJECT / "docs" / "existing-storage.md").read_text()
    section = page.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    found = [json.loads(each) for each in re.findall(r"```json\n(.*?)```", section, re.DOTALL)]
    assert found
    return found


class ExistingProject(Deployment):
    """A project with the larger deployer's files, and the one that says where its telemetry is."""

    def __init__(self, directory: Path, account: Account, storage: Mapping[str, Any]) -> None:
        super().__init__(directory, account)
        ((self.hot, self.section),) = storage.items()
        layers = {f"layer_{each}_provider": self.hot for each in (1, 2, "3_hot", "3_cold", 5)}
        files = _PROJECT | {
            "config_providers.json": layers | {"layer_4_provider": "aws"},
            STORAGE_FILE: storage,
        }
        for name, content in files.items():
            (self.config / name).write_text(json.dumps(content))

    def connect_to(self, urls: Mapping[str, str]) -> None:
        """Save the connections to Hot Readers at some URLs, by the names of the reads."""
        layout = TwinConfiguration.load(self.config).layout
        for read in READS:
            self.connections.put(layout, read, url=urls[read.hot_reader], token=TOKEN)

    def package(self) -> Path:
        """Package the Hot Readers for the other cloud; return their settings file."""
        self._forked(command_line, "package", "--cloud", self.hot, "--config", "config")
        (settings,) = (self.directory / "dist").glob("*-settings.*")
        return settings

    def walk(self) -> None:
        """Plan, deploy and verify it, look at the chart, and read all of it through TwinMaker."""
        planned = self.plan(_STAGE)
        names = {
            each["what"].replace(" ", "_"): (each["value"], each["origin"])
            for cloud in planned["clouds"]
            for each in cloud["names"]
        }
        assert {key: (value, STORAGE_FILE) for key, value in self.section.items()}.items() <= (
            names.items()
        )
        assert [each for each in planned["missing"] if "isn't there yet" not in each] == []
        self.scripts("deploy", _STAGE, *self.account.workspace)
        verified = self.scripts(
            "verify", _STAGE, "--workspace", WORKSPACE, "--strict", "--html", "page.html"
        )
        assert "All is well" in verified
        assert "looked into" in verified, verified
        assert "<svg" in (self.directory / "page.html").read_text()
        self._read_by_twinmaker()

    def _read_by_twinmaker(self) -> None:
        twinmaker = self.account.twinmaker()
        asked = {"workspaceId": WORKSPACE, "entityId": PUMP}
        history = twinmaker.get_property_value_history(
            **asked,
            componentName="telemetry",
            selectedProperties=["pressure"],
            startTime="2000-01-01T00:00:00Z",
            endTime="2100-01-01T00:00:00Z",
        )
        (pressure,) = history["propertyValues"]
        values = tuple(each["value"]["doubleValue"] for each in pressure["values"])
        assert values == PRESSURES
        newest = twinmaker.get_property_value(
            **asked, componentName="latest", selectedProperties=["pressure", "running"]
        )["propertyValues"]
        assert newest["pressure"]["propertyValue"] == {"doubleValue": PRESSURES[-1]}
        assert newest["running"]["propertyValue"] == {"booleanValue": True}
