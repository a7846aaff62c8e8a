"""Every setting: what it defaults to, and what is said when it is missing or malformed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chalicelib.model.data_value import DataType
from chalicelib.model.errors import ConfigurationError
from chalicelib.model.instants import NativeTimestamp
from chalicelib.model.layout import ProviderLayout
from chalicelib.model.query import DeclaredDevice
from chalicelib.model.reads import HISTORY, LAST_ENTRY
from chalicelib.settings.data_connector import (
    DataConnectorSettings,
    LocalReaderSettings,
    ReadAheadSettings,
    RemoteReaderSettings,
)
from chalicelib.settings.digital_twin_info import DigitalTwinInfo
from chalicelib.settings.dynamodb import DynamoDBSettings
from chalicelib.settings.endpoint import EndpointSettings
from chalicelib.settings.hot_reader import HotReaderSettings
from chalicelib.settings.logs import LogSettings

TOKEN = "token-of-the-settings-tests"
URL = "https://reader.example.com/hot-reader"


def twin_info(layer_3: Any = "aws", layer_4: Any = "aws", **more: Any) -> dict[str, Any]:
    providers = {"layer_3_hot_provider": layer_3, "layer_4_provider": layer_4}
    return {
        "config": {"digital_twin_name": "my-twin"},
        "config_providers": {name: value for name, value in providers.items() if value is not ...},
        **more,
    }


def environment(info: Any = None, **variables: str | None) -> dict[str, str]:
    """Make an environment that is complete, but for what is changed; None leaves a variable out."""
    complete = {
        "DIGITAL_TWIN_INFO": json.dumps(twin_info() if info is None else info),
        "DYNAMODB_TABLE_NAME": "hot-table",
        "INTER_CLOUD_TOKEN": TOKEN,
        "REMOTE_READER_URL": URL,
        "LOCAL_HOT_READER_NAME": "local-hot-reader",
    }
    return {name: value for name, value in (complete | variables).items() if value is not None}


def connector(env: dict[str, str]) -> DataConnectorSettings:
    return DataConnectorSettings.load(env, HISTORY)


def remote(**variables: str | None) -> Any:
    """Load the settings of a connector that reads from Azure."""
    return connector(environment(twin_info("azure"), **variables)).reader


class TestTheTwin:
    @pytest.mark.parametrize(
        "load", [DigitalTwinInfo.load, HotReaderSettings.load, connector], ids=["twin", "", "c"]
    )
    @pytest.mark.parametrize("value", [None, "", "  "])
    def test_has_to_be_described(self, load, value):
        with pytest.raises(ConfigurationError, match="DIGITAL_TWIN_INFO is not set") as refusal:
            load(environment(DIGITAL_TWIN_INFO=value))
        assert '"digital_twin_name": "my-twin"' in str(refusal.value)  # an example

    @pytest.mark.parametrize("value", ["{", "my-twin", "{'config': {}}"])
    def test_is_described_in_json(self, value):
        with pytest.raises(ConfigurationError, match="DIGITAL_TWIN_INFO isn't JSON"):
            DigitalTwinInfo.load({"DIGITAL_TWIN_INFO": value})

    @pytest.mark.parametrize(
        ("info", "named"),
        [
            ([], "config is missing"),
            ("twin", "config is missing"),
            ({}, "config is missing"),
            ({"config": None, "config_providers": {}}, "digital_twin_name is missing"),
            ({"config": {}, "config_providers": {}}, "digital_twin_name is missing"),
            ({"config": {"digital_twin_name": "t"}}, "config_providers is missing"),
            (twin_info() | {"config": {"digital_twin_name": 7}}, "digital_twin_name must be"),
            (twin_info() | {"config": {"digital_twin_name": " "}}, "digital_twin_name must be"),
            (twin_info(layer_3=...), "layer_3_hot_provider is missing"),
            (twin_info(layer_4=...), "layer_4_provider is missing"),
        ],
    )
    def test_lacks_no_part(self, info, named):
        with pytest.raises(ConfigurationError, match=f"DIGITAL_TWIN_INFO: .*{named}"):
            DigitalTwinInfo.load({"DIGITAL_TWIN_INFO": json.dumps(info)})

    @pytest.mark.parametrize(
        ("spelling", "provider"),
        [
            ("aws", "aws"),
            ("AWS", "aws"),
            (" Azure ", "azure"),
            ("gcp", "gcp"),
            ("google", "gcp"),
            ("\tGOOGLE\n", "gcp"),
        ],
    )
    def test_has_providers_in_any_case_with_whitespace_or_not(self, spelling, provider):
        info = json.dumps(twin_info(spelling, spelling))
        twin = DigitalTwinInfo.load({"DIGITAL_TWIN_INFO": info})
        assert twin.layout == ProviderLayout(provider, provider)
        assert not twin.layout.crosses_clouds

    @pytest.mark.parametrize("spelling", ["azur", "", "amazon", "google cloud", None, 7, ["aws"]])
    @pytest.mark.parametrize("key", ["layer_3_hot_provider", "layer_4_provider"])
    def test_with_an_unknown_provider_is_refused_by_its_place(self, key, spelling):
        info = twin_info()
        info["config_providers"][key] = spelling
        with pytest.raises(ConfigurationError, match=f"{key} is .*must be aws, azure or gcp"):
            DigitalTwinInfo.load({"DIGITAL_TWIN_INFO": json.dumps(info)})


DEVICE: dict[str, Any] = {
    "id": "sensor-1",
    "properties": [
        {
            "name": "temperature",
            "dataType": "DOUBLE",
            "unitOfMeasure": "Celsius",
            "source": "Body.t",
        },
        {"name": "levels", "dataType": {"type": "LIST", "nestedType": {"type": "INTEGER"}}},
    ],
    "constProperties": [{"name": "serialNumber", "dataType": "STRING", "value": "SN-1"}],
}


class TestDevices:
    def load(self, devices: Any) -> Any:
        info = json.dumps(twin_info(config_iot_devices=devices))
        return DigitalTwinInfo.load({"DIGITAL_TWIN_INFO": info}).devices

    def test_declare_types_sources_and_constants(self):
        assert self.load([DEVICE]) == {
            "sensor-1": DeclaredDevice(
                types={
                    "temperature": DataType("DOUBLE"),
                    "levels": DataType("LIST", DataType("INTEGER")),
                    "serialNumber": DataType("STRING"),
                },
                sources={"temperature": "Body.t"},
                constants={"serialNumber": "SN-1"},
            )
        }

    def test_may_be_in_a_file_of_the_package(self, tmp_path, monkeypatch):
        monkeypatch.setattr("chalicelib.settings.digital_twin_info.DEVICES_DIRECTORY", tmp_path)
        (tmp_path / "devices-multicloud.json").write_text(json.dumps([DEVICE]))
        assert self.load("devices-multicloud.json") == self.load([DEVICE])

    @pytest.mark.parametrize("name", ["devices-missing.json", "../devices-multicloud.json", "/"])
    def test_in_a_file_that_isnt_in_the_package_are_refused(self, name):
        with pytest.raises(ConfigurationError, match="config_iot_devices"):
            self.load(name)

    def test_may_be_left_out(self):
        info = json.dumps(twin_info())
        assert DigitalTwinInfo.load({"DIGITAL_TWIN_INFO": info}).devices == {}
        assert self.load([]) == {}
        assert self.load(None) == {}

    @pytest.mark.parametrize(
        ("devices", "named"),
        [
            (7, "config_iot_devices must be a list"),
            ({"sensor-1": {}}, "config_iot_devices must be a list"),
            (["sensor-1"], r"config_iot_devices\[0\]"),
            ([{}], r"config_iot_devices\[0\]"),
            ([DEVICE, {"id": "sensor-2"}], r"config_iot_devices\[1\]"),
            ([{**DEVICE, "properties": None}], r"config_iot_devices\[0\]"),
            ([{**DEVICE, "properties": [{"name": "x"}]}], r"config_iot_devices\[0\]"),
            ([{**DEVICE, "properties": [{"dataType": "LONG"}]}], r"config_iot_devices\[0\]"),
            ([{**DEVICE, "constProperties": 7}], r"config_iot_devices\[0\]"),
            (
                [{**DEVICE, "constProperties": [{"name": "x", "dataType": "LONG"}]}],
                r"config_iot_devices\[0\].*with a value, too",
            ),
            ([{**DEVICE, "id": 7}], r"config_iot_devices\[0\]\.id"),
            ([{**DEVICE, "id": ["x"]}], r"config_iot_devices\[0\]\.id"),
            ([{**DEVICE, "id": ""}], r"config_iot_devices\[0\]\.id"),
            ([DEVICE, DEVICE], r"config_iot_devices\[1\]\.id"),
        ],
    )
    def test_that_are_malformed_are_refused_by_their_place(self, devices, named):
        with pytest.raises(ConfigurationError, match=f"DIGITAL_TWIN_INFO: {named}"):
            self.load(devices)

    def test_with_an_unknown_type_are_refused_with_those_that_exist(self):
        device = {**DEVICE, "properties": [{"name": "x", "dataType": "FLOAT"}]}
        with pytest.raises(
            ConfigurationError, match=r"config_iot_devices\[0\]\.x is 'FLOAT'.*DOUBLE"
        ):
            self.load([device])


class TestDynamoDB:
    def test_is_a_table(self):
        assert DynamoDBSettings.load({"DYNAMODB_TABLE_NAME": " table "}).table_name == "table"

    @pytest.mark.parametrize("given", [{}, {"DYNAMODB_TABLE_NAME": " "}])
    def test_has_to_be_named(self, given):
        with pytest.raises(ConfigurationError, match="DYNAMODB_TABLE_NAME is not set"):
            DynamoDBSettings.load(given)

    def test_has_no_timestamps_of_its_own(self):
        with pytest.raises(ConfigurationError) as told:
            DynamoDBSettings.load({"TIMESTAMP_FORMAT": " Native "})
        assert "TIMESTAMP_FORMAT is 'native', but DynamoDB has no type" in str(told.value)
        assert "iso8601, iso8601_space, " in str(told.value)
        assert str(told.value).endswith("or epoch_milliseconds_text")


class TestTheHotReader:
    def test_has_defaults_for_all_but_the_twin(self):
        settings = HotReaderSettings.load(environment())
        assert settings.device_id_attribute == "device_id"
        assert settings.timestamp_attribute == "timestamp"
        assert settings.timestamp_format.read("2026-01-30T17:00:00Z").text == "2026-01-30T17:00:00Z"
        assert settings.page_bytes == 6_291_556
        assert settings.page_values is None

    def test_may_have_other_keys(self):
        settings = HotReaderSettings.load(
            environment(DEVICE_ID_ATTRIBUTE=" iotDeviceId ", TIMESTAMP_ATTRIBUTE="time")
        )
        assert settings.device_id_attribute == "iotDeviceId"
        assert settings.timestamp_attribute == "time"

    def test_takes_empty_key_names_for_unset(self):
        settings = HotReaderSettings.load(
            environment(DEVICE_ID_ATTRIBUTE=" ", TIMESTAMP_ATTRIBUTE="")
        )
        assert settings.device_id_attribute == "device_id"
        assert settings.timestamp_attribute == "timestamp"

    @pytest.mark.parametrize(
        ("given", "numeric"),
        [(None, False), ("", False), ("String", False), (" NUMBER ", True)],
    )
    def test_takes_ids_of_devices_for_strings_unless_they_are_numbers(self, given, numeric):
        settings = HotReaderSettings.load(environment(DEVICE_ID_TYPE=given))
        assert settings.numeric_device_ids is numeric

    def test_knows_no_other_type_of_device_ids(self):
        with pytest.raises(ConfigurationError, match=r"DEVICE_ID_TYPE is 'uuid'.*string or number"):
            HotReaderSettings.load(environment(DEVICE_ID_TYPE="uuid"))

    @pytest.mark.parametrize(
        ("name", "key"),
        [
            ("iso8601", "2026-01-30T17:00:00Z"),
            (" ISO8601 ", "2026-01-30T17:00:00Z"),
            ("iso8601_space", "2026-01-30 17:00:00Z"),
            ("epoch_seconds", 1_769_792_400),
            ("epoch_seconds_text", "1769792400"),
            ("epoch_milliseconds", 1_769_792_400_000),
            ("Epoch_Milliseconds_Text", "1769792400000"),
            ("native", NativeTimestamp(1_769_792_400 * 10**9)),
        ],
    )
    def test_reads_timestamps_as_they_are_said_to_be_spelled(self, name, key):
        settings = HotReaderSettings.load(environment(TIMESTAMP_FORMAT=name))
        assert settings.timestamp_format.read(key).instant == 1_769_792_400 * 10**9

    @pytest.mark.parametrize("name", ["epoch", "iso 8601", "epoch_minutes"])
    def test_knows_no_other_spelling(self, name):
        with pytest.raises(ConfigurationError, match=r"TIMESTAMP_FORMAT is .*epoch_milliseconds"):
            HotReaderSettings.load(environment(TIMESTAMP_FORMAT=name))

    @pytest.mark.parametrize("value", ["true", " TRUE "])
    def test_reads_other_offsets_only_if_it_is_set(self, value):
        key = "2026-01-30T19:00:00+02:00"
        settings = HotReaderSettings.load(environment(MIXED_OFFSETS=value))
        assert settings.timestamp_format.read(key).text == "2026-01-30T17:00:00Z"
        for unset in (None, "", "false", "False"):
            settings = HotReaderSettings.load(environment(MIXED_OFFSETS=unset))
            with pytest.raises(ValueError, match="MIXED_OFFSETS"):
                settings.timestamp_format.read(key)

    @pytest.mark.parametrize("value", ["yes", "1", "on"])
    def test_takes_only_true_or_false_for_a_flag(self, value):
        with pytest.raises(ConfigurationError, match=r"MIXED_OFFSETS is .*true or false"):
            HotReaderSettings.load(environment(MIXED_OFFSETS=value))

    @pytest.mark.parametrize(("value", "expected"), [("0", None), ("", None), ("500", 500)])
    def test_may_bound_its_pages_by_values(self, value, expected):
        assert HotReaderSettings.load(environment(PAGE_VALUES=value)).page_values == expected

    @pytest.mark.parametrize("value", ["65536", " 6291556 "])
    def test_may_bound_its_pages_by_bytes(self, value):
        assert HotReaderSettings.load(environment(PAGE_BYTES=value)).page_bytes == int(value)


NUMBERS = [
    (HotReaderSettings.load, "PAGE_BYTES", 65_536, 6_291_556),
    (HotReaderSettings.load, "PAGE_VALUES", 0, 1_000_000),
    (HotReaderSettings.load, "LATEST_LOOK_BACK", 1, 10_000),
    (EndpointSettings.load, "REQUESTS_PER_SECOND", 0, 100_000),
    (EndpointSettings.load, "INTER_CLOUD_TOKEN_MAX_AGE_SECONDS", 1, 3_600),
    (connector, "INTER_CLOUD_TOKEN_MAX_AGE_SECONDS", 1, 3_600),
    (connector, "REMOTE_RETRIES", 0, 10),
    (connector, "READ_AHEAD_PAGES", 0, 100),
    (connector, "READ_AHEAD_GRACE_SECONDS", 0, 604_800),
]


@pytest.mark.parametrize(("load", "name", "least", "most"), NUMBERS)
class TestNumbers:
    @pytest.mark.parametrize(
        "value", ["many", "-1", "1.5", "1e3", "0x10", "1_000", "\uff19", "1" * 50]
    )
    def test_that_are_none_are_refused_by_name(self, load, name, least, most, value):
        with pytest.raises(ConfigurationError, match=f"{name} is .* whole number from {least} to"):
            load(environment(twin_info("azure"), **{name: value}))

    def test_reach_from_the_least_to_the_most(self, load, name, least, most):
        for value in (least, most):
            load(environment(twin_info("azure"), **{name: str(value)}))  # raises nothing
        for value in (least - 1, most + 1):
            with pytest.raises(ConfigurationError, match=f"{name} is '{value}'"):
                load(environment(twin_info("azure"), **{name: str(value)}))


class TestTheEndpoint:
    def test_has_defaults_for_all_but_the_token(self):
        settings = EndpointSettings.load({"INTER_CLOUD_TOKEN": TOKEN})
        assert settings.token.value == TOKEN
        assert settings.token.max_age == 60
        assert settings.requests_per_second is None
        assert not settings.compress

    @pytest.mark.parametrize("value", [None, "", " "])
    def test_has_to_have_a_token(self, value):
        with pytest.raises(ConfigurationError, match="INTER_CLOUD_TOKEN is not set"):
            EndpointSettings.load(environment(INTER_CLOUD_TOKEN=value))

    def test_has_to_have_a_usable_token(self):
        with pytest.raises(ConfigurationError, match="INTER_CLOUD_TOKEN must be a token"):
            EndpointSettings.load(environment(INTER_CLOUD_TOKEN="short"))

    def test_may_limit_its_rate(self):
        settings = EndpointSettings.load(environment(REQUESTS_PER_SECOND="20"))
        assert settings.requests_per_second == 20

    def test_keeps_a_fetched_token_as_long_as_is_set(self):
        settings = EndpointSettings.load(environment(INTER_CLOUD_TOKEN_MAX_AGE_SECONDS="5"))
        assert settings.token.max_age == 5

    def test_compresses_only_where_nothing_in_front_does(self):
        assert EndpointSettings.load(environment(AWS_CHALICE_CLI_MODE="true")).compress

    @pytest.mark.parametrize("reference", ["ssm:/twin/token", "secretsmanager:twin/token"])
    def test_a_store_of_aws_is_refused_outside_of_aws(self, reference):
        complaint = "INTER_CLOUD_TOKEN.*Key Vault.*Secret Manager"
        with pytest.raises(ConfigurationError, match=complaint):
            EndpointSettings.load_outside_aws(environment(INTER_CLOUD_TOKEN=reference))

    def test_compresses_outside_of_aws(self):
        settings = EndpointSettings.load_outside_aws(environment())
        assert settings.compress
        assert settings.token.value == TOKEN


class TestDualValidation:
    """docs/architecture.md, 'Dual validation'."""

    PROVIDERS = ("aws", "azure", "gcp")

    @pytest.mark.parametrize("layer_4", PROVIDERS)
    @pytest.mark.parametrize("layer_3", PROVIDERS)
    @pytest.mark.parametrize("url", [URL, None, ""])
    @pytest.mark.parametrize("token", [TOKEN, None, ""])
    def test_a_connector_goes_remote_only_if_providers_differ_and_there_is_a_url_and_a_token(
        self, layer_3, layer_4, url, token
    ):
        env = environment(
            twin_info(layer_3, layer_4), REMOTE_READER_URL=url, INTER_CLOUD_TOKEN=token
        )
        if layer_3 == layer_4:
            assert connector(env).reader == LocalReaderSettings("local-hot-reader")
        elif url and token:
            reader = connector(env).reader
            assert isinstance(reader, RemoteReaderSettings)
            assert (reader.url, reader.source_cloud) == (URL, layer_4)
        else:
            missing = "INTER_CLOUD_TOKEN" if url else "REMOTE_READER_URL"
            with pytest.raises(ConfigurationError, match=f"{missing} is not set"):
                connector(env)

    def test_two_spellings_of_one_provider_do_not_differ(self):
        reader = connector(environment(twin_info("google", " GCP "))).reader
        assert isinstance(reader, LocalReaderSettings)

    @pytest.mark.parametrize("name", [None, "", " "])
    def test_a_local_connector_has_to_have_a_function(self, name):
        with pytest.raises(ConfigurationError, match="LOCAL_HOT_READER_NAME is not set"):
            connector(environment(LOCAL_HOT_READER_NAME=name))

    @pytest.mark.parametrize("provider", ["azur", None])
    def test_a_connector_with_an_unknown_provider_does_not_start(self, provider):
        with pytest.raises(ConfigurationError, match="layer_3_hot_provider"):
            connector(environment(twin_info(provider)))


class TestTheRemote:
    def test_has_defaults_for_all_but_url_and_token(self):
        settings = remote()
        assert settings.token.value == TOKEN
        assert settings.retries == 3
        assert (settings.connect_timeout, settings.longest_try) == (3, 10)

    def test_may_be_tried_more_or_less_often(self):
        assert remote(REMOTE_RETRIES="0").retries == 0

    @pytest.mark.parametrize(
        "name",
        [
            "REMOTE_CONNECT_TIMEOUT_MS",
            "REMOTE_READ_TIMEOUT_MS",
            "ANSWER_MARGIN_MS",
            "READ_AHEAD_MEMORY_MB",
            "READ_AHEAD_OPEN_SECONDS",
            "READ_AHEAD_CLOSED_SECONDS",
        ],
    )
    def test_ignores_a_setting_of_earlier_versions(self, name):
        assert remote(**{name: "anything"}) == remote()

    @pytest.mark.parametrize(
        "url",
        [
            "https://reader.example.com/hot-reader",
            "https://reader.example.com:8443/hot-reader",
            "https://twin.azurewebsites.net/api/hot-reader?code=abc==",
            "https://hot-reader-x7-ew.a.run.app",
            "https://192.0.2.7/hot-reader",
            "https://[2001:db8::7]/hot-reader",
            "HTTPS://READER.EXAMPLE.COM/hot-reader",
            "https://rëader.example.com/hot-reader",
            "http://localhost:8000/hot-reader",
            "http://127.0.0.1:8000/hot-reader",
            "http://[::1]:8000/hot-reader",
            "http://LOCALHOST:8000/hot-reader",
        ],
    )
    def test_may_be_at_any_https_url_or_on_this_machine(self, url):
        assert remote(REMOTE_READER_URL=f" {url}\n").url == url

    @pytest.mark.parametrize(
        ("url", "complaint"),
        [
            ("reader.example.com/hot-reader", "must look like"),
            ("//reader.example.com/hot-reader", "must look like"),
            ("https:///hot-reader", "must look like"),
            ("https://:443/hot-reader", "must look like"),
            ("ftp://reader.example.com/hot-reader", "must look like"),
            ("file:///etc/passwd", "must look like"),
            ("ssm:/twin/url", "must look like"),
            ("https://reader.example.com:x/hot-reader", "is not a URL"),
            ("https://reader.example.com:99999/hot-reader", "is not a URL"),
            ("https://[2001:db8::7/hot-reader", "is not a URL"),
            ("https://reader..example.com/hot-reader", "is not a URL"),
            (f"https://{'x' * 64}.example.com/hot-reader", "is not a URL"),
            ("https://reader.example.com/hot reader", "must not contain whitespace"),
            ("https://reader.example .com/hot-reader", "must not contain whitespace"),
            ("https://someone:secret@reader.example.com/", "user name or password"),
            ("https://someone@reader.example.com/", "user name or password"),
            ("https://@reader.example.com/", "user name or password"),
            ("http://localhost@reader.example.com/", "user name or password"),
            ("http://reader.example.com/hot-reader", "must use https"),
            ("http://localhost.example.com/hot-reader", "must use https"),
            ("http://127.0.0.1.example.com/hot-reader", "must use https"),
            ("http://192.168.0.7/hot-reader", "must use https"),
            ("http://0.0.0.0:8000/hot-reader", "must use https"),
        ],
    )
    def test_at_any_other_url_is_refused_by_the_variables_name(self, url, complaint):
        with pytest.raises(
            ConfigurationError, match=f"^REMOTE_READER_URL .*{complaint}"
        ) as refusal:
            remote(REMOTE_READER_URL=url)
        assert "secret" not in str(refusal.value)

    def test_of_each_kind_of_read_has_a_variable_of_its_own(self):
        settings = DataConnectorSettings.load(
            environment(
                twin_info("gcp"), REMOTE_READER_URL=None, REMOTE_READER_LAST_ENTRY_URL=f"{URL}-2"
            ),
            LAST_ENTRY,
        )
        assert isinstance(settings.reader, RemoteReaderSettings)
        assert settings.reader.url == f"{URL}-2"


class TestReadingAhead:
    @pytest.mark.parametrize(
        ("variables", "pages", "grace"),
        [({}, 24, 60), ({"READ_AHEAD_PAGES": "4", "READ_AHEAD_GRACE_SECONDS": "3600"}, 4, 3_600)],
    )
    def test_has_bounds(self, variables, pages, grace):
        assert remote(**variables).read_ahead == ReadAheadSettings(
            pages, grace, most_bytes=32_000_000, open_seconds=5, closed_seconds=60
        )

    def test_is_switched_off_by_no_pages(self):
        assert remote(READ_AHEAD_PAGES="0").read_ahead is None


class TestTheLogLevel:
    @pytest.mark.parametrize(
        ("value", "level"),
        [("debug", 10), (" WARNING ", 30), ("Error", 40), ("critical", 50)],
    )
    def test_is_a_name_in_any_case(self, value, level):
        assert LogSettings.load({"POWERTOOLS_LOG_LEVEL": value}).level == level

    @pytest.mark.parametrize("env", [{}, {"POWERTOOLS_LOG_LEVEL": " "}])
    def test_is_left_open_unless_it_is_set(self, env):
        assert LogSettings.load(env).level is None

    def test_that_does_not_exist_is_refused(self):
        with pytest.raises(ConfigurationError, match="POWERTOOLS_LOG_LEVEL is 'LOUD'"):
            LogSettings.load({"POWERTOOLS_LOG_LEVEL": "loud"})


class TestTracing:
    @pytest.mark.parametrize(
        ("env", "enabled"),
        [
            ({}, False),
            ({"POWERTOOLS_TRACE_DISABLED": "false"}, False),
            ({"LAMBDA_TASK_ROOT": "/var/task"}, True),
            ({"LAMBDA_TASK_ROOT": "/var/task", "POWERTOOLS_TRACE_DISABLED": "false"}, True),
            ({"LAMBDA_TASK_ROOT": "/var/task", "POWERTOOLS_TRACE_DISABLED": "true"}, False),
        ],
    )
    def test_is_for_lambda_unless_it_is_switched_off(self, env, enabled):
        assert LogSettings.load(env).tracing is enabled

    def test_refuses_a_switch_that_is_neither_on_nor_off(self):
        with pytest.raises(ConfigurationError, match="POWERTOOLS_TRACE_DISABLED is 'maybe'"):
            LogSettings.load({"LAMBDA_TASK_ROOT": "/x", "POWERTOOLS_TRACE_DISABLED": "maybe"})


class TestASecretThatThePlatformShouldHavePutThere:
    KEY_VAULT = "@Microsoft.KeyVault(SecretUri=https://my-vault.vault.azure.net/secrets/token/)"
    SECRET_MANAGER = "projects/my-project/secrets/inter-cloud-token/versions/latest"

    @pytest.mark.parametrize(
        ("value", "problem"),
        [
            (KEY_VAULT, "Key Vault reference that Azure has not resolved.*Secrets User"),
            (KEY_VAULT.lower(), "Key Vault reference that Azure has not resolved"),
            (f" {SECRET_MANAGER}", "Secret Manager, not the secret.*--set-secrets"),
        ],
    )
    def test_is_recognised_by_its_reference(self, value, problem):
        with pytest.raises(ConfigurationError, match=f"^INTER_CLOUD_TOKEN is .*{problem}"):
            EndpointSettings.load_outside_aws({"INTER_CLOUD_TOKEN": value})
