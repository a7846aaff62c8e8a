"""The order of time: entries arrive in the order of their keys and leave in that of their instants.

Between two seconds both orders agree, if keys are in UTC; within one they don't always (docs/architecture.md,
'Order'). So an entry waits until no later key can come before it. Where the keys
alone show that they are in order, whole seconds pass as a run, unread.
"""

from __future__ import annotations

import heapq
import itertools
from bisect import bisect_left, bisect_right
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from chalicelib.model.entries import EntryBatch, StoredEntry
    from chalicelib.model.timestamps import SortKey, StoredTimestamp, TimestampFormat

SECOND: Final = len("1970-01-01T00:00:00")
"""Characters of an instant's second."""


class Single(NamedTuple):
    """An entry with its timestamp."""

    entry: StoredEntry
    timestamp: StoredTimestamp


@dataclass(frozen=True, slots=True)
class Run:
    """Consecutive entries of a batch, in the order of time.

    Attributes
    ----------
    batch
        The batch.
    first, last
        The entries are those from `first` to before `last`.
    texts
        `StoredTimestamp.text` of each.
    """

    batch: EntryBatch
    first: int
    last: int
    texts: Sequence[str]

    def after(self, index: int) -> Iterator[StoredEntry]:
        """Yield the entries that follow one, up to the first of another second."""
        texts = self.texts[index - self.first :]
        for later, text in enumerate(texts[1:], index + 1):
            yield self.batch.entry(later)
            if text[:SECOND] != texts[0][:SECOND]:
                return
        # The last second or unit of a batch is never part of a run: there is another entry.
        yield self.batch.entry(self.last)


class TimeOrder:
    """A queue that takes entries in key order and yields them in the order of their instants.

    Entries of the same instant stay in the order of their keys, and those of the same key leave in the
    order of their identities: none of them leaves before another key has come.

    Parameters
    ----------
    timestamps
        The spelling of the keys.
    unreadable
        Called with the error of each key that can't be read; its entry is left out.
    descending
        True if the entries arrive, and leave, in descending order.

    Attributes
    ----------
    matters
        False once any order will do: then no entry waits any more.

    Examples
    --------
    >>> from chalicelib.model.entries import StoredEntry
    >>> from chalicelib.model.timestamps import Iso8601Format
    >>> keys = ["2026-01-30T17:00:45.95Z", "2026-01-30T17:00:45.9Z", "2026-01-30T17:00:45Z"]
    >>> order = TimeOrder(Iso8601Format(), print, descending=False)
    >>> [entry.key[17:] for entry, _ in order.singly(StoredEntry(key, {}) for key in keys)]
    ['45Z', '45.9Z', '45.95Z']
    """

    def __init__(
        self,
        timestamps: TimestampFormat,
        unreadable: Callable[[ValueError], None],
        *,
        descending: bool,
    ) -> None:
        self.matters = True
        self._timestamps = timestamps
        self._unreadable = unreadable
        self._descending = descending
        self._key: SortKey | None = None
        self._keys = 0
        self._arrivals = itertools.count()
        self._waiting: list[tuple[int, int, str, int, Single]] = []
        self._run_ahead: list[StoredEntry] = []

    def waiting(self) -> Iterator[StoredEntry]:
        """Yield entries that have arrived and not left; of a run's, the first."""
        for *_, single in self._waiting:
            yield single.entry
        yield from self._run_ahead

    def singly(self, entries: Iterable[StoredEntry]) -> Iterator[Single]:
        """Yield entries one by one."""
        for entry in entries:
            yield from self._come(entry)
        yield from self._leave()

    def in_runs(
        self, batches: Iterable[EntryBatch], start: int, end: int
    ) -> Iterator[Run | Single]:
        """Yield the entries of batches, in runs where that is possible.

        Parameters
        ----------
        batches
            The batches of entries.
        start, end
            Two instants whose seconds, and what lies outside of them, aren't part of a run.
        """
        for batch in batches:
            first, last, texts = self._plain_part(batch, start, end)
            for index in range(first):
                yield from self._come(batch.entry(index))
            if texts:
                self._run_ahead = [batch.entry(first)]
                yield from self._leave()
                self._run_ahead = []
                yield Run(batch, first, last, texts)
            for index in range(last, len(batch.keys)):
                yield from self._come(batch.entry(index))
        yield from self._leave()

    def _come(self, entry: StoredEntry) -> Iterator[Single]:
        try:
            timestamp = self._timestamps.read(entry.key)
        except ValueError as error:
            self._unreadable(error)
            return
        rank = -timestamp.instant if self._descending else timestamp.instant
        identity = _Backwards(entry.identity) if self._descending else entry.identity
        if entry.key != self._key:
            self._key = entry.key
            self._keys += 1
        # The number of the arrival decides before heapq would compare entries.
        place = (rank, self._keys, identity, next(self._arrivals))
        heapq.heappush(self._waiting, (*place, Single(entry, timestamp)))
        yield from self._leave(-timestamp.latest if self._descending else timestamp.earliest)

    def _leave(self, settled: float = float("inf")) -> Iterator[Single]:
        """Yield the entries that no later arrival can precede."""
        while self._waiting and (not self.matters or self._waiting[0][0] < settled):
            yield heapq.heappop(self._waiting)[-1]

    def _plain_part(
        self, batch: EntryBatch, start: int, end: int
    ) -> tuple[int, int, Sequence[str]]:
        """Find the run in a batch: its first entry, the one after its last, and its texts.

        A run is made of whole seconds, or of whole units where keys count them. The last one of the batch
        isn't whole, nor is that of the entries that wait.
        """
        keys: Sequence[Any] = batch.keys
        count = len(keys)
        nothing = (count, count, ())
        try:
            end_of_batch = self._timestamps.read(keys[-1])
        except ValueError:
            return nothing
        for *_, (_, timestamp) in self._waiting:
            start = max(start, timestamp.latest) if not self._descending else start
            end = min(end, timestamp.earliest) if self._descending else end
        if self._descending:
            keys = keys[::-1]
            start = max(start, end_of_batch.latest)
        else:
            end = min(end, end_of_batch.earliest)
        texts: Sequence[str] | None = None
        with suppress(TypeError, ValueError):  # of keys of several types, too, each is looked at
            first = bisect_right(keys, self._timestamps.upper_bound(start))
            last = bisect_left(keys, self._timestamps.lower_bound(end))
            texts = self._timestamps.plain_texts(keys[first:last]) if first < last else None
        if texts is None:
            return nothing
        if self._descending:
            return count - last, count - first, texts[::-1]
        return first, last, texts


class _Backwards(str):
    """A string that comes before those that it is greater than."""

    __slots__ = ()

    def __lt__(self, other: str) -> bool:
        return str.__gt__(self, other)
