"""Sample telemetry: believable device data, the same for the same seed.

Values follow a day's rhythm with noise, devices fall silent now and then, an entry may lack a property,
and timestamps are spelled as different firmwares spell them.
"""

from __future__ import annotations

import math
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from chalicelib.model.instants import NANOSECONDS, utc_text
from deploy_scripts.providers.telemetry import Entry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from chalicelib.model.data_value import DataType
    from deploy_scripts.project_files.twin_configuration import Device, DeviceProperty

_LEVELS: Final = {
    "Celsius": (21.0, 6.0),
    "Percent": (52.0, 14.0),
    "Bar": (7.5, 1.2),
    "RPM": (1450.0, 60.0),
    "Kilowatt": (18.0, 11.0),
    "Ampere": (26.0, 4.0),
}
"""By unit: the day's mean, and how far the day's rhythm goes from it."""
_ANY_LEVEL: Final = (100.0, 10.0)
_WORDS: Final = {
    "status": ("OK", "OK", "OK", "OK", "WARNING", "SERVICE"),
    "phase": ("L1", "L2", "L3"),
}
_ANY_WORDS: Final = ("A", "B", "C")
_GAP_CHANCE: Final = 0.004
_LONGEST_GAP: Final = 40
_LACK_CHANCE: Final = 0.03


def generate(
    device: Device,
    count: int,
    *,
    end: datetime,
    interval: timedelta = timedelta(seconds=30),
    seed: int = 1,
) -> Iterator[Entry]:
    """Yield a device's entries, the oldest first.

    Parameters
    ----------
    device
        Its properties decide what is measured.
    count
        The number of entries.
    end
        The last entry is at or shortly before this time.
    interval
        The time between two entries, at least a second; gaps come on top.
    seed
        The same seed and arguments give the same entries.

    Raises
    ------
    ValueError
        The interval is too short.
    """
    if interval < timedelta(seconds=1):
        raise ValueError(f"the interval is {interval}; it must be at least a second")
    chance = random.Random(f"{seed}:{device.id}")  # noqa: S311 - telemetry, not a secret
    steps = [_step(chance) for _ in range(count)]
    measures = {each.name: _measure(each, chance) for each in device.properties}
    step = -sum(steps) + (steps[0] if steps else 0)
    step_length = int(interval.total_seconds() * NANOSECONDS)
    # A device may add a fraction of a second of its own.
    last = (int(end.timestamp()) - 1) * NANOSECONDS
    for number, length in enumerate(steps):
        step += length if number else 0
        instant = last + step * step_length
        values = {
            name: measure(instant)
            for name, measure in measures.items()
            if chance.random() >= _LACK_CHANCE
        }
        yield Entry(device.id, _spelled(instant, chance), values)


def as_stored(entries: Iterable[Entry], devices: Iterable[Device]) -> Iterator[Entry]:
    """Name values as they are stored: a source is the field of exactly that name."""
    sources = {
        device.id: {each.name: each.source or each.name for each in device.properties}
        for device in devices
    }
    for entry in entries:
        names = sources[entry.device_id]
        yield replace(entry, values={names[name]: value for name, value in entry.values.items()})


def _step(chance: random.Random) -> int:
    """Return how many intervals pass before an entry: one, or more in a gap."""
    return chance.randint(2, _LONGEST_GAP) if chance.random() < _GAP_CHANCE else 1


def _spelled(instant: int, chance: random.Random) -> str:
    """Spell a whole second as one of several firmwares does; some add a fraction of their own."""
    match chance.randrange(5):
        case 0:
            return utc_text(instant, 3)
        case 1:
            return utc_text(instant + chance.randrange(1000) * 1_000_000, 3)
        case 2:
            return utc_text(instant + chance.randrange(NANOSECONDS), 9)
        case 3:
            return utc_text(instant, 0).replace("Z", "+00:00")
        case _:
            return utc_text(instant, 0)


def _measure(each: DeviceProperty, chance: random.Random) -> Callable[[int], Any]:
    """Return a function that measures a property at an instant."""
    return _measure_type(each.name, each.unit, each.data_type, chance)


def _measure_type(
    name: str, unit: str | None, declared: DataType, chance: random.Random
) -> Callable[[int], Any]:
    mean, swing = _LEVELS.get(unit or "", _ANY_LEVEL)
    phase = chance.random() * math.tau
    words = _WORDS.get(name, _ANY_WORDS)
    total = chance.randrange(1_000_000, 9_000_000)

    def level(instant: int) -> float:
        day = instant / NANOSECONDS / 86_400 * math.tau
        return mean + swing * math.sin(day + phase) + chance.gauss(0, swing / 25)

    def counted(_instant: int) -> int:
        nonlocal total
        total += chance.randrange(400)
        return total

    def word(instant: int) -> str:
        # A word stays for a quarter of an hour or so.
        return words[hash_of(name, instant // (900 * NANOSECONDS)) % len(words)]

    def nested(instant: int) -> list[Any]:
        return [Decimal(f"{level(instant):.2f}") for _ in range(3)]

    measures: dict[str, Callable[[int], Any]] = {
        "DOUBLE": lambda instant: Decimal(f"{level(instant):.2f}"),
        "INTEGER": lambda instant: round(level(instant)),
        "LONG": counted,
        "BOOLEAN": lambda instant: hash_of(name, instant // (1800 * NANOSECONDS)) % 4 != 0,
        "LIST": nested,
        "MAP": lambda instant: {"value": Decimal(f"{level(instant):.2f}")},
    }
    return measures.get(declared.type, word)


def hash_of(name: str, number: int) -> int:
    """Return a number that looks random and is the same in every process."""
    return random.Random(f"{name}:{number}").randrange(2**31)  # noqa: S311 - telemetry, not a secret


def latest_round_minute(now: datetime | None = None) -> datetime:
    """Return the minute that has begun last, in UTC: a tidy end for sample telemetry."""
    return (now or datetime.now(UTC)).replace(second=0, microsecond=0)
