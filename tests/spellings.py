"""The spellings of a secret in which a log, a report or a file might hold it."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote, quote_plus

from tests.fuzzing.counts import count


def spelled(secret: str, *where: str | bytes) -> list[str]:
    """Return the spellings of a secret that are somewhere."""
    everything = b"\n".join(each.encode() if isinstance(each, str) else each for each in where)
    spellings = _spellings(secret)
    count("secrets", spellings=len(spellings), places=len(where))
    return [each for each in spellings if each.encode() in everything]


def _spellings(secret: str) -> set[str]:
    raw = secret.encode()
    plain = {secret, quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1]}
    plain |= {secret.replace("/", "\\/"), "".join(f"\\u{ord(each):04x}" for each in secret)}
    binary = {raw.hex(), raw.hex().upper(), raw.hex(" ")}
    encoded = set()
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for before in range(3):  # whatever it follows, its own characters are the same from here on
            text = encode(b"\0" * before + raw).decode().rstrip("=")
            encoded.add(text[(before * 8 + 5) // 6 : -1])
    return plain | binary | encoded | {quote(each, safe="") for each in encoded}
