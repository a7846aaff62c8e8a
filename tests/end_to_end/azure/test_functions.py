"""Azure's own settings, store, routes and log."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
import requests

from deploy_scripts import PROJECT
from local_cloud.azure.cosmos import LocalCosmos
from tests.end_to_end.http.queries import HISTORY, LAST_ENTRY, payload_for
from tests.end_to_end.http.service import (
    PATIENCE_SECONDS,
    TOKEN,
    TOKEN_HEADER,
    CloudLogService,
    error_of,
)

from .service import running, settings_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from .conftest import Start

BOTH = [HISTORY, LAST_ENTRY]
APP = PROJECT / "functions" / "azure"
ASK_THE_APP = """
import sys
from local_cloud.azure.functions import FunctionHost

sys.path.insert(0, sys.argv[1])
import function_app

headers = {"X-Inter-Cloud-Token": sys.argv[3], "Content-Type": "application/json"}
host = FunctionHost(function_app.app, "")
answer = host.answer("POST", "/hot-reader", headers, sys.argv[2].encode())
print(answer.status, *sys.modules)
"""


def run(code: str, settings: Mapping[str, str], *arguments: str) -> Any:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT)}
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, str(APP), *arguments],
        cwd=PROJECT,
        env=environment | dict(settings),
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )


def load_app(settings: Mapping[str, str]) -> Any:
    """Load the app as Azure's worker does."""
    return run("import sys; sys.path.insert(0, sys.argv[1]); import function_app", settings)


def assert_refused(ended: Any, variable: str) -> None:
    assert ended.returncode > 0
    last_line = ended.stderr.strip().splitlines()[-1]
    assert last_line.startswith(f"chalicelib.model.errors.ConfigurationError: {variable}"), (
        ended.stderr
    )


@pytest.fixture
def complete(cosmos: LocalCosmos) -> dict[str, str]:
    return settings_for(cosmos)


def test_the_app_loads_without_asking_anybody(complete: dict[str, str]) -> None:
    ended = load_app(complete | {"COSMOS_ENDPOINT": "https://nobody.example.com"})

    assert ended.returncode == 0, ended.stderr


def test_the_app_loads_from_a_package_of_its_own(complete: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "function_app.py").write_bytes((APP / "function_app.py").read_bytes())
    shutil.copytree(PROJECT / "chalicelib", tmp_path / "chalicelib")
    code = "import function_app, chalicelib; print(chalicelib.__file__)"
    ended = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"]} | complete,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert ended.stdout.startswith(str(tmp_path)), ended.stderr


@pytest.mark.parametrize(
    "missing",
    [
        "DIGITAL_TWIN_INFO",
        "INTER_CLOUD_TOKEN",
        "COSMOS_ENDPOINT",
        "COSMOS_DATABASE",
        "COSMOS_CONTAINER",
    ],
)
def test_a_missing_setting_is_named_at_start(complete: dict[str, str], missing: str) -> None:
    del complete[missing]

    assert_refused(load_app(complete), f"{missing} is not set")


def test_a_log_level_that_does_not_exist_is_refused_at_start(complete: dict[str, str]) -> None:
    assert_refused(load_app(complete | {"POWERTOOLS_LOG_LEVEL": "loud"}), "POWERTOOLS_LOG_LEVEL")


@pytest.mark.parametrize("reference", ["ssm:/twin/token", "secretsmanager:twin/token"])
def test_a_token_that_is_kept_on_aws_is_refused_at_start(
    complete: dict[str, str], reference: str
) -> None:
    assert_refused(load_app(complete | {"INTER_CLOUD_TOKEN": reference}), "INTER_CLOUD_TOKEN")


def test_a_key_that_is_none_is_refused_at_start_and_not_printed(complete: dict[str, str]) -> None:
    ended = load_app(complete | {"COSMOS_KEY": "hunter2"})

    assert_refused(ended, "COSMOS_KEY")
    assert "hunter2" not in ended.stdout + ended.stderr


