"""Pages that another cloud's Hot Reader sent along, kept for the calls that will ask for them.

TwinMaker asks page by page, each with the `nextToken` of the page before. One larger answer of the
remote reader holds several pages; the later ones wait here, in the memory of the warm function. Every
page carries the remote reader's own token, so a call that finds nothing here (another instance, too
old, evicted) goes on at the remote reader as if nothing had been read ahead.
"""

from __future__ import annotations

import hashlib
import json
import sys
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson

from chalicelib.model.moment import Moment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from chalicelib.model.query import AnyHistoryQuery, HistoryQuery
    from chalicelib.settings.data_connector import ReadAheadSettings

_ENTRY_BYTES: Final = 1_024
"""The memory of a kept page besides its token and its JSON, the allocator's part included (measured)."""

_Key = tuple[bytes, str]
"""A query without its token, as a digest; and the token that leads to the page."""


class _Kept(NamedTuple):
    """A page as JSON, with the moment of its request, its greatest age in seconds, and its size."""

    page: bytes
    asked: Moment
    longest: float
    size: int


class ReadAhead:
    """A memory of pages, bounded by bytes and by age; the least recently used ones give way.

    Several threads may use it.

    Parameters
    ----------
    settings
        The bounds.
    now
        Returns the present moment; tests replace it.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from chalicelib.model.query import HistoryQuery
    >>> from chalicelib.settings.data_connector import ReadAheadSettings
    >>> kept = ReadAhead(ReadAheadSettings.load({}))
    >>> query = HistoryQuery(device_id="pump-1", selected_properties=("pressure",), start=0, end=9)
    >>> answer = {"propertyValues": [], "nextToken": "2"}
    >>> kept.keep(query, answer, [{"propertyValues": [], "nextToken": "3"}], kept.now())
    >>> kept.take(replace(query, next_token="2"))
    {'propertyValues': [], 'nextToken': '3'}
    >>> kept.take(replace(query, next_token="3")) is None
    True
    """

    def __init__(
        self, settings: ReadAheadSettings, *, now: Callable[[], Moment] = Moment.now
    ) -> None:
        self._settings = settings
        self._now = now
        self._lock = threading.Lock()
        self._kept: OrderedDict[_Key, _Kept] = OrderedDict()
        self._bytes = 0

    def now(self) -> Moment:
        """Return the present moment, to be taken before the request for the pages that `keep` is given."""
        return self._now()

    def pages(self, query: AnyHistoryQuery) -> int:
        """Return the number of pages to ask for along with a query's own.

        None along with a first page, because many callers want no other; a caller with a token is
        paging.
        """
        return 0 if query.common.next_token is None else self._settings.pages

    def take(self, query: AnyHistoryQuery) -> dict[str, Any] | None:
        """Return a query's page, if it is kept and not too old."""
        token = query.common.next_token
        if token is None:
            return None
        key = _digest(query), token
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
        query: AnyHistoryQuery,
        answer: Mapping[str, Any],
        following: Iterable[Mapping[str, Any]],
        asked: Moment,
    ) -> None:
        """Keep the pages that came along with an answer.

        Parameters
        ----------
        query
            The query.
        answer
            The query's own page.
        following
            The pages that `answer`'s token leads to, one after the other.
        asked
            The moment of the request: entries that were stored later aren't in the pages.
        """
        longest = self._longest(query, asked)
        digest = _digest(query)
        token = answer.get("nextToken")
        for page in following:
            if not isinstance(token, str):
                return
            # A copy: orjson's own bytes stay in the larger block that it wrote them to.
            content = bytes(memoryview(orjson.dumps(page)))
            size = _ENTRY_BYTES + sys.getsizeof(token) + len(content)
            self._put((digest, token), _Kept(content, asked, longest, size))
            token = page.get("nextToken")

    def _longest(self, query: AnyHistoryQuery, now: Moment) -> float:
        """Return the greatest age of an answer, in seconds: short while entries may still arrive."""
        closed = query.common.end < now.wall - self._settings.grace * 1e9
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


def _digest(query: AnyHistoryQuery) -> bytes:
    """Hash everything that determines a page, except the token.

    The page size is part of it: pages that were cut for another size don't fit.
    """
    decisive = [_decisive(each) for each in query.each]
    # Not by orjson, which refuses some numbers of a filter: that is for the reader to do.
    return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).digest()


def _decisive(query: HistoryQuery) -> list[Any]:
    return [
        query.device_id,
        query.selected_properties,
        {name: declared.to_json() for name, declared in query.property_types.items()},
        dict(query.property_sources),
        query.entity_id,
        query.component_name,
        query.component_path,
        query.external_id,
        query.interval,
        query.start,
        query.end,
        [each.to_json() for each in query.filters],
        query.descending,
        query.max_results,
    ]
