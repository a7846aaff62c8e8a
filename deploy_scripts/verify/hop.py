"""A hop's finding, and the result of a walk."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

if TYPE_CHECKING:
    from deploy_scripts.verify.chart import Series

Value = TypeVar("Value")


class Finding(NamedTuple, Generic[Value]):
    """The finding of a hop that isn't broken."""

    detail: str
    value: Value  # the value that later hops need
    warnings: tuple[str, ...] = ()  # what is wrong all the same, each with what to do about it


class BrokenHopError(Exception):
    """A hop is broken.

    Parameters
    ----------
    unreadable
        True if the reason is a configuration that can't be read.
    """

    def __init__(self, problem: str, advice: str, *, unreadable: bool = False) -> None:
        super().__init__(problem)
        self.problem = problem
        self.advice = advice
        self.unreadable = unreadable


@dataclass(frozen=True, slots=True)
class HopResult:
    """The result of a hop."""

    title: str
    detail: str  # the finding or the problem, in words
    milliseconds: float
    advice: str | None = None  # what to do about the problem; None if the hop isn't broken
    # What is wrong although the hop isn't broken, each with what to do about it.
    warnings: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """True if the hop isn't broken."""
        return self.advice is None


@dataclass(frozen=True, slots=True)
class Verified:
    """The result of a whole walk."""

    stage: str
    hops: tuple[HopResult, ...]  # the results of the hops; only the last one can be broken
    series: tuple[Series, ...] = ()
    unreadable: bool = False
    # The number of devices that a chart could show; only the first are read for one.
    devices: int = 0

    @property
    def ok(self) -> bool:
        """True if no hop is broken."""
        return all(hop.ok for hop in self.hops)

    @property
    def warnings(self) -> int:
        """The number of warnings."""
        return sum(len(hop.warnings) for hop in self.hops)

    def to_json(self) -> dict[str, Any]:
        """Return a JSON document, without the telemetry."""
        hops = [
            {"ok": hop.ok, **asdict(hop), "milliseconds": round(hop.milliseconds, 1)}
            for hop in self.hops
        ]
        return {"stage": self.stage, "ok": self.ok, "hops": hops}
