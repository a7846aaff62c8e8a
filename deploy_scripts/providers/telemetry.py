"""Sample telemetry on its way into a hot storage: what every writer has in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, ClassVar, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from deploy_scripts.providers.entry_layout import EntryLayout

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

    Parameters
    ----------
    place
        The storage's name in messages, such as `the DynamoDB table hot`.
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

        Parameters
        ----------
        entries
            The entries; those of a device in succession are written fastest.

        Returns
        -------
        int
            How many were written. An SDK's own error is raised if the storage refuses.
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
