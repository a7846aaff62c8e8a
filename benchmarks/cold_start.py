"""The data connector's cold start, packaged, until its first answer.

Both connectors are packaged as they would be uploaded, and run by Lambda's own runtime client on a local
Runtime API, in a process that is started for each round and, as on Lambda, can't keep bytecode. The
processor time of that process is compared: unlike the time on the clock, it doesn't depend on what else
the machine does.
"""

from __future__ import annotations

import io
import json
import shutil
import sys
import tempfile
import threading
import time
import zipfile
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from chalice.deploy.packager import DependencyBuilder, LambdaDeploymentPackager
from chalice.utils import UI, OSUtils

from benchmarks.far_reader import (
    DEVICE,
    TOKEN,
    FarReader,
    event,
    far_reader,
    twin_info,
)
from benchmarks.measure import Finding, Timing, processor_seconds_of_processes
from deploy_scripts import PROJECT
from deploy_scripts.deployment.lambda_package import PackageFiles
from deploy_scripts.package.contents import with_bytecode, zipped
from local_cloud.aws.lambda_runtime import FunctionSpec, LambdaRuntime

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_BASELINE: Final = Path(__file__).parent / "baseline_connector"
_TOKEN_FETCHING: Final = Path(__file__).parent / "token_fetching"
"""Modules that run the data connector with another way to fetch its token."""
_REGION: Final = "eu-central-1"
_TWIN: Final = "my-twin"
_OURS: Final = "data connector"
_BOTOCORE: Final = "token by botocore's signer"
_POWERTOOLS: Final = "token by Powertools' parameters"
_TEXTBOOK: Final = "baseline"
_COMPILED: Final = "baseline with bytecode"
_CONNECTOR: Final = "chalicelib.aws.data_connector_functions"
_FUNCTION: Final = "digital_twin_data_connector"
_TOKEN_IN_SSM: Final = {"INTER_CLOUD_TOKEN": "ssm:/my-twin/inter-cloud-token"}
"""As `configure` sets it; the textbook's connector has it in a variable."""


def findings(quick: bool, report: Callable[[str], None]) -> Iterator[Finding]:  # noqa: FBT001 - the benchmarks' common signature
    """Measure from the start of a process to its first answer.

    Parameters
    ----------
    quick
        True for few rounds.
    report
        Called with each step.
    """
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        report("packaging the data connector and the baseline")
        ours = packaged(PROJECT, directory / "ours", PackageFiles())
        baseline = packaged(_BASELINE, directory / "baseline", OSUtils())
        compiled = _compiled(baseline, directory / "compiled.zip")
        reader = stack.enter_context(far_reader(1_000))
        variables = variables_for(reader) | stack.enter_context(_aws())
        in_ssm = variables | _TOKEN_IN_SSM
        others = _with_modules(ours, directory / "others.zip")
        by_botocore, by_powertools = f"by_botocore.{_FUNCTION}", f"by_powertools.{_FUNCTION}"
        report("cold starts, each to its first answer")
        yield from compared(
            {
                _OURS: _spec("data-connector", f"{_CONNECTOR}.{_FUNCTION}", ours, in_ssm),
                "token in a variable": _spec("plain", f"{_CONNECTOR}.{_FUNCTION}", ours, variables),
                _BOTOCORE: _spec("by-botocore", by_botocore, others, in_ssm),
                _POWERTOOLS: _spec("by-powertools", by_powertools, others, in_ssm),
                _TEXTBOOK: _spec("baseline", f"app.{_FUNCTION}", baseline, variables),
                _COMPILED: _spec("compiled", f"app.{_FUNCTION}", compiled, variables),
            },
            rounds=5 if quick else 15,
        )


def _with_modules(package: Path, target: Path) -> Path:
    """Copy a package and add the modules of `_TOKEN_FETCHING` to it."""
    shutil.copy(package, target)
    with zipfile.ZipFile(target, "a") as copy:
        for module in _TOKEN_FETCHING.glob("by_*.py"):
            copy.write(module, module.name)
    return target


def packaged(source: Path, directory: Path, files: OSUtils) -> Path:
    """Package a Chalice project as it is deployed, and return the zip file.

    Parameters
    ----------
    source
        Has an app.py, and a chalicelib if it needs one.
    directory
        Where to work; it is made.
    files
        `PackageFiles` for what `deploy` uploads, Chalice's own for what `chalice deploy` does.
    """
    directory.mkdir()
    shutil.copy(source / "app.py", directory)
    if (source / "chalicelib").is_dir():
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(source / "chalicelib", directory / "chalicelib", ignore=ignored)
    shutil.copy(PROJECT / "requirements.txt", directory)  # the same for both
    packager = LambdaDeploymentPackager(files, DependencyBuilder(files), UI(out=io.StringIO()))
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    return Path(packager.create_deployment_package(str(directory), version))


