"""The device that an event is about."""

from __future__ import annotations

import json
import logging
from contextlib import contextmanager
from dataclasses import replace
from typing import ClassVar

import pytest
from werkzeug import Response

from chalicelib.data_connector import device
from chalicelib.model.errors import HotReaderError, InvalidQueryError
from chalicelib.model.layout import ProviderLayout
from chalicelib.model.query import DeclaredDevice
from chalicelib.settings.digital_twin_info import DigitalTwinInfo
from local_cloud.twinmaker import LocalTwinMaker
from tests.unit.chalicelib.faults import faults_of_json
from tests.unit.chalicelib.servers import Scripted, response
from tests.unit.local_cloud.twinmaker.twin import WORKSPACE, client_of, make_entity, make_type

TWIN = DigitalTwinInfo("my-twin", ProviderLayout("azure", "aws"), devices={})
LISTED = replace(
    TWIN,
    devices={
        "boiler": DeclaredDevice(types={}),
        "pump-1": DeclaredDevice(types={}, component_type="pump"),
        "pump-2": DeclaredDevice(types={}, component_type="pump"),
    },
)
SERVER_LOG = "local_cloud.twinmaker"
ODD_ANSWERS = {
    **{fault: act for fault, act in faults_of_json().items() if fault.startswith("200")},
    "a component without a type": response(200, b'{"components":{"old":{}}}'),
    "components in a list": response(200, b'{"components":[7]}'),
    "properties in a list": response(200, b'{"components":{"old":{"properties":[7]}}}'),
}


def described(*, value: str | None = None, default: str | None = None) -> dict[str, object]:
    """Describe the static property as TwinMaker does, with its extra keys."""
    definition: dict[str, object] = {
        "dataType": {"type": "STRING"},
        "isExternalId": True,
        "externalId": True,
    }
    if default is not None:
        definition["defaultValue"] = {"stringValue": default}
    property_: dict[str, object] = {"definition": definition}
    if value is not None:
        property_["value"] = {"stringValue": value}
    return {"iotDeviceId": property_, "temperature": {"definition": {}}}


class TestTheStaticProperty:
    def test_tells_by_its_value(self):
        assert device.resolve({"properties": described(value="sensor-1")}, TWIN) == ("sensor-1",)

    def test_tells_by_its_default(self):
        assert device.resolve({"properties": described(default="sensor-1")}, TWIN) == ("sensor-1",)

    @pytest.mark.parametrize("kind", ["integerValue", "longValue"])
    def test_may_be_a_number(self, kind):
        properties = {"iotDeviceId": {"value": {kind: 7}}}
        event = {"properties": properties, "componentTypeId": "my-twin-sensor-2"}
        assert device.resolve(event, TWIN) == ("7",)

    def test_has_a_value_that_goes_before_the_default(self):
        event = {"properties": described(value="sensor-1", default="sensor-2")}
        assert device.resolve(event, TWIN) == ("sensor-1",)

    def test_goes_before_the_component_type(self):
        event = {
            "properties": described(default="sensor-1"),
            "componentTypeId": "my-twin-sensor-2",
        }
        assert device.resolve(event, TWIN) == ("sensor-1",)

    @pytest.mark.parametrize(
        "properties",
        [
            None,
            {},
            {"iotDeviceId": None},
            {"iotDeviceId": {"definition": None}},
            {"iotDeviceId": {"definition": {"defaultValue": None}, "value": None}},
            {"iotDeviceId": {"value": {"stringValue": ""}}},
            {"iotDeviceId": {"value": {"booleanValue": True}}},
        ],
    )
    def test_without_a_text_leaves_it_to_the_component_type(self, properties):
        event = {"properties": properties, "componentTypeId": "my-twin-sensor-2"}
        assert device.resolve(event, TWIN) == ("sensor-2",)


