"""Events that others document, record or send: each is answered rightly, or refused with the reason.

`kept_events.json` has their facts: the members, and of each property what its definition says.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from chalicelib.contracts import events
from chalicelib.data_connector import event_query, schema
from chalicelib.hot_reader import service
from chalicelib.hot_reader.hot_reader import HotReader
from chalicelib.model.data_value import DataType
from chalicelib.model.errors import InvalidQueryError
from chalicelib.model.layout import ProviderLayout
from chalicelib.model.query import DeclaredDevice
from chalicelib.model.reads import READS
from chalicelib.model.timestamps import Iso8601Format
from chalicelib.settings.digital_twin_info import DigitalTwinInfo
from deploy_scripts import PROJECT
from tests.conformance.memory import MemoryStore
from tests.conformance.oracle import Stored

KEPT: list[dict[str, Any]] = json.loads(Path(__file__).with_name("kept_events.json").read_text())
REFUSED = [each for each in KEPT if "refused" in each]
ANSWERED = [each for each in KEPT if each not in REFUSED]
FLAGS = {
    "series": {"isTimeSeries": True, "isStoredExternally": True},
    "stored": {"isTimeSeries": False, "isStoredExternally": True},
    "external": {"isTimeSeries": False, "isStoredExternally": False, "isExternalId": True},
    "static": {"isTimeSeries": False, "isStoredExternally": False},
}
DEVICES = ("pump-1", "pump-2", "myModelId", "myAssetId", "Mixer_2_23a4ba92")
TYPES = {"temperature": DataType("DOUBLE"), "alarm_status": DataType("STRING")}
TWIN = DigitalTwinInfo(
    "my-twin",
    ProviderLayout("azure", "aws"),
    devices={
        each: DeclaredDevice(
            types=TYPES, component_type="pump" if each.startswith("pump") else None
        )
        for each in DEVICES
    },
)


def spelled(kept: dict[str, Any]) -> dict[str, Any]:
    """Spell an event as it is sent: `series DOUBLE` is a definition, `static Alarm` one with a value."""
    event = dict(kept["event"])
    properties = {}
    for name, described in event["properties"].items():
        if isinstance(described, dict):
            continue
        kind, _, rest = described.partition(" ")
        is_read = kind in ("series", "stored")
        definition = {"dataType": {"type": rest if is_read else "STRING"}, **FLAGS[kind]}
        properties[name] = {"definition": definition}
        if rest and not is_read:
            properties[name]["value"] = {"stringValue": rest}
    return event | {"properties": properties}


def read_of(kept: dict[str, Any]) -> Any:
    return next(each for each in READS if each.title == kept["read"])


def reader() -> HotReader:
    store = MemoryStore()
    for device_id in DEVICES:
        values: dict[str, Any] = dict.fromkeys(("temperature", "Temperature", "Pressure"), 21.5)
        values |= dict.fromkeys(("manufacturer", "alarm_status"), "ACTIVE")
        entries = [Stored(f"2022-04-07T04:04:{second}Z", values) for second in (42, 44)]
        store.put(device_id, entries, "S")
    return HotReader(store, Iso8601Format(), page_bytes=100_000)


@pytest.mark.parametrize("kept", ANSWERED, ids=[each["what"] for each in ANSWERED])
def test_an_event_that_can_be_answered_is(kept):
    event = spelled(kept)
    if events.asks_for_properties(event):
        assert set(schema.answer(event, TWIN)["properties"]) == set(TYPES)
        return
    query = event_query.parse(event, read_of(kept), TWIN)
    found = service.answer(reader(), query).document["propertyValues"]
    references = (
        [each["propertyReference"] for each in found.values()]
        if isinstance(found, dict)
        else [each["entityPropertyReference"] for each in found]
    )
    entity = {
        name: event[name]
        for name in ("entityId", "componentName", "componentPath")
        if name in event
    }
    key = "alarm_key" if "alarm_key" in event["properties"] else "iotDeviceId"
    sources = [entity] if entity else [{"externalIdProperty": {key: each}} for each in DEVICES[:2]]
    assert references == [
        {"propertyName": name, **source}
        for source in sources
        for name in event["selectedProperties"]
    ]


@pytest.mark.parametrize("kept", REFUSED, ids=[each["what"] for each in REFUSED])
def test_an_event_that_cannot_be_answered_is_refused_with_the_reason(kept):
    with pytest.raises(InvalidQueryError, match=re.escape(kept["refused"])):
        service.answer(reader(), event_query.parse(spelled(kept), read_of(kept), TWIN))


def test_the_architecture_page_counts_them_rightly():
    page = " ".join((PROJECT / "docs" / "architecture.md").read_text().split())
    counts = f"{len(ANSWERED)} are answered and {len(REFUSED)} refused"
    assert f"Of {len(KEPT)} events" in page
    assert counts in page
