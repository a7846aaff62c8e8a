"""The cold start of the packaged Hot Reader on Google Cloud, until its first answer.

functions-framework runs it, as on the platform, in a process that is started for each round, and so it runs
the textbook reader, and a function that does nothing. The processor time of all its processes is compared.
Both readers have an emulator's address, so neither asks for credentials; what these take to load on Google
Cloud is loaded nonetheless.

Both are compiled as the build there compiles them: with the variables that `publish.sh` gives it, or with
none, and the times of all files are those in an image.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

import urllib3

from benchmarks.far_reader import TOKEN, twin_info
from benchmarks.gcp.server import COLLECTION, PROJECT, grpc_host, rest_host
from benchmarks.hot_readers import payload
from benchmarks.measure import Finding, Timing, processor_seconds_of_processes
from deploy_scripts import PROJECT as SOURCES
from deploy_scripts.package.contents import contents
from deploy_scripts.providers import PACKAGED
from local_cloud.gcp.functions import LocalCloudFunction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

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
_BUILD: Final = ("-m", "compileall", "-f", "-q", ".")
"""How the build compiles a function (Google Cloud buildpacks, cmd/python/functions_framework/main.go)."""
_TIME: Final = 315_532_801
"""That of all files of an image (Cloud Native Buildpacks' lifecycle, archive/writer.go)."""


def findings(server: LeanServer, rounds: int, report: Callable[[str], None]) -> Iterator[Finding]:
    """Measure from the start of a process to its first answer."""
    report("cold starts, each to its first answer")
    settings = {
        "DIGITAL_TWIN_INFO": twin_info("gcp", "aws"),
        "INTER_CLOUD_TOKEN": TOKEN,
        "FIRESTORE_COLLECTION": COLLECTION,
        "FIRESTORE_PROJECT": PROJECT,
        "GOOGLE_CLOUD_PROJECT": PROJECT,
        # What an instance writes ends with it.
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    with tempfile.TemporaryDirectory() as directory:
        ours = contents(SOURCES, PACKAGED["gcp"])
        textbook = {path.name: path.read_bytes() for path in _BASELINE.glob("[!_]*.*")}
        credentials = {"with_credentials.py": f"{_CREDENTIALS}from main import hot_reader".encode()}
        published = (SOURCES / PACKAGED["gcp"].directory / "publish.sh").read_text()
        variables = dict(re.findall(r"--set-build-env-vars=(\w+)=(\w+)", published))
        packages = {
            _OURS: (ours | credentials, variables),
            _TEXTBOOK: (textbook | credentials, {}),
            _FRAMEWORK: ({"main.py": (_NOTHING % _ENTRIES).encode()}, {}),
        }
        places = {name: Path(directory) / name for name in packages}
        for name, package in packages.items():
            _build(places[name], *package)
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
                if number:  # the first reads all files from the disk
                    seconds[name].append(taken)
    timings = {name: Timing(tuple(each)) for name, each in seconds.items()}
    share = timings[_OURS].median / timings[_TEXTBOOK].median
    framework = timings[_FRAMEWORK].median
    own = (timings[_OURS].median - framework) / (timings[_TEXTBOOK].median - framework)
    yield Finding(
        "Firestore: cold start of the packaged function to its first answer, against the textbook "
        "function: processor time",
        "at most half",
        f"{share:.2f} ({timings[_OURS].median * 1000:.0f} ms against "
        f"{timings[_TEXTBOOK].median * 1000:.0f} ms); {own:.2f} without what the framework takes",
        share <= 0.5,
        timings,
        {"package_bytes": sum(map(len, ours.values()))},
    )


def _build(place: Path, files: Mapping[str, bytes], variables: Mapping[str, str]) -> None:
    """Write a function's files, and compile them."""
    for name, content in files.items():
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    environment = {**os.environ, **variables}
    subprocess.run([sys.executable, *_BUILD], cwd=place, env=environment, check=True)  # noqa: S603 - Python itself
    for path in place.rglob("*"):
        os.utime(path, (_TIME, _TIME))


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
