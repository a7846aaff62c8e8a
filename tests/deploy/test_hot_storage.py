"""The hop of the hot storage: what is stored is looked at, and the setting named that reads it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from boto3.dynamodb.types import TypeSerializer
from botocore.exceptions import ClientError

from chalicelib.model.data_value import DataType
from chalicelib.model.reads import HISTORY, LAST_ENTRY
from chalicelib.settings.hot_reader import HotReaderSettings
from deploy_scripts.project_files.twin_configuration import Device, DeviceProperty
from deploy_scripts.verify.endpoint import EndpointAnswer, last_hour
from deploy_scripts.verify.hop import BrokenHopError, Finding
from deploy_scripts.verify.hot_storage import Storage, check_hot_storage
from deploy_scripts.verify.samples import judge

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local_cloud.aws.account import LocalAws

    Keys = tuple[tuple[str, str], tuple[str, str]]

INFO = json.dumps(
    {
        "config": {"digital_twin_name": "factory-twin"},
        "config_providers": {"layer_3_hot_provider": "aws", "layer_4_provider": "aws"},
    }
)
AT = "2026-01-30T17:00:00Z"


def device(name: str = "pump-1", *properties: str) -> Device:
    declared = [
        DeviceProperty(each, DataType("DOUBLE"), None) for each in properties or ("pressure",)
    ]
    return Device(name, tuple(declared), ())


def settings(**changes: str) -> HotReaderSettings:
    return HotReaderSettings.load({"DIGITAL_TWIN_INFO": INFO, **changes})


def judged(*entries: dict[str, Any], properties: tuple[str, ...] = (), **changes: str) -> str:
    """Judge entries; return whether they can be read, and what is said of them."""
    found = judge(device("pump-1", *properties), entries, settings(**changes))
    said = "; ".join(
        f"{remark.flaw} ({example}): {remark.cure}" for remark, example in found.remarks.items()
    )
    return f"{'readable' if found.readable else 'unreadable'}: {said}"


# --- spellings of timestamps ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "configured", "setting"),
    [
        ("2026-01-30 18:00:00Z", {}, "set TIMESTAMP_FORMAT=iso8601_space"),
        ("2026-01-30T13:30:00-05:00", {}, "set TIMESTAMP_FORMAT=iso8601 and MIXED_OFFSETS=true"),
        (Decimal(1769792400), {}, "set TIMESTAMP_FORMAT=epoch_seconds"),
        (1769792400.0, {}, "set TIMESTAMP_FORMAT=epoch_seconds"),
        (
            Decimal(1769792400),
            {"TIMESTAMP_FORMAT": "epoch_milliseconds"},
            "can't mean (1769792400 as 1970-01-21): set TIMESTAMP_FORMAT=epoch_seconds",
        ),
        ("1769792400500", {}, "set TIMESTAMP_FORMAT=epoch_milliseconds_text"),
        (AT, {"TIMESTAMP_FORMAT": "epoch_seconds"}, "set TIMESTAMP_FORMAT=iso8601"),
        ("30.01.2026 17:00", {}, "no setting reads that"),
        (datetime(2026, 1, 30, 17, tzinfo=UTC), {}, "set TIMESTAMP_FORMAT=native"),
    ],
)
def test_a_spelling_that_is_not_read_is_named_with_the_setting_that_reads_it(
    key, configured, setting
):
    said = judged({"timestamp": key, "pressure": 1}, **configured)
    assert said.startswith("unreadable: ")
    assert setting in said


def test_some_of_another_spelling_are_told_although_the_others_can_be_read():
    said = judged(
        {"timestamp": AT, "pressure": 1}, {"timestamp": "2026-01-30T19:00:00+02:00", "pressure": 2}
    )
    assert said.startswith("readable: timestamps aren't spelled as")
    assert "'2026-01-30T19:00:00+02:00'" in said
    assert "MIXED_OFFSETS=true reads these" in said


def test_the_field_with_the_time_is_found():
    said = judged({"time": "never", "at": AT, "pressure": 1})
    assert "entries have no field timestamp (the fields at, pressure, time)" in said
    assert "set TIMESTAMP_ATTRIBUTE=at with TIMESTAMP_FORMAT=iso8601" in said


# --- where values are -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "cure"),
    [
        ({"payload": {"pressure": 1, "power": 2}}, "set VALUES_PATH=payload"),
        ({"payload": {"pressure": 1}}, "set VALUES_PATH=payload"),
        ({"data": {"state": {"reported": {"pressure": 1, "power": 2}}}}, "set VALUES_PATH=data.state.reported"),
        ({"Pressure": 1, "motor": {"power": 2}}, "the property pressure the source Pressure in"),
        ({"pressure": 1, "motor": {"power": 2}}, "the property power the source motor.power in"),
        ({"Body": '{"pressure": 1}'}, "the content type application/json"),
        ({"payload": b'{"pressure": 1}'}, "store payload as a map"),
        ({"Body": "eyJwcmVzc3VyZSI6IDF9"}, "the encoding utf-8"),
        ({"p": 1}, "give each property its stored name or path as source"),
    ],
)  # fmt: skip
def test_values_that_are_elsewhere_are_found(values, cure):
    said = judged({"timestamp": AT, **values}, properties=("pressure", "power"))
    assert said.startswith("readable" if "pressure" in values else "unreadable")
    assert cure in said


@pytest.mark.parametrize(
    ("values", "values_path"),
    [
        ({"Motor.speed": 1, "pressure": 1}, ""),
        ({"Motor": {"speed": 1}, "pressure": 1}, ""),
        ({"Body": {"Motor": {"speed": 1}, "pressure": 1}}, "Body"),
    ],
)
def test_values_that_are_where_the_reader_looks_are_no_flaw(values, values_path):
    speed = DeviceProperty("speed", DataType("DOUBLE"), source="Motor.speed")
    pump = Device("pump-1", (speed, DeviceProperty("pressure", DataType("DOUBLE"))))
    found = judge(pump, [{"timestamp": AT, **values}], settings(VALUES_PATH=values_path))
    assert (found.readable, found.remarks) == (True, {})


@pytest.mark.parametrize(
    ("values", "cure"),
    [
        ({"Body": {"Motor": {"pressure": 1}, "power": 2}}, "the source Motor.pressure in"),
        ({"Body": {"power": 2}, "Pressure": 1}, "VALUES_PATH=Body doesn't lead to it"),
    ],
)
def test_a_source_is_named_as_it_is_within_the_values_path(values, cure):
    said = judged({"timestamp": AT, **values}, properties=("pressure", "power"), VALUES_PATH="Body")
    assert cure in said


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"pressure": 1, "power": 2}, "unreadable: values aren't in the map payload"),
        ({"body": {"pressure": 1, "power": 2}}, "unreadable: values aren't fields of the entries"),
    ],
)
def test_values_that_are_not_where_the_settings_say_are_a_flaw(values, said):
    judgement = judged(
        {"timestamp": AT, **values}, properties=("pressure", "power"), VALUES_PATH="payload"
    )
    assert judgement.startswith(said)


def test_an_endpoint_is_asked_for_the_values_where_they_are():
    declared = [
        DeviceProperty(each, DataType("DOUBLE"), source=f"Motor.{each}") for each in ("speed", "x")
    ]
    query = last_hour(Device("pump-1", tuple(declared)), ["speed"])
    assert query.property_sources == {"speed": "Motor.speed"}


def test_a_property_that_entries_lack_is_no_flaw():
    said = judged({"timestamp": AT, "pressure": 1}, properties=("pressure", "power"))
    assert said == "readable: "


# --- a table ----------------------------------------------------------------------------------


def schema(*keys: tuple[str, str]) -> list[Any]:
    kinds = zip(keys, ("HASH", "RANGE"), strict=True)
    return [{"AttributeName": name, "KeyType": kind} for (name, _), kind in kinds]


class Table:
    """A table of the local AWS, and its hop."""

    def __init__(self, aws: LocalAws, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self._client = aws.client("dynamodb")
        self._name = name
        for variable, value in aws.environment.items():
            monkeypatch.setenv(variable, value)

    def create(self, *keys: tuple[str, str], indexes: Mapping[str, Keys] | None = None) -> None:
        given: dict[str, Any] = {}
        if indexes:
            projection = {"Projection": {"ProjectionType": "ALL"}}
            given["GlobalSecondaryIndexes"] = [
                {"IndexName": name, "KeySchema": schema(*of), **projection}
                for name, of in indexes.items()
            ]
        types = dict(keys) | {name: kind for of in (indexes or {}).values() for name, kind in of}
        self._client.create_table(
            TableName=self._name,
            KeySchema=schema(*keys),
            AttributeDefinitions=[
                {"AttributeName": name, "AttributeType": kind} for name, kind in types.items()
            ],
            BillingMode="PAY_PER_REQUEST",
            **given,
        )

    def put(self, *items: dict[str, Any]) -> None:
        for item in items:
            plain = TypeSerializer().serialize(item)["M"]
            self._client.put_item(TableName=self._name, Item=plain)

    def storage(self, *devices: Device, **changes: str) -> Storage:
        environment = {"DIGITAL_TWIN_INFO": INFO, "DYNAMODB_TABLE_NAME": self._name, **changes}
        return Storage("aws", environment, devices)

    def check(self, *devices: Device, **changes: str) -> Finding[int]:
        return check_hot_storage(self.storage(*devices, **changes), (), devices[0].id)


@pytest.fixture
def table(aws: LocalAws, request: pytest.FixtureRequest, monkeypatch) -> Table:
    return Table(aws, request.node.name[:60], monkeypatch)


IDS, TIMES = ("device_id", "S"), ("timestamp", "S")


def test_the_oldest_and_the_newest_entries_of_each_device_are_looked_at(table):
    table.create(IDS, TIMES)
    spellings = [f"2026-01-30T17:00:{second:02}Z" for second in range(20)]
    spellings[0], spellings[-1] = "2026-01-30 17:00:00Z", "2026-02-30T17:00:00Z"
    table.put(*({"device_id": "pump-1", "timestamp": key, "pressure": 1} for key in spellings))
    found = table.check(device(), device("pump-2"))
    assert "entries of 1 devices, the newest at 2026-01-30T17:00:18Z of pump-1" in found.detail
    assert "nothing of pump-2 yet" in found.detail
    assert found.value == 1
    assert len(found.warnings) == 2
    assert "TIMESTAMP_FORMAT=iso8601_space reads these" in found.warnings[0]
    assert "no setting reads that" in found.warnings[1]


def test_what_can_never_be_charted_breaks_the_hop(table):
    table.create(IDS, ("timestamp", "N"))
    at = int(datetime(2026, 1, 30, 17, tzinfo=UTC).timestamp())
    table.put(*({"device_id": name, "timestamp": at, "pressure": 1} for name in ("a", "b")))
    with pytest.raises(BrokenHopError, match="Nothing that is stored can be read") as broken:
        table.check(device("a"), device("b"), TIMESTAMP_FORMAT="epoch_milliseconds")
    assert (
        f"a, b: timestamps are read as days that they can't mean ({at} as" in broken.value.problem
    )
    assert broken.value.advice.startswith("Set TIMESTAMP_FORMAT=epoch_seconds.")


def test_other_devices_than_those_of_the_twin_are_named(table):
    table.create(IDS, TIMES)
    table.put({"device_id": "PUMP-1", "timestamp": AT, "pressure": 1})
    found = table.check(device())
    assert found.value == 0
    (warning,) = found.warnings
    assert warning.startswith("pump-1: there are entries of other devices (PUMP-1)")


def test_a_device_whose_id_is_no_number_gets_no_entries_without_an_id():
    entry = {"timestamp": AT, "pressure": 1}
    storage = Storage("aws", {}, [device()])
    (found,) = storage._judged([device()], [()], [entry], settings(DEVICE_ID_TYPE="number"))
    assert (found.newest, found.remarks) == (None, {})


def test_ids_in_another_field_are_found(table):
    table.create(("id", "S"), TIMES)
    table.put({"id": "x", "timestamp": AT, "sensor": "pump-1", "pressure": 1})
    with pytest.raises(BrokenHopError, match="the devices' ids are in the field sensor") as broken:
        table.check(device(), DEVICE_ID_ATTRIBUTE="id")
    assert broken.value.advice.startswith("Set DEVICE_ID_ATTRIBUTE=sensor.")


def test_a_table_of_other_keys_breaks_the_hop(table):
    table.create(("iotDeviceId", "S"), ("id", "S"))
    with pytest.raises(BrokenHopError, match="are iotDeviceId and id, not device_id") as broken:
        table.check(device())
    assert "DEVICE_ID_ATTRIBUTE=iotDeviceId and TIMESTAMP_ATTRIBUTE=id" in broken.value.problem


def test_an_index_that_has_the_keys_is_named_and_then_read(table):
    table.create(("message", "S"), TIMES, indexes={"by-device": (IDS, TIMES)})
    table.put({"message": "m", "device_id": "pump-1", "timestamp": AT, "pressure": 1})
    with pytest.raises(BrokenHopError, match="set DYNAMODB_INDEX_NAME=by-device"):
        table.check(device())
    with pytest.raises(BrokenHopError, match="Its indexes: by-device"):
        table.check(device(), DYNAMODB_INDEX_NAME="by-time")
    found = table.check(device(), DYNAMODB_INDEX_NAME="by-device")
    assert "the index by-device of the DynamoDB table" in found.detail
    assert found.value == 1


def test_ids_that_are_numbers_are_found_and_then_read(table):
    table.create(("device_id", "N"), TIMES)
    table.put({"device_id": 17, "timestamp": AT, "pressure": 1})
    with pytest.raises(BrokenHopError, match="of the type number: set DEVICE_ID_TYPE=number"):
        table.check(device("17"))
    found = table.check(device("17"), device("pump-1"), DEVICE_ID_TYPE="number")
    assert "the newest at 2026-01-30T17:00:00Z of 17; nothing of pump-1 yet" in found.detail


def test_a_table_that_is_not_there_breaks_the_hop(table):
    with pytest.raises(BrokenHopError, match="Requested resource not found"):
        table.check(device())


def test_what_cannot_be_looked_at_is_told(table, monkeypatch):
    def denied(_client: object, _operation: str, _request: object) -> None:
        error = {"Code": "AccessDeniedException", "Message": "no dynamodb:DescribeTable"}
        raise ClientError({"Error": error}, "DescribeTable")  # type: ignore[typeddict-item]

    monkeypatch.setattr("botocore.client.BaseClient._make_api_call", denied)
    found = table.check(device())
    assert "wasn't looked at: AWS refused" in found.detail
    assert "no dynamodb:DescribeTable" in found.detail
    assert found.value == 0


def answers(status: int = 200, code: str = "") -> list[EndpointAnswer]:
    error = json.dumps({"error": {"code": code, "message": "m"}}).encode()
    empty = {HISTORY: b'{"propertyValues": []}', LAST_ENTRY: b'{"propertyValues": {}}'}
    return [
        EndpointAnswer(read, status, error if code else empty[read], "", "t-1", frozenset())
        for read in empty
    ]


def test_what_keeps_only_this_machine_from_a_storage_breaks_nothing(table):
    table.create(("iotDeviceId", "S"), ("id", "S"))
    found = check_hot_storage(table.storage(device()), answers(), "pump-1")
    assert "wasn't looked at: The keys of the DynamoDB table" in found.detail


@pytest.mark.parametrize(
    ("status", "code", "advice"),
    [
        (500, "store_misconfigured", "which setting, index or permission to change"),
        (500, "internal_error", "Without a trace id there, it can't start"),
        (503, "store_unavailable", "run this again later"),
    ],
)
def test_a_reader_that_cannot_read_breaks_the_hop(table, status, code, advice):
    table.create(IDS, TIMES)
    with pytest.raises(BrokenHopError, match=f"{status} {code}: m \\(trace id t-1\\)") as broken:
        check_hot_storage(table.storage(device()), answers(status, code), "pump-1")
    assert advice in broken.value.advice


def test_what_is_stored_explains_why_a_reader_cannot_read(table):
    table.create(("iotDeviceId", "S"), ("id", "S"))
    told = answers(500, "store_misconfigured")
    with pytest.raises(BrokenHopError, match=r"store_misconfigured: m .* are iotDeviceId and id"):
        check_hot_storage(table.storage(device()), told, "pump-1")


def test_a_storage_on_another_cloud_is_looked_at_with_settings_from_the_shell():
    storage = Storage("azure", {"DIGITAL_TWIN_INFO": INFO}, [device()])
    found = check_hot_storage(storage, (), "pump-1")
    assert "wasn't looked at" in found.detail
    assert "and your credentials, as for load-telemetry" in found.detail
