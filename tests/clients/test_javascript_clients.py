"""AWS's SDK for JavaScript and IoT App Kit's data source read from all three clouds what was stored.

`make clients` runs it, with the packages of package.json; read.mjs calls them.
"""

from __future__ import annotations

import itertools
import json
import subprocess
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from chalicelib.contracts.component_types import TELEMETRY
from chalicelib.model.instants import parse_instant, utc_text
from demo.checks import same
from demo.twin import until_active
from deploy_scripts.register.component_types import components
from tests.clients.conftest import stored_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from demo.stack import LocalCloud

CLIENTS: Final = ("sdk", "appKit")
KINDS: Final = ("history", "newest")
CLOUDS: Final = ("aws", "azure", "gcp")
MILLISECOND: Final = 1_000_000
"""In nanoseconds: JavaScript's dates have no smaller unit."""


def of_entity(cloud: LocalCloud, on: str) -> dict[str, Any]:
    at = cloud.endpoints
    entity_id = at.direct_entity_id if on == "aws" else at.clouds[on].entity_id
    return {"entityId": entity_id, "componentName": at.component_name}


def of_type(cloud: LocalCloud, on: str) -> dict[str, Any]:
    at = cloud.endpoints
    return {
        "componentTypeId": (
            at.direct_component_type_id if on == "aws" else at.clouds[on].component_type_id
        )
    }


def asked(
    cloud: LocalCloud, client: str, kind: str, of: Callable[..., dict[str, Any]], on: str
) -> dict[str, Any]:
    # GetPropertyValue serves no time series.
    latest = {"componentName": cloud.endpoints.latest_component_name}
    return (
        {"client": client, "kind": kind}
        | of(cloud, on)
        | (latest if (client, kind) == ("sdk", "newest") else {})
    )


def read(cloud: LocalCloud, reads: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Let the clients read the device's telemetry, all in one process."""
    at = cloud.endpoints
    names = [each.name for each in cloud.devices[0].properties]
    request = {
        "endpoint": at.twinmaker_url,
        "region": at.region,
        "workspaceId": at.workspace_id,
        "start": (cloud.telemetry_end - timedelta(days=30)).isoformat(),
        "end": cloud.telemetry_end.isoformat(),
        "reads": [{"properties": names} | each for each in reads],
    }
    done = subprocess.run(
        ["node", Path(__file__).with_name("read.mjs")],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answers: list[dict[str, Any]] = json.loads(done.stdout)
    return answers


@pytest.fixture(scope="module")
def answers(cloud: LocalCloud) -> dict[tuple[Any, ...], dict[str, Any]]:
    """The answers to all reads; each process of Node takes a while to load its packages."""
    keys = [
        (client, kind, of, on)
        for client, kind, of, on in itertools.product(CLIENTS, KINDS, (of_entity, of_type), CLOUDS)
        # GetPropertyValue reads entities only.
        if (client, kind, of) != ("sdk", "newest", of_type)
    ]
    reads = [asked(cloud, *key) for key in keys]
    return dict(zip(keys, read(cloud, reads), strict=True))


def assert_same_points(
    answer: dict[str, Any], expected: list[tuple[str, int, Any]], *, unit: int = 1
) -> None:
    """Compare what a client got with what is stored, times in a unit of so many nanoseconds."""
    assert "error" not in answer
    got = sorted(
        (each["name"], parse_instant(each["time"]), each["value"]) for each in answer["points"]
    )
    assert [(name, at // unit) for name, at, _ in got] == [
        (name, at // unit) for name, at, _ in expected
    ]
    for (name, at, value), (*_, expected_value) in zip(got, expected, strict=True):
        assert same(value, expected_value), (name, utc_text(at))


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("of", [of_entity, of_type])
@pytest.mark.parametrize("on", CLOUDS)
def test_a_client_reads_a_whole_history_page_by_page(cloud, answers, stored, client, of, on):
    answer = answers[client, "history", of, on]
    assert_same_points(answer, stored, unit=MILLISECOND if client == "appKit" else 1)
    assert answer["requests"] > 2
    if (client, of) == ("sdk", of_type):
        assert {each["device"] for each in answer["points"]} == {cloud.devices[0].id}


@pytest.mark.parametrize("on", CLOUDS)
def test_the_sdk_reads_the_newest_entry(answers, newest, on):
    """By GetPropertyValue."""
    answer = answers["sdk", "newest", of_entity, on]
    assert {each["name"] for each in answer["points"]} == newest.keys()
    assert all(same(each["value"], newest[each["name"]][1]) for each in answer["points"])


@pytest.mark.parametrize("of", [of_entity, of_type])
@pytest.mark.parametrize("on", CLOUDS)
def test_iot_app_kit_reads_the_newest_value_of_each_property(answers, newest, of, on):
    """By GetPropertyValueHistory: DESCENDING, for an entity with `maxResults` 1 and from 1899."""
    expected = [(name, *point) for name, point in sorted(newest.items())]
    assert_same_points(answers["appKit", "newest", of, on], expected, unit=MILLISECOND)


@pytest.fixture(scope="module")
def fleet(cloud: LocalCloud) -> dict[str, str]:
    """The devices that share a component type on each cloud, by the ids of entities made for them."""
    client, workspace = cloud.twinmaker(), {"workspaceId": cloud.endpoints.workspace_id}
    devices = {}
    for on, device in itertools.product(CLOUDS, cloud.fleet):
        sharing = replace(device, component_type=cloud.fleet_type(on))
        entity = workspace | {"entityId": f"{device.id}-of-fleet-{on}"}
        telemetry = components(cloud.twin_name, sharing)[TELEMETRY]
        client.create_entity(
            **entity, entityName=entity["entityId"], components={TELEMETRY: telemetry}
        )
        until_active(partial(client.get_entity, **entity))
        devices[entity["entityId"]] = device.id
    return devices


@pytest.fixture(scope="module")
def of_fleet(
    cloud: LocalCloud, fleet: dict[str, str]
) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """Points that each client got of the devices that share a type, each with its device."""
    keys = [*itertools.product(CLIENTS, CLOUDS)]
    reads = [
        {"client": client, "kind": "history"}
        | {"componentTypeId": f"{cloud.twin_name}-{cloud.fleet_type(on)}"}
        for client, on in keys
    ]
    return {
        key: [
            each | {"device": each.get("device") or fleet[each["entity"]]} for each in got["points"]
        ]
        for key, got in zip(keys, read(cloud, reads), strict=True)
    }


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("on", CLOUDS)
@pytest.mark.parametrize("number", [0, 1])
def test_a_client_reads_all_devices_that_share_a_component_type(
    cloud, of_fleet, client, on, number
):
    device = cloud.fleet[number].id
    points = [each for each in of_fleet[client, on] if each["device"] == device]
    assert_same_points(
        {"points": points},
        stored_of(cloud, device),
        unit=MILLISECOND if client == "appKit" else 1,
    )


@pytest.mark.parametrize("on", ["azure", "gcp"])
def test_clients_are_told_that_the_other_clouds_hot_reader_is_down(cloud, on):
    down = cloud.clouds[on]
    down.stop_serving()
    try:
        answers = read(
            cloud,
            [
                asked(cloud, client, kind, of_entity, on)
                for client, kind in itertools.product(CLIENTS, KINDS)
            ],
        )
    finally:
        cloud.serve(down, cloud.endpoints.token)
    for answer in answers:
        assert answer["error"]["type"] == "ConnectorFailureException"
        assert answer["error"]["status"] == 424
        assert "RemoteReaderError" in answer["error"]["message"]
