"""Sample telemetry is stored as the Hot Readers' settings say that entries are."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from chalicelib.model.errors import ConfigurationError
from chalicelib.model.instants import NANOSECONDS, NativeTimestamp, parse_instant
from chalicelib.settings.hot_reader import TIMESTAMP_FORMATS, HotReaderSettings
from deploy_scripts.providers.telemetry import EntryLayout

AT = "2026-01-30T17:00:00.500Z"
ENTRY = ("7", AT, {"pressure": Decimal("4.2")})


@pytest.mark.parametrize(
    ("settings", "fields"),
    [
        ({}, {"device_id": "7", "timestamp": AT, "pressure": Decimal("4.2")}),
        (
            {"DEVICE_ID_ATTRIBUTE": "a.b", "TIMESTAMP_ATTRIBUTE": "id", "DEVICE_ID_TYPE": "number"},
            {"a.b": 7, "id": AT, "pressure": Decimal("4.2")},
        ),
        (
            {"VALUES_PATH": "data.reported", "TIMESTAMP_FORMAT": "epoch_milliseconds"},
            {
                "device_id": "7",
                "timestamp": 1769792400500,
                "data": {"reported": {"pressure": Decimal("4.2")}},
            },
        ),
    ],
)
def test_fields_are_where_the_settings_say(settings, fields):
    assert EntryLayout.load(settings).fields(*ENTRY) == fields


def test_keys_may_be_within_maps_where_a_store_has_them_there():
    settings = {"DEVICE_ID_ATTRIBUTE": "System.id", "TIMESTAMP_ATTRIBUTE": "System.at"}
    fields = EntryLayout.load(settings, nested_keys=True).fields(*ENTRY)
    assert fields == {"System": {"id": "7", "at": AT}, "pressure": Decimal("4.2")}


@pytest.mark.parametrize("name", TIMESTAMP_FORMATS)
def test_a_timestamp_of_each_format_is_one_that_a_hot_reader_reads(name):
    stored: Any = EntryLayout.load({"TIMESTAMP_FORMAT": name}).fields(*ENTRY)["timestamp"]
    if name == "native":
        stored = NativeTimestamp(int(stored.timestamp() * 1_000) * 1_000_000)
    if isinstance(stored, int) and name != "native":
        stored = Decimal(stored)
    info = {
        "config": {"digital_twin_name": "t"},
        "config_providers": {"layer_3_hot_provider": "aws", "layer_4_provider": "aws"},
    }
    settings = HotReaderSettings.load(
        {"DIGITAL_TWIN_INFO": json.dumps(info), "TIMESTAMP_FORMAT": name}
    )
    read = settings.timestamp_format.read(stored).instant
    assert read // NANOSECONDS == parse_instant(AT) // NANOSECONDS


def test_a_device_id_that_is_no_number_is_not_stored_as_one():
    layout = EntryLayout.load({"DEVICE_ID_TYPE": "number"})
    with pytest.raises(ConfigurationError, match="the device's id 'pump-1' isn't one"):
        layout.fields("pump-1", AT, {})


def test_a_format_that_is_none_is_refused():
    with pytest.raises(ConfigurationError, match="TIMESTAMP_FORMAT"):
        EntryLayout.load({"TIMESTAMP_FORMAT": "sundial"})
