"""Subsegments of a request, for AWS X-Ray.

Lambda makes the segment of an invocation and tells it in `_X_AMZN_TRACE_ID`; a part of it is one JSON
document, sent to the daemon that Lambda runs (AWS X-Ray developer guide, 'Segment documents' and
'Sending segment documents to the X-Ray daemon'). That is all that is needed here: loading the X-Ray
SDK, which itself isn't developed any further, takes longer than everything else that tracing does.
"""

from __future__ import annotations

import os
import secrets
import socket
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterator

_HEADER: Final = b'{"format":"json","version":1}\n'
_LONGEST_MESSAGE: Final = 1_000
"""Characters of an exception; a document may have 64 KB."""


@contextmanager
def subsegment(name: str) -> Iterator[None]:
    """Trace a part of an invocation, if the invocation is sampled.

    A trace that can't be sent is lost: it must not fail what it is about.

    Parameters
    ----------
    name
        What to call the part.

    Raises
    ------
    Exception
        Whatever the part raises; the trace shows it as a fault.
    """
    found = trace()
    if found is None or not found.sampled or not found.parent:
        yield
        return
    document: dict[str, Any] = {
        "name": name,
        "id": secrets.token_hex(8),
        "type": "subsegment",
        "trace_id": found.root,
        "parent_id": found.parent,
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


class Trace(NamedTuple):
    """What a tracing header says (AWS X-Ray developer guide, 'Tracing header').

    Attributes
    ----------
    root
        The trace's id.
    parent
        The id of the segment of the invocation; empty if there is none.
    sampled
        True if somebody wants to see it.
    """

    root: str
    parent: str
    sampled: bool


def trace() -> Trace | None:
    """Read the tracing header of the invocation, another one each time; None if there is none."""
    header = os.environ.get("_X_AMZN_TRACE_ID", "")
    fields = dict(field.partition("=")[::2] for field in header.replace(" ", "").split(";"))
    root = fields.get("Root")
    return Trace(root, fields.get("Parent", ""), fields.get("Sampled") == "1") if root else None


def _send(document: dict[str, Any]) -> None:
    # `host:port`, or one address for each protocol: `tcp:host:port udp:host:port`
    *_, address = os.environ.get("AWS_XRAY_DAEMON_ADDRESS", "").split("udp:")
    host, _, port = address.split(" ")[0].rpartition(":")
    with suppress(OSError, ValueError, orjson.JSONEncodeError):
        message = _HEADER + orjson.dumps(document)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as daemon:
            daemon.setblocking(False)  # noqa: FBT003 - the socket's own signature
            daemon.sendto(message, (host, int(port)))
