"""docs/settings.md has every setting, with the default and the bounds that the code has."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from typing import Any, Final

import pytest

from chalicelib.model.reads import READS
from chalicelib.settings.cosmos import CosmosSettings
from chalicelib.settings.data_connector import DataConnectorSettings
from chalicelib.settings.dynamodb import DynamoDBSettings
from chalicelib.settings.endpoint import EndpointSettings
from chalicelib.settings.firestore import FirestoreSettings
from chalicelib.settings.hot_reader import HotReaderSettings
from chalicelib.settings.logs import LogSettings
from deploy_scripts import PROJECT
from tests.unit.chalicelib.settings.test_settings import NUMBERS, TOKEN, URL, twin_info

ROWS: Final = {
    name: row
    for row, names in re.findall(
        r"^(\| (?:[\w ]*\| )?(`[A-Z_]+`(?:, `[A-Z_]+`)*) \|.*)$",
        (PROJECT / "docs" / "settings.md").read_text(),
        re.MULTILINE,
    )
    for name in re.findall(r"\w+", names)
}
"""The page's row of each variable, in some tables behind a cloud."""
DEFAULTS: Final = {
    name: found[1]
    for name, row in ROWS.items()
    if (found := re.search(rf"`{name}` \| `([^`]+)` \|", row))
}
OF_THE_PLATFORM: Final = {"AWS_CHALICE_CLI_MODE", "LAMBDA_TASK_ROOT"}
REQUIRED: Final = {
    "COSMOS_ENDPOINT": "https://my-twin.documents.azure.com",
    "COSMOS_DATABASE": "my-twin",
    "COSMOS_CONTAINER": "hot-telemetry",
    "DYNAMODB_TABLE_NAME": "hot-table",
    "FIRESTORE_COLLECTION": "hot-telemetry",
    "INTER_CLOUD_TOKEN": TOKEN,
    "LAMBDA_TASK_ROOT": "/var/task",
    **{read.remote_url_setting: URL for read in READS},
    **{read.local_function_setting: "local-hot-reader" for read in READS},
}


class Environment(dict[str, str]):
    """An environment that notes what is asked of it."""

    def __init__(self, **variables: str) -> None:
        super().__init__(variables)
        self.asked: set[str] = set()

    def get(self, name: str, default: Any = None) -> Any:
        self.asked.add(name)
        return super().get(name, default)


def settings(environment: Environment) -> str:
    """Load all settings that there are, of connectors on one cloud and on two."""
    found: list[Any] = [
        each.load(environment)
        for each in (
            *(CosmosSettings, DynamoDBSettings, EndpointSettings),
            *(FirestoreSettings, HotReaderSettings, LogSettings),
        )
    ]
    for layer_3 in ("aws", "azure"):
        environment["DIGITAL_TWIN_INFO"] = json.dumps(twin_info(layer_3))
        found += [DataConnectorSettings.load(environment, read) for read in READS]
    return json.dumps([*map(asdict, found)], default=lambda each: [type(each).__name__, vars(each)])


def complete(**variables: str) -> Environment:
    return Environment(DIGITAL_TWIN_INFO=json.dumps(twin_info()), **REQUIRED, **variables)


def test_the_page_has_what_is_read_and_nothing_else():
    environment = complete()
    settings(environment)
    assert len(DEFAULTS) > 10
    assert set(ROWS) == environment.asked - OF_THE_PLATFORM


@pytest.mark.parametrize("name", sorted(DEFAULTS))
def test_a_default_of_the_page_is_that_of_the_code(name):
    assert settings(complete(**{name: DEFAULTS[name]})) == settings(complete())


@pytest.mark.parametrize(("name", "least", "most"), sorted({each[1:] for each in NUMBERS}))
def test_the_page_has_a_numbers_bounds(name, least, most):
    assert f"{least} to {most}" in ROWS[name]
