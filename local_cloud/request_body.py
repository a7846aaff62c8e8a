"""The body of a request, as the servers of the local cloud read it from a connection."""

from __future__ import annotations

import string
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from email.message import Message
    from io import BufferedIOBase

_LARGEST: Final = 210_000_000
"""Bytes; the most that Azure Functions takes (its documentation, 'HTTP triggers', 'Limits'); Lambda takes less."""


def read_body(headers: Message, stream: BufferedIOBase) -> bytes:
    """Read a request's body to its end (RFC 9112, section 6.3).

    Parameters
    ----------
    headers
        The request's.
    stream
        What follows the headers.

    Raises
    ------
    ValueError
        It is malformed, larger than 210 MB, or breaks off. The connection can't be used any further.
    """
    coding = headers.get("Transfer-Encoding")
    if coding is not None:
        if coding.lower() != "chunked":
            raise ValueError(f"the transfer coding {coding[:20]!r} isn't known, only 'chunked'")
        return _chunks(stream)
    lengths = {each.strip() for each in headers.get_all("Content-Length", ["0"])}
    if len(lengths) > 1:
        raise ValueError("the body has two lengths")
    return _exactly(_number(lengths.pop(), 10), stream)


def _chunks(stream: BufferedIOBase) -> bytes:
    content = bytearray()
    while size := _number(_line(stream).partition(b";")[0].strip().decode("latin-1"), 16):
        content += _exactly(size, stream, len(content))
        if _line(stream):
            raise ValueError("a chunk is longer than it says")
    while _line(stream):  # headers behind the body
        pass
    return bytes(content)


def _number(text: str, base: int) -> int:
    # int() takes signs, underscores, prefixes, and the digits of all alphabets, too.
    digits = string.digits if base == 10 else string.hexdigits
    if not text or not {*text} <= {*digits}:
        raise ValueError(f"{text[:20]!r} is no length of a body")
    return int(text, base)


def _line(stream: BufferedIOBase) -> bytes:
    line = stream.readline(65_537)
    if not line.endswith(b"\n"):
        raise ValueError("the body breaks off")
    return line.rstrip(b"\r\n")


def _exactly(size: int, stream: BufferedIOBase, before: int = 0) -> bytes:
    if before + size > _LARGEST:
        raise ValueError(f"the body has more than {_LARGEST} bytes")
    content = stream.read(size)
    if len(content) < size:
        raise ValueError("the body breaks off")
    return content
