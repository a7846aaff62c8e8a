"""A Hot Reader in another process, as far away as another cloud.

Its entries are in memory, so that what is measured is the way to it. In front of it stands a proxy
that lets every chunk of bytes wait, in both directions; chunks don't wait for each other.
"""

from __future__ import annotations

import asyncio
import bisect
import json
import os
import subprocess
import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final

from chalicelib.http.endpoint import HttpEndpoint, HttpRequest
from chalicelib.http.hot_reader_endpoints import endpoints_by_read
from chalicelib.model.entries import StoredEntry
from chalicelib.model.instants import NANOSECONDS, parse_instant, utc_text
from chalicelib.model.limits import LARGEST_TWINMAKER_PAGE
from chalicelib.observability.json_lines import JsonLogObservability
from chalicelib.settings.endpoint import EndpointSettings
from chalicelib.settings.hot_reader import HotReaderSettings
from chalicelib.tokens.inter_cloud_token import InterCloudToken

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chalicelib.model.entries import DeviceId
    from chalicelib.model.locations import Places
    from chalicelib.model.timestamps import SortKey

TOKEN: Final = "token-of-the-benchmarks"  # noqa: S105 - protects nothing
DEVICE: Final = "sensor-1"
PROPERTIES: Final = ("temperature", "humidity")
START: Final = "2026-01-30T00:00:00Z"
SECONDS_AWAY: Final = 0.05
"""From a request to its answer, if the reader took no time."""

_LOOPBACK: Final = "127.0.0.1"
_BUFFER: Final = 65_536


def twin_info(layer_3_hot: str, layer_4: str) -> str:
    """Describe a twin, for `DIGITAL_TWIN_INFO`."""
    providers = {"layer_3_hot_provider": layer_3_hot, "layer_4_provider": layer_4}
    return json.dumps({"config": {"digital_twin_name": "my-twin"}, "config_providers": providers})


def event(**more: Any) -> dict[str, Any]:
    """Ask for the device's history as TwinMaker asks."""
    definition = {"definition": {"dataType": {"type": "DOUBLE"}, "isTimeSeries": True}}
    return {
        "workspaceId": "benchmarks",
        "entityId": "machine-1",
        "componentName": "telemetry",
        "selectedProperties": list(PROPERTIES),
        "properties": {
            **dict.fromkeys(PROPERTIES, definition),
            "iotDeviceId": {"value": {"stringValue": DEVICE}},
        },
        "startTime": START,
        "endTime": "2026-01-31T00:00:00Z",
        "maxResults": LARGEST_TWINMAKER_PAGE,
        **more,
    }


class _Entries:
    """A store with one device: an entry a second, each with every property."""

    def __init__(self, number: int) -> None:
        start = parse_instant(START)
        self._entries = [
            StoredEntry(
                utc_text(start + second * NANOSECONDS),
                {name: Decimal(second % 500) / 10 for name in PROPERTIES},
            )
            for second in range(number)
        ]
        self._keys = [each.key for each in self._entries]

    def read(
        self,
        device_id: DeviceId,  # noqa: ARG002 - a store has several devices
        lower: SortKey | None,
        upper: SortKey | None,
        *,
        descending: bool,
        properties: Places,  # noqa: ARG002 - entries are there already
        limit: int | None,  # noqa: ARG002 - only what is taken is made
    ) -> Iterator[StoredEntry]:
        first = 0 if lower is None else bisect.bisect_left(self._keys, lower)
        last = len(self._keys) if upper is None else bisect.bisect_right(self._keys, upper)
        numbers = range(first, last)
        return (self._entries[each] for each in (reversed(numbers) if descending else numbers))


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    endpoints: dict[str, HttpEndpoint]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True
    server: _Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        endpoint = self.server.endpoints[self.path]
        answer = endpoint.answer(HttpRequest("POST", headers, body=body))
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's signature
        pass


def _serve(entries: int) -> int:
    """Start the reader, and return its port."""
    environment = {
        "DIGITAL_TWIN_INFO": twin_info("azure", "aws"),
        "INTER_CLOUD_TOKEN": TOKEN,
        "AWS_CHALICE_CLI_MODE": "true",  # nothing in front of it compresses
    }
    settings = HotReaderSettings.load(environment)
    store = _Entries(entries)
    server = _Server((_LOOPBACK, 0), _Handler)
    endpoint_settings = EndpointSettings.load(environment)
    endpoints = endpoints_by_read(
        store,
        settings,
        endpoint_settings,
        InterCloudToken(endpoint_settings.token),
        partial(JsonLogObservability, emit=lambda _level, _line: None),
    )
    server.endpoints = {read.path: endpoint for read, endpoint in endpoints.items()}
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


async def _delayed(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    """Pass on what comes, each chunk as much later as the way takes."""
    clock = asyncio.get_running_loop().time
    under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

    async def arrive() -> None:
        while True:
            due, chunk = await under_way.get()
            await asyncio.sleep(due - clock())
            if not chunk:
                target.close()
                return
            target.write(chunk)

    arriving = asyncio.ensure_future(arrive())
    chunk = b"-"
    while chunk:
        chunk = await source.read(_BUFFER)
        under_way.put_nowait((clock() + SECONDS_AWAY / 2, chunk))
    await arriving


async def _stand_in_front(port: int) -> None:
    """Print where the proxy is, and serve until the process ends."""

    async def connected(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        its_source, its_target = await asyncio.open_connection(_LOOPBACK, port)
        await asyncio.gather(_delayed(source, its_target), _delayed(its_source, target))

    proxy = await asyncio.start_server(connected, _LOOPBACK, 0)
    print(proxy.sockets[0].getsockname()[1], flush=True)  # noqa: T201 - for the parent process
    await proxy.serve_forever()


@dataclass(frozen=True)
class FarReader:
    """The addresses of the reader.

    Attributes
    ----------
    port
        On this machine.
    """

    port: int

    def url(self, name: str) -> str:
        """Return the endpoint of a read's name."""
        return f"http://{_LOOPBACK}:{self.port}/{name}"


@contextmanager
def far_reader(entries: int) -> Iterator[FarReader]:
    """Run a reader of so many entries, each with a value of every property."""
    command = [sys.executable, "-m", "benchmarks.far_reader", str(entries)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=dict(os.environ)) as process:  # noqa: S603 - ourselves
        try:
            assert process.stdout is not None  # noqa: S101 - it is a pipe
            yield FarReader(int(process.stdout.readline()))
        finally:
            process.kill()


if __name__ == "__main__":
    asyncio.run(_stand_in_front(_serve(int(sys.argv[1]))))
