"""Writes telemetry into hot storage, for trying out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of telemetry.

    Attributes
    ----------
    device_id
        The id of the device that measured it.
    timestamp
        Its time, in the device's own spelling.
    values
        The plain values by property name; a Decimal keeps all digits of a number.
    """

    device_id: str
    timestamp: str
    values: dict[str, Any]


class Writer(Protocol):
    """Writes into one hot storage."""

    def write(self, entries: Iterable[Entry], *, progress: Callable[[int], None]) -> int:
        """Write entries.

        Parameters
        ----------
        entries
            What to write; an entry that is there already is written again, not added.
        progress
            Is told how many more entries have been written.

        Returns
        -------
        int
            How many were written.
        """
