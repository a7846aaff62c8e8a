"""A Chalice stage as `.chalice/config.json` describes it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from chalicelib.model.errors import ConfigurationError
from chalicelib.model.layout import APP_NAME, aws_surface
from chalicelib.model.reads import HISTORY
from chalicelib.settings.digital_twin_info import DigitalTwinInfo
from deploy_scripts.errors import VerbError
from deploy_scripts.project_files.whole_files import read_whole
from deploy_scripts.stage.twin_info import unpacked

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from chalicelib.model.layout import ProviderLayout

API_HANDLER: Final = "api_handler"
"""Chalice's name of the one Lambda function behind all HTTP endpoints."""
STAGES_FILE: Final = ".chalice/config.json"
"""The file of a project's stages."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A Chalice stage."""

    name: str
    app_name: str = APP_NAME  # the name that those of its functions start with
    # Its environment variables; None if the stage hasn't been written yet.
    environment: Mapping[str, str] | None = None
    # Those that a function has besides, or in place of, the stage's.
    own_environments: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def environment_of(self, function: str) -> dict[str, str]:
        """Return the environment variables of a function."""
        return {**(self.environment or {}), **self.own_environments.get(function, {})}

    @property
    def twin_name(self) -> str | None:
        """The twin that the stage was written for; None if its environment doesn't say."""
        try:
            return DigitalTwinInfo.load(self.environment or {}).name
        except ConfigurationError:
            return None

    def functions(self, layout: ProviderLayout) -> tuple[str, ...]:
        """Return Chalice's names of the functions that a layout has on AWS."""
        local_connectors = HISTORY.local_function_setting in (self.environment or {})
        surface = aws_surface(layout, local_connectors=local_connectors)
        return surface.functions + ((API_HANDLER,) if surface.endpoints else ())

    def deployed_name(self, function: str) -> str:
        """Return the name that Chalice gives to a function on AWS."""
        prefix = f"{self.app_name}-{self.name}"
        return prefix if function == API_HANDLER else f"{prefix}-{function}"

    def log_group(self, function: str) -> str:
        """Return the name of the log group that Lambda makes for a function (Lambda developer guide)."""
        return f"/aws/lambda/{self.deployed_name(function)}"

    @classmethod
    def load(cls, project: Path, name: str) -> Stage:
        """Read a stage from `.chalice/config.json` of a project."""
        path = project / STAGES_FILE
        document = read_stage_file(path)
        try:
            app_name = document["app_name"]
            stage = document.get("stages", {}).get(name)
            if stage is None:
                return cls(name, app_name)
            environment: dict[str, str] = {}
            own: dict[str, dict[str, str]] = {}
            for holder in (document, stage):  # as Chalice merges them: the stage's own win
                environment |= holder.get("environment_variables", {})
                for function, settings in holder.get("lambda_functions", {}).items():
                    variables = settings.get("environment_variables", {})
                    own[function] = own.get(function, {}) | variables
            if "DIGITAL_TWIN_INFO" in environment:
                environment["DIGITAL_TWIN_INFO"] = unpacked(
                    environment["DIGITAL_TWIN_INFO"], project
                )
            values = [value for each in (environment, *own.values()) for value in each.values()]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise VerbError(f"{path} isn't a configuration of Chalice: {error!r}") from error
        if not all(isinstance(each, str) for each in values):
            raise VerbError(f"{path}: the environment variables of {name} must be strings")
        return cls(name, app_name, environment, own)


def read_stage_file(path: Path) -> Any:
    """Read a JSON file of a Chalice project."""
    try:
        return json.loads(read_whole(path))
    except ValueError as error:
        raise VerbError(f"{path} isn't JSON: {error}. Restore it first.") from error
