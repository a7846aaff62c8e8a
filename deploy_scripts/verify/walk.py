"""A walk over hops: the results so far, and the secrets that are kept out of them."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from deploy_scripts.verify.diagnosis import aws_problem
from deploy_scripts.verify.hop import BrokenHopError, HopResult

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from deploy_scripts.verify.hop import Finding, Value

Subject = TypeVar("Subject")
Looked = TypeVar("Looked")
_AT_ONCE: Final = 8
"""Looks side by side: fewer than the ten connections that a client of botocore keeps."""


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
        self._secrets: list[str] = []
        self.results: list[HopResult] = []

    def keep_secret(self, *secrets: str) -> None:
        """Take strings out of all that is reported from now on."""
        self._secrets += [each for each in secrets if each]

    def take(self, title: str, hop: Callable[..., Finding[Value]], *arguments: Any) -> Value:
        """Take a hop, report its result, and return its value.

        Raises
        ------
        BrokenHopError
            The hop is broken, or AWS can't be asked.
        """
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
        for each in self._secrets:
            message = message.replace(each, "***")
        return "".join(each if each.isprintable() or each == "\n" else "?" for each in message)
