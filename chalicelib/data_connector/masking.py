"""Secrets that others may send back, masked in the spellings that programs give what they echo."""

from __future__ import annotations

import base64
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, urlsplit

import requests

if TYPE_CHECKING:
    from collections.abc import Iterable

_MASK: Final = "***"
_SHORTEST_KEY: Final = 8
"""Characters from which on a value in a URL's query is masked wherever it occurs."""
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
        The secrets; an empty one masks nothing.

    Examples
    --------
    >>> masked("you sent a%2Fsecret, or YS9zZWNyZXQ=", ["a/secret"])
    'you sent ***, or ***Q='
    """
    text = text[:_MOST_LOOKED_AT]
    # A secret may have another in it.
    for each in sorted(filter(None, secrets), key=len, reverse=True):
        text = _spellings(each).sub(_MASK, text)
    return text


def secrets_in(url: str) -> set[str]:
    """Return the possible secrets in a URL's query (Azure's ?code=): its values, and all of it.

    Examples
    --------
    >>> sorted(secrets_in("https://reader.example.com/hot-reader?code=SECRETKEY&v=1"))
    ['SECRETKEY', 'code=SECRETKEY&v=1']
    """
    query = urlsplit(url).query
    if not query:
        return set()
    sent = urlsplit(requests.Request("POST", url).prepare().url or "").query
    values = [part.partition("=")[2] for part in f"{query}&{sent}".split("&")]
    values += [value for _, value in parse_qsl(query)]
    return {query, sent, *(value for value in values if len(value) >= _SHORTEST_KEY)}


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
