"""A lean Firestore that only answers queries for a device's entries, which it makes up, over REST and gRPC.

It honours conditions on the device's id and the timestamp, the order, cursors, a limit and a projection.
`tests/benchmarks` compares it with the local stand-in.
"""

from __future__ import annotations

import sys
from bisect import bisect_left, bisect_right
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Final

import grpc
import orjson
import urllib3
from google.cloud.firestore_v1 import types

from benchmarks import lean_server
from benchmarks.dynamodb_server import DEVICE_ID, TIMESTAMP, Entries
from benchmarks.lean_server import Handler, LeanServer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

PROJECT: Final = "benchmarks"
COLLECTION: Final = "hot-telemetry"
ROOT: Final = f"projects/{PROJECT}/databases/(default)/documents"
_WRITTEN: Final = "2026-01-01T00:00:00.123456Z"
_OPTIONS: Final = [("grpc.max_send_message_length", -1)]


def answer(query: Any) -> list[dict[str, Any]]:
    """Answer a StructuredQuery: what is streamed for it, as REST spells it.

    Raises
    ------
    ValueError
        The query is one that this server doesn't know.
    """
    entries, numbers = _found(query)
    wanted = {each.field_path for each in query.select.fields}
    parts = []
    for number in numbers:
        fields = {
            name: {"doubleValue": orjson.loads(of["N"])} if "N" in of else {"stringValue": of["S"]}
            for name, of in entries.item(number).items()
            if not wanted or name in wanted
        }
        document = {
            "name": f"{ROOT}/{COLLECTION}/{number:020}",
            "fields": fields,
            "createTime": _WRITTEN,
            "updateTime": _WRITTEN,
        }
        parts.append({"document": document, "readTime": _WRITTEN})
    return parts or [{"readTime": _WRITTEN}]


def _found(query: Any) -> tuple[Entries, Sequence[int]]:
    """Return the device's entries, and the numbers of those that a query finds, in its order."""
    device_id, lowest, highest = "", "", "~"
    for each in query.where.composite_filter.filters:
        filtered = each.field_filter
        name, operator = filtered.field.field_path, filtered.op.name
        value = filtered.value.string_value
        if (name, operator) == (DEVICE_ID, "EQUAL"):
            device_id = value
        elif (name, operator) == (TIMESTAMP, "GREATER_THAN_OR_EQUAL"):
            lowest = value
        elif (name, operator) == (TIMESTAMP, "LESS_THAN_OR_EQUAL"):
            highest = value
        else:
            raise ValueError(f"a condition that isn't known: {each}")
    if query.order_by[0].field.field_path != TIMESTAMP:
        raise ValueError(f"an order that isn't known: {query.order_by}")
    entries = Entries(device_id)
    first, last = bisect_left(entries, lowest), bisect_right(entries, highest)
    descending = query.order_by[0].direction.name == "DESCENDING"
    if query.start_at.values:
        after = query.start_at.values[0].string_value
        if descending:
            last = min(last, bisect_left(entries, after))
        else:
            first = max(first, bisect_right(entries, after))
    numbers = range(first, last)[:: -1 if descending else 1]
    return entries, numbers[: query.limit or None]


@lru_cache(maxsize=64)
def _as_json(body: bytes) -> tuple[bytes, int]:
    """Answer a request that was seen before at once."""
    parts = answer(types.RunQueryRequest.from_json(body).structured_query)
    return orjson.dumps(parts), sum("document" in each for each in parts)


@lru_cache(maxsize=64)
def _as_messages(request: bytes) -> tuple[list[bytes], int]:
    """Answer a request that was seen before at once."""
    parts = answer(types.RunQueryRequest.deserialize(request).structured_query)
    messages = [types.RunQueryResponse.from_json(orjson.dumps(each)) for each in parts]
    count = sum("document" in each for each in parts)
    return list(map(types.RunQueryResponse.serialize, messages)), count


class _Handler(Handler):
    grpc_port = 0

    def query(self, body: bytes, headers: Mapping[bytes, bytes]) -> tuple[bytes, str, int]:  # noqa: ARG002 - the base class's signature
        """Answer a query."""
        content, count = _as_json(body)
        return content, "", count

    def description(self, path: bytes) -> bytes:  # noqa: ARG002 - the base class's signature
        """Say where gRPC is answered."""
        return str(_Handler.grpc_port).encode()


def _run_query(request: bytes, _context: Any) -> Iterator[bytes]:
    messages, count = _as_messages(request)
    with Handler.lock:
        Handler.queries += 1
        Handler.items += count
    yield from messages


def _serve_grpc() -> grpc.Server:
    """Begin to answer over gRPC; nothing is (de)serialized by gRPC itself."""
    server = grpc.server(ThreadPoolExecutor(4), options=_OPTIONS)
    methods = {"RunQuery": grpc.unary_stream_rpc_method_handler(_run_query)}
    server.add_generic_rpc_handlers(
        [grpc.method_handlers_generic_handler("google.firestore.v1.Firestore", methods)]
    )
    _Handler.grpc_port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return server


def rest_host(server: LeanServer) -> str:
    """Return the host and port that answer REST."""
    return server.url.removeprefix("http://")


def grpc_host(server: LeanServer) -> str:
    """Return the host and port that answer gRPC."""
    return f"127.0.0.1:{urllib3.request('GET', f'{server.url}/grpc-port').data.decode()}"


running = partial(lean_server.running, "benchmarks.gcp.server")
"""Runs the server in a separate process."""


if __name__ == "__main__":
    _grpc = _serve_grpc()
    lean_server.serve(_Handler)
    _grpc.stop(None)
    sys.exit()