def test_nothing_of_another_cloud_is_loaded_to_answer(complete: dict[str, str]) -> None:
    envelope = json.dumps({"payload": payload_for(HISTORY)})
    ended = run(ASK_THE_APP, complete, envelope, TOKEN)
    lines = [line for line in ended.stdout.splitlines() if not line.startswith("{")]
    status, *modules = lines[-1].split()
    others = ("boto", "aws_", "chalice.", "google.", "grpc")
    assert status == "200", ended.stderr
    assert "azure.cosmos" in modules
    # A .pth file in this environment makes the empty package google.cloud in every process.
    assert {each for each in modules if each.startswith(others)} <= {"google.cloud"}
    assert "azure.identity" not in modules, "a key was given"


def test_another_path_isnt_found(service: CloudLogService) -> None:
    response = requests.get(
        f"{service.url}/api/hot-reader", headers={TOKEN_HEADER: TOKEN}, timeout=PATIENCE_SECONDS
    )
    assert response.status_code == 404


@pytest.mark.parametrize("length", ["abc", "-1", "1_0", "²"])
def test_a_body_of_no_known_length_is_refused_at_once(
    service: CloudLogService, length: str
) -> None:
    at = urlsplit(service.url)
    with socket.create_connection((at.hostname, at.port), timeout=PATIENCE_SECONDS) as client:
        client.sendall(f"POST {HISTORY} HTTP/1.1\r\nContent-Length: {length}\r\n\r\n".encode())
        assert client.recv(100).startswith(b"HTTP/1.1 400 ")


@pytest.fixture
def closed_port() -> Iterator[str]:
    """An endpoint where nobody listens, and nobody else can begin to."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"https://127.0.0.1:{taken.getsockname()[1]}"


@pytest.mark.parametrize("path", BOTH)
def test_a_store_that_is_away_is_worth_a_retry(start: Start, closed_port: str, path: str) -> None:
    with start(stage={"COSMOS_ENDPOINT": closed_port}) as service:
        response = service.post(path, payload_for(path))

        assert error_of(response)[:2] == (503, "store_unavailable")
        assert int(response.headers["Retry-After"]) >= 1
        for inside in ("Cosmos", closed_port.rpartition(":")[2], "Traceback"):
            assert inside not in response.text
        assert "Cosmos DB can't be reached" in service.records()[-1]["stack_trace"]


def test_a_store_that_comes_back_is_read_again(tmp_path: Path) -> None:
    with LocalCosmos(tmp_path / "cosmos-log") as cosmos:
        cosmos.create_container("factory-twin", "hot-telemetry")
        with running(tmp_path, settings_for(cosmos)) as service:
            before = service.post(LAST_ENTRY, payload_for(LAST_ENTRY)).status_code
            cosmos.stop()
            away = service.post(LAST_ENTRY, payload_for(LAST_ENTRY)).status_code
            cosmos.start()
            cosmos.create_container("factory-twin", "hot-telemetry")
            after = service.post(LAST_ENTRY, payload_for(LAST_ENTRY)).status_code

    assert (before, away, after) == (200, 503, 200)


def test_a_container_that_isnt_there_is_a_fault_of_ours(start: Start) -> None:
    with start(stage={"COSMOS_CONTAINER": "nobody-made-this"}) as service:
        response = service.post(LAST_ENTRY, payload_for(LAST_ENTRY), trace_id="trace-1")

        assert error_of(response)[:2] == (500, "store_misconfigured")
        for inside in ("nobody-made-this", "Cosmos", "Traceback"):
            assert inside not in response.text
        (record,) = service.records()
        assert (record["severity"], record["trace_id"]) == ("ERROR", "trace-1")
        assert "COSMOS_CONTAINER" in record["stack_trace"]


def test_the_log_begins_at_its_level_and_metrics_are_always_written(start: Start) -> None:
    with start(stage={"POWERTOOLS_LOG_LEVEL": "WARNING"}) as service:
        service.post(LAST_ENTRY, payload_for(LAST_ENTRY))
        service.get(LAST_ENTRY, {})
        assert [record["message"] for record in service.records()] == ["Refused"]
        assert service.output().count('"metrics":{"Requests":1') == 2


def test_neither_the_key_nor_a_token_is_ever_printed(start: Start, cosmos: LocalCosmos) -> None:
    refused = "a-token-of-somebody-else"
    with start(stage={}) as service:
        for path in BOTH:
            service.post(path, payload_for(path))
            service.request("GET", path, token=refused)
        output = service.output()

    assert '"Answered"' in output
    assert [each for each in (cosmos.key, TOKEN, refused) if each in output] == []
