"""Results of a read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from chalicelib.model.data_value import DataValue, UnrepresentableValueError

_EXAMPLES: Final = 3
"""Enough to see what is wrong; a page may have thousands, and CloudWatch bills log lines by size."""


@dataclass(slots=True)
class Flaws:
    """Entries and values that had to be left out of an answer, to be counted and logged.

    See docs/architecture.md, 'What is left out is counted'.

    Attributes
    ----------
    unrepresentable_values
        Values that their declared type can't express.
    unreadable_timestamps
        Entries whose sort key isn't spelled as configured.
    examples
        Descriptions of the first three.
    """

    unrepresentable_values: int = 0
    unreadable_timestamps: int = 0
    examples: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.unrepresentable_values or self.unreadable_timestamps)

    def add_value(self, name: str, key: object, error: UnrepresentableValueError) -> None:
        """Count a value that can't be represented."""
        self.unrepresentable_values += 1
        self._add_example(f"{name} at {key}: {error}")

    def add_timestamp(self, error: ValueError) -> None:
        """Count an entry whose timestamp can't be read."""
        self.unreadable_timestamps += 1
        self._add_example(str(error))

    def add(self, other: Flaws) -> None:
        """Count what was left out elsewhere, too."""
        self.unrepresentable_values += other.unrepresentable_values
        self.unreadable_timestamps += other.unreadable_timestamps
        for example in other.examples:
            self._add_example(example)

    def _add_example(self, example: str) -> None:
        if len(self.examples) < _EXAMPLES:
            self.examples.append(example)


@dataclass(slots=True)
class PropertyValues:
    """The values of one property on a page, in order: times, kinds and contents side by side.

    Attributes
    ----------
    times
        The time of each value, in UTC with `Z`.
    kinds
        The kind of each DataValue, such as `doubleValue`.
    contents
        The content of each DataValue.

    Examples
    --------
    >>> pressures = PropertyValues()
    >>> pressures.extend(["2026-01-30T17:00:00Z"], "doubleValue", [4.2])
    >>> pressures
    PropertyValues(times=['2026-01-30T17:00:00Z'], kinds=['doubleValue'], contents=[4.2])
    """

    times: list[str] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    contents: list[Any] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.times)

    def extend(
        self, times: Sequence[str], kinds: str | Sequence[str], contents: Sequence[Any]
    ) -> None:
        """Append values, of one kind or of as many."""
        self.times.extend(times)
        self.kinds.extend([kinds] * len(times) if isinstance(kinds, str) else kinds)
        self.contents.extend(contents)


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """One page of a history.

    Attributes
    ----------
    values
        For each selected property, in the order asked for, its values.
    next_token
        The token of the next page; None on the last one.
    flaws
        The parts that were left out, of the pages that follow as well.
    following
        Pages that were read ahead: the one that `next_token` leads to, then the one after it, ...
    """

    values: Mapping[str, PropertyValues]
    next_token: str | None
    flaws: Flaws
    following: Sequence[HistoryPage] = ()

    @property
    def count(self) -> int:
        """The number of values that were read, over all properties and pages."""
        own = sum(map(len, self.values.values()))
        return own + sum(each.count for each in self.following)

    def of_device(self, _device_id: str) -> Mapping[str, PropertyValues]:
        """Return the values of the one device."""
        return self.values


@dataclass(frozen=True, slots=True)
class DevicesPage:
    """One page of the histories of several devices.

    Attributes
    ----------
    values
        For each device by its id, the values of each selected property that it has some of.
    next_token
        The token of the next page; None on the last one.
    flaws
        The parts that were left out.
    following
        Pages that were read ahead; see `HistoryPage`.
    """

    values: Mapping[str, Mapping[str, PropertyValues]]
    next_token: str | None
    flaws: Flaws
    following: Sequence[DevicesPage] = ()

    @property
    def count(self) -> int:
        """The number of values that were read, over all devices, properties and pages."""
        own = sum(len(values) for named in self.values.values() for values in named.values())
        return own + sum(each.count for each in self.following)

    def of_device(self, device_id: str) -> Mapping[str, PropertyValues]:
        """Return the values of a device; none if it has none on the page."""
        return self.values.get(device_id, {})


@dataclass(frozen=True, slots=True)
class LastEntry:
    """The newest value of each property.

    Attributes
    ----------
    values
        The values of the selected properties that have one.
    flaws
        The parts that were left out.
    times
        The time of each value, in UTC with `Z`.
    """

    values: Mapping[str, DataValue]
    flaws: Flaws
    times: Mapping[str, str] = field(default_factory=dict)


class Answer(Protocol):
    """A reader's answer, on its way to the caller."""

    @property
    def values(self) -> int:
        """The number of values."""

    @property
    def flaws(self) -> Flaws:
        """The parts that were left out."""

    @property
    def more(self) -> bool:
        """True if there is another page."""

    @property
    def document(self) -> dict[str, Any]:
        """The answer as TwinMaker expects it."""

    def to_json(self) -> bytes:
        """Return the document as JSON."""
