"""A walk over hops: what has been found so far, and what must not be shown of it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from deploy_scripts.verify.chart import Series
from deploy_scripts.verify.diagnosis import aws_problem
from deploy_scripts.verify.hop import BrokenHopError, HopResult

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from deploy_scripts.project_files.twin_configuration import Device
    from deploy_scripts.verify.hop import Hop, Value

_NUMERIC: Final = frozenset({"DOUBLE", "INTEGER", "LONG"})


class Walk:
    """What has been walked so far, and what must not be shown of it."""

    def __init__(self, report: Callable[[HopResult], None], clock: Callable[[], float]) -> None:
        self._report = report
        self._clock = clock
        self._secrets: list[str] = []
        self.results: list[HopResult] = []
        self.devices: tuple[Device, ...] = ()
        self.charted: Callable[[Device, Sequence[str]], Iterable[Mapping[str, Any]]] | None = None

    def keep_secret(self, *texts: str) -> None:
        """Take texts out of all that is reported from now on."""
        self._secrets += [each for each in texts if each]

    def take(self, hop: Hop[Value]) -> Value:
        """Walk a hop and report it.

        Raises
        ------
        BrokenHopError
            It is broken.
        """
        started = self._clock()
        try:
            passed = hop.run()
        except BrokenHopError as error:
            self._note(hop.title, error.problem, started, error.advice)
            raise
        except (BotoCoreError, ClientError) as error:
            problem, advice = aws_problem(error)
            self._note(hop.title, problem, started, advice)
            raise BrokenHopError(problem, advice) from error
        self._note(hop.title, passed.detail, started)
        return passed.value

    def make(self, client: Callable[[], Any]) -> Any:
        """Make a client; that it can't be made is a broken hop, too."""
        started = self._clock()
        try:
            return client()
        except BotoCoreError as error:
            problem, advice = aws_problem(error)
            self._note("AWS", problem, started, advice)
            raise BrokenHopError(problem, advice) from error

    def series(self) -> Iterator[Series]:
        """Read recent telemetry of each device, as far as the way is open."""
        for device in self.devices if self.charted else ():
            units = {
                each.name: each.unit or ""
                for each in device.properties
                if each.data_type.type in _NUMERIC
            }
            if not units or self.charted is None:
                continue
            try:
                found = list(self.charted(device, list(units)))
            except (BrokenHopError, BotoCoreError, ClientError, KeyError, TypeError):
                continue  # the hops tell what is wrong
            for name, unit in units.items():
                points = list(_points(found, name))
                if points:
                    # A dollar sign would start a formula.
                    title = f"{device.id} {name}".replace("$", r"\$")
                    yield Series(title, unit.replace("$", r"\$"), points)

    def _note(self, title: str, detail: str, started: float, advice: str | None = None) -> None:
        milliseconds = (self._clock() - started) * 1000
        shown = None if advice is None else self._presentable(advice)
        result = HopResult(title, self._presentable(detail), milliseconds, shown)
        self.results.append(result)
        self._report(result)

    def _presentable(self, text: str) -> str:
        """Take out the secrets, and what could control a terminal: others' messages are in it."""
        for each in self._secrets:
            text = text.replace(each, "***")
        return "".join(each if each.isprintable() or each == "\n" else "?" for each in text)


def _points(found: Iterable[Mapping[str, Any]], name: str) -> Iterator[tuple[str, float]]:
    """Yield a property's values, the oldest first."""
    for part in found:
        if part["entityPropertyReference"]["propertyName"] != name:
            continue
        for each in reversed(part["values"]):
            value = next(iter(each["value"].values()))
            if isinstance(value, int | float) and math.isfinite(value):
                yield each["time"], value