def _compiled(package: Path, target: Path) -> Path:
    """Copy a package, and add the bytecode of its modules."""
    with zipfile.ZipFile(package) as source:
        files = {name: source.read(name) for name in source.namelist()}
    target.write_bytes(zipped(with_bytecode(files)))
    return target


def variables_for(reader: FarReader) -> dict[str, str]:
    """Return the environment of both connectors."""
    return {
        "DIGITAL_TWIN_INFO": twin_info("azure", "aws"),
        "DIGITAL_TWIN_NAME": _TWIN,
        "INTER_CLOUD_TOKEN": TOKEN,
        "REMOTE_READER_URL": reader.url("hot-reader"),
        "REMOTE_READER_LAST_ENTRY_URL": reader.url("hot-reader-last-entry"),
    }


def _spec(name: str, handler: str, package: Path, variables: dict[str, str]) -> FunctionSpec:
    return FunctionSpec(
        name=name,
        handler=handler,
        code=package.read_bytes(),
        environment=variables,
        timeout=29,
        memory=1024,
        region=_REGION,
    )


def compared(functions: dict[str, FunctionSpec], *, rounds: int) -> Iterator[Finding]:
    """Start each function again and again, in turn, until it has answered.

    Parameters
    ----------
    functions
        By name: the data connector, its variants, and the baseline.
    rounds
        The number of measured starts of each.
    """
    payload = json.dumps(event()).encode()
    processor: dict[str, list[float]] = {name: [] for name in functions}
    waited: dict[str, list[float]] = {name: [] for name in functions}
    with LambdaRuntime() as runtime:
        for number in range(rounds + 1):
            for name, function in functions.items():
                before, started = processor_seconds_of_processes(), time.perf_counter()
                answer = runtime.invoke(function, payload)
                seconds = time.perf_counter() - started
                if answer.function_error or b"doubleValue" not in answer.payload:
                    raise RuntimeError(f"{name}: {answer.payload!r} {answer.log_tail!r}")
                runtime.cool_down(function.name)
                if number:  # the first unpacks the zip, too
                    waited[name].append(seconds)
                    processor[name].append(processor_seconds_of_processes() - before)
    timings = {name: Timing(tuple(each)) for name, each in processor.items()}
    share = {name: each.median / timings[_TEXTBOOK].median for name, each in timings.items()}
    yield Finding(
        title="cold start to first answer of the data connector, as `deploy` packages it, against the "
        "baseline, as `chalice deploy` does: processor time",
        target="at most half",
        measured=f"{share[_OURS]:.2f} ({timings[_OURS].median * 1000:.0f} ms against "
        f"{timings[_TEXTBOOK].median * 1000:.0f} ms); {share[_OURS] / share[_COMPILED]:.2f} against the "
        "baseline with bytecode",
        met=share[_OURS] <= 0.5,
        timings={
            name: timings[name] for name in (_OURS, "token in a variable", _TEXTBOOK, _COMPILED)
        },
        figures={
            "zip_bytes": {name: len(each.code) for name, each in functions.items()},
            "waited_median_ms": {
                name: Timing(tuple(each)).median * 1000 for name, each in waited.items()
            },
        },
    )
    yield Finding(
        title="the same with the token signed for by ourselves, by botocore's signer, and fetched by "
        "Powertools' parameters",
        target="the simplest way that is at most half",
        measured=", ".join(f"{share[name]:.2f}" for name in (_OURS, _BOTOCORE, _POWERTOOLS)),
        met=None,
        timings={name: timings[name] for name in (_OURS, _BOTOCORE, _POWERTOOLS, _TEXTBOOK)},
    )


class _Aws(BaseHTTPRequestHandler):
    """Answers GetEntity as TwinMaker does, and GetParameter as SSM does."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def do_GET(self) -> None:
        component = {
            "componentName": "telemetry",
            "componentTypeId": f"{_TWIN}-{DEVICE}",
            "status": {"state": "ACTIVE"},
            "properties": {},
        }
        body = json.dumps(
            {
                "entityId": "machine-1",
                "entityName": "machine-1",
                "arn": "arn:aws:iottwinmaker:eu-central-1:123456789012:workspace/x/entity/y",
                "status": {"state": "ACTIVE"},
                "workspaceId": "benchmarks",
                "components": {"telemetry": component},
                "parentEntityId": "$ROOT",
                "hasChildEntities": False,
                "creationDateTime": 1769792400,
                "updateDateTime": 1769792400,
            }
        ).encode()
        self._answer(body)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(json.dumps({"Parameter": {"Name": "token", "Value": TOKEN}}).encode())

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's signature
        pass


@contextmanager
def _aws() -> Iterator[dict[str, str]]:
    """Run what answers for AWS at once, and yield the variables that lead a function there."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Aws) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield {
                "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_address[1]}",
                # A local host has no name with the service's 'api.' in front of it.
                "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
            }
        finally:
            server.shutdown()


if __name__ == "__main__":
    for finding in findings(quick=True, report=print):
        print(finding.title, finding.measured, finding.met, finding.to_json()["timings"], sep="\n")  # noqa: T201
