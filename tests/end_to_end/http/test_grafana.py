"""The Infinity data source's queries of docs/grafana/infinity.json, as Grafana sends them.

Grafana itself isn't run: a query's parameters are sent and its selectors applied as the plugin does.
"""

from __future__ import annotations

import json
import re
from functools import reduce
from typing import Any, Final

import pytest

from deploy_scripts import PROJECT

from .queries import HISTORY, LAST_ENTRY, SENSOR, entries

FOLDER: Final = PROJECT / "docs/grafana"
VARIABLES: Final = {
    "device": SENSOR,
    "history_url": HISTORY,
    "last_entry_url": LAST_ENTRY,
    "__from:date:iso": "2026-01-30T12:00:00.000Z",
    "__to:date:iso": "2026-01-30T18:00:00.000Z",
}
STORED: Final = [each for each in entries() if each.device_id == SENSOR]


def targets(name: str) -> list[dict[str, Any]]:
    dashboard = json.loads((FOLDER / f"{name}.json").read_text())
    return [target for panel in dashboard["panels"] for target in panel["targets"]]


def filled(text: str) -> str:
    return re.sub(r"\$\{([^}]+)\}", lambda match: VARIABLES[match[1]], text)


def selected(answer: Any, path: str) -> Any:
    """Follow a path of names and indexes, as gjson has them; None where it leads nowhere."""

    def step(value: Any, name: str) -> Any:
        if isinstance(value, list):
            return value[int(name)] if int(name) < len(value) else None
        return (value or {}).get(name)

    return reduce(step, path.split("."), answer)


def columns(service: Any, target: dict[str, Any]) -> list[dict[str, Any]]:
    """Ask as a target does, page by page, and return the rows that its panel gets."""
    parameters = {each["key"]: filled(each["value"]) for each in target["url_options"]["params"]}
    if "pagination_mode" in target:
        # The plugin adds `limit` if the query names no parameter for the size.
        parameters[target["pagination_param_size_field_name"]] = target[
            "pagination_param_size_value"
        ]
    rows: list[dict[str, Any]] = []
    while True:
        answer = service.get(filled(target["url"]), parameters)
        assert answer.status_code == 200
        root = selected(answer.json(), target["root_selector"])
        rows += [
            {each["text"]: selected(row, each["selector"]) for each in target["columns"]}
            for row in (root if isinstance(root, list) else [root])
        ]
        if "pagination_mode" not in target:
            return rows
        token = selected(answer.json(), target["pagination_param_cursor_extraction_path"])
        if token is None:
            return rows
        parameters[target["pagination_param_cursor_field_name"]] = token


@pytest.mark.parametrize("per_page", [10_000, 2])
@pytest.mark.parametrize("name", ["temperature", "humidity", "status"])
def test_a_chart_of_the_infinity_dashboard_gets_each_stored_value(service, name, per_page):
    (target,) = (
        each for each in targets("infinity") if [c["text"] for c in each["columns"]][1:] == [name]
    )
    # More than this, the plugin takes for this (pkg/models/query.go).
    assert target["pagination_max_pages"] == 5
    rows = columns(service, target | {"pagination_param_size_value": per_page})
    stored = [entry.values[name] for entry in STORED if name in entry.values]
    assert [row[name] for row in rows] == stored
    assert all(row["time"] for row in rows)


def test_the_newest_values_of_the_infinity_dashboard_are_the_newest_entrys(service):
    (target,) = (each for each in targets("infinity") if each["root_selector"] == "propertyValues")
    (row,) = columns(service, target)
    newest = STORED[-1].values
    assert {name: value for name, value in row.items() if value is not None}.items() >= (
        newest.items()
    )
