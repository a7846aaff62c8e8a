"""The Hot Reader, which reads a device's history or newest values from the storage of its own cloud.

Everything that makes an answer right is here, for all stores: order by instant, range, filters,
types, and where a page ends (docs/architecture.md, 'Order' and the sections after it).
"""

from __future__ import annotations

import math
import re
import time
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast

from chalicelib.hot_reader.conditions import Conditions
from chalicelib.hot_reader.devices import devices_page
from chalicelib.hot_reader.interpolation import interpolated_page
from chalicelib.hot_reader.newest_values import newest_values, unreadable
from chalicelib.hot_reader.pages import PagesInProgress
from chalicelib.hot_reader.reading_time import OutOfTimeError, ReadingTime
from chalicelib.hot_reader.resume import Resume
from chalicelib.hot_reader.time_order import Run, TimeOrder
from chalicelib.model.errors import (
    HotReaderError,
    InvalidQueryError,
    StoreUnavailableError,
)
from chalicelib.model.results import DevicesPage, Flaws, HistoryPage, LastEntry
from chalicelib.stores.hot_store import BatchingHotStore, entries_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from chalicelib.hot_reader.time_order import Single
    from chalicelib.model.entries import DeviceId, StoredEntry
    from chalicelib.model.query import DevicesQuery, HistoryQuery, LastEntryQuery
    from chalicelib.model.timestamps import TimestampFormat
    from chalicelib.stores.hot_store import HotStore

_NUMBER: Final = re.compile(r"(?!-0$)-?(?:0|[1-9][0-9]*)(?:\.[0-9]*[1-9])?")
"""One string for each number, so that no two devices have the same entries."""
_LONGEST_NUMBER: Final = 38
"""Characters: no store keeps more digits."""


