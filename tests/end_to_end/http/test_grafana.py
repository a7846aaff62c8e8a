"""The Infinity data source's queries of docs/grafana/infinity.json, as Grafana sends them.

Grafana itself isn't run: a query's parameters are sent and its selectors applied as the plugin does.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import pytest

from deploy_scripts import PROJECT

from .queries import HISTORY, LAST_ENTRY, SENSOR, entries

if TYPE_CHECKING:
    from collections.abc import Iterator

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


def selected(value: Any, path: str) -> Any:
    """Follow a path in the parts of gjson's syntax that the dashboard uses.

    Raises
    ------
    LookupError
        The path leads nowhere, which the plugin calls an error.
    """
    if not path:
        return value
    if path.startswith("["):
        several, _, rest = path[1:].partition("].")
        return selected([*found(value, several.split(","))], rest)
    path, _, modifier = path.partition("|")
    if modifier == "@flatten":
        return [item for each in selected(value, path) for item in each]
    name, _, rest = path.partition(".")
    if name == "#":
        return [selected(each, rest) for each in value]
    return selected(value[int(name) if isinstance(value, list) else name], rest)


def found(value: Any, paths: list[str]) -> Iterator[Any]:
    """Yield what some of several paths lead to; one after `!` is a value itself."""
    for path in paths:
        with suppress(LookupError):
            yield json.loads(path[1:]) if path.startswith("!") else selected(value, path)


def rows(service: Any, target: dict[str, Any], **parameters: Any) -> list[dict[str, Any]]:
    """Ask as a target does, page by page, and return the rows that its panel gets.

    The plugin sends no size of a page if it pages by a cursor (`GetPaginatedResults` in its
    pkg/infinity/remote.go), and fails if it finds no cursor; an empty one is the end.
    """
    parameters |= {each["key"]: filled(each["value"]) for each in target["url_options"]["params"]}
    got: list[dict[str, Any]] = []
    while True:
        answer = service.get(filled(target["url"]), parameters)
        assert answer.status_code == 200
        root = selected(answer.json(), target["root_selector"])
        got += [
            {each["text"]: next(found(row, [each["selector"]]), None) for each in target["columns"]}
            for row in (root if isinstance(root, list) else [root])
        ]
        if "pagination_mode" not in target:
            return got
        cursor = selected(answer.json(), target["pagination_param_cursor_extraction_path"])
        if cursor == "":
            return got
        parameters[target["pagination_param_cursor_field_name"]] = cursor


def chart(name: str) -> dict[str, Any]:
    (target,) = (
        each for each in targets("infinity") if [c["text"] for c in each["columns"]][1:] == [name]
    )
    return target


@pytest.mark.parametrize("size", [{}, {"max_results": 2}])
@pytest.mark.parametrize("name", ["temperature", "humidity", "status"])
def test_a_chart_of_the_infinity_dashboard_gets_each_stored_value(service, name, size):
    target = chart(name)
    # More than this, the plugin takes for this (pkg/models/query.go).
    assert target["pagination_max_pages"] == 5
    got = rows(service, target, **size)
    stored = [entry.values[name] for entry in STORED if name in entry.values]
    assert [row[name] for row in got] == stored
    assert all(row["time"] for row in got)


def test_a_chart_of_the_infinity_dashboard_is_empty_where_nothing_is_stored(service):
    target = chart("temperature")
    (end,) = (each for each in target["url_options"]["params"] if each["key"] == "end_time")
    end["value"] = "2026-01-30T12:00:01Z"
    assert rows(service, target) == []


def test_the_newest_values_of_the_infinity_dashboard_are_the_newest_entrys(service):
    (target,) = (each for each in targets("infinity") if each["root_selector"] == "propertyValues")
    (row,) = rows(service, target)
    newest = STORED[-1].values
    assert {name: value for name, value in row.items() if value is not None}.items() >= (
        newest.items()
    )
