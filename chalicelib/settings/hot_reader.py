"""Settings of a Hot Reader, whatever its store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from chalicelib.model.errors import ConfigurationError
from chalicelib.model.limits import LARGEST_PAYLOAD
from chalicelib.model.timestamps import (
    EpochMillisecondsFormat,
    EpochSecondsFormat,
    Iso8601Format,
    NativeFormat,
    TimestampFormat,
)
from chalicelib.settings.digital_twin_info import DigitalTwinInfo
from chalicelib.settings.environment import flag, string, whole_number

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from chalicelib.settings.environment import Environment


@dataclass(frozen=True, slots=True)
class HotReaderSettings:
    """Settings of a Hot Reader, whatever its store.

    Attributes
    ----------
    twin
        The twin and its layout.
    device_id_attribute, timestamp_attribute
        Names of the stored entries' fields that hold the device's id and the instant.
    numeric_device_ids
        True if the first one holds numbers, False if it holds strings.
    timestamp_format
        How the second one spells an instant.
    values_path
        The stored name or path of the map that has all values; None if they are fields of the entry.
    page_bytes
        The largest answer, in bytes.
    page_values
        The most values on a page; None for no bound.
    look_back
        The most entries in which the newest value of a property is looked for.
    """

    twin: DigitalTwinInfo
    device_id_attribute: str
    timestamp_attribute: str
    numeric_device_ids: bool
    timestamp_format: TimestampFormat
    values_path: str | None
    page_bytes: int
    page_values: int | None
    look_back: int

    @classmethod
    def load(cls, environment: Environment) -> HotReaderSettings:
        """Read the settings.

        Raises
        ------
        ConfigurationError
            One is missing or malformed.
        """
        page_values = whole_number(environment, "PAGE_VALUES", 0, 0, 1_000_000)
        return cls(
            twin=DigitalTwinInfo.load(environment),
            device_id_attribute=string(environment, "DEVICE_ID_ATTRIBUTE", "device_id"),
            timestamp_attribute=string(environment, "TIMESTAMP_ATTRIBUTE", "timestamp"),
            numeric_device_ids=_device_id_type(environment) == "number",
            timestamp_format=timestamp_format(environment),
            values_path=string(environment, "VALUES_PATH", "") or None,
            page_bytes=whole_number(
                environment, "PAGE_BYTES", LARGEST_PAYLOAD, 65_536, LARGEST_PAYLOAD
            ),
            page_values=page_values or None,
            look_back=whole_number(environment, "LATEST_LOOK_BACK", 300, 1, 10_000),
        )


def _device_id_type(environment: Environment) -> str:
    given = string(environment, "DEVICE_ID_TYPE", "string").lower()
    if given not in ("string", "number"):
        raise ConfigurationError(f"DEVICE_ID_TYPE is {given!r}; it must be string or number")
    return given


TIMESTAMP_FORMATS: Final[Mapping[str, Callable[[bool], TimestampFormat]]] = {
    "iso8601": lambda mixed: Iso8601Format(mixed_offsets=mixed),
    "iso8601_space": lambda mixed: Iso8601Format(mixed_offsets=mixed, separator=" "),
    "epoch_seconds": lambda _: EpochSecondsFormat(as_text=False),
    "epoch_seconds_text": lambda _: EpochSecondsFormat(as_text=True),
    "epoch_milliseconds": lambda _: EpochMillisecondsFormat(as_text=False),
    "epoch_milliseconds_text": lambda _: EpochMillisecondsFormat(as_text=True),
    "native": lambda _: NativeFormat(),
}
"""The values of TIMESTAMP_FORMAT, each with what makes it, given MIXED_OFFSETS."""


def timestamp_format(environment: Environment) -> TimestampFormat:
    """Read TIMESTAMP_FORMAT and MIXED_OFFSETS.

    Raises
    ------
    ConfigurationError
        One of them is malformed.
    """
    name = environment.get("TIMESTAMP_FORMAT", "").strip().lower() or "iso8601"
    mixed_offsets = flag(environment, "MIXED_OFFSETS")
    if name not in TIMESTAMP_FORMATS:
        *names, last = TIMESTAMP_FORMATS
        raise ConfigurationError(
            f"TIMESTAMP_FORMAT is {name!r}; it must be {', '.join(names)} or {last}"
        )
    return TIMESTAMP_FORMATS[name](mixed_offsets)


def check_has_no_native_timestamps(environment: Environment, store: str) -> None:
    """Refuse `native` timestamps for a store without a type of its own for them.

    Raises
    ------
    ConfigurationError
        TIMESTAMP_FORMAT is `native`.
    """
    if isinstance(timestamp_format(environment), NativeFormat):
        others = [name for name in TIMESTAMP_FORMATS if name != "native"]
        raise ConfigurationError(
            f"TIMESTAMP_FORMAT is 'native', but {store} has no type of its own for timestamps. Set it "
            f"to how the field spells an instant: {', '.join(others[:-1])} or {others[-1]}"
        )