class HotReader:
    """A reader of one hot store.

    Parameters
    ----------
    store
        The store of the entries.
    timestamps
        The spelling of instants in the store's sort keys.
    page_bytes
        The largest answer in bytes, encoded; a page ends early rather than exceed it.
    page_values
        The most values on a page, also when a query asks for more or names no number; None for no
        such bound.
    look_back
        The most entries in which the newest value of a property is looked for.
    values_path
        The stored name or path of the map that has all values; None if they are fields of the entry.
    numeric_device_ids
        True if the store keeps devices' ids as numbers, False if as strings.
    clock
        Returns monotonic seconds; tests replace it.

    Examples
    --------
    >>> from chalicelib.model.entries import StoredEntry
    >>> from chalicelib.model.query import HistoryQuery, LastEntryQuery
    >>> from chalicelib.model.instants import parse_instant
    >>> from chalicelib.model.timestamps import Iso8601Format
    >>> class Entries:
    ...     def __init__(self, entries):
    ...         self.entries = entries
    ...
    ...     def read(self, device_id, lower, upper, *, descending, properties, limit):
    ...         return iter(self.entries[::-1] if descending else self.entries)
    >>> store = Entries(
    ...     [
    ...         StoredEntry("2026-01-30T17:00:00.5Z", {"pressure": 4.2}),
    ...         StoredEntry("2026-01-30T17:00:00Z", {"pressure": 4.1}),
    ...         StoredEntry("2026-01-30T17:00:30Z", {"pressure": 4.3}),
    ...     ]
    ... )
    >>> reader = HotReader(store, Iso8601Format(), page_bytes=100_000)
    >>> query = HistoryQuery(
    ...     device_id="pump-1",
    ...     selected_properties=("pressure",),
    ...     start=parse_instant("2026-01-30T17:00:00Z"),
    ...     end=parse_instant("2026-01-30T18:00:00Z"),
    ...     max_results=2,
    ... )
    >>> page = reader.history(query)
    >>> page.values["pressure"].times, page.next_token is None
    (['2026-01-30T17:00:00Z', '2026-01-30T17:00:00.5Z'], False)
    >>> newest = LastEntryQuery(device_id="pump-1", selected_properties=("pressure",))
    >>> reader.last_entry(newest).values
    {'pressure': {'doubleValue': 4.3}}
    """

    def __init__(
        self,
        store: HotStore,
        timestamps: TimestampFormat,
        *,
        page_bytes: int,
        page_values: int | None = None,
        look_back: int = 300,
        values_path: str | None = None,
        numeric_device_ids: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._batches = store if isinstance(store, BatchingHotStore) else None
        self._timestamps = timestamps
        self._page_bytes = page_bytes
        self._page_values = page_values
        self._look_back = look_back
        self._values_path = values_path
        self._numeric_device_ids = numeric_device_ids
        self._clock = clock

    def history(self, query: HistoryQuery, seconds: float = math.inf) -> HistoryPage:
        """Read one page of a device's history, and as many ahead as asked for and bounds allow.

        A page that is read ahead is the one that the `next_token` before it would lead to now. Reading
        ahead ends where the bytes of one answer end, and when it has taken too long.

        Parameters
        ----------
        query
            The query.
        seconds
            The time that the host has left for the request. A page ends early by time, perhaps without
            a value, and its `next_token` leads on.

        Raises
        ------
        InvalidQueryError
            A filter doesn't fit its property's type, the `next_token` isn't one of this query, or the
            store keeps numbers as ids and the device's isn't one.
        StoreUnavailableError, HotStoreError
            The store can't be read, or not in time.
        """
        time_left = ReadingTime(seconds, self._clock)
        query = self._bounded(query)
        flaws = Flaws()
        conditions = Conditions(query, flaws)
        if query.unsatisfiable:
            return HistoryPage({}, None, flaws)
        resume = Resume.after(query, self._timestamps)
        order = TimeOrder(self._timestamps, flaws.add_timestamp, descending=query.descending)
        page = PagesInProgress(query, self._timestamps, flaws, self._page_bytes, order.waiting)

        try:
            for found in self._read(query, resume, order, time_left):
                if page.turned and time_left.ahead_is_over:
                    return _joined(page.turned)
                if isinstance(found, Run):
                    more = page.add_run(found, conditions)
                    last = found.batch.entry(found.last - 1)
                else:
                    entry, timestamp = found
                    skip = resume.properties_done(timestamp, entry)
                    in_range = query.start <= timestamp.instant <= query.end
                    if skip is None or skip == len(query.selected_properties) or not in_range:
                        page.leave_out(entry)
                        continue
                    last, more = entry, False
                    if conditions.met_by(entry):
                        more = page.add(entry, timestamp.text, skip)
                    else:
                        page.leave_out(entry)
                if more:
                    return _joined(page.turned)
                time_left.can_end = True
                # All that is still needed is whether there is another page, which any entry shows.
                order.matters = page.room > 0 or len(page.turned) < query.pages_ahead
        except OutOfTimeError:
            if not time_left.can_end:
                raise _out_of_time(query, flaws) from None
            page.end_after(last)
            return _joined(page.turned)
        return _joined([*page.turned, HistoryPage(page.values, None, flaws)])

    def histories(self, query: DevicesQuery, seconds: float = math.inf) -> DevicesPage:
        """Read one page of the histories of several devices, in the order of time; see `history`.

        Entries of the same instant are in the order of the query's devices. What a device stores later
        than its turn in this order isn't on a later page. Interpolated values are read so, too, also of
        one device.
        """
        time_left = ReadingTime(seconds, self._clock)
        if self._page_values is not None:
            query = replace(query, each=tuple(map(self._bounded, query.each)))

        if query.unsatisfiable:
            return DevicesPage({}, None, Flaws())
        read_page = devices_page if query.common.interval is None else interpolated_page
        entries = partial(self._singly, time_left)
        try:
            return read_page(query, self._timestamps, self._page_bytes, time_left, entries)
        except OutOfTimeError:
            raise _out_of_time(query.common, Flaws()) from None

    def _singly(
        self, time_left: ReadingTime, query: HistoryQuery, resume: Resume, flaws: Flaws
    ) -> Iterator[Single]:
        order = TimeOrder(self._timestamps, flaws.add_timestamp, descending=query.descending)
        return cast(
            "Iterator[Single]", self._read(query, resume, order, time_left, one_by_one=True)
        )

    def last_entry(self, query: LastEntryQuery, seconds: float = math.inf) -> LastEntry:
        """Read the newest value of each property of a device, by instant.

        The newest entry has them all, as a rule. For one that it lacks, a bounded number of entries
        before it are read, too.

        Parameters
        ----------
        query
            The query.
        seconds
            The time that the host has left for the request.

        Raises
        ------
        InvalidQueryError
            The store keeps numbers as ids, and the device's isn't one.
        StoreUnavailableError, HotStoreError
            The store can't be read, or not in time.
        """
        time_left = ReadingTime(seconds, self._clock)
        flaws = Flaws()
        try:
            found, more = self._newest(query, 1, flaws, time_left)
            if more and self._look_back > 1:
                # Anew, so that all values are of one state of the store.
                flaws = Flaws()
                found, _ = self._newest(query, self._look_back, flaws, time_left)
        except OutOfTimeError:
            raise _out_of_time(query, flaws) from None
        return found

    def _newest(
        self, query: LastEntryQuery, most: int, flaws: Flaws, time_left: ReadingTime
    ) -> tuple[LastEntry, bool]:
        # One entry more than needed shows that the last one's second is over.
        stored = self._entries(
            time_left,
            self._stored_id(query.device_id),
            None,
            None,
            descending=True,
            properties=query.places(self._values_path),
            limit=most + 1,
        )
        return newest_values(query, self._timestamps, stored, most, flaws)

    def _entries(
        self, time_left: ReadingTime, *asked: Any, **options: Any
    ) -> Iterator[StoredEntry]:
        """Read entries one by one, all of a batch that has come before time is looked at."""
        if self._batches is None:
            return time_left.bounded(self._store.read(*asked, **options))
        batches = self._batches.read_batches(*asked, **options)
        return entries_of(time_left.bounded_batches(batches))

    def _stored_id(self, device_id: str) -> DeviceId:
        if not self._numeric_device_ids:
            return device_id
        if not _NUMBER.fullmatch(device_id) or len(device_id) > _LONGEST_NUMBER:
            raise InvalidQueryError(
                f"The device id {device_id!r} isn't a number such as 17, and this hot storage keeps ids as "
                "numbers (DEVICE_ID_TYPE)."
            )
        return Decimal(device_id)

    def _bounded(self, query: HistoryQuery) -> HistoryQuery:
        if self._page_values is None:
            return query
        page_size = min(query.max_results or self._page_values, self._page_values)
        pages_ahead = min(query.pages_ahead, self._page_values // page_size - 1)
        return replace(query, max_results=page_size, pages_ahead=pages_ahead)

    def _read(
        self,
        query: HistoryQuery,
        resume: Resume,
        order: TimeOrder,
        time_left: ReadingTime,
        *,
        one_by_one: bool = False,
    ) -> Iterator[Run | Single]:
        """Read the range from the position on, and the whole seconds at both of its ends."""
        start, end = query.start, query.end
        if resume.timestamp is not None:
            if query.descending:
                end = min(end, resume.timestamp.instant)
            else:
                start = max(start, resume.timestamp.instant)
        lower: Any = self._timestamps.lower_bound(start)
        upper: Any = self._timestamps.upper_bound(end)
        beyond = resume.beyond(self._timestamps)
        if beyond is not None:
            lower, upper = (lower, beyond) if query.descending else (beyond, upper)
            if lower > upper:  # the range is over; a store may refuse such bounds
                return iter(())
        asked: dict[str, Any] = {
            "descending": query.descending,
            "properties": query.places(self._values_path),
            "limit": resume.entries_needed(query),
        }
        device_id = self._stored_id(query.device_id)
        if self._batches is not None and not one_by_one:
            batches = self._batches.read_batches(device_id, lower, upper, **asked)
            return order.in_runs(time_left.bounded_batches(batches), start, end)
        return order.singly(self._entries(time_left, device_id, lower, upper, **asked))


def _out_of_time(query: LastEntryQuery, flaws: Flaws) -> HotReaderError:
    """Return the error of a read that came to nowhere in all its time."""
    if flaws.unreadable_timestamps:
        return unreadable(query, flaws)
    return StoreUnavailableError(
        f"The hot storage sent entries of the device {query.device_id!r} so slowly that none could be "
        "answered in time. Look at its load; or give the Hot Reader more time (on AWS: lambda_timeout)."
    )


def _joined(pages: Sequence[HistoryPage]) -> HistoryPage:
    first, *following = pages
    return replace(first, following=following) if following else first
