"""docs/settings.md has every setting, with the default and the bounds that the code has."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from typing import Any, Final

import pytest

from chalicelib.model.errors import ConfigurationError
from chalicelib.model.reads import READS
from chalicelib.settings.data_connector import DataConnectorSettings
from chalicelib.settings.endpoint import EndpointSettings
from chalicelib.settings.hot_reader import HotReaderSettings
from chalicelib.settings.logs import LogSettings
from deploy_scripts import PROJECT
from deploy_scripts.providers import PROVIDERS
from tests.unit.chalicelib.settings.test_settings import NUMBERS, twin_info

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
    stores = (each.load_settings for each in PROVIDERS.values())
    found: list[Any] = [
        load(environment)
        for load in (*stores, EndpointSettings.load, HotReaderSettings.load, LogSettings.load)
    ]
    for layer_3 in ("aws", "azure"):
        environment["DIGITAL_TWIN_INFO"] = json.dumps(twin_info(layer_3))
        found += [DataConnectorSettings.load(environment, read) for read in READS]
    return json.dumps([*map(asdict, found)], default=lambda each: [type(each).__name__, vars(each)])


def complete(**variables: str) -> Environment:
    """Return an environment with what has to be set: the examples of the messages that ask for it."""
    environment = Environment(LAMBDA_TASK_ROOT="/var/task", **variables)
    while True:
        try:
            settings(environment)
        except ConfigurationError as error:
            asked = re.fullmatch(r"(\w+) is not set\. Set it to something like: (.*)", str(error))
            if asked is None:
                raise
            environment[asked[1]] = asked[2]
        else:
            return environment


def test_the_page_has_what_is_read_and_nothing_else():
    environment = complete()
    assert len(DEFAULTS) > 10
    assert set(ROWS) == environment.asked - OF_THE_PLATFORM


@pytest.mark.parametrize("name", sorted(DEFAULTS))
def test_a_default_of_the_page_is_that_of_the_code(name):
    assert settings(complete(**{name: DEFAULTS[name]})) == settings(complete())


@pytest.mark.parametrize(("name", "least", "most"), sorted({each[1:] for each in NUMBERS}))
def test_the_page_has_a_numbers_bounds(name, least, most):
    assert f"{least} to {most}" in ROWS[name]
