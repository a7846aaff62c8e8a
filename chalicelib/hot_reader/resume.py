"""The position that a page goes on from."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chalicelib.hot_reader import next_token
from chalicelib.model.errors import InvalidQueryError

if TYPE_CHECKING:
    from chalicelib.hot_reader.next_token import Position
    from chalicelib.model.entries import StoredEntry
    from chalicelib.model.query import HistoryQuery
    from chalicelib.model.timestamps import SortKey, StoredTimestamp, TimestampFormat


@dataclass(frozen=True, slots=True)
class Resume:
    """The end of the page before; empty on the first page.

    Attributes
    ----------
    position
        The last value that was returned; None on the first page.
    timestamp, key
        The instant and the sort key of its entry.
    descending
        The order of the query.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from chalicelib.hot_reader.next_token import Position
    >>> from chalicelib.model.query import HistoryQuery
    >>> from chalicelib.model.timestamps import Iso8601Format
    >>> query = HistoryQuery(device_id="pump-1", selected_properties=("pressure",), start=0, end=9)
    >>> token = next_token.encode(Position("1970-01-01T00:00:00Z", 0, "", True, 1), query)
    >>> resume = Resume.after(replace(query, next_token=token), Iso8601Format())
    >>> resume.timestamp.instant, resume.beyond(Iso8601Format())
    (0, '1970-01-01T00:00:00Z~')
    """

    position: Position | None
    timestamp: StoredTimestamp | None
    key: Any
    descending: bool

    @classmethod
    def after(cls, query: HistoryQuery, timestamps: TimestampFormat) -> Resume:
        """Read a query's `next_token`.

        Raises
        ------
        InvalidQueryError
            The token isn't one of this query.
        """
        if query.next_token is None:
            return cls(None, None, None, query.descending)
        return cls.at(next_token.decode(query.next_token, query), query, timestamps)

    @classmethod
    def at(cls, position: Position, query: HistoryQuery, timestamps: TimestampFormat) -> Resume:
        """Read the position of a `next_token`; see `after`."""
        try:
            key = timestamps.key_from_text(position.key)
            timestamp = timestamps.read(key)
        except ValueError as error:
            raise InvalidQueryError(
                "next_token was given out when the table's timestamps were spelled differently. "
                "Leave it out to start from the first page."
            ) from error
        if not query.start <= timestamp.instant <= query.end:
            raise InvalidQueryError("next_token points outside of the query's range")
        return cls(position, timestamp, key, query.descending)

    def properties_done(self, timestamp: StoredTimestamp, entry: StoredEntry) -> int | None:
        """Count the properties of an entry that earlier pages have returned; None means all of them."""
        if self.position is None or self.timestamp is None:
            return 0
        here = (timestamp.instant, entry.key, entry.identity)
        there = (self.timestamp.instant, self.key, self.position.identity)
        if here == there:
            return self.position.property_index + 1
        return 0 if (here < there) == self.descending else None

    def entries_needed(self, query: HistoryQuery) -> int | None:
        """Estimate how many entries a page takes, if every entry has every property.

        An entry of a later second shows that the last one's is over, and that there is another page: one
        entry more if seconds have one each. Seconds are taken to have as many as the position's had. A
        page that isn't known to be complete reads part of a second again.
        """
        if query.max_results is None or query.filters:
            return None
        values = query.max_results * (1 + query.pages_ahead)
        more = 1
        if self.position is not None:
            more = self.position.in_second + (not self.position.complete)
        return math.ceil(values / len(query.selected_properties)) + more

    def beyond(self, timestamps: TimestampFormat) -> SortKey | None:
        """Return the key to go on from, if nothing can be missing up to the position's key."""
        if self.position is None or not self.position.complete:
            return None
        return timestamps.beyond(self.key, descending=self.descending)
