"""Pages that another cloud's Hot Reader sent along, kept for the calls that will ask for them.

TwinMaker asks page by page, each with the `nextToken` of the page before. One larger answer of the
remote reader holds several pages; the later ones wait here, in the memory of the warm function. Every
page carries the remote reader's own token, so a call that finds nothing here (another instance, too
old, evicted) goes on at the remote reader as if nothing had been read ahead.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson

from chalicelib.model.moment import Moment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from chalicelib.model.query import HistoryQuery
    from chalicelib.settings.data_connector import ReadAheadSettings

_ENTRY_BYTES: Final = 512
"""What a kept page takes in memory besides its token and its JSON text."""

_Key = tuple[bytes, str]
"""A query, however far it has been paged, and the token that leads to the page."""


class _Kept(NamedTuple):
    """A page as JSON text, which nobody can change, when it was asked for, and how old it may get."""

    page: bytes
    asked: Moment
    longest: float
    size: int


class ReadAhead:
    """Keeps pages, bounded by bytes and by age; the least recently used ones give way.

    It may be used from several threads.

    Parameters
    ----------
    settings
        The bounds.
    now
        Looks at the clocks; tests replace it.
    """

    def __init__(
        self, settings: ReadAheadSettings, *, now: Callable[[], Moment] = Moment.now
    ) -> None:
        self._settings = settings
        self._now = now
        self._lock = threading.Lock()
        self._kept: OrderedDict[_Key, _Kept] = OrderedDict()
        self._bytes = 0

    @property
    def bytes_kept(self) -> int:
        """How much memory the pages take, roughly and rather too much."""
        with self._lock:
            return self._bytes

    def now(self) -> Moment:
        """Look at the clocks, before asking for what `keep` is given."""
        return self._now()

    def pages(self, query: HistoryQuery) -> int:
        """Say how many pages are worth asking for along with the one that a query is about.

        None along with a first page: many callers want no other. Whoever comes with a token pages.
        """
        if query.next_token is None or not self._longest(query, self._now()):
            return 0
        return self._settings.pages

    def take(self, query: HistoryQuery) -> dict[str, Any] | None:
        """Return the page that a query is about, if it is here and not too old."""
        if query.next_token is None:
            return None
        key = _digest(query), query.next_token
        now = self._now()
        with self._lock:
            found = self._kept.get(key)
            if found is None:
                return None
            if found.asked.seconds_until(now) > found.longest:
                self._remove(key)
                return None
            self._kept.move_to_end(key)
        page: dict[str, Any] = orjson.loads(found.page)
        return page

    def keep(
        self,
        query: HistoryQuery,
        answer: Mapping[str, Any],
        following: Iterable[Mapping[str, Any]],
        asked: Moment,
    ) -> None:
        """Keep the pages that came along.

        Parameters
        ----------
        query
            What was asked.
        answer
            The page that it was about.
        following
            The pages that `answer`'s token leads to, one after the other.
        asked
            When they were asked for: what is stored later isn't in them.
        """
        longest = self._longest(query, asked)
        digest = _digest(query)
        token = answer.get("nextToken")
        for page in following:
            if not isinstance(token, str):
                return
            content = orjson.dumps(page)
            size = _ENTRY_BYTES + len(token) + len(content)
            self._put((digest, token), _Kept(content, asked, longest, size))
            token = page.get("nextToken")

    def _longest(self, query: HistoryQuery, now: Moment) -> float:
        """Return how long an answer may be used, in seconds: not long while entries may still come."""
        closed = query.end < now.wall - self._settings.grace * 1e9
        return self._settings.closed_seconds if closed else self._settings.open_seconds

    def _put(self, key: _Key, kept: _Kept) -> None:
        with self._lock:
            if key in self._kept:
                self._remove(key)
            if kept.size > self._settings.most_bytes:
                return
            self._kept[key] = kept
            self._bytes += kept.size
            while self._bytes > self._settings.most_bytes:
                self._remove(next(iter(self._kept)))

    def _remove(self, key: _Key) -> None:
        self._bytes -= self._kept.pop(key).size


def _digest(query: HistoryQuery) -> bytes:
    """Hash everything that decides about a page, but for the token.

    The size of the page belongs to it: pages that were cut for another size don't fit.
    """
    decisive = [
        query.device_id,
        query.selected_properties,
        {name: declared.to_json() for name, declared in query.property_types.items()},
        query.entity_id,
        query.component_name,
        query.start,
        query.end,
        [each.to_json() for each in query.filters],
        query.descending,
        query.max_results,
    ]
    # Not by orjson: a filter may hold a number that only the reader may complain of.
    return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).digest()
