"""Faults of the other cloud: what people see, and what both logs say."""

from __future__ import annotations

import re

import pytest


@pytest.fixture
def read(cloud):
    at, client = cloud.endpoints, cloud.twinmaker()
    return lambda: client.get_property_value(
        workspaceId=at.workspace_id,
        entityId=at.entity_id,
        componentName=at.latest_component_name,
        selectedProperties=["temperature"],
    )


def test_a_remote_that_is_down_is_a_connector_failure_with_attempts_and_trace_id(cloud, read):
    cloud.http.stop()
    try:
        with pytest.raises(cloud.twinmaker().exceptions.ClientError) as failure:
            read()
    finally:
        cloud.http.start()
    assert failure.value.response["Error"]["Code"] == "ConnectorFailureException"
    assert re.search(r"no answer, 4 attempts, trace id [0-9a-f-]{36}", str(failure.value))
    assert read()["propertyValues"]


def test_one_trace_id_finds_a_request_in_the_logs_of_both_sides(cloud, logs, read):
    read()
    name = "hot-reader-local-digital-twin-data-connector-last-entry"
    trace_id = re.findall(r'"trace_id":"([0-9a-f-]{36})"', logs[name])[-1]
    assert trace_id in cloud.http.output()


def test_no_token_is_in_any_log(cloud, logs, read):
    read()
    written = cloud.http.output() + "".join(
        logs[f"hot-reader-local-{name}"]
        for name in ("digital-twin-data-connector", "digital-twin-data-connector-last-entry")
    )
    assert cloud.endpoints.token not in written
