"""Secrets that others may send back, masked in the spellings that programs give what they echo."""

from __future__ import annotations

import base64
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

_MASK: Final = "***"
_MOST_LOOKED_AT: Final = 20_000
"""Characters of a text; a remote's error message may have millions."""


def masked(text: str, secrets: Iterable[str]) -> str:
    """Return a text with secrets masked, and without what comes after its first 20,000 characters.

    They are masked as they are, in capitals, with the escapes of URLs, JSON and HTML, in hexadecimal, and in Base64
    wherever they begin in what was encoded.

    Parameters
    ----------
    text
        The text.
    secrets
        The secrets, none of them empty; of two of which one has the other in it, the longer one first.

    Examples
    --------
    >>> masked("you sent a%2Fsecret, or YS9zZWNyZXQ=", ["a/secret"])
    'you sent ***, or ***Q='
    """
    text = text[:_MOST_LOOKED_AT]
    for each in secrets:
        text = _spellings(each).sub(_MASK, text)
    return text


@lru_cache(maxsize=16)
def _spellings(secret: str) -> re.Pattern[str]:
    raw = secret.encode()
    encoded = []
    for before in range(3):  # whatever it follows, its own characters are the same from here on
        text = base64.b64encode(b"\0" * before + raw).decode().rstrip("=")
        encoded.append(_escaped(text[(before * 8 + 5) // 6 : -1], {"+": "-", "/": "_"}))
    in_hexadecimal = r"\s?".join(f"{byte:02x}" for byte in raw)
    return re.compile("|".join((_escaped(secret, {}), *encoded, in_hexadecimal)), re.IGNORECASE)


def _escaped(text: str, others: dict[str, str]) -> str:
    """Return a pattern of a text with any of its characters escaped, or replaced by another."""
    return "".join(_character(each, others.get(each, each)) for each in text)


def _character(character: str, other: str) -> str:
    code = ord(character)
    as_it_is = f"\\\\{{0,4}}[{re.escape(character + other)}]"
    in_url = "".join(f"%(?:25){{0,3}}{byte:02x}" for byte in character.encode())
    in_json = f"\\\\{{1,4}}u{code:04x}"
    in_html = f"&#(?:0{{0,4}}{code}|x0{{0,4}}{code:x});"
    return f"(?:{as_it_is}|{in_url}|{in_json}|{in_html})"
