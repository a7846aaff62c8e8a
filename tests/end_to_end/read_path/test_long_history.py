"""A hundred thousand entries of one device, to the end: no gap and no repeat."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks import dynamodb_server
from benchmarks.dynamodb_server import DEVICE_ID, PROPERTIES, TIMESTAMP, Entries, key_of
from chalicelib.model.data_value import DataType
from chalicelib.model.reads import READS
from demo.twin import until_active
from deploy_scripts import PROJECT
from deploy_scripts.project_files.twin_configuration import Device, DeviceProperty
from deploy_scripts.register.component_types import component_type
from local_cloud.aws.chalice_local import ChaliceLocal
from local_cloud.child_process import free_port
from tests.conformance import oracle
from tests.conformance.oracle import Stored, by_property, read_back
from tests.end_to_end.read_path.reading import by_twinmaker, over_http

if TYPE_CHECKING:
    from collections.abc import Iterator
    from fractions import Fraction

    from demo.stack import LocalCloud

ENTRIES = 40_000
RANGE = {"start": key_of(0), "end": key_of(ENTRIES - 1)}
DEVICE = Device(
    dynamodb_server.device(ENTRIES),
    tuple(DeviceProperty(name, DataType(declared)) for name, declared in PROPERTIES.items()),
)
SELECTED = list(PROPERTIES)


def value_of(attribute: dict[str, str]) -> Any:
    ((kind, text),) = attribute.items()
    return Decimal(text) if kind == "N" else text


@pytest.fixture(scope="module")
def entries() -> list[Stored]:
    stored = Entries(DEVICE.id)
    return [
        Stored(
            item.pop(TIMESTAMP)["S"],
            {name: value_of(each) for name, each in item.items() if name != DEVICE_ID},
        )
        for item in map(stored.item, range(ENTRIES))
    ]


@pytest.fixture(scope="module")
def expected(entries: list[Stored]) -> dict[str, list[tuple[Fraction, Any]]]:
    """The whole history of each property."""
    history = oracle.history(entries, SELECTED, RANGE["start"], RANGE["end"])
    return by_property(history, SELECTED)


@pytest.fixture(scope="module")
def reader(cloud: LocalCloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChaliceLocal]:
    """HTTP endpoints over a DynamoDB that makes up the entries, and so has them without a load."""
    directory = tmp_path_factory.mktemp("long-history")
    with ExitStack() as stack:
        server = stack.enter_context(dynamodb_server.running())
        environment = cloud.aws.environment | {
            "AWS_ENDPOINT_URL_DYNAMODB": server.url,
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


def test_over_http_in_pages_as_large_as_they_get(cloud, expected, reader):
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
    assert len(pages) > 1
    assert read_back(pages) == expected


def test_by_twinmaker_through_the_data_connector_in_pages_of_200(cloud, expected, reader):
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
    assert len(pages) == -(-len(expected["temperature"]) // 200)
    assert read_back(pages) == {"temperature": expected["temperature"]}


def _at(cloud, reader):
    return replace(cloud.endpoints, hot_reader_url=f"{reader.url}/hot-reader")
