"""Entries of the hot table, and queries for them."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from demo import sample_telemetry
from deploy_scripts import PROJECT
from deploy_scripts.project_files.twin_configuration import TwinConfiguration
from deploy_scripts.providers.telemetry import Entry

if TYPE_CHECKING:
    from collections.abc import Iterator

HISTORY: Final = "/hot-reader"
LAST_ENTRY: Final = "/hot-reader-last-entry"

SENSOR: Final = "temperature-sensor-1"
PUMP: Final = "pump-1"
METER: Final = "energy-meter-1"

# The examples of docs/openapi.yaml are about these.
_SENSOR_ENTRIES: Final = (
    ("2026-01-30T17:00:00Z", Decimal("21.5"), Decimal("48.25"), "OK"),
    ("2026-01-30T17:00:30.250Z", Decimal("19.75"), None, "OK"),
    ("2026-01-30T17:01:00+00:00", Decimal(22), Decimal("47.5"), "WARNING"),
    ("2026-01-30T17:01:30.123456789Z", Decimal("22.25"), None, "WARNING"),
)


def entries() -> Iterator[Entry]:
    """Yield everything that the hot table holds."""
    for timestamp, temperature, humidity, status in _SENSOR_ENTRIES:
        values = {"temperature": temperature, "humidity": humidity, "status": status}
        yield Entry(SENSOR, timestamp, {k: v for k, v in values.items() if v is not None})
    yield from entries_of(PUMP)
    yield from entries_of(METER)


def entries_of(device_id: str) -> list[Entry]:
    """Make two hours of sample telemetry, the same each time."""
    (device,) = (
        each for each in TwinConfiguration.load(PROJECT / "config").devices if each.id == device_id
    )
    end = datetime(2026, 1, 30, 18, tzinfo=UTC)
    return list(sample_telemetry.generate(device, 240, end=end))


def history(**changes: Any) -> dict[str, Any]:
    """Make the payload of a history query."""
    return {
        "iot_device_id": SENSOR,
        "start_time": "2026-01-30T12:00:00Z",
        "end_time": "2026-01-30T18:00:00Z",
        "selected_properties": ["temperature", "status"],
        **changes,
    }


def last_entry(**changes: Any) -> dict[str, Any]:
    """Make the payload of a last entry query."""
    return {"iot_device_id": SENSOR, "selected_properties": ["temperature", "status"], **changes}


def payload_for(path: str, **changes: Any) -> dict[str, Any]:
    """Make the payload that a path wants."""
    return history(**changes) if path == HISTORY else last_entry(**changes)


def without(payload: dict[str, Any], key: str) -> dict[str, Any]:
    """Leave a key out."""
    return {name: value for name, value in payload.items() if name != key}


def parameters(payload: dict[str, Any]) -> dict[str, Any]:
    """Spell a payload without JSON parts as the parameters of a GET."""
    return payload | {"selected_properties": ",".join(payload["selected_properties"])}
