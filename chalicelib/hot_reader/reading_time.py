"""The time that a read may take: a page ends early by time, as it does by bytes.

docs/architecture.md, 'Pages and the next token'.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from chalicelib.model.entries import EntryBatch

Found = TypeVar("Found")

_PAGE_SECONDS: Final = 8.0
"""The longest time for a page that has come to somewhere. A data connector gives a try 10 s
(`RemoteReaderSettings.longest_try`), of which the store's last answer and the page's way back take some."""
_AHEAD_SECONDS: Final = 2.0
"""The longest time that a read goes on for pages ahead: nobody has asked for them yet."""
ANSWER_MARGIN: Final = 2.0
"""Seconds of the host's own time for the store's last answer, and for the page's way back."""


class OutOfTimeError(Exception):
    """A read that has to end here."""


class ReadingTime:
    """The time of one read.

    Parameters
    ----------
    seconds
        The time that the host has left for the request.
    clock
        Returns monotonic seconds.

    Attributes
    ----------
    can_end
        True once the read has come further than where it began, so that a page may end.

    Examples
    --------
    >>> ticks = iter([0.0, 3.0, 6.0, 9.0, 12.0])
    >>> time = ReadingTime(29.0, lambda: next(ticks))
    >>> time.can_end = True
    >>> for entry in time.bounded("abcd"):
    ...     print(entry)
    Traceback (most recent call last):
    chalicelib.hot_reader.reading_time.OutOfTimeError
    """

    def __init__(self, seconds: float, clock: Callable[[], float]) -> None:
        self.can_end = False
        self._clock = clock
        started = clock()
        self._end = started + seconds - ANSWER_MARGIN
        self._page_end = min(started + _PAGE_SECONDS, self._end)
        self._ahead_end = started + _AHEAD_SECONDS

    @property
    def ahead_is_over(self) -> bool:
        """True if no page ahead may be begun or go on any more."""
        return self._clock() > self._ahead_end

    def bounded(self, found: Iterable[Found]) -> Iterator[Found]:
        """Yield what a store yields, until time is over.

        All that a store has sent is yielded before the next is asked for.

        Raises
        ------
        OutOfTimeError
            Time is over.
        """
        for each in found:
            yield each
            self._look()

    def bounded_batches(self, batches: Iterable[EntryBatch]) -> Iterator[EntryBatch]:
        """Yield batches, until time is over and the store would be asked again; see `bounded`."""
        for batch in batches:
            yield batch
            if not batch.is_last:
                self._look()

    def _look(self) -> None:
        if self._clock() > (self._page_end if self.can_end else self._end):
            raise OutOfTimeError
