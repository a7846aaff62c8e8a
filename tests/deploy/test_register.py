"""Registration against the local AWS and the local TwinMaker, with real boto3 over sockets."""

from __future__ import annotations

import dataclasses
import functools
import json
import re
import uuid
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import boto3
import pytest
from botocore.config import Config
from click.testing import CliRunner

from chalicelib.model.data_value import DataType
from chalicelib.model.errors import ConfigurationError
from chalicelib.model.layout import ProviderLayout
from chalicelib.model.reads import HISTORY, LAST_ENTRY, READS
from deploy_scripts.__main__ import cli
from deploy_scripts.project_files.twin_configuration import Alarm, Device, DeviceProperty
from deploy_scripts.register.calls import NotOursError, RegistrationError
from deploy_scripts.register.component_types import component_type
from deploy_scripts.register.registration import Registration
from deploy_scripts.register.resources import Polling
from deploy_scripts.register.summary import Outcome, Summary
from deploy_scripts.register.twin import Twin, reader_functions
from local_cloud.twinmaker import LocalTwinMaker
from tests.deploy.snapshots import Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from chalicelib.model.reads import Read
    from local_cloud.aws.account import LocalAws

TWIN: Final = Twin("factory-twin", workspace_id="factory")
SENSOR: Final = Device(
    "sensor-1",
    (
        DeviceProperty("temperature", DataType("DOUBLE"), "Celsius"),
        DeviceProperty("status", DataType("STRING")),
    ),
    (DeviceProperty("serialNumber", DataType("STRING"), None, "SN-1"),),
)
PUMP: Final = Device("pump-1", (DeviceProperty("running", DataType("BOOLEAN")),))
DEVICES: Final = (SENSOR, PUMP)
FUNCTIONS: Final = tuple(name for read in READS for name in (read.hot_reader, read.data_connector))
BUCKET: Final = "arn:aws:s3:::twinmaker-files"
ROLE: Final = "twinmaker"
LOOKS: Final = ("Get", "List")
HANDLER: Final = """
def answer(event, context):
    name = event["selectedProperties"][0]
    reference = {key: event[key] for key in ("entityId", "componentName")} | {"propertyName": name}
    device = event["properties"]["iotDeviceId"]["value"]["stringValue"]
    value = {"propertyReference": reference, "propertyValue": {"stringValue": "on " + device}}
    return {"propertyValues": {name: value}}
"""


@dataclass
class World:
    """An AWS account with a TwinMaker, and clients whose calls are counted.

    Attributes
    ----------
    left
        What is there before each call, if it is to be kept: what a run leaves that is killed there. If a
        call changed nothing, what was there before it stands for both.
    """

    aws: LocalAws
    local_twinmaker: LocalTwinMaker
    arns: dict[str, str]
    calls: list[str] = field(default_factory=list)
    reports: list[str] = field(default_factory=list)
    sleeps: list[float] = field(default_factory=list)
    left: list[Snapshot] | None = None

    def __post_init__(self) -> None:
        local = Config(inject_host_prefix=False, retries={"total_max_attempts": 1})
        self.twinmaker = self.aws.client(
            "iottwinmaker", endpoint_url=self.local_twinmaker.url, config=local
        )
        self.lambda_, self.iam, self.plain_iam = _account_clients(self.aws)
        for client in (self.twinmaker, self.lambda_, self.iam):
            client.meta.events.register("before-call", self._before)
        # What tests look at and prepare isn't counted.
        self.plain = self.aws.client(
            "iottwinmaker", endpoint_url=self.local_twinmaker.url, config=local
        )
        with_role = self.plain_iam.list_roles()["Roles"]
        if ROLE not in {role["RoleName"] for role in with_role}:
            self.plain_iam.create_role(RoleName=ROLE, AssumeRolePolicyDocument="{}")
        for name in self.policies():
            self.plain_iam.delete_role_policy(RoleName=ROLE, PolicyName=name)
        self.role_arn = self.plain_iam.get_role(RoleName=ROLE)["Role"]["Arn"]

    def close(self) -> None:
        for client in (self.lambda_, self.iam):
            client.meta.events.unregister("before-call", self._before)

    def _before(self, model: Any, **_: Any) -> None:
        changed = self.calls and not self.calls[-1].startswith(LOOKS)
        self.calls.append(model.name)
        if self.left is not None:
            found = Snapshot(self.aws, self.local_twinmaker)
            if changed or not self.left or found.twinmaker != self.left[-1].twinmaker:
                self.left.append(found)

    @property
    def hot_readers(self) -> dict[Read, str]:
        return {read: self.arns[read.hot_reader] for read in READS}

    @property
    def connectors(self) -> dict[Read, str]:
        return {read: self.arns[read.data_connector] for read in READS}

    def registration(self, twin: Twin) -> Registration:
        clients = self.twinmaker, self.lambda_, self.iam
        polling = Polling(interval=1, pauses=5, sleep=self.sleeps.append)
        return Registration(twin, *clients, report=self.reports.append, polling=polling)

    def register(self, devices: tuple[Device, ...] = DEVICES, **options: Any) -> Summary:
        self.calls.clear()
        readers = options.pop("readers", self.hot_readers)
        new = {"role_arn": self.role_arn, "s3_location": BUCKET, "create_workspace": True}
        twin = options.pop("twin", TWIN)
        return self.registration(twin).register(devices, readers, **(new | options))

    def deregister(self, twin: Twin = TWIN, **options: Any) -> Summary:
        self.calls.clear()
        return self.registration(twin).deregister(**options)

    def writes(self) -> list[str]:
        return [name for name in self.calls if not name.startswith(LOOKS)]

    def policies(self) -> list[str]:
        names: list[str] = self.plain_iam.list_role_policies(RoleName=ROLE)["PolicyNames"]
        return names

    def type(self, type_id: str) -> Any:
        return self.plain.get_component_type(workspaceId=TWIN.workspace_id, componentTypeId=type_id)

    def entity(self, entity_id: str) -> Any:
        return self.plain.get_entity(workspaceId=TWIN.workspace_id, entityId=entity_id)

    def tags(self, arn: str) -> Any:
        return self.plain.list_tags_for_resource(resourceARN=arn)["tags"]

    def make_workspace(self, **settings: Any) -> None:
        self.plain.create_workspace(
            workspaceId=TWIN.workspace_id, **({"role": self.role_arn} | settings)
        )

    def make_type(self, type_id: str, **settings: Any) -> None:
        self.plain.create_component_type(
            workspaceId=TWIN.workspace_id, componentTypeId=type_id, **settings
        )
        self.until_settled(lambda: self.type(type_id))

    def make_entity(self, entity_id: str, **settings: Any) -> None:
        request = {"entityName": entity_id} | settings
        self.plain.create_entity(workspaceId=TWIN.workspace_id, entityId=entity_id, **request)
        self.until_settled(lambda: self.entity(entity_id))

    def update_entity(self, entity_id: str, **changes: Any) -> None:
        self.plain.update_entity(workspaceId=TWIN.workspace_id, entityId=entity_id, **changes)
        self.until_settled(lambda: self.entity(entity_id))

    @staticmethod
    def until_settled(look: Callable[[], Any]) -> None:
        while look()["status"]["state"].endswith("ING"):
            pass

    def settle(self) -> None:
        """Let everything that is changing come to rest."""
        for workspace in self.plain.list_workspaces()["workspaceSummaries"] * 2:
            self.plain.list_component_types(workspaceId=workspace["workspaceId"])
            self.plain.list_entities(workspaceId=workspace["workspaceId"])

    def everything(self) -> Any:
        """Show all that can be listed, in full, without times."""
        self.settle()
        policies = {
            name: self.plain_iam.get_role_policy(RoleName=ROLE, PolicyName=name)["PolicyDocument"]
            for name in self.policies()
        }
        return _timeless({"policies": policies, "workspaces": self._things()})

    def _things(self) -> Any:
        shown: dict[str, Any] = {}
        for workspace in self.plain.list_workspaces()["workspaceSummaries"]:
            of = {"workspaceId": workspace["workspaceId"]}
            types = [
                each
                for each in self.plain.list_component_types(**of)["componentTypeSummaries"]
                if not each["componentTypeId"].startswith("com.amazon.")
            ]
            entities = self.plain.list_entities(**of)["entitySummaries"]
            shown[workspace["workspaceId"]] = [
                self._full(self.plain.get_workspace, **of),
                *(
                    self._full(
                        self.plain.get_component_type,
                        **of,
                        componentTypeId=each["componentTypeId"],
                    )
                    for each in types
                ),
                *(
                    self._full(self.plain.get_entity, **of, entityId=each["entityId"])
                    for each in entities
                ),
            ]
        return shown

    def _full(self, get: Callable[..., Any], **key: Any) -> Any:
        found = get(**key)
        return found | {"tags": self.tags(found["arn"])}


