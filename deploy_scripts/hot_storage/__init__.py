"""Writes telemetry into hot storage, for trying out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from demo.sample_telemetry import Entry


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
