"""The hot storage as the Hot Reader sees it: a device's entries in the order of their sort key.

A store only reads. What an instant is, which entries match, how values are typed and where a page
ends is decided above it, once for all stores.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from chalicelib.model.entries import EntryBatch, StoredEntry
    from chalicelib.model.timestamps import SortKey


class HotStore(Protocol):
    """Reads entries of one device."""

    def read(
        self,
        device_id: str,
        lower: SortKey | None,
        upper: SortKey | None,
        *,
        descending: bool,
        properties: Collection[str],
        limit: int | None,
    ) -> Iterator[StoredEntry]:
        """Yield the entries whose key lies between two keys, in the order of the keys.

        The order of keys is that of numbers, or of texts by their UTF-8 bytes; entries of the same
        key follow each other in the order of their identities.

        The store's own pages are followed for as long as the caller takes entries, and no longer.

        Parameters
        ----------
        device_id
            Whose entries.
        lower, upper
            The first and the last key, both included; None for no bound. They need not exist.
        descending
            True for exactly the reverse order.
        properties
            The properties that the caller will look at; others may be left out.
        limit
            About how many entries the caller will take: a hint for the size of the store's pages,
            never a bound on what is yielded. None if it can't tell.

        Raises
        ------
        StoreUnavailableError
            The store throttles or is away; trying again later is worth it.
        HotStoreError
            The store refuses for another reason.
        """


@runtime_checkable
class BatchingHotStore(HotStore, Protocol):
    """A hot store that also hands out entries in batches: many values in less time."""

    def read_batches(
        self,
        device_id: str,
        lower: SortKey | None,
        upper: SortKey | None,
        *,
        descending: bool,
        properties: Collection[str],
        limit: int | None,
    ) -> Iterator[EntryBatch]:
        """Yield what `read` yields, in batches that aren't empty, and under the same terms."""
