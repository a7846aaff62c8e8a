"""The Grafana dashboards of docs/grafana: as consistent as can be said without Grafana."""

from __future__ import annotations

import json
import re
from itertools import combinations
from typing import Any, Final

import pytest

from chalicelib.contracts.component_types import LATEST, TELEMETRY
from deploy_scripts import PROJECT
from deploy_scripts.project_files.twin_configuration import TwinConfiguration
from deploy_scripts.register.component_types import component_type_ids

FOLDER: Final = PROJECT / "docs/grafana"
NAMES: Final = ("infinity", "twinmaker")
FIELDS: Final = {
    "twinmaker": {
        *("entityId", "componentName", "componentTypeId", "properties", "propertyDisplayNames"),
        *("filter", "order", "maxResults", "propertyGroupName", "tabularConditions"),
        *("isStreaming", "intervalStreaming", "workspaceId", "listEntitiesFilter", "queryType"),
    },
    "infinity": {
        *("type", "parser", "source", "format", "url", "url_options", "root_selector", "columns"),
        *("pagination_mode", "pagination_max_pages"),
        *(f"pagination_param_size_{each}" for each in ("field_name", "field_type", "value")),
        *(f"pagination_param_cursor_field_{each}" for each in ("name", "type")),
        "pagination_param_cursor_extraction_path",
    },
}
"""The fields of a query that each plugin reads (pkg/models/query.go of both)."""


def dashboard(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text())
    return content


@pytest.mark.parametrize("name", NAMES)
def test_each_name_in_braces_is_an_input_a_variable_or_grafanas_own(name):
    content = dashboard(name)
    used = set(re.findall(r"\$\{(\w+)", json.dumps(content["panels"])))
    inputs = {each["name"] for each in content["__inputs"]}
    variables = {each["name"] for each in content["templating"]["list"]}
    assert used - {"__from", "__to"} == inputs | variables


@pytest.mark.parametrize("name", NAMES)
def test_panels_have_ids_of_their_own_required_types_and_room(name):
    content = dashboard(name)
    panels = content["panels"]
    assert len({each["id"] for each in panels}) == len(panels)
    required = {each["id"] for each in content["__requires"] if each["type"] == "panel"}
    assert {each["type"] for each in panels} == required
    for one, other in combinations([each["gridPos"] for each in panels], 2):
        apart_x = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        apart_y = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert apart_x or apart_y


@pytest.mark.parametrize("name", NAMES)
def test_a_query_has_no_fields_but_those_that_its_plugin_reads(name):
    content = dashboard(name)
    for target in (target for panel in content["panels"] for target in panel["targets"]):
        assert target.keys() - {"refId", "datasource"} <= FIELDS[name]
        for column in target.get("columns", []):
            assert column.keys() == {"selector", "text", "type"}
            assert column["type"] in {"string", "number", "timestamp", "boolean"}


def test_the_twinmaker_dashboard_asks_for_what_register_makes_of_the_example():
    twin = TwinConfiguration.load(PROJECT / "config")
    device, twin_name = twin.devices[0], twin.name
    content = dashboard("twinmaker")
    chosen = {each["name"]: each["query"] for each in content["templating"]["list"]}
    assert chosen == {
        "entity": device.id,
        "component_type": component_type_ids(twin_name, device)[TELEMETRY],
    }
    of_one_page = {
        panel["targets"][0]["queryType"] for panel in content["panels"] if "timeFrom" in panel
    }
    assert of_one_page == {"ComponentHistory", "GetAlarms"}
    components = {"EntityHistory": TELEMETRY, "GetPropertyValue": LATEST}
    for target in (target for panel in content["panels"] for target in panel["targets"]):
        assert target.get("componentName") == components.get(target["queryType"])
        assert {*target.get("properties", [])} <= {each.name for each in device.properties}
