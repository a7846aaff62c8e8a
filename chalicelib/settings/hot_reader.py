"""Settings of a Hot Reader, whatever its store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from chalicelib.model.errors import ConfigurationError
from chalicelib.model.limits import LARGEST_PAYLOAD
from chalicelib.model.timestamps import EpochMillisecondsFormat, Iso8601Format, TimestampFormat
from chalicelib.settings.digital_twin_info import DigitalTwinInfo
from chalicelib.settings.environment import flag, string, whole_number

if TYPE_CHECKING:
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
    timestamp_format
        How the second one spells an instant.
    page_bytes
        The largest answer, in bytes.
    page_values
        The most values on a page; None for no bound.
    """

    twin: DigitalTwinInfo
    device_id_attribute: str
    timestamp_attribute: str
    timestamp_format: TimestampFormat
    page_bytes: int
    page_values: int | None

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
            timestamp_format=_timestamp_format(environment),
            page_bytes=whole_number(
                environment, "PAGE_BYTES", LARGEST_PAYLOAD, 65_536, LARGEST_PAYLOAD
            ),
            page_values=page_values or None,
        )


def _timestamp_format(environment: Environment) -> TimestampFormat:
    name = environment.get("TIMESTAMP_FORMAT", "").strip().lower() or "iso8601"
    mixed_offsets = flag(environment, "MIXED_OFFSETS")
    match name:
        case "iso8601":
            return Iso8601Format(mixed_offsets=mixed_offsets)
        case "epoch_milliseconds":
            return EpochMillisecondsFormat(as_text=False)
        case "epoch_milliseconds_text":
            return EpochMillisecondsFormat(as_text=True)
    raise ConfigurationError(
        f"TIMESTAMP_FORMAT is {name!r}; it must be iso8601, epoch_milliseconds or "
        "epoch_milliseconds_text"
    )
