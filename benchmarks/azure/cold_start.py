"""The cold start of the packaged Hot Reader on Azure, until its first answer.

The local stand-in of the Functions host runs it in a process that is started for each round, and so it runs
the textbook reader, and a function that does nothing. The processor time of that process is compared. Both
have the account's key, so neither loads an identity. As in a package that is mounted read-only, Python keeps no
bytecode; the Hot Reader's package has its own, and a copy of the textbook's gets it, too.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

import urllib3

from benchmarks.azure.server import CONTAINER, DATABASE, KEY
from benchmarks.far_reader import TOKEN, twin_info
from benchmarks.hot_readers import payload
from benchmarks.measure import Finding, Timing, processor_seconds_of_processes
from deploy_scripts import PROJECT
from deploy_scripts.package.contents import contents, with_bytecode
from deploy_scripts.providers import PACKAGED
from local_cloud.azure.functions import LocalAzureFunctions
from local_cloud.child_process import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.lean_server import LeanServer

_BASELINE: Final = Path(__file__).parent / "baseline"
_OURS: Final = "hot reader"
_TEXTBOOK: Final = "textbook"
_COMPILED: Final = "textbook with bytecode"
_HOST: Final = "host alone"
_NOTHING: Final = """
import azure.functions as func
app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
@app.route("hot-reader", methods=["POST"])
def hot_reader(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("doubleValue" * %d)
"""
_ENTRIES: Final = 10


def findings(server: LeanServer, rounds: int, report: Callable[[str], None]) -> Iterator[Finding]:
    """Measure from the start of a process to its first answer."""
    report("cold starts, each to its first answer")
    settings = {
        "DIGITAL_TWIN_INFO": twin_info("azure", "aws"),
        "INTER_CLOUD_TOKEN": TOKEN,
        "COSMOS_ENDPOINT": server.url,
        "COSMOS_DATABASE": DATABASE,
        "COSMOS_CONTAINER": CONTAINER,
        "COSMOS_KEY": KEY,
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    with tempfile.TemporaryDirectory() as directory:
        textbook = {path.name: path.read_bytes() for path in _BASELINE.glob("[!_]*.*")}
        ours = with_bytecode(contents(PROJECT, PACKAGED["azure"]))
        packages = {
            _OURS: ours,
            _TEXTBOOK: textbook,
            _COMPILED: with_bytecode(textbook),
            _HOST: {**textbook, "function_app.py": (_NOTHING % _ENTRIES).encode()},
        }
        places = {name: Path(directory, name) for name in packages}
        for name, files in packages.items():
            for file, content in files.items():
                path = places[name] / file
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
        seconds: dict[str, list[float]] = {name: [] for name in places}
        for number in range(rounds):
            for name, place in places.items():
                taken = _start(place, settings, Path(directory) / "log")
                if number or rounds == 1:  # the first of several reads all files from the disk
                    seconds[name].append(taken)
    timings = {name: Timing(tuple(each)) for name, each in seconds.items()}
    hot_reader = timings[_OURS].median
    share = {name: hot_reader / each.median for name, each in timings.items()}
    yield Finding(
        "Cosmos DB: cold start of the packaged function to its first answer, against the textbook "
        "function: processor time",
        "at most 0.7",
        f"{share[_TEXTBOOK]:.2f} ({hot_reader * 1000:.0f} ms against "
        f"{timings[_TEXTBOOK].median * 1000:.0f} ms); {share[_COMPILED]:.2f} against the textbook with "
        f"bytecode; the host alone takes {share[_TEXTBOOK] / share[_HOST]:.2f}",
        share[_TEXTBOOK] <= 0.7,
        timings,
        {"package_bytes": sum(map(len, ours.values()))},
    )


def _start(app: Path, settings: dict[str, str], log: Path) -> float:
    """Start an app, have it answer, end it; return the processor time of its process."""
    before = processor_seconds_of_processes()
    with LocalAzureFunctions(settings, app=app, port=free_port(), log=log) as functions:
        answer = urllib3.request(
            "POST",
            f"{functions.url}/hot-reader",
            body=json.dumps({"payload": payload(_ENTRIES, ["temperature"], max_results=_ENTRIES)}),
            headers={"X-Inter-Cloud-Token": TOKEN, "Content-Type": "application/json"},
        )
        if answer.data.count(b"doubleValue") != _ENTRIES:
            raise RuntimeError(f"{app}: {answer.status} {answer.data!r} {functions.output()}")
    return processor_seconds_of_processes() - before
