"""The layout of stored entries: which fields they have, and how the time and the device's id are stored."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Final, Self

from chalicelib.model.errors import ConfigurationError
from chalicelib.model.instants import NANOSECONDS, parse_instant
from chalicelib.model.locations import locations
from chalicelib.settings.environment import string
from chalicelib.settings.hot_reader import timestamp_format

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

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

        Parameters
        ----------
        nested_keys
            True for a store that may have the device's id and the time within maps.

        Raises
        ------
        ConfigurationError
            TIMESTAMP_FORMAT is malformed.
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
        """Return the fields of an entry, as plain values.

        Raises
        ------
        ConfigurationError
            The device's id should be a number, and isn't.
        """
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


def _put(fields: dict[str, Any], location: Location, value: Any) -> None:
    *maps, name = location
    for each in maps:
        fields = fields.setdefault(each, {})
    fields[name] = value
