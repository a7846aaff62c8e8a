"""`python -m deploy_scripts local`: starts, says where everything is, and stops cleanly."""

from __future__ import annotations

import fcntl
import json
import os
import re
import socket
import stat
import subprocess
import sys
import time
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests

from deploy_scripts import PROJECT
from tests.spellings import spelled

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = (PROJECT / "docs" / "local-cloud.md").read_text()
NAMES = set(re.findall(r"`([a-z_]+)`", PAGE.partition("endpoints.json`")[2].partition("\n\n`.")[0]))
"""What the page says of `.local/endpoints.json`."""
ANY_PORTS = ("--http-port", "0", "--aws-port", "0", "--twinmaker-port", "0")
START_SECONDS = 90


def is_listening(port: int | None) -> bool:
    with closing(socket.socket()) as probe:
        return probe.connect_ex(("127.0.0.1", port or 0)) == 0


@contextmanager
def running(directory: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], Any]]:
    """Start it, and wait for its endpoints file as a user's script would."""
    command = [sys.executable, "-m", "deploy_scripts", "local", "--directory", str(directory)]
    process = subprocess.Popen(
        [*command, "--entries", "20", *(options or ANY_PORTS)],
        cwd=PROJECT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        endpoints = directory / "endpoints.json"
        give_up = time.monotonic() + START_SECONDS
        while not endpoints.exists():
            assert process.poll() is None, process.communicate()[0]
            assert time.monotonic() < give_up, "no endpoints file"
            time.sleep(0.1)
        yield process, json.loads(endpoints.read_text())
    finally:
        if process.poll() is None:
            process.terminate()
            process.communicate()


def no_process_has_the_token(at: Any) -> None:
    """Look at the arguments of all that runs, as anybody on the machine can."""
    if not (processes := Path("/proc")).exists():
        return
    arguments = []
    for each in processes.glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has ended
            arguments.append(each.read_bytes())
    assert any(b"local_cloud." in each for each in arguments)
    assert spelled(at["token"], *arguments) == []


def stops_cleanly(directory: Path, process: subprocess.Popen[str], at: Any) -> None:
    no_process_has_the_token(at)
    process.terminate()
    printed, _ = process.communicate(timeout=60)
    assert process.returncode == 0, printed
    assert "Traceback" not in printed
    assert at["token"] not in printed
    assert not (directory / "endpoints.json").exists()
    for name in ("hot_reader_url", "twinmaker_url", "aws_url"):
        assert not is_listening(urlsplit(at[name]).port)


def serves_by_hand(directory: Path, at: Any) -> None:
    """Type what docs/local-cloud.md says: . .local/environment, chalice local --stage multicloud, curl."""
    port = socket.create_server(("127.0.0.1", 0))
    number = port.getsockname()[1]
    port.close()
    chalice = Path(sys.executable).with_name("chalice")
    by_hand = subprocess.Popen(
        [
            "bash",
            "-c",
            (
                f". '{directory}/environment' && exec '{chalice}' local --stage multicloud "
                f"--port {number} --no-autoreload"
            ),
        ],
        cwd=PROJECT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={"PATH": os.environ["PATH"], "HOME": str(directory)},
    )
    try:
        give_up = time.monotonic() + START_SECONDS
        while True:
            assert by_hand.poll() is None, by_hand.communicate()[0]
            assert time.monotonic() < give_up
            try:
                for path in ("hot-reader-last-entry", "hot-reader"):
                    answer = requests.get(
                        f"http://127.0.0.1:{number}/{path}",
                        params={
                            "iot_device_id": at["device_id"],
                            "selected_properties": "temperature",
                            "start_time": "2000-01-01T00:00:00Z",
                            "end_time": "2100-01-01T00:00:00Z",
                        },
                        headers={"X-Inter-Cloud-Token": at["token"]},
                        timeout=30,
                    )
                    assert answer.status_code == 200, answer.text
                    assert answer.json()["propertyValues"]
                break
            except requests.ConnectionError:
                time.sleep(0.1)
    finally:
        by_hand.kill()
        by_hand.communicate()


def test_it_says_where_everything_is_avoids_busy_ports_serves_chalice_and_stops_cleanly(tmp_path):
    busy = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
    ports = [str(each.getsockname()[1]) for each in busy]
    options = [
        part
        for pair in zip(("--http-port", "--aws-port", "--twinmaker-port"), ports, strict=True)
        for part in pair
    ]
    directory = tmp_path / "new"
    try:
        with running(directory, *options) as (process, at):
            clouds = at["clouds"]
            assert {*at, *clouds, *clouds["azure"], *clouds["gcp"]} == NAMES
            assert stat.S_IMODE(directory.stat().st_mode) == 0o700
            assert stat.S_IMODE((directory / "endpoints.json").stat().st_mode) == 0o600
            taken = {
                str(urlsplit(at[name]).port)
                for name in ("hot_reader_url", "aws_url", "twinmaker_url")
            }
            assert not taken & set(ports)
            assert requests.get(at["hot_reader_url"], timeout=30).status_code == 401
            answer = requests.get(
                at["hot_reader_last_entry_url"],
                params={"iot_device_id": at["device_id"], "selected_properties": "temperature"},
                headers={"X-Inter-Cloud-Token": at["token"]},
                timeout=30,
            )
            assert answer.status_code == 200
            serves_by_hand(directory, at)
            stops_cleanly(directory, process, at)
    finally:
        for each in busy:
            each.close()


def test_no_server_is_left_behind_when_it_is_killed(tmp_path):
    with running(tmp_path) as (process, at):
        process.kill()
        process.wait()
        port = urlsplit(at["hot_reader_url"]).port
        give_up = time.monotonic() + START_SECONDS
        while is_listening(port):
            assert time.monotonic() < give_up, "chalice local is still there"
            time.sleep(0.05)


def test_a_second_one_in_the_same_directory_is_refused_and_leaves_the_first_ones_log(tmp_path):
    log = tmp_path / "local-cloud.log"
    log.write_text("of the first\n")
    with (tmp_path / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = subprocess.run(
            [sys.executable, "-m", "deploy_scripts", "local", "--directory", str(tmp_path)],
            cwd=PROJECT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert f"Another local cloud runs in {tmp_path}; stop it" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert log.read_text() == "of the first\n"
