"""The answers to both reads, encoded as TwinMaker expects them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from chalicelib.contracts import twinmaker, wire_contract

if TYPE_CHECKING:
    from chalicelib.model.query import DevicesQuery, HistoryQuery, LastEntryQuery
    from chalicelib.model.results import DevicesPage, Flaws, HistoryPage, LastEntry


@dataclass(frozen=True, slots=True)
class HistoryAnswer:
    """A page of a history, written as JSON faster than as a document; see `Answer`.

    Examples
    --------
    >>> from chalicelib.model.query import HistoryQuery
    >>> from chalicelib.model.results import Flaws, HistoryPage, PropertyValues
    >>> query = HistoryQuery(device_id="pump-1", selected_properties=("running",), start=0, end=9)
    >>> page = HistoryPage({"running": PropertyValues()}, "opaque", Flaws())
    >>> answer = HistoryAnswer(query, page)
    >>> answer.more, answer.values
    (True, 0)
    >>> orjson.loads(answer.to_json()) == answer.document
    True
    """

    query: HistoryQuery | DevicesQuery
    page: HistoryPage | DevicesPage

    @property
    def values(self) -> int:
        """The number of values on the page."""
        return self.page.count

    @property
    def flaws(self) -> Flaws:
        """The parts that were left out."""
        return self.page.flaws

    @property
    def more(self) -> bool:
        """True if there is another page."""
        return self.page.next_token is not None

    @property
    def document(self) -> dict[str, Any]:
        """The answer as TwinMaker expects it."""
        document = twinmaker.history_answer(self.query, self.page)
        if self.page.following:
            document[wire_contract.FOLLOWING_PAGES] = [
                twinmaker.history_answer(self.query, each) for each in self.page.following
            ]
        return document

    def to_json(self) -> bytes:
        """Return the document as JSON, without making it first."""
        page = twinmaker.history_json(self.query, self.page)
        if not self.page.following:
            return page
        following = b",".join(
            twinmaker.history_json(self.query, each) for each in self.page.following
        )
        return b'%s,"%s":[%s]}' % (page[:-1], wire_contract.FOLLOWING_PAGES.encode(), following)


@dataclass(frozen=True, slots=True)
class LastEntryAnswer:
    """The newest entry; see `Answer`."""

    query: LastEntryQuery
    entry: LastEntry

    @property
    def values(self) -> int:
        """The number of properties that have a value."""
        return len(self.entry.values)

    @property
    def flaws(self) -> Flaws:
        """The parts that were left out."""
        return self.entry.flaws

    @property
    def more(self) -> bool:
        """False: the newest entry has no further page."""
        return False

    @property
    def document(self) -> dict[str, Any]:
        """The answer as TwinMaker expects it."""
        return twinmaker.last_entry_answer(self.query, self.entry)

    def to_json(self) -> bytes:
        """Return the document as JSON."""
        return orjson.dumps(self.document)