class TestAnotherExternalId:
    """A type that AWS or others made knows the device by a property of its own."""

    ALARM: ClassVar = {
        "alarm_key": {"definition": {"isExternalId": True}, "value": {"stringValue": "sensor-1"}}
    }

    @pytest.mark.parametrize("type_id", [None, "com.example.alarm"])
    def test_tells_for_a_type_of_no_twin(self, type_id):
        event = {"properties": self.ALARM, "componentTypeId": type_id}
        assert device.resolve(event, TWIN) == ("sensor-1",)

    def test_does_not_for_a_type_of_the_twin(self):
        event = {"properties": self.ALARM, "componentTypeId": "my-twin-sensor-2"}
        assert device.resolve(event, TWIN) == ("sensor-2",)

    def test_is_none_if_there_are_several(self):
        properties = self.ALARM | {"serial": self.ALARM["alarm_key"]}
        with pytest.raises(InvalidQueryError, match="has no property iotDeviceId"):
            device.resolve({"properties": properties, "componentTypeId": "com.example.alarm"}, TWIN)


class TestTheComponentType:
    def test_tells_without_the_twins_prefix(self):
        assert device.resolve({"componentTypeId": "my-twin-sensor-1"}, TWIN) == ("sensor-1",)

    def test_loses_its_prefix_once(self):
        event = {"componentTypeId": "my-twin-my-twin-1"}
        assert device.resolve(event, TWIN) == ("my-twin-1",)

    @pytest.mark.parametrize("type_id", ["other-twin-sensor-1", "sensor-1", "my-twin-", "my-twin"])
    def test_with_another_prefix_is_refused(self, type_id):
        with pytest.raises(InvalidQueryError, match="'my-twin-'") as refusal:
            device.resolve({"componentTypeId": type_id}, TWIN)
        assert type_id in str(refusal.value)
        assert "static property iotDeviceId" in str(refusal.value)


class TestListedDevices:
    """The configuration's list decides which component types there are."""

    @pytest.mark.parametrize("ending", ["", "-latest", "-alarm"])
    def test_have_a_type_of_their_own_for_each_component(self, ending):
        event = {"componentTypeId": f"my-twin-boiler{ending}", "entityId": "machine-1"}
        assert device.resolve(event, LISTED) == ("boiler",)

    @pytest.mark.parametrize("ending", ["", "-latest", "-alarm"])
    def test_are_all_those_that_share_the_type(self, ending):
        event = {"componentTypeId": f"my-twin-pump{ending}"}
        assert device.resolve(event, LISTED) == ("pump-1", "pump-2")

    def test_go_before_others_whose_type_only_ends_so(self):
        twin = replace(LISTED, devices={**LISTED.devices, "boiler-alarm": DeclaredDevice(types={})})
        assert device.resolve({"componentTypeId": "my-twin-boiler-alarm"}, twin) == (
            "boiler-alarm",
        )

    def test_of_a_shared_type_are_named_by_the_entity(self):
        event = {"componentTypeId": "my-twin-pump", "entityId": "machine-1"}
        with pytest.raises(InvalidQueryError, match="'machine-1' doesn't say which one") as refusal:
            device.resolve(event, LISTED)
        assert "iotDeviceId" in str(refusal.value)

    @pytest.mark.parametrize("entity", [{}, {"entityId": "machine-1", "componentName": "pumps"}])
    def test_are_all_that_there_are(self, entity):
        with pytest.raises(InvalidQueryError, match="'my-twin-all-pumps'") as refusal:
            device.resolve({"componentTypeId": "my-twin-all-pumps", **entity}, LISTED)
        assert "config_iot_devices.json" in str(refusal.value)