@functools.cache
def _account_clients(aws: LocalAws) -> tuple[Any, Any, Any]:
    """Make clients that every world of an account can use: to make one takes longer than a call."""
    return aws.client("lambda"), aws.client("iam"), aws.client("iam")


def _timeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: _timeless(each)
            for key, each in value.items()
            if key != "ResponseMetadata" and not isinstance(each, datetime)
        }
    return [_timeless(each) for each in value] if isinstance(value, list) else value


def _policy(action: str) -> Any:
    statement = {"Effect": "Allow", "Action": action, "Resource": "*"}
    return {"Version": "2012-10-17", "Statement": [statement]}


def outcomes(summary: Summary) -> dict[str, str]:
    return {change.id: change.outcome for change in summary.changes}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("function")
    (folder / "reader.py").write_text(HANDLER)
    return folder


@pytest.fixture(scope="module")
def arns(aws: LocalAws, source: Path) -> dict[str, str]:
    return {name: make_function(aws, source, name) for name in FUNCTIONS}


def make_function(aws: LocalAws, source: Path, name: str) -> str:
    return aws.create_function(
        f"multi-cloud-hot-reader-test-{name}",
        handler="reader.answer",
        source=source,
        include=["reader.py"],
        environment={},
    )


@pytest.fixture
def world(aws: LocalAws, arns: dict[str, str]) -> Iterator[World]:
    with LocalTwinMaker(lambda_endpoint_url=aws.endpoint_url) as twinmaker:
        yield from _a_world(aws, twinmaker, arns)


def _a_world(aws: LocalAws, twinmaker: LocalTwinMaker, arns: dict[str, str]) -> Iterator[World]:
    made = World(aws, twinmaker, arns)
    try:
        yield made
    finally:
        made.close()


@contextmanager
def world_without_lambda(aws: LocalAws, arns: dict[str, str]) -> Iterator[World]:
    """Give a world whose TwinMaker doesn't ask whether functions exist, which is quicker."""
    with LocalTwinMaker(invoke=lambda _arn, _event: {}) as twinmaker:
        yield from _a_world(aws, twinmaker, arns)


# --- which functions --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layer_3_hot", "functions"),
    [
        ("aws", ("hot-reader", "hot-reader-last-entry")),
        (
            "azure",
            ("digital-twin-data-connector", "digital-twin-data-connector-last-entry"),
        ),
        ("gcp", ("digital-twin-data-connector", "digital-twin-data-connector-last-entry")),
    ],
)
def test_a_twin_on_aws_is_read_by_the_functions_of_its_layout(
    layer_3_hot: str, functions: tuple[str, str]
) -> None:
    found = reader_functions(ProviderLayout(layer_3_hot, "aws"))
    assert (found[HISTORY], found[LAST_ENTRY]) == functions


def test_a_twin_elsewhere_has_nothing_to_register() -> None:
    with pytest.raises(ConfigurationError, match="layer_4_provider is azure"):
        reader_functions(ProviderLayout("aws", "azure"))


# --- the first run ----------------------------------------------------------------------------


def test_the_first_run_creates_everything(world: World) -> None:
    summary = world.register(entities=True)
    assert outcomes(summary) == {
        "factory": "created",
        "multi-cloud-hot-reader.factory.factory-twin": "created",
        "factory-twin-sensor-1": "created",
        "factory-twin-sensor-1-latest": "created",
        "factory-twin-pump-1": "created",
        "factory-twin-pump-1-latest": "created",
        "sensor-1": "created",
        "pump-1": "created",
    }
    assert not summary.agrees


def test_component_types_are_as_described_and_active(world: World) -> None:
    world.register()
    shown = world.type("factory-twin-sensor-1")
    assert shown["status"]["state"] == "ACTIVE"
    arn = shown["functions"]["dataReader"]["implementedBy"]["lambda"]["arn"]
    assert arn == world.hot_readers[HISTORY]
    assert shown["propertyDefinitions"].keys() == {
        "temperature",
        "status",
        "serialNumber",
        "iotDeviceId",
    }


