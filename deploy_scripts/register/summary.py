"""The summary of a run, or of a dry run."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """The outcome of a run for a resource, or that of a dry run if it were none."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    LEFT_OVER = "left over"
    REMOVED = "removed"
    ABSENT = "already gone"
    KEPT = "kept"


@dataclass(frozen=True, slots=True)
class Change:
    """A resource's line in a summary."""

    kind: str  # `workspace`, `role policy`, `component type` or `entity`
    id: str
    outcome: Outcome
    details: tuple[str, ...] = ()  # the differences, or the reason why it was kept

    def __str__(self) -> str:
        details = f" ({'; '.join(self.details)})" if self.details else ""
        return f"{self.kind} {self.id}: {self.outcome}{details}"


@dataclass(frozen=True, slots=True)
class Summary:
    """The changes of a run, one for each resource."""

    changes: tuple[Change, ...]

    @property
    def agrees(self) -> bool:
        """True if there was nothing to write."""
        writes = {Outcome.CREATED, Outcome.UPDATED, Outcome.REMOVED}
        return not any(change.outcome in writes for change in self.changes)