@pytest.mark.parametrize(
    ("part", "name"),
    [
        ({"componentTypeId": ["my-twin-sensor-1"]}, "componentTypeId"),
        ({"componentTypeId": 7}, "componentTypeId"),
        ({"componentTypeId": True}, "componentTypeId"),
        ({"componentTypeId": ""}, "componentTypeId"),
        ({"componentTypeId": "my-twin-" + "x" * 5_000}, "componentTypeId"),
        ({"properties": []}, "properties"),
        ({"properties": "iotDeviceId"}, "properties"),
        ({"properties": described(value="x" * 5_000)}, "properties.iotDeviceId"),
        ({"properties": described(default="\ud800")}, "properties.iotDeviceId"),
        ({"properties": {"iotDeviceId": {"value": {"stringValue": 7}}}}, "properties.iotDeviceId"),
        ({"entityId": "\ud800"}, "entityId"),
        ({"entityId": 7}, "entityId"),
        ({"workspaceId": {}}, "workspaceId"),
        ({"componentName": ["old"]}, "componentName"),
        ({"componentPath": "x" * 5_000}, "componentPath"),
    ],
)
def test_a_wrongly_typed_part_is_refused_by_name_before_any_call(part, name):
    with pytest.raises(InvalidQueryError, match=f"^{name} must be "):
        device.resolve({**lookup("machine-1", "old"), **part}, TWIN)


@pytest.mark.parametrize("event", [None, [], "text", 7])
def test_an_event_that_is_no_object_is_refused(event):
    with pytest.raises(InvalidQueryError, match="JSON object"):
        device.resolve(event, TWIN)


@pytest.mark.parametrize("missing", ["workspaceId", "entityId", "componentName"])
def test_an_event_that_tells_nothing_is_refused_without_a_call(missing):
    event = {**lookup("machine-1", "old"), missing: None}
    with pytest.raises(InvalidQueryError, match="Add a static property iotDeviceId"):
        device.resolve(event, TWIN)


def lookup(entity_id: str, component: str) -> dict[str, str]:
    """Make an event that only tells the entity."""
    return {"workspaceId": WORKSPACE, "entityId": entity_id, "componentName": component}


