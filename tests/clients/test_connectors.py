"""The connectors of ten lines in the local TwinMaker's README, read as it says, and by JavaScript."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from tests.unit.local_cloud.twinmaker.readme import (
    FOLDER,
    blocks,
    command_line,
    connector,
    local_twinmaker,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

HERE: Final = Path(__file__).parent
HANDLER, CLIENT, _ = blocks("python")
SERVER, JAVASCRIPT_CLIENT = blocks("js")
URL: Final = "http://127.0.0.1:9001"
START, END = "2026-01-30T17:00:00Z", "2026-01-30T18:00:00Z"


@contextmanager
def started(language: str, directory: Path) -> Iterator[Mapping[str, str]]:
    """Start a connector and the server as the README says, outside of this repository."""
    program = [sys.executable, "-m", "local_twinmaker"]
    (directory / "local_twinmaker").symlink_to(FOLDER, target_is_directory=True)
    (directory / "node_modules").symlink_to(HERE / "node_modules", target_is_directory=True)
    if language == "python":
        (directory / "connector.py").write_text(HANDLER, encoding="utf-8")
        with local_twinmaker(program, command_line("connector:handler"), directory) as variables:
            yield variables
        return
    with connector(directory, SERVER) as url:
        line = command_line(URL).replace(URL, url)
        with local_twinmaker(program, line, directory) as variables:
            yield variables


def run(*command: str | Path, given: str = "", **variables: str) -> str:
    done = subprocess.run(
        command, input=given, capture_output=True, text=True, check=False, env=variables or None
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("language", ["python", "javascript"])
def test_a_connector_of_ten_lines_is_read_by_boto3_the_sdk_and_iot_app_kit(
    language: str, tmp_path: Path
) -> None:
    with started(language, tmp_path) as variables:
        (tmp_path / "try_connector.py").write_text(CLIENT, encoding="utf-8")
        by_boto3 = run(sys.executable, tmp_path / "try_connector.py", **variables)
        endpoint = variables["AWS_ENDPOINT_URL_IOTTWINMAKER"]
        script = tmp_path / "read.mjs"
        script.write_text(JAVASCRIPT_CLIENT.replace("http://127.0.0.1:8080", endpoint))
        by_sdk = run("node", script)
        component = {"entityId": "press-1", "componentName": "telemetry"}
        asked = {"client": "appKit", "kind": "history", "properties": ["temperature"], **component}
        request = {
            "endpoint": endpoint,
            "region": variables["AWS_REGION"],
            "workspaceId": "factory",
            "start": START,
            "end": END,
            "reads": [asked],
        }
        (by_app_kit,) = json.loads(run("node", HERE / "read.mjs", given=json.dumps(request)))

    assert by_boto3 == blocks("text")[0]
    assert f"time: '{START}'" in by_sdk
    assert "doubleValue: 21.5" in by_sdk
    (point,) = by_app_kit["points"]
    assert (point["name"], point["value"]) == ("temperature", 21.5)
    assert point["time"] == START.replace("Z", ".000Z")
