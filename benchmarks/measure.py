"""Measuring two or more ways of doing the same thing, in turn, so that noise meets all of them."""

from __future__ import annotations

import gc
import resource
import statistics
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True)
class Timing:
    """The time of one way.

    Attributes
    ----------
    seconds
        Of each round.
    """

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """Seconds."""
        return statistics.median(self.seconds)

    @property
    def spread(self) -> tuple[float, float]:
        """The fastest and the slowest round, in seconds."""
        return min(self.seconds), max(self.seconds)

    def to_json(self) -> dict[str, float]:
        """Return milliseconds."""
        lowest, highest = self.spread
        return {
            "median_ms": self.median * 1000,
            "min_ms": lowest * 1000,
            "max_ms": highest * 1000,
            "rounds": len(self.seconds),
        }


@dataclass(frozen=True)
class Finding:
    """The result of a benchmark: one row of the table.

    Attributes
    ----------
    title
        What was compared.
    target
        What it should be, in words.
    measured
        What it is, in words.
    met
        Whether it is; None if there is nothing to reach.
    timings
        The ways that were compared.
    figures
        Counts and other numbers.
    """

    title: str
    target: str
    measured: str
    met: bool | None
    timings: Mapping[str, Timing] = field(default_factory=dict)
    figures: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return everything, for a file."""
        return {
            "title": self.title,
            "target": self.target,
            "measured": self.measured,
            "met": self.met,
            "timings": {name: timing.to_json() for name, timing in self.timings.items()},
            "figures": dict(self.figures),
        }


def in_turn(
    ways: Mapping[str, Callable[[], object]],
    *,
    rounds: int,
    warm_ups: int = 1,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, Timing]:
    """Run each way once per round, all in turn, and time it.

    Parameters
    ----------
    ways
        What to run, by name.
    rounds
        How many times each is timed.
    warm_ups
        How many times each runs before, untimed.
    clock
        Returns seconds: of the clock, or of this process's processor time (`time.process_time`).

    Returns
    -------
    dict[str, Timing]
        By name.
    """
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(warm_ups + rounds):
        for name, run in ways.items():
            gc.collect()
            started = clock()
            run()
            taken = clock() - started
            if number >= warm_ups:
                seconds[name].append(taken)
    return {name: Timing(tuple(each)) for name, each in seconds.items()}


def processor_seconds_of_processes() -> float:
    """Return the processor time of all processes that this one has started and that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def check_same_values(ours: bytes, baseline: bytes) -> None:
    """Check that both answer the same: what is compared must be comparable.

    Raises
    ------
    RuntimeError
        They don't.
    """
    values = [orjson.loads(answer)["propertyValues"] for answer in (ours, baseline)]
    if values[0] != values[1]:
        raise RuntimeError("the textbook reader and the Hot Reader don't answer the same")
