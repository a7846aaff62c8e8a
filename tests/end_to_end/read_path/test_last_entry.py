"""The newest entry, by TwinMaker and over HTTP."""

from __future__ import annotations

import pytest
import requests

from tests.conformance import oracle
from tests.end_to_end.read_path.reading import stored

SELECTED = ["temperature", "humidity", "status"]


@pytest.mark.parametrize("way", ["http", "data connector", "hot reader"])
def test_every_way_in_gives_the_newest_entry(cloud, way):
    at = cloud.endpoints
    if way == "http":
        response = requests.get(
            at.hot_reader_last_entry_url,
            params={"iot_device_id": at.device_id, "selected_properties": ",".join(SELECTED)},
            headers={"x-inter-cloud-token": at.token},
            timeout=60,
        )
        values = response.json()["propertyValues"]
    else:
        values = cloud.twinmaker().get_property_value(
            workspaceId=at.workspace_id,
            entityId=at.entity_id if way == "data connector" else at.direct_entity_id,
            componentName=at.latest_component_name,
            selectedProperties=SELECTED,
        )["propertyValues"]
    got = {}
    for name, each in values.items():
        (got[name],) = map(oracle.plain, each["propertyValue"].values())
    expected = oracle.newest(stored(cloud, at.device_id))
    assert got == {name: oracle.plain(value) for name, value in expected.items()}


def test_a_constant_property_is_answered_by_twinmaker_itself(cloud):
    at = cloud.endpoints
    answer = cloud.twinmaker().get_property_value(
        workspaceId=at.workspace_id,
        entityId=at.entity_id,
        componentName=at.component_name,
        selectedProperties=["serialNumber"],
    )
    assert answer["propertyValues"]["serialNumber"]["propertyValue"] == {"stringValue": "SN-09-104"}