def test_everything_that_is_made_is_tagged(world: World) -> None:
    world.register(entities=True)
    things = world.everything()["workspaces"]["factory"]
    assert [each["tags"] for each in things] == [TWIN.tags] * 7


def test_the_workspaces_role_may_invoke_exactly_the_readers(world: World) -> None:
    world.register()
    (document,) = world.everything()["policies"].values()
    assert document["Statement"] == [
        {
            "Effect": "Allow",
            "Action": "lambda:InvokeFunction",
            "Resource": [world.hot_readers[HISTORY], world.hot_readers[LAST_ENTRY]],
        }
    ]


def test_the_entity_reads_through_a_real_lambda_function(world: World) -> None:
    world.register(entities=True)
    answer = world.plain.get_property_value(
        workspaceId="factory",
        entityId="sensor-1",
        componentName="latest",
        selectedProperties=["status"],
    )
    value = answer["propertyValues"]["status"]["propertyValue"]
    assert value == {"stringValue": "on sensor-1"}


def test_without_entities_none_are_made(world: World) -> None:
    world.register()
    assert world.plain.list_entities(workspaceId="factory")["entitySummaries"] == []


def test_each_step_is_reported(world: World) -> None:
    world.register((PUMP,))
    assert world.reports == [
        "workspace factory: created",
        "role policy multi-cloud-hot-reader.factory.factory-twin: created",
        "component type factory-twin-pump-1: created",
        "component type factory-twin-pump-1-latest: created",
    ]


def test_all_of_a_kind_are_waited_for_together(world: World) -> None:
    world.register()
    assert world.sleeps == [1]


# --- the second run ---------------------------------------------------------------------------


def test_the_second_run_writes_nothing(world: World) -> None:
    world.register(entities=True)
    before = world.everything()
    summary = world.register(entities=True)
    assert world.writes() == []
    assert summary.agrees
    assert set(outcomes(summary).values()) == {"unchanged"}
    assert world.everything() == before


@pytest.mark.parametrize(
    ("properties", "detail"),
    [
        (
            (*SENSOR.properties, DeviceProperty("humidity", DataType("DOUBLE"))),
            "property humidity added",
        ),
        (SENSOR.properties[:1], "property status removed"),
        (
            (SENSOR.properties[0], DeviceProperty("status", DataType("INTEGER"))),
            "property status changed (dataType INTEGER, was STRING)",
        ),
    ],
)
def test_a_changed_property_updates_its_types_and_no_others(
    world: World, properties: tuple[DeviceProperty, ...], detail: str
) -> None:
    world.register(entities=True)
    changed = dataclasses.replace(SENSOR, properties=properties)
    summary = world.register((changed, PUMP), entities=True)
    assert world.writes() == ["UpdateComponentType"] * 2
    details = {change.id: change.details for change in summary.changes if change.details}
    assert details == dict.fromkeys(
        ("factory-twin-sensor-1", "factory-twin-sensor-1-latest"), (detail,)
    )
    wanted = {each.name for each in (*properties, *SENSOR.constants)}
    shown = world.type("factory-twin-sensor-1")["propertyDefinitions"]
    assert shown.keys() == wanted | {"iotDeviceId"}


def test_another_layout_repoints_every_type_and_the_policy(world: World) -> None:
    world.register(entities=True)
    world.register(readers=world.connectors, entities=True)
    assert world.writes() == ["PutRolePolicy", *["UpdateComponentType"] * 4]
    wanted = {
        "dataReader": world.connectors[HISTORY],
        "attributePropertyValueReaderByEntity": world.connectors[LAST_ENTRY],
    }
    for device in DEVICES:
        functions = world.type(f"factory-twin-{device.id}")["functions"]
        assert {
            name: each["implementedBy"]["lambda"]["arn"] for name, each in functions.items()
        } == wanted
    (document,) = world.everything()["policies"].values()
    assert document["Statement"][0]["Resource"] == list(wanted.values())


def test_a_new_device_is_added_beside_the_others(world: World) -> None:
    world.register((SENSOR,))
    assert outcomes(world.register(DEVICES))["factory-twin-pump-1"] == "created"
    assert world.writes() == ["CreateComponentType"] * 2


def test_a_type_without_a_device_is_reported_and_stays(world: World) -> None:
    world.register()
    summary = world.register((SENSOR,))
    assert outcomes(summary)["factory-twin-pump-1"] == "left over"
    assert summary.agrees
    assert world.writes() == []


@pytest.mark.parametrize("entities", [True, False])
def test_pruning_leaves_what_a_twin_without_the_device_has(world: World, entities: bool) -> None:
    world.register((SENSOR,), entities=entities)
    without = world.everything()
    world.register(entities=True)
    before = world.everything()
    tried = world.register((SENSOR,), entities=entities, prune=True, dry_run=True)
    assert world.writes() == []
    assert world.everything() == before
    summary = world.register((SENSOR,), entities=entities, prune=True)
    gone = {"factory-twin-pump-1": "removed", "pump-1": "removed"}
    assert gone.items() <= outcomes(summary).items()
    assert summary == tried
    if entities:
        assert world.everything() == without
    again = world.register((SENSOR,), entities=entities, prune=True)
    assert again.agrees
    assert world.writes() == []


def test_pruning_stops_at_somebody_elses_entity_before_anything_is_written(world: World) -> None:
    world.register(entities=True)
    component = {"pump": {"componentTypeId": "factory-twin-pump-1"}}
    world.make_entity("by-hand", components=component)
    changed = dataclasses.replace(SENSOR, properties=SENSOR.properties[:1])
    with pytest.raises(RegistrationError, match=r"Nothing was removed.*: by-hand\. "):
        world.register((changed,), prune=True)
    assert world.writes() == []


def test_pruning_leaves_a_type_that_reads_by_another_stages_functions(world: World) -> None:
    world.register((PUMP,), readers=world.connectors)
    summary = world.register((SENSOR,), prune=True)
    assert outcomes(summary)["factory-twin-pump-1"] == "left over"
    world.type("factory-twin-pump-1")


def test_a_policy_that_somebody_changed_is_put_right_and_others_stay(world: World) -> None:
    world.register()
    wanted = world.everything()["policies"]
    other = _policy("s3:GetObject")
    for name in (TWIN.policy_name, "other"):
        world.plain_iam.put_role_policy(
            RoleName=ROLE, PolicyName=name, PolicyDocument=json.dumps(other)
        )
    assert outcomes(world.register())[TWIN.policy_name] == "updated"
    assert world.everything()["policies"] == wanted | {"other": other}


