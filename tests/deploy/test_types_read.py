"""Devices of their own and of shared types, with alarms, read through the local TwinMaker.

Types and entities are those that `register` makes.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config

from chalicelib.data_connector import event_query
from chalicelib.hot_reader import service
from chalicelib.hot_reader.hot_reader import HotReader
from chalicelib.model.data_value import DataType
from chalicelib.model.layout import ProviderLayout
from chalicelib.model.limits import LARGEST_PAYLOAD
from chalicelib.model.query import LastEntryQuery
from chalicelib.model.reads import HISTORY, LAST_ENTRY
from chalicelib.model.timestamps import Iso8601Format
from chalicelib.settings.digital_twin_info import DigitalTwinInfo
from demo.twin import until_active
from deploy_scripts.project_files.twin_configuration import (
    Alarm,
    Device,
    DeviceProperty,
    TwinConfiguration,
)
from deploy_scripts.register.component_types import component_types
from deploy_scripts.register.entities import entity
from deploy_scripts.register.twin import Twin
from deploy_scripts.stage.twin_info import digital_twin_info
from deploy_scripts.verify.twinmaker import Readable, find_entities, read_alarms, read_newest
from local_cloud.twinmaker import LocalTwinMaker
from tests.conformance.memory import MemoryStore
from tests.conformance.oracle import Stored

if TYPE_CHECKING:
    from collections.abc import Iterator

TWIN = "factory-twin"
WHERE = {"workspaceId": "factory"}
ARN = "arn:aws:lambda:eu-central-1:123456789012:function:reader"
RANGE = {"startTime": "2026-01-30T00:00:00Z", "endTime": "2026-01-31T00:00:00Z"}
PRESSURE = DeviceProperty("pressure", DataType("DOUBLE"))
STATES = {"2026-01-30T17:00:00Z": "NORMAL", "2026-01-30T17:00:01Z": "ACTIVE"}


def pump(number: int, shared: str | None) -> Device:
    return Device(f"pump-{number}", (PRESSURE,), (), shared, Alarm("state.alarm"))


def register(client: Any, devices: tuple[Device, ...]) -> None:
    """Make what `register --entities` makes."""
    client.create_workspace(**WHERE)
    types = component_types(TWIN, devices, {HISTORY: ARN, LAST_ENTRY: ARN})
    for type_id, described in types.items():
        of_type = WHERE | {"componentTypeId": type_id}
        client.create_component_type(**of_type, **described)
        until_active(partial(client.get_component_type, **of_type))
    for each in devices:
        of_entity = WHERE | {"entityId": each.id}
        client.create_entity(**of_entity, **entity(TWIN, each))
        until_active(partial(client.get_entity, **of_entity))


@pytest.fixture(params=[None, "pump"], ids=["types of their own", "a shared type"])
def pumps(request: pytest.FixtureRequest) -> tuple[Device, ...]:
    return tuple(pump(number, request.param) for number in (1, 2))


@pytest.fixture
def client(pumps: tuple[Device, ...]) -> Iterator[Any]:
    store = MemoryStore()
    values = [
        Stored(key, {"pressure": 4.5, "state": {"alarm": state}}) for key, state in STATES.items()
    ]
    for each in pumps:
        store.put(each.id, values, "S")
    reader = HotReader(store, Iso8601Format(), page_bytes=LARGEST_PAYLOAD)
    twin = TwinConfiguration(TWIN, ProviderLayout("aws", "aws"), pumps)
    info = DigitalTwinInfo.load({"DIGITAL_TWIN_INFO": digital_twin_info(twin, pumps)})

    def invoke(_arn: str, event: dict[str, Any]) -> Any:
        return service.answer(reader, event_query.parse(event, HISTORY, info)).document

    with LocalTwinMaker(invoke=invoke) as twinmaker:
        made = boto3.client(
            "iottwinmaker",
            endpoint_url=twinmaker.url,
            region_name="eu-central-1",
            aws_access_key_id="local",
            aws_secret_access_key="local",
            config=Config(inject_host_prefix=False),
        )
        register(made, pumps)
        yield made


def test_an_alarms_status_is_read_where_it_is_stored(client, pumps):
    for each in pumps:
        answer = client.get_property_value_history(
            **WHERE,
            **RANGE,
            entityId=each.id,
            componentName="alarm",
            selectedProperties=["alarm_status"],
        )
        (status,) = answer["propertyValues"]
        reference = status["entityPropertyReference"]
        assert reference["propertyName"] == "alarm_status"
        assert reference["externalIdProperty"] == {"alarm_key": each.id}
        assert {
            value["time"]: value["value"]["stringValue"] for value in status["values"]
        } == STATES


def test_by_component_type_each_status_has_the_key_of_its_alarm(client, pumps):
    shared = pumps[0].component_type
    for name in [shared] if shared else [each.id for each in pumps]:
        answer = client.get_property_value_history(
            **WHERE,
            **RANGE,
            componentTypeId=f"{TWIN}-{name}-alarm",
            selectedProperties=["alarm_status"],
        )
        found = {
            each["entityPropertyReference"]["externalIdProperty"]["alarm_key"]: each["values"]
            for each in answer["propertyValues"]
        }
        assert found.keys() == ({each.id for each in pumps} if shared else {name})
        assert all(len(values) == len(STATES) for values in found.values())


def test_a_filter_finds_the_active_ones(client, pumps):
    active = {"propertyName": "alarm_status", "operator": "=", "value": {"stringValue": "ACTIVE"}}
    answer = client.get_property_value_history(
        **WHERE,
        **RANGE,
        entityId=pumps[0].id,
        componentName="alarm",
        selectedProperties=["alarm_status"],
        propertyFilters=[active],
    )
    (status,) = answer["propertyValues"]
    assert [value["time"] for value in status["values"]] == ["2026-01-30T17:00:01Z"]


def test_grafana_finds_the_types_by_their_parent_and_the_entities_by_their_key(client, pumps):
    parent = {"extendsFrom": "com.amazon.iottwinmaker.alarm.basic"}
    listed = client.list_component_types(**WHERE, filters=[parent])["componentTypeSummaries"]
    shared = pumps[0].component_type
    names = [shared] if shared else [each.id for each in pumps]
    assert {each["componentTypeId"] for each in listed} == {
        f"{TWIN}-{each}-alarm" for each in names
    }
    for each in pumps:
        found = client.list_entities(**WHERE, filters=[{"externalId": each.id}])["entitySummaries"]
        assert [its["entityId"] for its in found] == [each.id]
        # It looks for the component whose external id this is, and needs a value of each of those.
        entity = client.get_entity(**WHERE, entityId=each.id)
        for its in (
            its for some in entity["components"].values() for its in some["properties"].values()
        ):
            assert not its["definition"]["isExternalId"] or its["value"]["stringValue"] == each.id


def test_over_http_the_status_is_a_property_of_the_device_like_any_other(pumps):
    twin = TwinConfiguration(TWIN, ProviderLayout("aws", "azure"), pumps)
    info = DigitalTwinInfo.load({"DIGITAL_TWIN_INFO": digital_twin_info(twin, pumps)})
    query = LastEntryQuery(device_id=pumps[0].id, selected_properties=("alarm_status",))
    assert query.declared_by(info.devices).property_sources == {"alarm_status": "state.alarm"}


def test_verify_takes_the_entity_of_each_device_and_not_of_another_one_of_its_type(client, pumps):
    found = find_entities(client, Twin(TWIN, WHERE["workspaceId"]), pumps, "prod").value
    assert [each.target for each in found] == [
        {"entityId": each.id, "componentName": "telemetry"} for each in pumps
    ]
    assert [each.latest for each in found] == [
        {"entityId": each.id, "componentName": "latest"} for each in pumps
    ]


def test_verify_reads_each_alarm_by_its_entity_and_by_its_type(client, pumps):
    readables = find_entities(client, Twin(TWIN, WHERE["workspaceId"]), pumps, "prod").value
    found = read_alarms(client, WHERE["workspaceId"], readables)
    types = dict.fromkeys(f"{TWIN}-{each.component_type or each.id}-alarm" for each in pumps)
    assert {*found.detail.removeprefix("newest status: ").split(", ")} == {
        f"{each}: 1 values" for each in [*types, *(each.id for each in pumps)]
    }


def test_verify_reads_a_type_once_for_all_devices_that_have_no_entity(client, pumps):
    names = [each.component_type or each.id for each in pumps]
    readables = [
        Readable(each, {"componentTypeId": f"{TWIN}-{name}"})
        for each, name in zip(pumps, names, strict=True)
    ]
    found = read_newest(client, WHERE["workspaceId"], readables)
    once = ", ".join(f"{TWIN}-{name}: 1 values" for name in dict.fromkeys(names))
    assert found.detail == f"since 1899, at most 1: {once}"
