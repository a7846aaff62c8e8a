"""Servers of the local cloud: they start, say why if not, and never outlive who started them."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from deploy_scripts import PROJECT
from local_cloud import child_process
from local_cloud.aws.dynalite import Dynalite
from local_cloud.child_process import HOST, ChildProcess, free_port, node_command

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE_SECONDS = 30
PARENT = """
import sys, time
from pathlib import Path
from local_cloud.aws.dynalite import Dynalite

with Dynalite(Path(sys.argv[1])) as server:
    print(server.url, flush=True)
    time.sleep(600)
"""


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


def until(holds: Callable[[], bool]) -> bool:
    give_up = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < give_up:
        if holds():
            return True
        time.sleep(0.02)
    return False


def test_a_server_listens_until_it_is_stopped(tmp_path):
    server = Dynalite(tmp_path / "log")
    port = int(server.url.rpartition(":")[2])
    with server:
        assert answers(port)
    assert not answers(port)
    server.stop()  # once more does nothing


STUBBORN = """
import signal, socket, sys, time

signal.signal(signal.SIGTERM, signal.SIG_IGN)
with socket.create_server(("127.0.0.1", int(sys.argv[1]))):
    time.sleep(600)
"""


def test_a_server_that_does_not_end_when_asked_is_killed(monkeypatch, tmp_path):
    monkeypatch.setattr(child_process, "_STOP_SECONDS", 0.1)
    port = free_port()
    command = [sys.executable, "-c", STUBBORN, str(port)]
    with ChildProcess("stubborn server", command, port=port, log=tmp_path / "log"):
        assert answers(port)
    assert not answers(port)


def test_a_server_that_ends_says_what_it_printed(tmp_path):
    command = [sys.executable, "-c", "raise SystemExit('no such thing')"]
    with pytest.raises(RuntimeError, match="thing server ended: no such thing"):
        ChildProcess("thing server", command, port=free_port(), log=tmp_path / "log").start()


def test_missing_node_modules_are_told(monkeypatch, tmp_path):
    monkeypatch.setattr(child_process, "PROJECT", tmp_path)
    with pytest.raises(RuntimeError, match=r"node_modules; run: npm ci"):
        node_command(Path(__file__))


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_a_server_ends_with_who_started_it(tmp_path, end):
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path / "log")],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        text=True,
    )
    with parent:
        assert parent.stdout
        port = int(parent.stdout.readline().rpartition(":")[2])
        assert answers(port)
        parent.send_signal(end)
    assert until(lambda: not answers(port))
