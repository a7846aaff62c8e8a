"""TwinMaker and HTTP give the same values, equal to what was put into the table."""

from __future__ import annotations

import pytest

from chalicelib.model.data_value import DataType
from chalicelib.model.reads import READS
from demo.twin import until_active
from deploy_scripts.project_files.twin_configuration import Device, DeviceProperty
from deploy_scripts.register.component_types import component_type
from tests.conformance import oracle
from tests.conformance.oracle import by_property, read_back
from tests.end_to_end.read_path.reading import by_twinmaker, newest, over_http, stored

SELECTED = ["temperature", "humidity", "status"]
TYPES = {"temperature": "DOUBLE", "humidity": "DOUBLE", "status": "STRING"}


@pytest.mark.parametrize("order", ["ASCENDING", "DESCENDING"])
@pytest.mark.parametrize("size", [1, 7, 200, None])
@pytest.mark.parametrize("way", ["http", "data connector", "hot reader"])
def test_every_way_in_gives_what_was_put_into_the_table(cloud, way, size, order):
    at = cloud.endpoints
    # Small pages are many calls, and fewer entries tell as much.
    count = {1: 12, 7: 60}.get(size, 150)
    chosen, start, end = newest(stored(cloud, at.device_id), count)
    if way == "http":
        payload = {
            "iot_device_id": at.device_id,
            "selected_properties": SELECTED,
            "property_types": TYPES,
            "start_time": start,
            "end_time": end,
            "order_by_time": order,
            "max_results": size,
        }
        pages = over_http(at, payload)
    else:
        pages = by_twinmaker(
            cloud.twinmaker(),
            workspaceId=at.workspace_id,
            entityId=at.entity_id if way == "data connector" else at.direct_entity_id,
            componentName=at.component_name,
            selectedProperties=SELECTED,
            startTime=start,
            endTime=end,
            orderByTime=order,
            maxResults=size,
        )
    expected = oracle.history(chosen, SELECTED, start, end, descending=order == "DESCENDING")
    assert read_back(pages) == by_property(expected, SELECTED)


def test_the_data_connector_passes_on_exactly_what_the_remote_reader_answers(cloud):
    at = cloud.endpoints
    _, start, end = newest(stored(cloud, at.device_id), 50)
    (from_connector, *_) = by_twinmaker(
        cloud.twinmaker(),
        workspaceId=at.workspace_id,
        entityId=at.entity_id,
        componentName=at.component_name,
        selectedProperties=SELECTED,
        startTime=start,
        endTime=end,
        maxResults=20,
    )
    (over_the_wire, *_) = over_http(
        at,
        {
            "iot_device_id": at.device_id,
            "selected_properties": SELECTED,
            "property_types": TYPES,
            "start_time": start,
            "end_time": end,
            "max_results": 20,
            "entity_id": at.entity_id,
            "component_name": at.component_name,
        },
    )
    for each in from_connector["propertyValues"]:
        # TwinMaker adds what it knows of the entity.
        assert each["entityPropertyReference"].pop("externalIdProperty") == {
            "iotDeviceId": at.device_id
        }
    assert from_connector == over_the_wire


def test_filters_reach_the_other_cloud(cloud):
    at = cloud.endpoints
    entries, start, end = newest(stored(cloud, at.device_id), 150)
    pages = by_twinmaker(
        cloud.twinmaker(),
        workspaceId=at.workspace_id,
        entityId=at.entity_id,
        componentName=at.component_name,
        selectedProperties=["temperature"],
        propertyFilters=[
            {"propertyName": "status", "operator": "!=", "value": {"stringValue": "OK"}}
        ],
        startTime=start,
        endTime=end,
    )
    expected = oracle.history(
        entries,
        ["temperature"],
        start,
        end,
        keep=lambda values: values.get("status") not in (None, "OK"),
    )
    assert read_back(pages) == by_property(expected, ["temperature"])


@pytest.mark.parametrize("way", ["data connector", "hot reader"])
def test_sources_and_constants_of_the_component_type_reach_the_reader(cloud, way):
    at, client = cloud.endpoints, cloud.twinmaker()
    entries, start, end = newest(stored(cloud, at.device_id), 20)
    own = at.entity_id if way == "data connector" else at.direct_entity_id
    components = client.get_entity(workspaceId=at.workspace_id, entityId=own)["components"]
    known = client.get_component_type(
        workspaceId=at.workspace_id,
        componentTypeId=components[at.component_name]["componentTypeId"],
    )
    device = Device(
        at.device_id,
        (DeviceProperty("warmth", DataType("DOUBLE"), source="temperature"),),
        (DeviceProperty("limit", DataType("DOUBLE"), value=30.0),),
    )
    readers = {
        read: known["functions"][read.twinmaker_function]["implementedBy"]["lambda"]["arn"]
        for read in READS
    }
    of_type = {"workspaceId": at.workspace_id, "componentTypeId": f"other-names.{own}"}
    client.create_component_type(**of_type, **component_type(device, readers))
    until_active(lambda: client.get_component_type(**of_type))
    asked = {
        "workspaceId": at.workspace_id,
        "componentTypeId": of_type["componentTypeId"],
        "selectedProperties": ["warmth"],
        "startTime": start,
        "endTime": end,
    }
    expected = oracle.history(entries, ["temperature"], start, end)
    values = by_property(expected, ["temperature"])["temperature"]
    for limit, found in ((30, {"warmth": values}), (31, {})):
        same = {"propertyName": "limit", "operator": "=", "value": {"doubleValue": limit}}
        assert read_back(by_twinmaker(client, **asked, propertyFilters=[same])) == found


def test_a_query_by_component_type_names_the_device_in_each_reference(cloud):
    at = cloud.endpoints
    _, start, end = newest(stored(cloud, at.device_id), 5)
    (page, *_) = by_twinmaker(
        cloud.twinmaker(),
        workspaceId=at.workspace_id,
        componentTypeId=at.component_type_id,
        selectedProperties=["temperature"],
        startTime=start,
        endTime=end,
    )
    reference = page["propertyValues"][0]["entityPropertyReference"]
    assert reference["externalIdProperty"] == {"iotDeviceId": at.device_id}


def test_an_error_of_the_query_reaches_the_user_in_words(cloud):
    at = cloud.endpoints
    client = cloud.twinmaker()
    with pytest.raises(
        client.exceptions.ConnectorFailureException, match="only numbers have values between"
    ):
        client.get_property_value_history(
            workspaceId=at.workspace_id,
            entityId=at.direct_entity_id,
            componentName=at.component_name,
            selectedProperties=["status"],
            startTime="2026-01-01T00:00:00Z",
            endTime="2026-01-02T00:00:00Z",
            interpolation={"interpolationType": "LINEAR", "intervalInSeconds": 60},
        )