def test_a_workspace_of_others_is_used_and_not_changed(world: World) -> None:
    world.make_workspace(description="theirs")
    before = world.everything()["workspaces"]["factory"][0]
    summary = world.register(create_workspace=False, role_arn=None, s3_location=None)
    assert outcomes(summary)["factory"] == "unchanged"
    assert world.everything()["workspaces"]["factory"][0] == before


# --- entities ---------------------------------------------------------------------------------


def test_an_entity_that_somebody_changed_is_put_right(world: World) -> None:
    world.register(entities=True)
    removal = {"telemetry": {"updateType": "DELETE"}}
    world.update_entity("pump-1", entityName="Pump", componentUpdates=removal)
    summary = world.register(entities=True)
    assert outcomes(summary)["pump-1"] == "updated"
    shown = world.entity("pump-1")
    assert shown["entityName"] == "pump-1"
    assert shown["components"]["telemetry"]["componentTypeId"] == "factory-twin-pump-1"


def test_a_component_of_another_type_is_made_anew(world: World) -> None:
    world.register(entities=True)
    world.update_entity("pump-1", componentUpdates={"telemetry": {"updateType": "DELETE"}})
    wrong = {"updateType": "CREATE", "componentTypeId": "factory-twin-sensor-1"}
    world.update_entity("pump-1", componentUpdates={"telemetry": wrong})
    world.register(entities=True)
    assert world.writes() == ["UpdateEntity", "UpdateEntity"]
    component = world.entity("pump-1")["components"]["telemetry"]
    assert component["componentTypeId"] == "factory-twin-pump-1"


def test_what_people_add_to_an_entity_stays(world: World) -> None:
    world.register(entities=True)
    added = {"second": {"updateType": "CREATE", "componentTypeId": "factory-twin-sensor-1"}}
    world.update_entity("pump-1", description="The big one", componentUpdates=added)
    summary = world.register(entities=True)
    assert summary.agrees


# --- shared component types -------------------------------------------------------------------


def pumps(*sizes: int) -> tuple[Device, ...]:
    """Return pumps that share a component type, each with a size."""
    return tuple(
        dataclasses.replace(
            PUMP,
            id=f"pump-{number}",
            component_type="pump",
            constants=(DeviceProperty("size", DataType("INTEGER"), value=size),),
        )
        for number, size in enumerate(sizes, start=1)
    )


def test_devices_that_share_a_type_get_one_and_their_entities_tell_them_apart(
    world: World,
) -> None:
    summary = world.register((*pumps(4, 6), SENSOR), entities=True)
    types = [each.id for each in summary.changes if each.kind == "component type"]
    assert types == [
        f"factory-twin-{name}" for name in ("pump", "pump-latest", "sensor-1", "sensor-1-latest")
    ]
    for device_id, size in (("pump-1", 4), ("pump-2", 6)):
        component = world.entity(device_id)["components"]["telemetry"]
        assert component["componentTypeId"] == "factory-twin-pump"
        own = {name: component["properties"][name]["value"] for name in ("iotDeviceId", "size")}
        assert own == {"iotDeviceId": {"stringValue": device_id}, "size": {"integerValue": size}}
    assert world.register((*pumps(4, 6), SENSOR), entities=True).agrees


def test_another_constant_of_a_device_that_shares_a_type_changes_its_entity_alone(
    world: World,
) -> None:
    world.register(pumps(4, 6), entities=True)
    summary = world.register(pumps(4, 8), entities=True)
    assert world.writes() == ["UpdateEntity"]
    (change,) = (each for each in summary.changes if each.outcome is Outcome.UPDATED)
    assert str(change) == "entity pump-2: updated (component telemetry changed (size))"
    size = world.entity("pump-2")["components"]["telemetry"]["properties"]["size"]["value"]
    assert size == {"integerValue": 8}


def test_a_device_that_comes_to_share_a_type_leaves_its_own(world: World) -> None:
    alone = dataclasses.replace(pumps(4)[0], component_type=None)
    world.register((alone,), entities=True)
    with pytest.raises(RegistrationError, match=r"Nothing was removed: pump-1 .* --entities"):
        world.register(pumps(4), prune=True)
    assert world.writes() == []
    world.register(pumps(4), entities=True, prune=True)
    components = world.entity("pump-1")["components"]
    assert {name: each["componentTypeId"] for name, each in components.items()} == {
        "telemetry": "factory-twin-pump",
        "latest": "factory-twin-pump-latest",
    }
    assert outcomes(world.register(pumps(4), entities=True)) == {
        "factory": "unchanged",
        "multi-cloud-hot-reader.factory.factory-twin": "unchanged",
        "factory-twin-pump": "unchanged",
        "factory-twin-pump-latest": "unchanged",
        "pump-1": "unchanged",
    }


def test_a_type_requires_no_value_that_its_entities_lack(world: World) -> None:
    own = dataclasses.replace(pumps(4)[0], id="pump", component_type=None)
    shared = dataclasses.replace(own, component_type="pump")
    heavier = (*own.constants, DeviceProperty("weight", DataType("INTEGER"), value=9))
    with_another = dataclasses.replace(shared, constants=heavier)
    for before, after, lacks in (
        (own, shared, "iotDeviceId, size"),
        (shared, with_another, "weight"),
    ):
        world.register((before,), entities=True)
        with pytest.raises(
            RegistrationError, match=f"factory-twin-pump would require {lacks} .*: pump"
        ):
            world.register((after,), entities=True)
        assert world.writes() == []
        world.plain.delete_entity(workspaceId="factory", entityId="pump")
        world.settle()
        world.register((after,), entities=True)
        assert world.register((after,), entities=True).agrees


# --- alarms -----------------------------------------------------------------------------------


