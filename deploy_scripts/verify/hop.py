"""Hops: their findings, and a walk over them, with the secrets that are kept out of it."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.data_connector.masking import masked
from deploy_scripts.verify.diagnosis import aws_problem
from deploy_scripts.wording import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from deploy_scripts.verify.chart import Series

Value = TypeVar("Value")
Subject = TypeVar("Subject")
Looked = TypeVar("Looked")
_AT_ONCE: Final = 8
"""Looks side by side: fewer than the ten connections that a client of botocore keeps."""


class Finding(NamedTuple, Generic[Value]):
    """The finding of a hop that isn't broken."""

    detail: str
    value: Value  # the value that later hops need
    warnings: tuple[str, ...] = ()  # what is wrong all the same, each with what to do about it


class BrokenHopError(Exception):
    """A hop is broken.

    `unreadable`: True if the reason is a configuration that can't be read.
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


def side_by_side(look: Callable[[Subject], Looked], subjects: Iterable[Subject]) -> list[Looked]:
    """Look at several things at once; return what was seen of each, in their order.

    The first error that a look ends in is raised, and no further look begins.
    """
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(look, subjects))


class Walk:
    """A walk over hops."""

    def __init__(self, report: Callable[[HopResult], None]) -> None:
        self._report = report
        self._secrets: set[str] = set()
        self.results: list[HopResult] = []

    def keep_secret(self, *secrets: str) -> None:
        """Take strings out of all that is reported from now on."""
        self._secrets.update(secrets)

    def take(self, title: str, hop: Callable[..., Finding[Value]], *arguments: Any) -> Value:
        """Take a hop, report its result, and return its value."""
        started = time.perf_counter()
        try:
            found = hop(*arguments)
        except BrokenHopError as error:
            self._note(title, started, error.problem, error.advice)
            raise
        except (BotoCoreError, ClientError) as error:
            problem, advice = aws_problem(error)
            self._note(title, started, problem, advice)
            raise BrokenHopError(problem, advice) from error
        self._note(title, started, found.detail, warnings=found.warnings)
        return found.value

    def _note(
        self,
        title: str,
        started: float,
        detail: str,
        advice: str | None = None,
        warnings: Iterable[str] = (),
    ) -> None:
        result = HopResult(
            title,
            self._presentable(detail),
            milliseconds=(time.perf_counter() - started) * 1000,
            advice=None if advice is None else self._presentable(advice),
            warnings=tuple(map(self._presentable, warnings)),
        )
        self.results.append(result)
        self._report(result)

    def _presentable(self, message: str) -> str:
        """Take out the secrets, and what could control a terminal: others' messages are in it."""
        return printable(masked(message, self._secrets))
