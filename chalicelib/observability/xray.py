"""Subsegments of a request, for AWS X-Ray.

Lambda makes the segment of an invocation and names it in `_X_AMZN_TRACE_ID`; a part of it is one JSON
document, sent to the daemon that Lambda runs (AWS X-Ray developer guide, 'Segment documents' and
'Sending segment documents to the X-Ray daemon'). The X-Ray SDK, which is in maintenance, does the same
and loads botocore for it: more than the rest of a cold start (docs/performance.md, 'Cold start').
"""

from __future__ import annotations

import os
import secrets
import socket
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterator

_HEADER: Final = b'{"format":"json","version":1}\n'
_LONGEST_MESSAGE: Final = 1_000
"""Characters of an exception; a document may have 64 KB."""


@contextmanager
def subsegment(name: str) -> Iterator[None]:
    """Trace a part of an invocation, if the invocation is sampled.

    A trace that can't be sent is lost: it must not fail the part that it is about.

    Parameters
    ----------
    name
        The part's name in X-Ray.

    Raises
    ------
    Exception
        Whatever the part raises; the trace shows it as a fault.
    """
    header = _tracing_header()
    if header.get("Sampled") != "1" or not header.get("Root") or not header.get("Parent"):
        yield
        return
    document: dict[str, Any] = {
        "name": name,
        "id": secrets.token_hex(8),
        "type": "subsegment",
        "trace_id": header["Root"],
        "parent_id": header["Parent"],
        "start_time": time.time(),
    }
    try:
        yield
    except Exception as error:
        described = {
            "id": secrets.token_hex(8),
            "type": type(error).__name__,
            "message": str(error)[:_LONGEST_MESSAGE],
        }
        document |= {"fault": True, "cause": {"exceptions": [described]}}
        raise
    finally:
        _send(document | {"end_time": time.time()})


def _tracing_header() -> dict[str, str]:
    """Return the fields of the invocation's header (AWS X-Ray developer guide, 'Tracing header').

    `Root` is the trace's id, `Parent` the id of the invocation's segment; `Sampled` is 1 if the trace
    is kept.
    """
    # It is another one for each invocation, so it is no setting.
    header = os.environ.get("_X_AMZN_TRACE_ID", "")
    return dict(field.partition("=")[::2] for field in header.replace(" ", "").split(";"))


def _send(document: dict[str, Any]) -> None:
    # `host:port`, or one address for each protocol: `tcp:host:port udp:host:port`
    *_, address = os.environ.get("AWS_XRAY_DAEMON_ADDRESS", "").split("udp:")
    host, _, port = address.split(" ")[0].rpartition(":")
    with suppress(OSError, ValueError, orjson.JSONEncodeError):
        message = _HEADER + orjson.dumps(document)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as daemon:
            daemon.setblocking(False)  # noqa: FBT003 - the socket's own signature
            daemon.sendto(message, (host, int(port)))
