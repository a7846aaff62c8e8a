"""What a hop is, and what a walk finds."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from deploy_scripts.verify.chart import Series

Value = TypeVar("Value")


class BrokenHopError(Exception):
    """A hop is broken.

    Parameters
    ----------
    problem
        What is wrong.
    advice
        What to do.
    unreadable
        True if the reason is a configuration that can't be read.
    """

    def __init__(self, problem: str, advice: str, *, unreadable: bool = False) -> None:
        super().__init__(problem)
        self.problem = problem
        self.advice = advice
        self.unreadable = unreadable


@dataclass(frozen=True, slots=True)
class Passed(Generic[Value]):
    """What a hop found.

    Attributes
    ----------
    detail
        In words.
    value
        What the next hops need.
    """

    detail: str
    value: Value


class Hop(Protocol[Value]):
    """One part of the way."""

    @property
    def title(self) -> str:
        """What it is."""

    def run(self) -> Passed[Value]:
        """Walk it.

        Raises
        ------
        BrokenHopError
            It is broken.
        botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError
            AWS can't be asked.
        """


@dataclass(frozen=True, slots=True)
class HopResult:
    """A hop that was walked.

    Attributes
    ----------
    title
        Which one.
    detail
        What was found, or what is wrong.
    milliseconds
        How long it took.
    advice
        What to do; None if all is well.
    """

    title: str
    detail: str
    milliseconds: float
    advice: str | None = None

    @property
    def ok(self) -> bool:
        """True if all is well."""
        return self.advice is None


@dataclass(frozen=True, slots=True)
class Verified:
    """What a whole walk found.

    Attributes
    ----------
    stage
        The stage.
    hops
        Those that were walked; only the last one can be broken.
    series
        Recent telemetry, for a chart.
    unreadable
        True if the configuration can't be read.
    """

    stage: str
    hops: tuple[HopResult, ...]
    series: tuple[Series, ...] = ()
    unreadable: bool = False

    @property
    def ok(self) -> bool:
        """True if every hop is well."""
        return all(hop.ok for hop in self.hops)

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON document, without the telemetry."""
        hops = [
            {"ok": hop.ok, **asdict(hop), "milliseconds": round(hop.milliseconds, 1)}
            for hop in self.hops
        ]
        return {"stage": self.stage, "ok": self.ok, "hops": hops}
