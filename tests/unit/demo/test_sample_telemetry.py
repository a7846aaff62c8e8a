"""Sample telemetry: the same for the same seed, and believable."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from chalicelib.model.data_value import DataType, to_data_value
from chalicelib.model.instants import NANOSECONDS, parse_instant
from demo import sample_telemetry
from deploy_scripts.project_files.twin_configuration import Device, DeviceProperty

if TYPE_CHECKING:
    from deploy_scripts.providers.telemetry import Entry

END = datetime(2026, 1, 30, 18, tzinfo=UTC)
MANY = 3_000
DEVICE = Device(
    "machine-1",
    (
        DeviceProperty("temperature", DataType("DOUBLE"), "Celsius"),
        DeviceProperty("pressure", DataType("DOUBLE"), "Bar"),
        DeviceProperty("rotationSpeed", DataType("INTEGER"), "RPM"),
        DeviceProperty("total", DataType("LONG")),
        DeviceProperty("running", DataType("BOOLEAN")),
        DeviceProperty("status", DataType("STRING")),
        DeviceProperty("levels", DataType("LIST", DataType("DOUBLE"))),
        DeviceProperty("axes", DataType("MAP", DataType("DOUBLE"))),
    ),
)


def generate(count: int = MANY, device: Device = DEVICE, **options: object) -> list[Entry]:
    return list(sample_telemetry.generate(device, count, end=END, **options))  # type: ignore[arg-type]


def test_values_are_stored_under_their_sources():
    speed = DeviceProperty("speed", DataType("DOUBLE"), source="Vehicle.Speed")
    device = Device("car-1", (speed, DeviceProperty("on", DataType("BOOLEAN"))))
    measured = generate(50, device)
    stored = list(sample_telemetry.as_stored(measured, [device]))
    assert {name for entry in stored for name in entry.values} == {"Vehicle.Speed", "on"}
    assert [entry.values.get("Vehicle.Speed") for entry in stored] == [
        entry.values.get("speed") for entry in measured
    ]


@pytest.fixture(scope="module")
def entries():
    return generate()


@pytest.fixture(scope="module")
def instants(entries):
    return [parse_instant(entry.timestamp) for entry in entries]


class TestGenerate:
    def test_gives_the_same_for_the_same_seed(self, entries):
        assert generate(seed=1) == entries

    def test_gives_something_else_for_another_seed(self, entries):
        assert generate(seed=2) != entries

    def test_gives_each_device_its_own(self, entries):
        other = generate(device=Device("machine-2", DEVICE.properties))
        assert [entry.values for entry in other] != [entry.values for entry in entries]
        assert {entry.device_id for entry in other} == {"machine-2"}

    @pytest.mark.parametrize("count", [0, 1, 2, 25, 100])
    def test_gives_as_many_as_are_asked_for(self, count):
        assert len(generate(count)) == count

    def test_gives_distinct_instants_the_oldest_first(self, instants):
        assert all(one < next_one for one, next_one in pairwise(instants))

    @pytest.mark.parametrize("seconds", [1, 2, 60])
    def test_keeps_that_order_at_any_interval(self, seconds):
        entries = generate(500, interval=timedelta(seconds=seconds))
        instants = [parse_instant(entry.timestamp) for entry in entries]
        assert all(one < next_one for one, next_one in pairwise(instants))

    @pytest.mark.parametrize("seed", range(20))
    def test_ends_at_the_end_or_less_than_an_interval_before(self, seed):
        (entry,) = generate(1, seed=seed)
        instant = parse_instant(entry.timestamp) / NANOSECONDS
        assert END.timestamp() - 30 <= instant <= END.timestamp()

    def test_falls_silent_now_and_then(self, instants):
        pauses = [(later - one) / NANOSECONDS for one, later in pairwise(instants)]
        gaps = [pause for pause in pauses if pause > 31]
        assert 0 < len(gaps) < MANY / 50
        assert max(gaps) <= 40 * 30 + 1

    def test_spells_instants_in_several_ways(self, entries):
        spellings = {
            entry.timestamp[19:].translate(str.maketrans("123456789", "0" * 9)) for entry in entries
        }
        assert spellings == {"Z", "+00:00", ".000Z", ".000000000Z"}
        assert any(entry.timestamp.endswith(".000Z") for entry in entries)

    def test_lacks_a_property_here_and_there(self, entries):
        for each in DEVICE.properties:
            lacking = sum(each.name not in entry.values for entry in entries)
            assert 0 < lacking < MANY / 10

    def test_gives_values_that_their_types_can_express(self, entries):
        types = {each.name: each.data_type for each in DEVICE.properties}
        for entry in entries:
            for name, value in entry.values.items():
                assert to_data_value(value, types[name])

    def test_gives_values_that_change(self, entries):
        for each in DEVICE.properties:
            seen = {str(entry.values.get(each.name)) for entry in entries}
            assert len(seen) > 2, each.name

    def test_counts_upwards(self, entries):
        totals = [entry.values["total"] for entry in entries if "total" in entry.values]
        assert totals == sorted(totals)

    def test_stays_near_the_level_of_a_unit(self, entries):
        values = [entry.values["pressure"] for entry in entries if "pressure" in entry.values]
        assert all(Decimal(5) < value < Decimal(10) for value in values)


def test_the_latest_round_minute_has_begun():
    now = datetime(2026, 1, 30, 17, 59, 59, 999_999, tzinfo=UTC)
    assert sample_telemetry.latest_round_minute(now) == datetime(2026, 1, 30, 17, 59, tzinfo=UTC)
