"""A hundred thousand entries of one device, to the end: no gap and no repeat."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from chalicelib.model.data_value import DataType
from chalicelib.model.reads import READS
from demo import sample_telemetry
from demo.stack import LocalCloud, create_hot_table
from demo.twin import until_active
from deploy_scripts import PROJECT
from deploy_scripts.project_files.twin_configuration import Device, DeviceProperty
from deploy_scripts.providers.aws import DynamoDBWriter
from deploy_scripts.providers.telemetry import Entry
from deploy_scripts.register.component_type import component_type
from local_cloud.aws.chalice_local import ChaliceLocal
from local_cloud.child_process import free_port
from tests.conformance import oracle
from tests.conformance.oracle import Stored, by_property, read_back
from tests.dynalite import Dynalite
from tests.end_to_end.read_path.reading import by_twinmaker, over_http

if TYPE_CHECKING:
    from collections.abc import Iterator

ENTRIES = 100_000
RANGE = {"start": "2025-12-01T00:00:00Z", "end": "2026-02-01T00:00:00Z"}
DEVICE = Device(
    "long-history",
    (
        DeviceProperty("temperature", DataType("DOUBLE"), "Celsius"),
        DeviceProperty("rotationSpeed", DataType("INTEGER"), "RPM"),
        DeviceProperty("status", DataType("STRING")),
    ),
)
SELECTED = [each.name for each in DEVICE.properties]


@pytest.fixture(scope="module")
def entries() -> list[Stored]:
    generated = sample_telemetry.generate(
        DEVICE,
        ENTRIES,
        end=datetime(2026, 1, 30, tzinfo=UTC),
        interval=timedelta(seconds=20),
        seed=3,
    )
    return [Stored(each.timestamp, each.values) for each in generated]


@pytest.fixture(scope="module")
def reader(
    cloud: LocalCloud, entries: list[Stored], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ChaliceLocal]:
    """HTTP endpoints over a second implementation of DynamoDB, and an entity that reads by them."""
    directory = tmp_path_factory.mktemp("long-history")
    with ExitStack() as stack:
        dynalite = stack.enter_context(Dynalite(directory / "dynalite.log"))
        create_hot_table(dynalite.client(), cloud.table_name)
        DynamoDBWriter(dynalite.client(), cloud.table_name).write(
            Entry(DEVICE.id, each.key, each.values) for each in entries
        )
        environment = cloud.aws.environment | {
            "AWS_ENDPOINT_URL_DYNAMODB": dynalite.url,
            "INTER_CLOUD_TOKEN": cloud.token_parameter,
        }
        endpoints = ChaliceLocal(
            environment,
            project=PROJECT,
            stage="local",
            port=free_port(),
            log=directory / "chalice.log",
        )
        yield stack.enter_context(endpoints)


def test_over_http_in_pages_as_large_as_they_get(cloud, entries, reader):
    pages = over_http(
        _at(cloud, reader),
        {
            "iot_device_id": DEVICE.id,
            "selected_properties": SELECTED,
            "property_types": {each.name: each.data_type.to_json() for each in DEVICE.properties},
            "start_time": RANGE["start"],
            "end_time": RANGE["end"],
        },
    )
    expected = oracle.history(entries, SELECTED, RANGE["start"], RANGE["end"])
    assert len(pages) > 1
    assert read_back(pages) == by_property(expected, SELECTED)


def test_by_twinmaker_through_the_data_connector_in_pages_of_200(cloud, entries, reader):
    at, client = cloud.endpoints, cloud.twinmaker()
    arn = cloud.aws.create_function(
        "long-history-connector",
        handler="chalicelib.aws.data_connector_functions.digital_twin_data_connector",
        source=PROJECT,
        include=["app.py", "chalicelib"],
        environment=cloud.connector_environment(
            f"{reader.url}/hot-reader", f"{reader.url}/hot-reader-last-entry"
        ),
    )
    described = component_type(DEVICE, dict.fromkeys(READS, arn))
    client.create_component_type(
        workspaceId=at.workspace_id, componentTypeId="long-history", **described
    )
    until_active(
        lambda: client.get_component_type(
            workspaceId=at.workspace_id, componentTypeId="long-history"
        )
    )
    pages = by_twinmaker(
        client,
        workspaceId=at.workspace_id,
        componentTypeId="long-history",
        selectedProperties=["temperature"],
        startTime=RANGE["start"],
        endTime=RANGE["end"],
        maxResults=200,
    )
    expected = oracle.history(entries, ["temperature"], RANGE["start"], RANGE["end"])
    assert len(pages) == -(-len(expected) // 200)
    assert read_back(pages) == by_property(expected, ["temperature"])


def _at(cloud, reader):
    return replace(cloud.endpoints, hot_reader_url=f"{reader.url}/hot-reader")