@pytest.mark.parametrize("shared", [None, "pump"], ids=["types of their own", "a shared type"])
def test_an_alarm_has_a_type_and_a_component_that_go_with_it(
    world: World, shared: str | None
) -> None:
    with_alarm = dataclasses.replace(PUMP, component_type=shared, alarm=Alarm("state"))
    world.register((with_alarm,), entities=True)
    assert world.register((with_alarm,), entities=True).agrees
    type_id = f"factory-twin-{shared or 'pump-1'}-alarm"
    assert world.type(type_id)["extendsFrom"] == ["com.amazon.iottwinmaker.alarm.basic"]
    component = world.entity("pump-1")["components"]["alarm"]
    assert component["componentTypeId"] == type_id
    assert component["properties"]["alarm_key"]["value"] == {"stringValue": "pump-1"}

    moved = dataclasses.replace(with_alarm, alarm=Alarm("other"))
    summary = world.register((moved,), entities=True)
    details = {change.id: change.details for change in summary.changes if change.details}
    was = 'configuration {"source": "other"}, was {"source": "state"}'
    assert details == {type_id: (f"property alarm_status changed ({was})",)}

    without = dataclasses.replace(with_alarm, alarm=None)
    removed = outcomes(world.register((without,), entities=True, prune=True))
    assert (removed["pump-1"], removed[type_id]) == ("updated", "removed")
    assert "alarm" not in world.entity("pump-1")["components"]


# --- dry run ----------------------------------------------------------------------------------


def test_a_dry_run_foretells_the_first_run_and_writes_nothing(world: World) -> None:
    nothing = world.everything()
    foretold = world.register(entities=True, dry_run=True)
    assert world.writes() == []
    assert world.everything() == nothing
    assert foretold.changes == world.register(entities=True).changes


def test_a_dry_run_foretells_a_change(world: World) -> None:
    world.register()
    before = world.everything()
    changed = dataclasses.replace(SENSOR, properties=SENSOR.properties[:1])
    foretold = world.register((changed,), dry_run=True, readers=world.connectors)
    assert world.writes() == []
    assert world.everything() == before
    assert foretold.changes == world.register((changed,), readers=world.connectors).changes


def test_a_dry_run_foretells_a_removal(world: World) -> None:
    world.register(entities=True)
    before = world.everything()
    foretold = world.deregister(delete_workspace=True, dry_run=True)
    assert world.writes() == []
    assert world.everything() == before
    assert foretold.changes == world.deregister(delete_workspace=True).changes


# --- refusals ---------------------------------------------------------------------------------


def test_a_function_that_doesnt_exist_is_reported_before_anything_is_written(world: World) -> None:
    nowhere = world.hot_readers | {LAST_ENTRY: f"{world.hot_readers[LAST_ENTRY]}-no"}
    with pytest.raises(RegistrationError, match=r"-no: GetFunctionConfiguration .*NotFound"):
        world.register(readers=nowhere)
    assert world.writes() == []


def test_twinmakers_own_error_comes_through_and_another_run_repairs(
    world: World, source: Path
) -> None:
    def delete_the_function(**_: Any) -> None:
        remover = world.aws.client("lambda")
        remover.delete_function(FunctionName="multi-cloud-hot-reader-test-hot-reader")

    event = "after-call.iottwinmaker.CreateWorkspace"
    world.twinmaker.meta.events.register(event, delete_the_function)
    message = r"type factory-twin-sensor-1: VALIDATION_ERROR: .*there is no Lambda function"
    with pytest.raises(RegistrationError, match=message) as caught:
        world.register()
    assert "factory-twin-pump-1: VALIDATION_ERROR" in str(caught.value)
    make_function(world.aws, source, "hot-reader")
    summary = world.register()
    assert outcomes(summary)["factory-twin-pump-1"] == "updated"
    assert world.type("factory-twin-pump-1")["status"]["state"] == "ACTIVE"


def _refuse_once(world: World, operation: str) -> None:
    """Let TwinMaker refuse one call."""

    class Response:
        status_code = 400

    refusals = iter([{"Error": {"Code": "ValidationException", "Message": "not in ERROR"}}])

    def refuse(**_: Any) -> Any:
        refusal = next(refusals, None)
        return refusal and (Response(), refusal)

    world.twinmaker.meta.events.register(f"before-call.iottwinmaker.{operation}", refuse)


def _make_type_in_error(world: World) -> None:
    world.register((PUMP,))
    wanted = component_type(PUMP, {read: f"{arn}-no" for read, arn in world.hot_readers.items()})
    type_id = {"workspaceId": "factory", "componentTypeId": "factory-twin-pump-1"}
    world.plain.update_component_type(**type_id, functions=wanted["functions"])
    world.until_settled(lambda: world.type("factory-twin-pump-1"))


def test_a_type_in_error_is_updated(world: World) -> None:
    _make_type_in_error(world)
    summary = world.register((PUMP,))
    assert world.writes() == ["UpdateComponentType"]
    assert "was in ERROR: VALIDATION_ERROR" in summary.changes[2].details[-1]
    assert world.type("factory-twin-pump-1")["status"]["state"] == "ACTIVE"


def test_a_type_in_error_that_cant_be_updated_is_made_anew(world: World) -> None:
    _make_type_in_error(world)
    _refuse_once(world, "UpdateComponentType")
    world.register((PUMP,))
    assert world.writes() == ["DeleteComponentType", "CreateComponentType"]
    assert world.type("factory-twin-pump-1")["status"]["state"] == "ACTIVE"
    assert world.tags(world.type("factory-twin-pump-1")["arn"]) == TWIN.tags


def test_an_active_type_that_cant_be_updated_stays_and_the_reason_comes_through(
    world: World,
) -> None:
    world.register((PUMP,))
    _refuse_once(world, "UpdateComponentType")
    message = "factory-twin-pump-1: UpdateComponentType was refused: ValidationException: not in"
    with pytest.raises(RegistrationError, match=message):
        world.register((PUMP,), readers=world.connectors)
    assert world.type("factory-twin-pump-1")["status"]["state"] == "ACTIVE"


def test_a_type_that_never_gets_active_ends_in_a_time_out(world: World) -> None:
    def stuck(parsed: Any, **_: Any) -> None:
        if "status" in parsed:
            parsed["status"] = {"state": "CREATING", "error": {"code": "X", "message": "busy"}}

    event = "after-call.iottwinmaker.GetComponentType"
    world.twinmaker.meta.events.register(event, stuck)
    with pytest.raises(
        RegistrationError, match=r"(?s)after 5 s.*factory-twin-pump-1 is still CREATING: X: busy"
    ):
        world.register((PUMP,))
    assert world.sleeps == [1] * 5


