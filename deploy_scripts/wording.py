"""Values in messages: a few of many, the beginning of what is long, and nothing that a terminal obeys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

_LONGEST: Final = 400


def first_few(names: Sequence[str], most: int = 5) -> str:
    """Name the first few, and the number of the others."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


def short(value: object, longest: int = _LONGEST) -> str:
    """Return a value as a string, shortened if it is long."""
    message = str(value)
    return message if len(message) <= longest else f"{message[:longest]}..."


def printable(text: str) -> str:
    """Replace what no font has and what could control a terminal, but for line breaks."""
    return "".join(each if each.isprintable() or each == "\n" else "?" for each in text)
