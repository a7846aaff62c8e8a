"""The configuration files: what is read, and each rule broken once."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.model.data_value import DataType
from chalicelib.model.layout import ProviderLayout
from chalicelib.model.reads import READS
from deploy_scripts import PROJECT
from deploy_scripts.project_files.inter_cloud import CONNECTIONS_FILE, InterCloudConnections
from deploy_scripts.project_files.problems import ConfigurationProblems, Problem
from deploy_scripts.project_files.storage import STORAGE_FILE
from deploy_scripts.project_files.twin_configuration import (
    Alarm,
    Device,
    DeviceProperty,
    TwinConfiguration,
)
from deploy_scripts.register.component_types import component_type

if TYPE_CHECKING:
    from .conftest import TwinDirectory

DOUBLE = DataType("DOUBLE")
DEVICES_FILE = "config_iot_devices.json"


def problems_of(twin: TwinDirectory) -> tuple[Problem, ...]:
    with pytest.raises(ConfigurationProblems) as caught:
        TwinConfiguration.load(twin.path)
    return caught.value.problems


def only_problem(twin: TwinDirectory) -> Problem:
    (problem,) = problems_of(twin)
    return problem


# --- what is read ---


def test_a_twin_has_its_name_layout_and_devices(twin):
    assert TwinConfiguration.load(twin.path) == TwinConfiguration(
        "factory-twin",
        ProviderLayout("azure", "aws"),
        (
            Device(
                "pump-1",
                (
                    DeviceProperty("pressure", DOUBLE, "Bar"),
                    DeviceProperty("running", DataType("BOOLEAN"), source="Pump.Running"),
                ),
                (DeviceProperty("maxPressure", DOUBLE, value=16.0),),
            ),
            Device("meter-1", (DeviceProperty("power", DOUBLE),)),
        ),
    )


def test_the_example_twin_is_valid():
    assert TwinConfiguration.load(PROJECT / "config").devices


@pytest.mark.parametrize(
    ("spelled", "provider"),
    [("aws", "aws"), ("azure", "azure"), ("gcp", "gcp"), ("google", "gcp"), (" AWS\t", "aws"), ("Google", "gcp")],
)  # fmt: skip
def test_a_provider_may_be_spelled_in_several_ways(twin, spelled, provider):
    twin.providers(spelled, spelled)
    assert TwinConfiguration.load(twin.path).layout == ProviderLayout(provider, provider)


@pytest.mark.parametrize(
    "key", ["layer_4", "layer_4_providr", "layer4_provider", "Layer_4_Provider"]
)
def test_a_misspelt_layer_4_provider_is_not_taken_for_a_missing_one(twin, key):
    twin.write("config_providers.json", {"layer_3_hot_provider": "azure", key: "aws"})
    assert str(only_problem(twin)) == (
        f"config_providers.json: {key}: found an unknown key; expected the key layer_4_provider"
    )


@pytest.mark.parametrize(
    ("changes", "path", "meant"),
    [
        ({"constProprties": []}, "constProprties", "constProperties"),
        ({"properties": [{"name": "x", "dataType": "LONG", "unitOfMesure": "Bar"}]},
         "properties[0].unitOfMesure", "unitOfMeasure"),
        ({"properties": [{"name": "x", "dataType": "LONG", "unit": "Bar"}]},
         "properties[0].unit", "unitOfMeasure"),
        ({"properties": [{"name": "x", "dataType": {"type": "LIST", "nested_type": "LONG"}}]},
         "properties[0].dataType.nested_type", "nestedType"),
    ],
)  # fmt: skip
def test_a_misspelt_key_is_told(twin, changes, path, meant):
    twin.write(DEVICES_FILE, [{"id": "a", "properties": [], **changes}])
    assert str(only_problem(twin)) == (
        f"{DEVICES_FILE}: [0].{path}: found an unknown key; expected the key {meant}"
    )


def test_keys_of_the_larger_deployer_are_left_alone(twin):
    twin.write(
        "config.json",
        {
            "digital_twin_name": "factory-twin",
            "hot_storage_size_in_days": 30,
            "cold_storage_size_in_days": 90,
            "mode": "debug",
            "properties": {"digital_twin_nam": "x"},
        },
    )
    layers = {f"layer_{each}_provider": "aws" for each in ("1", "2", "3_cold", "3_archive", "5")}
    twin.write("config_providers.json", {"layer_3_hot_provider": "azure", **layers})
    property_ = {"name": "x", "dataType": "LONG", "initValue": 7, "resource": "r", "values": []}
    twin.write(DEVICES_FILE, [{"id": "a", "properties": [property_], "simulator": {}}])
    assert TwinConfiguration.load(twin.path).layout == ProviderLayout("azure", "azure")


def test_without_a_layer_4_provider_the_twin_is_where_the_hot_storage_is(twin):
    twin.write("config_providers.json", {"layer_3_hot_provider": "azure"})
    assert TwinConfiguration.load(twin.path).layout == ProviderLayout("azure", "azure")


def test_keys_of_other_layers_are_ignored(twin):
    providers = {"layer_1_provider": "ibm", "layer_3_hot_provider": "aws", "layer_2_provider": 7}
    twin.write("config_providers.json", providers)
    assert TwinConfiguration.load(twin.path).layout.layer_3_hot == "aws"


def test_a_byte_order_mark_is_ignored(twin):
    twin.write("config.json", b'\xef\xbb\xbf{"digital_twin_name": "my_twin"}')
    assert TwinConfiguration.load(twin.path).name == "my_twin"


def test_a_twin_may_have_no_devices(twin):
    twin.write(DEVICES_FILE, [])
    assert TwinConfiguration.load(twin.path).devices == ()


def test_names_are_judged_per_device(twin):
    same = [{"name": "power", "dataType": "DOUBLE"}]
    twin.write(DEVICES_FILE, [{"id": "a", "properties": same}, {"id": "b", "properties": same}])
    assert len(TwinConfiguration.load(twin.path).devices) == 2


PUMP: dict[str, Any] = {
    "id": "pump-1",
    "componentType": "pump",
    "properties": [
        {"name": "pressure", "dataType": "DOUBLE", "unitOfMeasure": "Bar"},
        {"name": "running", "dataType": "BOOLEAN"},
    ],
    "constProperties": [{"name": "maxPressure", "dataType": "DOUBLE", "value": 16.0}],
}


@pytest.mark.parametrize(
    ("declared", "source"), [({"source": "state.alarm"}, "state.alarm"), ({}, "alarm_status")]
)
def test_an_alarm_says_where_its_status_is_stored(twin, declared, source):
    twin.device(alarm=declared)
    assert TwinConfiguration.load(twin.path).devices[0].alarm == Alarm(source)


@pytest.mark.parametrize(
    ("alarm", "problem"),
    [
        ("state", 'alarm: found "state"; expected an alarm: {"source": ...}'),
        ({"source": ""}, 'alarm.source: found ""; expected a stored name or path'),
        ({"sourc": "x"}, "alarm.sourc: found an unknown key; expected the key source"),
    ],
)
def test_a_wrong_alarm_is_named(twin, alarm, problem):
    twin.device(alarm=alarm)
    assert f"[0].{problem}" in str(only_problem(twin))


def test_devices_that_share_a_component_type_may_have_other_constants(twin):
    constant = {"name": "maxPressure", "dataType": "DOUBLE", "value": 12.5}
    twin.write(DEVICES_FILE, [PUMP, PUMP | {"id": "pump-2", "constProperties": [constant]}])
    devices = TwinConfiguration.load(twin.path).devices
    assert [each.component_type for each in devices] == ["pump", "pump"]
    assert [each.constants[0].value for each in devices] == [16.0, 12.5]


@pytest.mark.parametrize(
    ("changes", "path", "found", "expected"),
    [
        ({"properties": [{**PUMP["properties"][0], "dataType": "INTEGER"}, PUMP["properties"][1]]},
         "properties[0].dataType", '"INTEGER"', '"DOUBLE"'),
        ({"properties": [PUMP["properties"][1], {"name": "pressure", "dataType": "DOUBLE"}]},
         "properties[1].unitOfMeasure", "nothing", '"Bar"'),
        ({"properties": [PUMP["properties"][0], {**PUMP["properties"][1], "source": "on"}]},
         "properties[1].source", '"on"', "nothing"),
        ({"properties": PUMP["properties"][:1]}, "properties", 'no property "running"', "one"),
        ({"properties": [*PUMP["properties"], {"name": "flow", "dataType": "LONG"}]},
         "properties[2].name", '"flow"', "no such property"),
        ({"constProperties": []}, "constProperties", 'no property "maxPressure"', "one"),
        ({"alarm": {"source": "state"}}, "alarm", 'an alarm in "state"', "no alarm"),
    ],
)  # fmt: skip
def test_devices_that_share_a_component_type_agree_on_it(twin, changes, path, found, expected):
    other = {"id": "meter-1", "properties": []}
    twin.write(DEVICES_FILE, [PUMP, other, PUMP | {"id": "pump-2"} | changes])
    reason = "as in the device pump-1, which shares the component type pump with pump-2"
    assert only_problem(twin) == Problem(
        DEVICES_FILE, f"[2].{path}", found, f"{expected}, {reason}"
    )


@pytest.mark.parametrize(
    "name", ["ab", "a" * 128, "_a", "0-_b"], ids=["shortest", "longest", "underscore", "all kinds"]
)
def test_a_twin_name_as_twinmaker_takes_it(twin, name):
    twin.write("config.json", {"digital_twin_name": name})
    assert TwinConfiguration.load(twin.path).name == name


@pytest.mark.parametrize("length", [1, 256 - len("factory-twin--latest")])
def test_a_device_id_as_long_as_a_component_type_id_allows(twin, length):
    twin.device(id=":" * length)
    assert len(TwinConfiguration.load(twin.path).devices[0].id) == length


@pytest.mark.parametrize(
    ("declared", "read"),
    [
        ("double", DataType("DOUBLE")),
        ({"type": "LONG"}, DataType("LONG")),
        ("LIST", DataType("LIST")),
        ({"type": "LIST", "nestedType": "STRING"}, DataType("LIST", DataType("STRING"))),
        ({"type": "MAP", "nestedType": None}, DataType("MAP")),
        (
            {"type": "MAP", "nestedType": {"type": "LIST", "nestedType": {"type": "DOUBLE"}}},
            DataType("MAP", DataType("LIST", DataType("DOUBLE"))),
        ),
    ],
)
def test_a_data_type_is_a_name_or_an_object(twin, declared, read):
    twin.device(properties=[{"name": "x", "dataType": declared}])
    assert TwinConfiguration.load(twin.path).devices[0].properties[0].data_type == read


@pytest.mark.parametrize(
    ("declared", "value"),
    [
        ("BOOLEAN", False),
        ("DOUBLE", 0),
        ("INTEGER", -(2**31)),
        ("LONG", 2**63 - 1),
        ("STRING", "a" * 256),
        ({"type": "LIST", "nestedType": {"type": "LONG"}}, []),
        ("MAP", {"a": 1}),
        ("RELATIONSHIP", {"targetEntityId": "x"}),
    ],
)
def test_a_constant_of_each_type_becomes_a_default_value(twin, declared, value):
    twin.device(constProperties=[{"name": "c", "dataType": declared, "value": value}])
    (device,) = TwinConfiguration.load(twin.path).devices
    assert device.constants[0].value == value
    described = component_type(device, dict.fromkeys(READS, "arn"))
    assert "defaultValue" in described["propertyDefinitions"]["c"]


@pytest.mark.parametrize("value", [1, "1"])
def test_telemetry_has_no_value_of_its_own(twin, value):
    twin.device(properties=[{"name": "x", "dataType": "LONG", "value": value}])
    assert TwinConfiguration.load(twin.path).devices[0].properties[0].value is None


# --- files that can't be read ---


FILES = ["config.json", "config_providers.json", "config_iot_devices.json"]


@pytest.mark.parametrize("file", FILES)
def test_a_missing_file_is_named(twin, file):
    (twin.path / file).unlink()
    assert only_problem(twin) == Problem(file, "", "no such file", f"it in {twin.path}")


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("", "a mistake at line 1, column 1: Expecting value"),
        ('{\n  "a": 1,\n  b\n}', "a mistake at line 3, column 3"),
        ("{} {}", "line 1, column 4: Extra data"),
        (b"\xff{}", "no UTF-8 at byte 0"),
        ('{"a": NaN}', "the number NaN"),
        ("[" * 100_000, "nested too deep"),
        ("1" * 5_000, "a number too long"),
    ],
    ids=["empty", "syntax", "two documents", "not UTF-8", "NaN", "deep", "long number"],
)
def test_a_malformed_file_says_where(twin, file, content, found):
    twin.write(file, content)
    problem = only_problem(twin)
    assert (problem.file, problem.path) == (file, "")
    assert found in problem.found


@pytest.mark.parametrize("file", FILES)
def test_a_file_that_is_a_directory_is_a_problem(twin, file):
    (twin.path / file).unlink()
    (twin.path / file).mkdir()
    assert "can't be read" in only_problem(twin).found


@pytest.mark.parametrize(
    ("file", "content", "found"),
    [
        ("config.json", [], "a list"),
        ("config_providers.json", "null", "null"),
        ("config_iot_devices.json", {}, "an object"),
    ],
)
def test_the_wrong_kind_of_document_is_a_problem(twin, file, content, found):
    twin.write(file, content)
    problem = only_problem(twin)
    assert (problem.file, problem.path, problem.found) == (file, "", found)


@pytest.mark.parametrize(
    ("file", "content", "path"),
    [
        ("config.json", '{"digital_twin_name": "ab", "a": 1, "a": 2}', "a"),
        ("config.json", '{"digital_twin_name": "ab", "b": {"a b": 1, "a b": 2}}', 'b["a b"]'),
        ("config_providers.json",
         '{"layer_3_hot_provider": "aws", "layer_3_hot_provider": "aws"}', "layer_3_hot_provider"),
        ("config_iot_devices.json",
         '[{"id": "a", "properties": [{"name": "x", "name": "x", "dataType": "LONG"}]}]',
         "[0].properties[0].name"),
    ],
)  # fmt: skip
def test_a_key_that_stands_twice_in_an_object_is_a_problem(twin, file, content, path):
    twin.write(file, content)
    problem = only_problem(twin)
    assert (problem.file, problem.path) == (file, path)
    assert problem.expected == "each key once in an object"


# --- values that break a rule ---


@pytest.mark.parametrize(
    ("document", "found"),
    [
        ({}, "nothing"),
        ({"digital_twin_name": None}, "null"),
        ({"digital_twin_name": 7}, "7"),
        ({"digital_twin_name": ""}, '""'),
        ({"digital_twin_name": "a"}, '"a"'),
        ({"digital_twin_name": "-ab"}, '"-ab"'),
        ({"digital_twin_name": "ab-"}, '"ab-"'),
        ({"digital_twin_name": "a b"}, '"a b"'),
        ({"digital_twin_name": "ab\n"}, '"ab\\n"'),
        ({"digital_twin_name": "twin.a"}, '"twin.a"'),
        ({"digital_twin_name": "zwölf"}, '"zwölf"'),
        ({"digital_twin_name": "a" * 129}, "129 characters"),
    ],
)
def test_a_twin_name_that_twinmaker_would_refuse(twin, document, found):
    twin.write("config.json", document)
    problem = only_problem(twin)
    assert (problem.file, problem.path) == ("config.json", "digital_twin_name")
    assert problem.found.startswith(found)


@pytest.mark.parametrize("key", ["layer_3_hot_provider", "layer_4_provider"])
@pytest.mark.parametrize("value", ["azur", "", None, 1, ["aws"], {}])
def test_an_unknown_provider_is_a_problem(twin, key, value):
    twin.write(
        "config_providers.json",
        {"layer_3_hot_provider": "aws", "layer_4_provider": "aws", key: value},
    )
    problem = only_problem(twin)
    assert (problem.path, problem.expected) == (key, "aws, azure or gcp (or google)")


def test_a_missing_hot_provider_is_one_problem(twin):
    twin.write("config_providers.json", {})
    assert str(only_problem(twin)) == (
        "config_providers.json: layer_3_hot_provider: found nothing; "
        "expected aws, azure or gcp (or google)"
    )


TELEMETRY = {"name": "x", "dataType": "LONG"}
CONSTANT = {"name": "c", "dataType": "LONG", "value": 1}


def telemetry(**changes: Any) -> dict[str, Any]:
    return {"properties": [{**TELEMETRY, **changes}]}


def constant(**changes: Any) -> dict[str, Any]:
    return {"properties": [], "constProperties": [{**CONSTANT, **changes}]}


def nested(depth: int) -> Any:
    declared: dict[str, Any] = {"type": "DOUBLE"}
    for _ in range(depth):
        declared = {"type": "LIST", "nestedType": declared}
    return declared


@pytest.mark.parametrize(
    ("changes", "path", "found"),
    [
        # the device
        ({"id": None}, "id", "nothing"),
        ({"id": ""}, "id", '""'),
        ({"id": 5}, "id", "5"),
        ({"id": "pump 1"}, "id", '"pump 1"'),
        ({"id": "pump/1"}, "id", '"pump/1"'),
        ({"id": "pump-1\n"}, "id", '"pump-1\\n"'),
        ({"id": "p" * 244}, "id", "244 characters"),
        ({"properties": None}, "properties", "nothing"),
        ({"properties": {}}, "properties", "an object"),
        ({"constProperties": "none"}, "constProperties", '"none"'),
        # a property
        ({"properties": ["x"]}, "properties[0]", '"x"'),
        ({"properties": [{"dataType": "LONG"}]}, "properties[0].name", "nothing"),
        (telemetry(name=""), "properties[0].name", '""'),
        (telemetry(name="a.b"), "properties[0].name", '"a.b"'),
        (telemetry(name="a" * 257), "properties[0].name", "257 characters"),
        (telemetry(name="iotDeviceId"), "properties[0].name", '"iotDeviceId"'),
        (constant(name="iotDeviceId"), "constProperties[0].name", '"iotDeviceId"'),
        ({"properties": [TELEMETRY, TELEMETRY]}, "properties[1].name", '"x" again'),
        ({"properties": [TELEMETRY], "constProperties": [{**CONSTANT, "name": "x"}]},
         "constProperties[0].name", '"x" again'),
        # its type
        ({"properties": [{"name": "x"}]}, "properties[0].dataType", "nothing"),
        (telemetry(dataType="FLOAT"), "properties[0].dataType", '"FLOAT"'),
        (telemetry(dataType=["LONG"]), "properties[0].dataType", "a list"),
        (telemetry(dataType={}), "properties[0].dataType.type", "nothing"),
        (telemetry(dataType={"type": "FLOAT"}), "properties[0].dataType.type", '"FLOAT"'),
        (telemetry(dataType={"type": "LIST", "nestedType": {"type": "INT"}}),
         "properties[0].dataType.nestedType.type", '"INT"'),
        (telemetry(dataType={"type": "LIST", "nestedType": 1}),
         "properties[0].dataType.nestedType", "1"),
        (telemetry(dataType=nested(32)), "properties[0].dataType", "one that can't be used"),
        # its unit
        (telemetry(source=""), "properties[0].source", '""'),
        (telemetry(source=1), "properties[0].source", "1"),
        (telemetry(source="a\nb"), "properties[0].source", '"a\\nb"'),
        (telemetry(source="s" * 257), "properties[0].source", "257 characters"),
        (constant(source="Body.x"), "constProperties[0].source", '"Body.x"'),
        (telemetry(unitOfMeasure=""), "properties[0].unitOfMeasure", '""'),
        (telemetry(unitOfMeasure=1), "properties[0].unitOfMeasure", "1"),
        (telemetry(unitOfMeasure="\ud800"), "properties[0].unitOfMeasure", '"\\ud800"'),
        (telemetry(unitOfMeasure="m" * 257), "properties[0].unitOfMeasure", "257 characters"),
        # its value
        ({"constProperties": [TELEMETRY]}, "constProperties[0].value", "nothing"),
        (constant(value=None), "constProperties[0].value", "null"),
        (constant(value=1.5), "constProperties[0].value", "1.5"),
        (constant(value=2**63), "constProperties[0].value", str(2**63)),
        (constant(dataType="INTEGER", value=2**31), "constProperties[0].value", str(2**31)),
        (constant(dataType="DOUBLE", value="high"), "constProperties[0].value", '"high"'),
        (constant(dataType="BOOLEAN", value=2), "constProperties[0].value", "2"),
        (constant(dataType="STRING", value=""), "constProperties[0].value", '""'),
        (constant(dataType="STRING", value="a" * 257), "constProperties[0].value", "257 characters"),
        (constant(dataType="STRING", value=[]), "constProperties[0].value", "a list"),
        (constant(dataType="LIST", value=[0] * 51), "constProperties[0].value", "a list"),
        (constant(dataType="LIST", value=[None]), "constProperties[0].value", "a list"),
        (constant(dataType="MAP", value=[]), "constProperties[0].value", "a list"),
        (constant(dataType="RELATIONSHIP", value={"x": 1}), "constProperties[0].value", "an object"),
    ],
)  # fmt: skip
def test_a_device_that_breaks_a_rule(twin, changes, path, found):
    twin.device(**changes)
    problem = only_problem(twin)
    assert (problem.file, problem.path) == (DEVICES_FILE, f"[0].{path}")
    assert problem.found.startswith(found)


def test_a_device_must_be_an_object(twin):
    twin.write(DEVICES_FILE, ["pump-1"])
    assert only_problem(twin).path == "[0]"


def test_a_device_id_must_not_be_taken(twin):
    device = {"id": "a", "properties": []}
    twin.write(DEVICES_FILE, [device, {"id": "b", "properties": []}, device])
    problem = only_problem(twin)
    assert (problem.path, problem.found) == ("[2].id", '"a" again')
    assert "[0].id" in problem.expected


def test_a_constant_nested_without_end_is_a_problem(twin):
    value = "[" * 900 + "1" + "]" * 900
    listed = (
        '[{"id": "a", "properties": [], "constProperties": '
        f'[{{"name": "c", "dataType": "LIST", "value": {value}}}]}}]'
    )
    twin.write(DEVICES_FILE, listed)
    assert only_problem(twin).found in ("one nested too deep", "a list")


def test_an_infinite_constant_is_a_problem(twin):
    listed = (
        '[{"id": "a", "properties": [], "constProperties": '
        '[{"name": "c", "dataType": "DOUBLE", "value": 1e999}]}]'
    )
    twin.write(DEVICES_FILE, listed)
    assert only_problem(twin).path == "[0].constProperties[0].value"


# --- where the hot storage is ---


def test_the_storage_file_states_settings_by_provider(twin):
    twin.write(STORAGE_FILE, {"aws": {"table": "hot", "mixed_offsets": False}, "gcp": {}})
    assert TwinConfiguration.load(twin.path).storage == {
        "aws": {"DYNAMODB_TABLE_NAME": "hot", "MIXED_OFFSETS": "false"},
        "gcp": {},
    }


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ([], "found a list; expected an object with sections: aws, azure, gcp"),
        ({"aws": 1}, "aws: found 1; expected an object: {table, index, device_id_attribute, "),
        ({"google": {}}, "google: found an unknown key; expected the key gcp"),
        ({"table": "t"}, "table: found an unknown key; expected one of the keys aws, azure, gcp"),
        ({"azure": {"databse": "d"}}, "azure.databse: found an unknown key; expected the key database"),
        ({"aws": {"container": "c"}}, "aws.container: found an unknown key; expected one of the keys"),
        ({"aws": {"table": None}}, "aws.table: found null; expected the table's name"),
        ({"aws": {"table": "arn:aws:dynamodb:eu-central-1:1:table/t"}}, "aws.table: found"),
        ({"gcp": {"collection": " "}}, 'gcp.collection: found " "; expected the path'),
        ({"gcp": {"timestamp_format": "unix"}}, 'timestamp_format: found "unix"; expected one of'),
        ({"gcp": {"device_id_type": "integer"}}, "expected string or number"),
        ({"gcp": {"mixed_offsets": "true"}}, 'found "true"; expected true or false'),
    ],
)  # fmt: skip
def test_a_mistake_in_the_storage_file_is_told(twin, document, problem):
    twin.write(STORAGE_FILE, document)
    told = only_problem(twin)
    assert told.file == STORAGE_FILE
    assert problem in str(told)


def test_a_storage_file_that_is_damaged_is_a_problem(twin):
    twin.write(STORAGE_FILE, '{"aws": {"table": "a", "table": "b"}}')
    assert only_problem(twin) == Problem(
        STORAGE_FILE, "aws.table", "the key more than once", "each key once in an object"
    )


# --- all mistakes together ---


def test_every_mistake_in_every_file_is_reported_at_once(twin):
    twin.write("config.json", {"digital_twin_name": "a b"})
    twin.providers("azur", "awz")
    twin.write(STORAGE_FILE, {"aws": {"tabel": "t"}, "ibm": {}})
    twin.write(
        DEVICES_FILE,
        [
            {"properties": [{"name": "x y", "dataType": "FLOAT", "unitOfMeasure": 1}]},
            {"id": "b", "properties": [], "constProperties": [{"name": "c", "dataType": "LONG"}]},
        ],
    )
    assert [(each.file, each.path) for each in problems_of(twin)] == [
        ("config.json", "digital_twin_name"),
        ("config_providers.json", "layer_3_hot_provider"),
        ("config_providers.json", "layer_4_provider"),
        (DEVICES_FILE, "[0].id"),
        (DEVICES_FILE, "[0].properties[0].name"),
        (DEVICES_FILE, "[0].properties[0].dataType"),
        (DEVICES_FILE, "[0].properties[0].unitOfMeasure"),
        (DEVICES_FILE, "[1].constProperties[0].value"),
        (STORAGE_FILE, "aws.tabel"),
        (STORAGE_FILE, "ibm"),
    ]


def test_the_error_reads_as_one_line_per_problem(twin):
    twin.providers("azur", "aws")
    (twin.path / "config.json").unlink()
    with pytest.raises(ConfigurationProblems) as caught:
        TwinConfiguration.load(twin.path)
    assert str(caught.value) == (
        "2 problems in the twin's configuration:\n"
        f"  config.json: found no such file; expected it in {twin.path}\n"
        '  config_providers.json: layer_3_hot_provider: found "azur"; '
        "expected aws, azure or gcp (or google)"
    )


@pytest.mark.parametrize("text", ["\x1b[31m", "\u202e", "\ud800", "\x9b", "a\nb", "x" * 10_000])
def test_a_problem_is_one_short_line_that_a_terminal_can_take(twin, text):
    twin.providers(text, "aws")
    line = str(only_problem(twin))
    assert line.isprintable()
    assert len(line) < 250


# --- the documentation ---


def documented() -> dict[str, list[Any]]:
    """The JSON examples of docs/configuration.md by the file that their section is about."""
    text = (PROJECT / "docs" / "configuration.md").read_text()
    sections = re.findall(r"^## `([^`]+)`\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    return {
        file: [json.loads(block) for block in re.findall(r"```json\n(.*?)```", body, re.DOTALL)]
        for file, body in sections
    }


def test_the_documentation_has_an_example_of_each_file():
    examples = documented()
    assert sorted(examples) == sorted([*FILES, STORAGE_FILE, CONNECTIONS_FILE])
    assert all(examples.values())


def test_the_documented_twin_is_valid(tmp_path):
    for file in (*FILES, STORAGE_FILE):
        for example in documented()[file]:
            (tmp_path / file).write_text(json.dumps(example))
    assert [each.id for each in TwinConfiguration.load(tmp_path).devices] == ["pump-1"]


def test_the_documented_existing_storage_is_valid(twin):
    page = (PROJECT / "docs" / "existing-storage.md").read_text()
    examples = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    assert examples
    for example in examples:
        twin.write(STORAGE_FILE, example)
        assert TwinConfiguration.load(twin.path).storage.keys() == json.loads(example).keys()


@pytest.mark.parametrize("read", READS)
def test_the_documented_connections_are_found(tmp_path, read):
    layout = ProviderLayout("azure", "aws")
    for number, example in enumerate(documented()[CONNECTIONS_FILE]):
        file = tmp_path / f"{number}.json"
        file.touch(mode=0o600)
        file.write_text(json.dumps(example))
        assert InterCloudConnections(file).get(layout, read) is not None


def test_the_documented_mistakes_read_so(twin):
    twin.providers("aws", "azur")
    twin.device(constProperties=[{"name": "c", "dataType": "DOUBLE", "value": "high"}])
    shown = "\n".join(map(str, problems_of(twin)))
    assert shown in (PROJECT / "docs" / "configuration.md").read_text()
