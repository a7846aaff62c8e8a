"""What a run did, or would have done."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """What became of a thing, or would become of it in a dry run."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    LEFT_OVER = "left over"
    REMOVED = "removed"
    ABSENT = "already gone"
    KEPT = "kept"


@dataclass(frozen=True, slots=True)
class Change:
    """One line of a summary.

    Attributes
    ----------
    kind
        `workspace`, `role policy`, `component type` or `entity`.
    id
        Which one.
    outcome
        What became of it.
    details
        What was different, or why it was kept.
    """

    kind: str
    id: str
    outcome: Outcome
    details: tuple[str, ...] = ()

    def __str__(self) -> str:
        details = f" ({'; '.join(self.details)})" if self.details else ""
        return f"{self.kind} {self.id}: {self.outcome}{details}"


@dataclass(frozen=True, slots=True)
class Summary:
    """What a run did, or what a dry run would have done.

    Attributes
    ----------
    changes
        A line for each thing.
    dry_run
        True if nothing was written.
    """

    changes: tuple[Change, ...]
    dry_run: bool

    @property
    def agrees(self) -> bool:
        """True if there was nothing to write."""
        writes = {Outcome.CREATED, Outcome.UPDATED, Outcome.REMOVED}
        return not any(change.outcome in writes for change in self.changes)