def test_an_update_that_twinmaker_doesnt_show_is_a_warning(world: World) -> None:
    def add_something(parsed: Any, **_: Any) -> None:
        parsed["propertyDefinitions"]["sticky"] = {"dataType": {"type": "LONG"}}

    world.register((PUMP,))
    event = "after-call.iottwinmaker.GetComponentType"
    world.twinmaker.meta.events.register(event, add_something)
    world.register((PUMP,))
    assert world.reports[-1] == (
        "warning: component type factory-twin-pump-1-latest: TwinMaker took this and doesn't show it: "
        "property sticky removed"
    )


def test_a_type_that_appears_meanwhile_with_our_tags_counts_as_created(world: World) -> None:
    """The SDK sends a call again if the answer gets lost; the second one is a conflict."""

    event = "before-call.iottwinmaker.CreateComponentType"

    def be_first(**_: Any) -> None:
        world.twinmaker.meta.events.unregister(event, be_first)
        world.make_type(
            "factory-twin-pump-1",
            **component_type(PUMP, world.hot_readers),
            tags=TWIN.tags,
        )

    world.twinmaker.meta.events.register(event, be_first)
    assert outcomes(world.register((PUMP,)))["factory-twin-pump-1"] == "created"


def test_a_type_that_appears_meanwhile_without_our_tags_is_a_conflict(world: World) -> None:
    world.twinmaker.meta.events.register(
        "before-call.iottwinmaker.CreateComponentType",
        lambda **_: world.make_type("factory-twin-pump-1"),
    )
    with pytest.raises(RegistrationError, match="CreateComponentType was refused: ConflictExc"):
        world.register((PUMP,))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"create_workspace": False}, "no workspace factory.*--create-workspace"),
        ({"role_arn": None}, "--role-arn and --s3-location are needed"),
        ({"s3_location": None}, "--role-arn and --s3-location are needed"),
        ({"role_arn": "twinmaker"}, "The role's ARN is 'twinmaker'"),
        ({"s3_location": "bucket"}, "The S3 location.* is 'bucket'"),
        ({"twin": Twin("factory-twin", "my factory")}, "The workspace's id is 'my factory'"),
        ({"twin": Twin("t" * 110, "factory")}, "The name of the role's policy, .* 141 characters"),
    ],
)
def test_arguments_that_cant_be_right_are_refused_before_anything_is_written(
    world: World, options: Any, message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        world.register(**options)
    assert world.writes() == []


def test_a_device_that_twinmaker_wouldnt_take_as_an_entity_is_refused_at_once(world: World) -> None:
    with pytest.raises(ConfigurationError, match="The device's id, as an entity's id, is '-'"):
        world.register((SENSOR, Device("-", ())), entities=True)
    assert world.calls == []


def test_a_workspace_with_another_role_than_given_is_refused(world: World) -> None:
    world.make_workspace()
    with pytest.raises(ConfigurationError, match=r"has the role .*/twinmaker, not .*/other"):
        world.register(role_arn="arn:aws:iam::123456789012:role/other")


def test_a_workspace_without_a_role_is_refused(world: World) -> None:
    world.plain.create_workspace(workspaceId="factory")
    with pytest.raises(ConfigurationError, match="has no role"):
        world.register()


def test_a_role_that_doesnt_exist_is_reported_before_anything_is_written(world: World) -> None:
    with pytest.raises(RegistrationError, match="role gone: GetRole was refused: NoSuchEntity"):
        world.register(role_arn="arn:aws:iam::123456789012:role/path/gone")
    assert world.writes() == []


# --- what isn't ours --------------------------------------------------------------------------


def _make_the_larger_deployers(world: World) -> None:
    world.make_workspace()
    reader = {"implementedBy": {"lambda": {"arn": world.connectors[HISTORY]}}}
    world.make_type(
        "factory-twin-pump-1",
        propertyDefinitions={"running": {"dataType": {"type": "BOOLEAN"}, "isTimeSeries": True}},
        functions={"dataReader": reader},
    )
    component = {"telemetry": {"componentTypeId": "factory-twin-pump-1"}}
    world.make_entity("pump-1", components=component)


@pytest.mark.parametrize("dry_run", [False, True])
def test_an_untagged_type_is_refused_by_naming_the_flag(world: World, dry_run: bool) -> None:
    _make_the_larger_deployers(world)
    before = world.everything()
    with pytest.raises(NotOursError, match=r"component type factory-twin-pump-1 .*--adopt"):
        world.register(dry_run=dry_run)
    assert world.writes() == []
    assert world.everything() == before


def test_an_untagged_entity_is_refused_by_naming_the_flag(world: World) -> None:
    world.make_workspace()
    world.make_entity("pump-1")
    with pytest.raises(NotOursError, match=r"entity pump-1 .*--adopt"):
        world.register(entities=True)
    assert world.writes() == []


def test_without_entities_an_untagged_entity_doesnt_matter(world: World) -> None:
    world.make_workspace()
    world.make_entity("pump-1")
    world.register()
    assert world.tags(world.entity("pump-1")["arn"]) == {}


def test_adopted_things_are_tagged_and_updated(world: World) -> None:
    _make_the_larger_deployers(world)
    summary = world.register((PUMP,), entities=True, adopt=True)
    assert world.writes() == [
        "PutRolePolicy",
        "TagResource",
        "UpdateComponentType",
        "CreateComponentType",
        "TagResource",
        "UpdateEntity",
    ]
    assert summary.changes[-1].details == ("adopted", "component latest added")
    assert "iotDeviceId" in world.type("factory-twin-pump-1")["propertyDefinitions"]
    assert world.tags(world.type("factory-twin-pump-1")["arn"]) == TWIN.tags
    assert world.register((PUMP,), entities=True).agrees


def test_another_twins_things_cant_be_adopted(world: World) -> None:
    world.register((Device("b-c", ()),), twin=Twin("a", "factory"))
    with pytest.raises(NotOursError, match=r"a-b-c belongs to the digital twin 'a'"):
        world.register((Device("c", ()),), twin=Twin("a-b", "factory"), adopt=True)


# --- deregister -------------------------------------------------------------------------------


def _make_neighbours(world: World) -> None:
    """Fill the workspace with other people's things, with names like ours."""
    world.make_workspace(description="shared")
    world.register((SENSOR,), twin=Twin("factory-twin-2", "factory"), entities=True)
    world.make_type("factory-twin-by-hand", tags={"managed-by": "us"})
    world.make_entity("by-hand", components={"x": {"componentTypeId": "factory-twin-by-hand"}})
    world.plain_iam.put_role_policy(
        RoleName=ROLE, PolicyName="theirs", PolicyDocument=json.dumps(_policy("s3:GetObject"))
    )


def test_deregister_leaves_everything_as_it_was(world: World) -> None:
    _make_neighbours(world)
    before = world.everything()
    mine = (PUMP, Device("meter-1", ()))
    world.register(mine, entities=True)
    assert world.everything() != before
    summary = world.deregister(delete_workspace=True)
    assert world.everything() == before
    assert outcomes(summary) == {
        "pump-1": "removed",
        "meter-1": "removed",
        "factory-twin-pump-1": "removed",
        "factory-twin-pump-1-latest": "removed",
        "factory-twin-meter-1": "removed",
        "factory-twin-meter-1-latest": "removed",
        TWIN.policy_name: "removed",
        "factory": "kept",
    }


def test_each_removal_is_reported(world: World) -> None:
    world.register((PUMP,), entities=True)
    world.reports.clear()
    world.deregister(delete_workspace=True)
    assert world.reports == [
        "entity pump-1: removed",
        "component type factory-twin-pump-1: removed",
        "component type factory-twin-pump-1-latest: removed",
        "role policy multi-cloud-hot-reader.factory.factory-twin: removed",
        "workspace factory: removed",
    ]


def test_deregister_with_the_workspace_leaves_nothing(world: World) -> None:
    before = world.everything()
    world.register(entities=True)
    world.deregister(delete_workspace=True)
    assert world.everything() == before


def test_deregister_twice_is_no_error(world: World) -> None:
    world.register(entities=True)
    world.deregister(delete_workspace=True)
    summary = world.deregister(delete_workspace=True)
    assert set(outcomes(summary).values()) == {Outcome.ABSENT}
    assert world.writes() == []


def test_the_workspace_stays_unless_its_removal_is_asked_for(world: World) -> None:
    world.register()
    summary = world.deregister()
    assert summary.changes[-1].details == ("its removal wasn't asked for",)
    assert world.everything()["workspaces"].keys() == {"factory"}


def test_a_workspace_of_others_stays(world: World) -> None:
    world.make_workspace()
    world.register()
    summary = world.deregister(delete_workspace=True)
    assert summary.changes[-1].details == ("it wasn't made for this twin",)


@pytest.mark.parametrize("dry_run", [False, True])
def test_a_workspace_with_other_things_in_it_stays(world: World, dry_run: bool) -> None:
    world.register()
    world.make_type("by-hand")
    summary = world.deregister(delete_workspace=True, dry_run=dry_run)
    assert summary.changes[-1].details == ("it isn't empty: it has component type by-hand",)


def test_types_of_devices_that_left_the_configuration_are_removed_too(world: World) -> None:
    world.register(entities=True)
    world.register((SENSOR,), entities=True)
    assert outcomes(world.deregister())["pump-1"] == "removed"
    assert len(world.everything()["workspaces"]["factory"]) == 1


def test_an_entity_without_the_shared_types_components_is_found_by_its_device(world: World) -> None:
    world.register(pumps(4, 6), entities=True)
    taken = {name: {"updateType": "DELETE"} for name in ("telemetry", "latest")}
    world.update_entity("pump-1", componentUpdates=taken)
    assert (
        outcomes(world.deregister(dataclasses.replace(TWIN, device_ids=("pump-1", "pump-2"))))[
            "pump-1"
        ]
        == "removed"
    )
    assert len(world.everything()["workspaces"]["factory"]) == 1


def test_adopted_things_are_removed(world: World) -> None:
    _make_the_larger_deployers(world)
    world.register((PUMP,), entities=True, adopt=True)
    world.deregister()
    assert len(world.everything()["workspaces"]["factory"]) == 1


def test_somebody_elses_entity_of_our_type_is_named_and_nothing_is_removed(world: World) -> None:
    world.register(entities=True)
    component = {"pump": {"componentTypeId": "factory-twin-pump-1"}}
    world.make_entity("by-hand", components=component)
    before = world.everything()
    with pytest.raises(RegistrationError, match=r"Nothing was removed.*: by-hand\. "):
        world.deregister()
    assert world.everything() == before


def test_somebody_elses_entity_below_ours_is_named_and_nothing_is_removed(world: World) -> None:
    world.register(entities=True)
    world.make_entity("by-hand", parentEntityId="pump-1")
    before = world.everything()
    with pytest.raises(RegistrationError, match=r"below its entities: by-hand\. "):
        world.deregister()
    assert world.everything() == before


def test_entities_that_people_put_below_one_another_are_removed(world: World) -> None:
    before = world.everything()
    world.register(entities=True)
    below = {"updateType": "UPDATE", "parentEntityId": "sensor-1"}
    world.update_entity("pump-1", parentEntityUpdate=below)
    world.deregister(delete_workspace=True)
    assert world.everything() == before


def test_an_entity_whose_component_was_taken_out_is_removed(world: World) -> None:
    before = world.everything()
    world.register(entities=True)
    world.update_entity("pump-1", componentUpdates={"telemetry": {"updateType": "DELETE"}})
    world.deregister(delete_workspace=True)
    assert world.everything() == before


def test_more_things_than_a_page_holds_are_all_found(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deploy_scripts.register.workspace._PAGE", 2)
    before = world.everything()
    world.register(tuple(Device(f"pump-{n}", ()) for n in range(5)), entities=True)
    world.deregister(delete_workspace=True)
    assert world.everything() == before


# --- killed -----------------------------------------------------------------------------------


def _register_anew(world: World) -> None:
    world.register(entities=True)


def _have_nothing(_world: World) -> None:
    pass


def _have_an_old_registration(world: World) -> None:
    """Make all that a run can find: things to change, to adopt, to make anew and to prune."""
    _make_the_larger_deployers(world)
    world.register((Device("gone-1", ()),), entities=True)
    old = dataclasses.replace(SENSOR, properties=SENSOR.properties[:1])
    world.register((old,), readers=world.connectors, entities=True)
    world.update_entity("sensor-1", componentUpdates={"telemetry": {"updateType": "DELETE"}})
    wrong = {"updateType": "CREATE", "componentTypeId": "factory-twin-gone-1"}
    world.update_entity("sensor-1", componentUpdates={"telemetry": wrong})


def _register_over(world: World) -> None:
    world.register(entities=True, adopt=True, prune=True)


def _have_a_registration(world: World) -> None:
    world.register(entities=True)
    below = {"updateType": "UPDATE", "parentEntityId": "sensor-1"}
    world.update_entity("pump-1", parentEntityUpdate=below)


def _deregister(world: World) -> None:
    world.deregister(delete_workspace=True)


@pytest.mark.parametrize(
    ("prepare", "run"),
    [
        (_have_nothing, _register_anew),
        (_have_an_old_registration, _register_over),
        (_have_a_registration, _deregister),
    ],
)
def test_killed_at_any_call_and_run_again_it_ends_as_if_undisturbed(
    aws: LocalAws,
    arns: dict[str, str],
    prepare: Callable[[World], None],
    run: Callable[[World], None],
) -> None:
    with world_without_lambda(aws, arns) as world:
        prepare(world)
        kept: list[Snapshot] = []
        world.left = kept
        run(world)
        world.left = None
        undisturbed = world.everything()
        assert len(world.calls) > 10
        assert len(kept) > 5
        for number, left in enumerate(kept):
            left.put_back()
            run(world)
            assert world.everything() == undisturbed, f"{number} changes before it was killed"


# --- the command ------------------------------------------------------------------------------


@dataclass
class Command:
    """The command `register` with a configuration, a deployed stage and an environment."""

    world: World
    project: Path

    def run(self, *arguments: str) -> tuple[int, str]:
        given = ["--config", str(self.project), "--project", str(self.project), "--stage", "prod"]
        # A terminal's width isn't known here, and an id mustn't be folded.
        result = CliRunner().invoke(cli, ["register", *given, *arguments], env={"COLUMNS": "300"})
        return result.exit_code, re.sub(r"\s+", " ", result.output)

    def create(self, *arguments: str) -> tuple[int, str]:
        new = ("--create-workspace", "--role-arn", self.world.role_arn, "--s3-location", BUCKET)
        return self.run("--workspace", "factory", *new, *arguments)

    def configure(self, layer_3: str, layer_4: str) -> None:
        providers = {"layer_3_hot_provider": layer_3, "layer_4_provider": layer_4}
        (self.project / "config_providers.json").write_text(json.dumps(providers))

    def deploy(self, *functions: str) -> None:
        resources = [
            {
                "name": name,
                "resource_type": "lambda_function",
                "lambda_arn": self.world.arns[name],
            }
            for name in functions
        ]
        record = self.project / ".chalice" / "deployed" / "prod.json"
        record.parent.mkdir(parents=True, exist_ok=True)
        record.write_text(json.dumps({"resources": resources, "schema_version": "2.0"}))


@pytest.fixture
def command(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    for name, value in world.aws.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL_IOTTWINMAKER", world.local_twinmaker.url)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    quick = functools.partial(Polling, sleep=lambda _seconds: None)
    monkeypatch.setattr("deploy_scripts.register.registration.Polling", quick)
    prepared = Command(world, tmp_path)
    prepared.configure("aws", "aws")
    prepared.deploy(*FUNCTIONS)
    (tmp_path / "config.json").write_text('{"digital_twin_name": "factory-twin"}')
    device = {"id": "pump-1", "properties": [{"name": "running", "dataType": "BOOLEAN"}]}
    (tmp_path / "config_iot_devices.json").write_text(json.dumps([device]))
    return prepared


def test_the_command_registers_and_shows_what_it_did(command: Command) -> None:
    code, output = command.create("--entities")
    assert code == 0
    assert "ok component type factory-twin-pump-1: created" in output
    assert "ok entity pump-1: created" in output
    component = command.world.entity("pump-1")["components"]["telemetry"]
    assert component["componentTypeId"] == "factory-twin-pump-1"


def test_the_command_run_again_says_that_all_agrees(command: Command) -> None:
    command.create()
    code, output = command.run("--workspace", "factory")
    assert (code, "TwinMaker agrees with the configuration." in output) == (0, True)


def test_the_workspace_is_called_like_the_twin_by_default(command: Command) -> None:
    assert "no workspace factory-twin." in command.run()[1]


def test_the_commands_dry_run_writes_nothing(command: Command) -> None:
    before = command.world.everything()
    code, output = command.create("--dry-run")
    assert (code, "Dry run: nothing was written." in output) == (0, True)
    assert "dry run component type factory-twin-pump-1: created" in output
    assert command.world.everything() == before


def test_the_layout_chooses_the_functions(command: Command) -> None:
    command.configure("azure", "aws")
    assert command.create()[0] == 0
    function = command.world.type("factory-twin-pump-1")["functions"]["dataReader"]
    arn = function["implementedBy"]["lambda"]["arn"]
    assert arn == command.world.connectors[HISTORY]


def test_adopting_is_a_flag(command: Command) -> None:
    _make_the_larger_deployers(command.world)
    code, output = command.run("--workspace", "factory")
    assert (code, "use --adopt" in output) == (2, True)
    code, output = command.run("--workspace", "factory", "--adopt")
    assert (code, "adopted" in output) == (0, True)


def test_a_twin_elsewhere_is_a_configuration_error(command: Command) -> None:
    command.configure("aws", "gcp")
    code, output = command.run()
    assert (code, "layer_4_provider is gcp" in output) == (2, True)


def test_a_wrong_configuration_file_is_a_configuration_error(command: Command) -> None:
    (command.project / "config.json").write_text("{")
    code, output = command.run()
    assert (code, "config.json" in output) == (2, True)


def test_a_stage_that_wasnt_deployed_is_a_configuration_error(command: Command) -> None:
    code, output = command.run("--stage", "beta")
    assert (code, "'beta' has never been deployed" in output) == (2, True)


def test_a_stage_without_the_layouts_functions_is_a_configuration_error(command: Command) -> None:
    command.deploy("hot-reader")
    code, output = command.run()
    assert (code, "without the function 'hot-reader-last-entry'" in output) == (2, True)


def test_a_refusal_of_aws_has_its_own_exit_code(command: Command) -> None:
    role = "arn:aws:iam::123456789012:role/gone"
    new = ("--create-workspace", "--role-arn", role, "--s3-location", BUCKET)
    code, output = command.run(*new)
    assert (code, "NoSuchEntity" in output) == (1, True)


def test_an_aws_that_cant_be_reached_counts_as_refused(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    code, output = command.create()
    assert (code, "Could not connect to the endpoint" in output) == (1, True)


def test_an_unknown_option_is_a_usage_error(command: Command) -> None:
    assert command.run("--nonsense", str(uuid.uuid4()))[0] == 2
