"""The body of a request, as the local cloud's own servers read it."""

from __future__ import annotations

import io
from email.message import Message

import pytest

from local_cloud.request_body import read_body

CHUNKED = ("Transfer-Encoding", "Chunked")


def read(sent: bytes, *headers: tuple[str, str]) -> bytes:
    message = Message()
    for name, value in headers:
        message[name] = value
    return read_body(message, io.BytesIO(sent))


def test_a_body_ends_where_its_headers_say():
    assert read(b"GET /", ("Host", "a")) == b""
    assert read(b"abcGET /", ("Content-Length", "3"), ("Content-Length", "3")) == b"abc"
    assert (
        read(b"A;x=y\r\n0123456789\r\n2\r\nab\r\n0\r\nBehind: it\r\n\r\n", CHUNKED)
        == b"0123456789ab"
    )


@pytest.mark.parametrize(
    "length",
    ["", "-1", "+3", "1_0", "0x3", "1.5", "a", "3, 3", "\u00b2", "\u0663", "9" * 20, "9" * 5000],
)
def test_a_length_that_is_none_is_refused(length):
    with pytest.raises(ValueError, match=r"no length|more than|limit"):
        read(b"abc", ("Content-Length", length))


@pytest.mark.parametrize("size", ["", "-1", "0x3", "1_0", "g", "f" * 20])
def test_a_chunk_of_such_a_length_is_refused(size):
    with pytest.raises(ValueError, match=r"no length|more than"):
        read(f"{size}\r\nabc\r\n0\r\n\r\n".encode(), CHUNKED)


@pytest.mark.parametrize(
    ("sent", "header"),
    [
        (b"ab", ("Content-Length", "3")),
        *((sent, CHUNKED) for sent in (b"", b"3\r\nab", b"2\r\nab\r\n")),
    ],
)
def test_a_body_that_breaks_off_isnt_taken_for_a_whole_one(sent, header):
    with pytest.raises(ValueError, match="breaks off"):
        read(sent, header)


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ((("Content-Length", "3"), ("Content-Length", "2")), "two lengths"),
        ((("Transfer-Encoding", "gzip, chunked"),), "gzip, chunked.* isn't known"),
        ((CHUNKED,), "longer than it says"),
    ],
)
def test_what_might_end_at_two_places_is_refused(headers, reason):
    with pytest.raises(ValueError, match=reason):
        read(b"1\r\nabc\r\n0\r\n\r\n", *headers)
