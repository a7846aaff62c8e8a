"""The cold start of the packaged Hot Reader on Google Cloud, until its first answer.

functions-framework runs it, as on the platform, in a process that is started for each round, and so it runs
the textbook reader, and a function that does nothing. The processor time of all its processes is compared.
Both readers have an emulator's address, so neither asks for credentials; what these take to load on Google
Cloud is loaded nonetheless.
"""

from __future__ import annotations

import io
import json
import shutil
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

import urllib3

from benchmarks.far_reader import TOKEN, twin_info
from benchmarks.gcp.server import COLLECTION, PROJECT, grpc_host, rest_host
from benchmarks.hot_readers import payload
from benchmarks.measure import Finding, Timing, processor_seconds_of_processes
from deploy_scripts import PROJECT as SOURCES
from deploy_scripts.package.contents import contents, zipped
from deploy_scripts.providers import PACKAGED
from local_cloud.gcp.functions import LocalCloudFunction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.lean_server import LeanServer

_BASELINE: Final = Path(__file__).parent / "baseline"
_OURS: Final = "hot reader"
_TEXTBOOK: Final = "textbook"
_FRAMEWORK: Final = "framework alone"
_CREDENTIALS: Final = """
import google.auth.compute_engine
import google.auth.transport.requests
"""
"""What google.auth.default and a session with its credentials load on Google Cloud."""
_NOTHING: Final = """
import functions_framework
@functions_framework.http
def hot_reader(request):
    return '"doubleValue"' * %d
"""
_ENTRIES: Final = 10


def findings(server: LeanServer, rounds: int, report: Callable[[str], None]) -> Iterator[Finding]:
    """Measure from the start of a process to its first answer."""
    report("cold starts, each to its first answer")
    settings = {
        "DIGITAL_TWIN_INFO": twin_info("gcp", "aws"),
        "INTER_CLOUD_TOKEN": TOKEN,
        "FIRESTORE_COLLECTION": COLLECTION,
        "FIRESTORE_PROJECT": PROJECT,
        "GOOGLE_CLOUD_PROJECT": PROJECT,
    }
    with tempfile.TemporaryDirectory() as directory:
        places = {name: Path(directory) / name for name in (_OURS, _TEXTBOOK, _FRAMEWORK)}
        package = zipped(contents(SOURCES, PACKAGED["gcp"]))
        with zipfile.ZipFile(io.BytesIO(package)) as packaged:
            packaged.extractall(places[_OURS])
        shutil.copytree(_BASELINE, places[_TEXTBOOK])
        for name in (_OURS, _TEXTBOOK):
            entry = places[name] / "with_credentials.py"
            entry.write_text(f"{_CREDENTIALS}from main import hot_reader")
        places[_FRAMEWORK].mkdir()
        (places[_FRAMEWORK] / "main.py").write_text(_NOTHING % _ENTRIES)
        ways = {
            _OURS: ("with_credentials.py", rest_host(server)),
            "without credentials": ("main.py", rest_host(server)),
            _TEXTBOOK: ("with_credentials.py", grpc_host(server)),
            _FRAMEWORK: ("main.py", rest_host(server)),
        }
        places["without credentials"] = places[_OURS]
        seconds: dict[str, list[float]] = {name: [] for name in ways}
        for number in range(rounds + 1):
            for name, (module, host) in ways.items():
                source = places[name] / module
                taken = _start(source, settings | {"FIRESTORE_EMULATOR_HOST": host}, directory)
                if number:  # the first compiles, too
                    seconds[name].append(taken)
    timings = {name: Timing(tuple(each)) for name, each in seconds.items()}
    share = timings[_OURS].median / timings[_TEXTBOOK].median
    framework = timings[_FRAMEWORK].median
    own = (timings[_OURS].median - framework) / (timings[_TEXTBOOK].median - framework)
    yield Finding(
        "Firestore: cold start of the packaged function to its first answer, against the textbook "
        "function packaged the same way: processor time",
        "at most half",
        f"{share:.2f} ({timings[_OURS].median * 1000:.0f} ms against "
        f"{timings[_TEXTBOOK].median * 1000:.0f} ms); {own:.2f} without what the framework takes",
        share <= 0.5,
        timings,
        {"zip_bytes": len(package)},
    )


def _start(source: Path, settings: dict[str, str], directory: str) -> float:
    """Start a function, have it answer, end it; return the processor time of its processes."""
    before = processor_seconds_of_processes()
    function = LocalCloudFunction(
        "hot_reader", settings, source=source, log=Path(directory) / "function.log"
    )
    with function:
        answer = urllib3.request(
            "POST",
            function.url,
            body=json.dumps({"payload": payload(_ENTRIES, ["temperature"], max_results=_ENTRIES)}),
            headers={"X-Inter-Cloud-Token": TOKEN, "Content-Type": "application/json"},
        )
        if answer.data.count(b"doubleValue") != _ENTRIES:
            raise RuntimeError(f"{source}: {answer.data!r} {function.output()}")
    return processor_seconds_of_processes() - before
