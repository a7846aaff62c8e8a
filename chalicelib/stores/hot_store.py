"""The hot storage as the Hot Reader sees it: a device's entries in the order of their sort key.

A store only reads. Instants, filters, types and pages are the Hot Reader's, once for all stores.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

from chalicelib.connections.answer_time import seconds_left

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from chalicelib.model.entries import DeviceId, EntryBatch, StoredEntry
    from chalicelib.model.locations import Places
    from chalicelib.model.timestamps import SortKey

READ_SECONDS: Final = 20.0
"""The longest time for all of a store's pages of one read: API Gateway gives a request 29 seconds."""


def read_ends() -> float:
    """Return when a read that begins now must have all its pages, in seconds of `time.monotonic`.

    Examples
    --------
    >>> from chalicelib.connections.answer_time import all_until
    >>> with all_until(time.monotonic() + 5):
    ...     0 < read_ends() - time.monotonic() <= 5
    True
    """
    return time.monotonic() + min(READ_SECONDS, seconds_left())


class HotStore(Protocol):
    """A source of a device's entries."""

    def read(
        self,
        device_id: DeviceId,
        lower: SortKey | None,
        upper: SortKey | None,
        *,
        descending: bool,
        properties: Places,
        limit: int | None,
    ) -> Iterator[StoredEntry]:
        """Yield the entries whose key lies between two keys, in the order of the keys.

        The order of keys is that of numbers or timestamps, or of strings by their UTF-8 bytes; entries of the same
        key follow each other in any order.

        The store's own pages are followed for as long as the caller takes entries, and no longer.

        Parameters
        ----------
        device_id
            The device.
        lower, upper
            The first and the last key, both included; None for no bound. No entry needs to have them.
        descending
            True for exactly the reverse order.
        properties
            Where the values are that the caller will look at. Others may be left out.
        limit
            An estimate of the entries that the caller will take: a hint for the size of the store's
            pages, never a bound on what is yielded. None if there is no estimate.

        Raises
        ------
        StoreUnavailableError
            The store is throttling or unavailable; another try later is worthwhile.
        HotStoreError
            The store refuses for another reason.
        """


@runtime_checkable
class BatchingHotStore(HotStore, Protocol):
    """A hot store that also yields entries in batches: many values in less time."""

    def read_batches(
        self,
        device_id: DeviceId,
        lower: SortKey | None,
        upper: SortKey | None,
        *,
        descending: bool,
        properties: Places,
        limit: int | None,
    ) -> Iterator[EntryBatch]:
        """Yield what `read` yields, in batches that aren't empty, and under the same terms.

        Within a batch, entries of the same key are in the order of their identities.
        """


def entries_of(batches: Iterable[EntryBatch]) -> Iterator[StoredEntry]:
    """Yield the entries of batches one by one: `HotStore.read` of a store that reads batches."""
    for batch in batches:
        yield from map(batch.entry, range(len(batch.keys)))
