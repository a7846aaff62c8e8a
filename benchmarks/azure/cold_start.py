"""The cold start of the packaged Hot Reader on Azure, until its first answer.

The local stand-in of the Functions host runs it in a process that is started for each round, and so it runs
the textbook reader, and a function that does nothing. The processor time of that process is compared. Both
have the account's key, so neither loads an identity. As in a package that is mounted read-only, Python keeps no
bytecode of the functions' own modules; another way has it.
"""

from __future__ import annotations

import compileall
import io
import json
import shutil
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

import urllib3

from benchmarks.azure.server import CONTAINER, DATABASE, KEY
from benchmarks.far_reader import TOKEN, twin_info
from benchmarks.hot_readers import payload
from benchmarks.measure import Finding, Timing, processor_seconds_of_processes
from deploy_scripts import PROJECT
from deploy_scripts.package.contents import contents, zipped
from deploy_scripts.providers import PACKAGED
from local_cloud.azure.functions import LocalAzureFunctions
from local_cloud.child_process import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.lean_server import LeanServer

_BASELINE: Final = Path(__file__).parent / "baseline"
_OURS: Final = "hot reader"
_COMPILED: Final = "hot reader, compiled before"
_TEXTBOOK: Final = "textbook"
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
        places = {name: Path(directory) / name for name in (_OURS, _COMPILED, _TEXTBOOK, _HOST)}
        package = zipped(contents(PROJECT, PACKAGED["azure"]))
        with zipfile.ZipFile(io.BytesIO(package)) as packaged:
            packaged.extractall(places[_OURS])
        shutil.copytree(places[_OURS], places[_COMPILED])
        compileall.compile_dir(places[_COMPILED], quiet=1)
        shutil.copytree(_BASELINE, places[_TEXTBOOK], ignore=shutil.ignore_patterns("__pycache__"))
        places[_HOST].mkdir()
        (places[_HOST] / "function_app.py").write_text(_NOTHING % _ENTRIES)
        shutil.copy(_BASELINE / "host.json", places[_HOST])
        seconds: dict[str, list[float]] = {name: [] for name in places}
        for number in range(rounds):
            for name, place in places.items():
                taken = _start(place, settings, Path(directory) / "log")
                if number or rounds == 1:  # the first of several reads all files from the disk
                    seconds[name].append(taken)
    timings = {name: Timing(tuple(each)) for name, each in seconds.items()}
    ours, compiled, textbook, host = (timings[name].median for name in places)
    yield Finding(
        "Cosmos DB: cold start of the packaged function to its first answer, against the textbook "
        "function packaged the same way: processor time",
        "at most 0.7",
        f"{ours / textbook:.2f} ({ours * 1000:.0f} ms against {textbook * 1000:.0f} ms); "
        f"{compiled / textbook:.2f} compiled before; the host alone takes {host / textbook:.2f}",
        ours / textbook <= 0.7,
        timings,
        {"zip_bytes": len(package)},
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
