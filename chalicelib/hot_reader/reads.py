"""The two reads, history and last entry, each with its spellings in one place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Generic, Protocol, TypeVar

import orjson

from chalicelib.contracts import twinmaker, wire_contract
from chalicelib.model.layout import HOT_READERS
from chalicelib.model.query import HistoryQuery, LastEntryQuery

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from chalicelib.hot_reader.hot_reader import Flaws, HistoryPage, HotReader

Query = TypeVar("Query", bound=LastEntryQuery)


class Found(Protocol):
    """What a reader found, on its way to whoever asked."""

    @property
    def values(self) -> int:
        """How many values it holds."""

    @property
    def flaws(self) -> Flaws:
        """What was left out."""

    @property
    def more(self) -> bool:
        """True if there is another page."""

    @property
    def document(self) -> dict[str, Any]:
        """The answer as TwinMaker wants it."""

    def to_json(self) -> bytes:
        """Return the document as JSON."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that is small enough to be a document at once; see `Found`.

    Attributes
    ----------
    document
        The answer as TwinMaker wants it.
    values
        How many values it holds.
    flaws
        What was left out.
    """

    document: dict[str, Any]
    values: int
    flaws: Flaws

    @property
    def more(self) -> bool:
        """True if there is another page."""
        return self.document.get("nextToken") is not None

    def to_json(self) -> bytes:
        """Return the document as JSON."""
        return orjson.dumps(self.document)


@dataclass(frozen=True, slots=True)
class HistoryAnswer:
    """A page of a history, which is written as JSON faster than as a document; see `Found`."""

    query: HistoryQuery
    page: HistoryPage

    @property
    def values(self) -> int:
        """How many values it holds."""
        return self.page.count

    @property
    def flaws(self) -> Flaws:
        """What was left out."""
        return self.page.flaws

    @property
    def more(self) -> bool:
        """True if there is another page."""
        return self.page.next_token is not None

    @property
    def document(self) -> dict[str, Any]:
        """The answer as TwinMaker wants it."""
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
class Read(Generic[Query]):
    """One kind of read.

    Attributes
    ----------
    name
        Its name in URLs: `hot-reader` or `hot-reader-last-entry`.
    remote_url_variable, local_function_variable
        Which settings tell a data connector where to read.
    from_event
        Reads TwinMaker's event: (event, device id) -> query.
    from_payload
        Reads the wire contract's payload.
    answer
        Runs the query.
    answer_type
        The type of an answer's `propertyValues`.
    """

    name: str
    remote_url_variable: str
    local_function_variable: str
    from_event: Callable[[twinmaker.Event, str], Query]
    from_payload: Callable[[Mapping[str, Any]], Query]
    answer: Callable[[HotReader, Query], Found]
    answer_type: type


def _history(reader: HotReader, query: HistoryQuery) -> Found:
    return HistoryAnswer(query, reader.history(query))


def _last_entry(reader: HotReader, query: LastEntryQuery) -> Found:
    entry = reader.last_entry(query)
    return Answer(twinmaker.last_entry_answer(query, entry), len(entry.values), entry.flaws)


HISTORY: Final = Read(
    name=HOT_READERS[0],
    remote_url_variable="REMOTE_READER_URL",
    local_function_variable="LOCAL_HOT_READER_NAME",
    from_event=twinmaker.history_query,
    from_payload=wire_contract.history_query,
    answer=_history,
    answer_type=list,
)
LAST_ENTRY: Final = Read(
    name=HOT_READERS[1],
    remote_url_variable="REMOTE_READER_LAST_ENTRY_URL",
    local_function_variable="LOCAL_HOT_READER_LAST_ENTRY_NAME",
    from_event=twinmaker.last_entry_query,
    from_payload=wire_contract.last_entry_query,
    answer=_last_entry,
    answer_type=dict,
)
