"""HTTP reads by many clients at once."""

from __future__ import annotations

import statistics
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import orjson
import urllib3

from benchmarks.dynamodb_server import CREDENTIALS, PROPERTIES, REGION, running
from benchmarks.hot_readers import payload
from benchmarks.measure import Finding, processor_seconds_of_processes
from chalicelib.model.reads import HISTORY, LAST_ENTRY
from deploy_scripts import PROJECT
from local_cloud.aws.chalice_local import ChaliceLocal
from local_cloud.child_process import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_CLIENTS: Final = 32
_TOKEN: Final = "token-of-the-benchmarks"  # noqa: S105 - of a server on this machine
_MILLISECONDS: Final = 1_000


def findings(quick: bool, report: Callable[[str], None]) -> Iterator[Finding]:  # noqa: FBT001 - the benchmarks' common signature
    """Ask `chalice local` for pages and last entries; see `benchmarks.pages.findings`."""
    seconds = 1 if quick else 30
    with running() as server, tempfile.TemporaryDirectory() as directory:
        chalice = ChaliceLocal(
            {
                "INTER_CLOUD_TOKEN": _TOKEN,
                "AWS_ENDPOINT_URL_DYNAMODB": server.url,
                "AWS_DEFAULT_REGION": REGION,
                **{name.upper(): value for name, value in CREDENTIALS.items()},
            },
            project=PROJECT,
            stage="local",
            port=free_port(),
            log=Path(directory) / "log",
        )
        report("starting chalice local")
        before = processor_seconds_of_processes()
        try:
            chalice.start()
            report(f"{_CLIENTS} clients ask for {seconds} s")
            taken, errors = _load(chalice.url, seconds)
        finally:
            chalice.stop()
        yield _finding(taken, errors, seconds, processor_seconds_of_processes() - before)


def _load(url: str, seconds: float) -> tuple[list[float], list[str]]:
    """Return how long each request took, and what failed."""
    history = orjson.dumps({"payload": payload(100_000, list(PROPERTIES), max_results=200)})
    last = {"iot_device_id": "device-100000", "selected_properties": list(PROPERTIES)}
    requests = [
        (f"{url}/{HISTORY.hot_reader}", history),
        (f"{url}/{LAST_ENTRY.hot_reader}", orjson.dumps({"payload": last})),
    ]
    taken: list[float] = []
    errors: list[str] = []
    stop = time.monotonic() + seconds
    threads = [
        threading.Thread(target=_client, args=(requests, stop, taken, errors))
        for _ in range(_CLIENTS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return taken, errors


def _finding(
    taken: Sequence[float], errors: Sequence[str], seconds: float, processor_seconds: float
) -> Finding:
    milliseconds = [each * _MILLISECONDS for each in taken]
    p99 = statistics.quantiles(milliseconds, n=100)[98]
    median = statistics.median(milliseconds)
    each = processor_seconds / len(taken) * _MILLISECONDS
    figures: dict[str, Any] = {
        "requests": len(taken),
        "errors": len(errors),
        "median ms": round(median, 1),
        "p99 ms": round(p99, 1),
        "processor ms each": round(each, 2),
    }
    if errors:
        figures["first error"] = errors[0]
    return Finding(
        f"HTTP reads by {_CLIENTS} clients at once for {seconds} s",
        "no error",
        f"{len(errors)} errors in {len(taken):,} requests ({len(taken) / seconds:.0f} a second); "
        f"median {median:.0f} ms, p99 {p99:.0f} ms; {each:.1f} ms of the server's processor time each",
        not errors,
        figures=figures,
    )


def _client(
    requests: list[tuple[str, bytes]], stop: float, taken: list[float], errors: list[str]
) -> None:
    """Ask again and again on one connection, as a connector does."""
    headers = {"Content-Type": "application/json", "X-Inter-Cloud-Token": _TOKEN}
    with urllib3.PoolManager(num_pools=1, maxsize=1) as pool:
        while time.monotonic() < stop:
            for url, body in requests:
                started = time.perf_counter()
                try:
                    answer = pool.request("POST", url, body=body, headers=headers, retries=False)
                    failure = "" if answer.status == 200 else f"{answer.status} {answer.data!r}"
                except urllib3.exceptions.HTTPError as error:
                    failure = repr(error)
                taken.append(time.perf_counter() - started)
                if failure:
                    errors.append(failure)