class TestGetEntity:
    @pytest.fixture(scope="class")
    @classmethod
    def twinmaker(cls):
        with LocalTwinMaker(invoke=lambda _arn, _event: {}) as running:
            client = client_of(running.url)
            client.create_workspace(workspaceId=WORKSPACE)
            limit = {"dataType": {"type": "DOUBLE"}}
            device_id = {
                "dataType": {"type": "STRING"},
                "isExternalId": True,
                "defaultValue": {"stringValue": "sensor-2"},
            }
            make_type(client, "my-twin-sensor-1", propertyDefinitions={"limit": limit})
            make_type(client, "new.type", propertyDefinitions={"iotDeviceId": device_id})
            make_type(client, "foreign.type", propertyDefinitions={"limit": limit})
            components = {
                "old": {"componentTypeId": "my-twin-sensor-1"},
                "new": {"componentTypeId": "new.type"},
                "foreign": {"componentTypeId": "foreign.type"},
            }
            make_entity(client, "machine-1", components=components)
            yield running

    @pytest.fixture
    def asked(self, twinmaker, aws_environment, monkeypatch, caplog):
        """Count the GetEntity calls of a block."""
        monkeypatch.setenv("AWS_ENDPOINT_URL_IOTTWINMAKER", twinmaker.url)
        caplog.set_level(logging.INFO, SERVER_LOG)

        @contextmanager
        def asked(times: int):
            caplog.clear()
            yield
            calls = [r for r in caplog.messages if r.startswith("GetEntity ")]
            assert len(calls) == times

        return asked

    def test_tells_by_the_component_type(self, asked):
        with asked(1):
            assert device.resolve(lookup("machine-1", "old"), TWIN) == ("sensor-1",)

    def test_tells_by_the_static_property_first(self, asked):
        with asked(1):
            assert device.resolve(lookup("machine-1", "new"), TWIN) == ("sensor-2",)

    def test_of_a_composite_follows_its_path(self, aws_environment, monkeypatch, httpserver):
        inner = {"componentTypeId": "my-twin-sensor-1"}
        outer = {"componentTypeId": "line", "compositeComponents": {"inner": inner}}
        httpserver.expect_request(f"/workspaces/{WORKSPACE}/entities/machine-1").respond_with_json(
            {"entityId": "machine-1", "components": {"outer": outer}}
        )
        monkeypatch.setenv("AWS_ENDPOINT_URL_IOTTWINMAKER", httpserver.url_for(""))
        event = {"workspaceId": WORKSPACE, "entityId": "machine-1"}
        found = device.resolve({**event, "componentPath": "outer/inner"}, TWIN)
        assert found == ("sensor-1",)
        with pytest.raises(InvalidQueryError, match="no component 'outer/other'"):
            device.resolve({**event, "componentPath": "outer/other"}, TWIN)

    def test_is_called_once_for_a_component(self, asked):
        with asked(1):
            for _ in range(3):
                device.resolve(lookup("machine-1", "old"), TWIN)

    def test_is_called_for_each_component(self, asked):
        with asked(2):
            assert device.resolve(lookup("machine-1", "old"), TWIN) == ("sensor-1",)
            assert device.resolve(lookup("machine-1", "new"), TWIN) == ("sensor-2",)

    def test_is_not_called_if_the_event_tells(self, asked):
        with asked(0):
            event = lookup("machine-1", "old")
            device.resolve({**event, "componentTypeId": "my-twin-sensor-1"}, TWIN)
            device.resolve({**event, "properties": described(default="sensor-1")}, TWIN)

    def test_of_a_component_with_a_foreign_type_is_refused(self, asked):
        with pytest.raises(InvalidQueryError, match=r"foreign\.type"):
            device.resolve(lookup("machine-1", "foreign"), TWIN)

    def test_of_an_unknown_component_is_refused_by_name(self, asked):
        with pytest.raises(InvalidQueryError, match="'machine-1' has no component 'nothing'"):
            device.resolve(lookup("machine-1", "nothing"), TWIN)

    def test_of_an_unknown_entity_names_it(self, asked):
        with pytest.raises(HotReaderError, match="'machine-9' can't be looked up"):
            device.resolve(lookup("machine-9", "old"), TWIN)

    def test_that_is_denied_says_which_permission_or_property_helps(
        self, aws_environment, monkeypatch, httpserver
    ):
        httpserver.expect_request(f"/workspaces/{WORKSPACE}/entities/machine-1").respond_with_json(
            {"message": "not authorized"}, 403, {"x-amzn-ErrorType": "AccessDeniedException"}
        )
        monkeypatch.setenv("AWS_ENDPOINT_URL_IOTTWINMAKER", httpserver.url_for(""))
        with pytest.raises(HotReaderError) as failure:
            device.resolve(lookup("machine-1", "old"), TWIN)
        message = str(failure.value)
        assert "not authorized" in message
        assert "iottwinmaker:GetEntity" in message
        assert "static property iotDeviceId" in message

    @pytest.mark.parametrize("fault", ODD_ANSWERS)
    def test_that_is_answered_oddly_names_the_entity(self, aws_environment, monkeypatch, fault):
        with Scripted(ODD_ANSWERS[fault]) as server:
            monkeypatch.setenv("AWS_ENDPOINT_URL_IOTTWINMAKER", f"http://127.0.0.1:{server.port}")
            with pytest.raises((HotReaderError, InvalidQueryError), match="'machine-1'"):
                device.resolve(lookup("machine-1", "old"), TWIN)

    def test_that_failed_is_tried_again_by_the_next_event(
        self, aws_environment, monkeypatch, httpserver
    ):
        path = f"/workspaces/{WORKSPACE}/entities/machine-1"
        entity = {
            "entityId": "machine-1",
            "components": {"old": {"componentTypeId": "my-twin-sensor-1"}},
        }
        denied = Response(json.dumps({"message": "no"}), 403)
        httpserver.expect_ordered_request(path).respond_with_response(denied)
        httpserver.expect_ordered_request(path).respond_with_json(entity)
        monkeypatch.setenv("AWS_ENDPOINT_URL_IOTTWINMAKER", httpserver.url_for(""))
        with pytest.raises(HotReaderError):
            device.resolve(lookup("machine-1", "old"), TWIN)
        assert device.resolve(lookup("machine-1", "old"), TWIN) == ("sensor-1",)
