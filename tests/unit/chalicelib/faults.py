"""What becomes of the faults of a server that is asked, as tables that docs/robustness.md has."""

from __future__ import annotations

import gzip
import re
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from deploy_scripts import PROJECT
from tests.unit.chalicelib.servers import CLOSE, HANG, RESET, Act, Cut, Drip, response

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

DOCUMENT = PROJECT / "docs" / "robustness.md"
PATIENCE = (0.15, 1.0, 10.0)
"""Seconds that a fault which takes time is waited for. If the answer after it doesn't come within them on a
busy machine, the next ones count."""
_HEADER = ("| fault of the first request | then | if it stays |", "|---|---|---|")


def cut(framing: str, body: bytes = b"") -> Cut:
    return Cut(f"HTTP/1.1 200 OK\r\n{framing}\r\n\r\n".encode() + body)


def faults_of_http(whole: bytes) -> dict[str, Act]:
    """Return what may become of an answer with this content on its way."""
    compressed = gzip.compress(whole)
    return {
        "the connection is reset": RESET,
        "the connection is closed without an answer": CLOSE,
        "no answer comes": HANG,
        "the headers come byte by byte": Drip(b"HTTP/1.1 200 OK\r\nX-Slow: "),
        "the content comes byte by byte": Drip(b"HTTP/1.1 200 OK\r\nContent-Length: 90000\r\n\r\n"),
        "the answer breaks off before its length": cut("Content-Length: 900", whole[:40]),
        "the answer breaks off between chunks": cut(
            "Transfer-Encoding: chunked", b"8\r\n" + whole[:8] + b"\r\n"
        ),
        "the answer breaks off, and nothing says where it ends": cut(
            "Connection: close", whole[:40]
        ),
        "the compressed answer breaks off": response(
            200, compressed[: len(compressed) // 2], {"Content-Encoding": "gzip"}
        ),
        "the answer isn't compressed as it says": response(
            200, whole, {"Content-Encoding": "gzip"}
        ),
        "chunks have no sizes": cut("Transfer-Encoding: chunked", b"zz\r\n"),
        "what answers doesn't speak HTTP": Cut(b"220 mail.example.com ESMTP\r\n"),
    }


def faults_of_json() -> dict[str, Act]:
    """Return what no service answers that speaks JSON, but something else in its place."""
    elsewhere = "Dienst nicht verfügbar".encode("latin-1")
    return {
        "502 with a page": response(502, b"<html>Bad Gateway</html>"),
        "502 with bytes of another encoding": response(502, elsewhere),
        "500 with `null`": response(500, b"null"),
        "200 with a page": response(200, b"<html>Sign in</html>"),
        "200 with bytes of another encoding": response(200, elsewhere),
        "200 with JSON that is nested deep": response(200, b"[" * 100_000),
        "200 without a body": response(200),
        **{
            f"200 with `{each}`": response(200, each.encode()) for each in ("{}", "null", "[]", "7")
        },
    }


@dataclass(frozen=True)
class Outcome:
    """What came of a call.

    Attributes
    ----------
    attempts
        The number of requests; None if only the time bounds it.
    failure
        How it failed, in the table's words; None if it was answered.
    more
        What else the table has of a failure.
    """

    attempts: int | None
    failure: str | None = None
    more: str = ""


@dataclass(frozen=True)
class Matrix:
    """The faults of a server.

    Attributes
    ----------
    section
        The table's name in the document.
    faults
        What the server does with a first request, or with all.
    good
        What it does with the next ones where the fault passes.
    outcome_of
        Takes what the server does with each request, the last thing again and again, and the seconds to
        wait for it. Returns what becomes of a call, after a look at what holds for all outcomes.
    """

    section: str
    faults: Mapping[str, Act]
    good: Act
    outcome_of: Callable[[tuple[Act, ...], float], Outcome]

    def row(self, fault: str, patience: float = PATIENCE[1]) -> str:
        """Describe what becomes of a fault that passes, and of one that stays."""
        act = self.faults[fault]
        once_seconds, always_seconds = (
            (patience, PATIENCE[0]) if _takes_time(act) else (PATIENCE[-1], PATIENCE[-1])
        )
        once = self.outcome_of((act, self.good), once_seconds)
        always = self.outcome_of((act,), always_seconds)
        passes = once.failure or f"answers at try {once.attempts}"
        if always.failure is None:
            return f"| {fault} | {passes} | answers |"
        tries = f"after {always.attempts} {'try' if always.attempts == 1 else 'tries'}"
        if always.attempts is None:
            tries = "in time"
        return f"| {fault} | {passes} | {always.failure} {tries}{always.more} |"

    def holds(self, fault: str) -> bool:
        """Say whether the document has what becomes of a fault."""
        patiences = PATIENCE if _takes_time(self.faults[fault]) else PATIENCE[:1]
        documented = self._documented()
        return any(self.row(fault, patience) in documented for patience in patiences)

    def has_no_other(self) -> bool:
        """Say whether the document's table is about these faults, in their order."""
        return [row.split(" | ")[0] for row in self._documented()[2:]] == [
            f"| {fault}" for fault in self.faults
        ]

    def table(self) -> str:
        """Return the table as the document has it."""
        return "\n".join([*_HEADER, *map(self.row, self.faults)])

    def _documented(self) -> list[str]:
        return section_of(DOCUMENT.read_text(), self.section).splitlines()


def _takes_time(act: Act) -> bool:
    return act == HANG or isinstance(act, Drip) or callable(act)


def matrices() -> list[Matrix]:
    """Return the matrices of all modules beside this one."""
    folder = Path(__file__).parent
    modules = sorted(
        path.relative_to(PROJECT).with_suffix("") for path in folder.rglob("*_faults.py")
    )
    found = (import_module(".".join(module.parts)) for module in modules)
    return [each for module in found for each in vars(module).values() if type(each) is Matrix]


def count_of(all_of_them: Sequence[Matrix]) -> str:
    """Return what the document has about all tables together."""
    faults = sum(len(each.faults) for each in all_of_them)
    return (
        f"{faults} faults, each once and each again and again: {2 * faults} calls; wrong answers: 0, failures "
        "without a name: 0, with a secret in them: 0."
    )


def section_of(text: str, name: str) -> str:
    """Return what a generated section of the document holds."""
    (content,) = re.findall(rf"<!-- {name} -->\n(.*?)\n<!-- end -->", text, re.DOTALL)
    return str(content)


def with_sections(text: str, sections: Mapping[str, str]) -> str:
    """Return the document with other contents of its generated sections."""
    for name, content in sections.items():
        text = text.replace(
            f"<!-- {name} -->\n{section_of(text, name)}\n", f"<!-- {name} -->\n{content}\n"
        )
    return text
