"""Sample telemetry on its way into a hot storage: how entries are stored, and what every writer shares."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from itertools import islice
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

from chalicelib.model.errors import ConfigurationError
from chalicelib.model.instants import NANOSECONDS, parse_instant
from chalicelib.model.locations import locations
from chalicelib.settings.environment import string
from chalicelib.settings.hot_reader import timestamp_format

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from chalicelib.model.locations import Location
    from chalicelib.settings.environment import Environment

_MILLISECOND: Final = 1_000_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SPELLED: Final[Mapping[str, Callable[[str], Any]]] = {
    "iso8601": str,
    "iso8601_space": lambda text: text.replace("T", " "),
    "epoch_seconds": lambda text: parse_instant(text) // NANOSECONDS,
    "epoch_seconds_text": lambda text: str(parse_instant(text) // NANOSECONDS),
    "epoch_milliseconds": lambda text: parse_instant(text) // _MILLISECOND,
    "epoch_milliseconds_text": lambda text: str(parse_instant(text) // _MILLISECOND),
    "native": lambda text: _EPOCH + timedelta(microseconds=parse_instant(text) // 1_000),
}
"""For each TIMESTAMP_FORMAT, what spells a device's ISO 8601 in it."""


@dataclass(frozen=True, slots=True)
class EntryLayout:
    """A layout, by default the one that the Hot Readers expect."""

    device_id: Location = ("device_id",)
    timestamp: Location = ("timestamp",)
    values: Location = ()  # where the map with the values is; empty for the entry itself
    numeric_device_ids: bool = False
    timestamp_format: str = "iso8601"

    @classmethod
    def load(cls, environment: Environment, *, nested_keys: bool = False) -> Self:
        """Read it from the Hot Readers' settings.

        `nested_keys`: True for a store that may have the device's id and the time within maps.
        """
        timestamp_format(environment)

        def key(name: str, default: str) -> Location:
            path = string(environment, name, default)
            return locations(path)[-1] if nested_keys else (path,)

        values = string(environment, "VALUES_PATH", "")
        return cls(
            key("DEVICE_ID_ATTRIBUTE", "device_id"),
            key("TIMESTAMP_ATTRIBUTE", "timestamp"),
            locations(values)[-1] if values else (),
            string(environment, "DEVICE_ID_TYPE", "string").lower() == "number",
            string(environment, "TIMESTAMP_FORMAT", "iso8601").lower(),
        )

    def fields(self, device_id: str, timestamp: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the fields of an entry, as plain values."""
        found: dict[str, Any] = {}
        for name, value in values.items():
            _put(found, (*self.values, name), value)
        _put(found, self.device_id, self.stored_id(device_id))
        _put(found, self.timestamp, _SPELLED[self.timestamp_format](timestamp))
        return found

    def stored_id(self, device_id: str) -> str | Decimal:
        """Return a device's id as it is stored; raises what `fields` raises."""
        if not self.numeric_device_ids:
            return device_id
        try:
            return Decimal(device_id)
        except InvalidOperation as error:
            raise ConfigurationError(
                f"DEVICE_ID_TYPE is number, but the device's id {device_id!r} isn't one"
            ) from error


DEFAULT_LAYOUT: Final = EntryLayout()


def with_numbers(value: Any, spelled: Callable[[Decimal], Any]) -> Any:
    """Return a plain value with its numbers as a storage keeps them."""
    match value:
        case bool():
            return value
        case Decimal() | int():
            return spelled(Decimal(value))
        case list():
            return [with_numbers(item, spelled) for item in value]
        case dict():
            return {name: with_numbers(item, spelled) for name, item in value.items()}
    return value


def _put(fields: dict[str, Any], location: Location, value: Any) -> None:
    *maps, name = location
    for each in maps:
        fields = fields.setdefault(each, {})
    fields[name] = value


ENTRIES_AT_AN_END: Final = 3
"""Entries that a look into a hot storage takes from each end of a device's history."""
SOME_ENTRIES: Final = 50
"""Entries that a look takes of whatever devices."""
_LONGEST_PAUSE: Final = 5.0


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of telemetry."""

    device_id: str
    timestamp: str  # its time, in the device's own spelling
    values: dict[str, Any]  # the plain values by name; a Decimal keeps all digits of a number


class Writer(ABC):
    """Writes entries into one hot storage; one that is there already is replaced, not doubled.

    `place`: the storage's name in messages, such as `the DynamoDB table hot`.
    """

    largest_batch: ClassVar[int]
    """The most entries in one request."""

    def __init__(self, place: str, layout: EntryLayout) -> None:
        self.place = place
        self._layout = layout

    def write(
        self, entries: Iterable[Entry], *, progress: Callable[[int], None] = lambda _count: None
    ) -> int:
        """Write entries, and wait as long as the storage throttles.

        Returns how many were written. An SDK's own error is raised if the storage refuses.
        """
        written = 0
        for batch in self._batches(entries):
            self._put(batch)
            progress(len(batch))
            written += len(batch)
        return written

    def _batches(self, entries: Iterable[Entry]) -> Iterator[Sequence[Entry]]:
        left = iter(entries)
        while batch := list(islice(left, self.largest_batch)):
            yield batch

    def _fields(self, entry: Entry) -> dict[str, Any]:
        """Return what is stored of an entry, as plain values."""
        return self._layout.fields(entry.device_id, entry.timestamp, entry.values)

    @abstractmethod
    def _put(self, entries: Sequence[Entry]) -> None:
        """Write one batch."""


def pauses() -> Iterator[float]:
    """Yield the seconds before each further try, twice as many as before the last one."""
    pause = 0.05
    while True:
        yield pause
        pause = min(2 * pause, _LONGEST_PAUSE)
