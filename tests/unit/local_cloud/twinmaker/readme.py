"""The README of the local TwinMaker: its code, and the processes that it tells to start."""

from __future__ import annotations

import re
import shlex
import socket
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from deploy_scripts import PROJECT
from local_cloud.child_process import HOST, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

FOLDER: Final = PROJECT / "local_cloud" / "twinmaker"
README: Final = (FOLDER / "README.md").read_text(encoding="utf-8")
PATIENCE_SECONDS: Final = 60


def blocks(language: str) -> list[str]:
    """Return the code blocks in a language."""
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


@contextmanager
def connector(directory: Path, source: str) -> Iterator[str]:
    """Run a connector in JavaScript, and yield its URL."""
    port = free_port()
    script = directory / "connector.mjs"
    assert "9001" in source
    script.write_text(source.replace("9001", str(port)), encoding="utf-8")
    with subprocess.Popen(["node", script]) as process:
        try:
            until_listening(port)
            yield f"http://{HOST}:{port}"
        finally:
            process.kill()


def until_listening(port: int) -> None:
    give_up = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            socket.create_connection((HOST, port)).close()
        except OSError:
            assert time.monotonic() < give_up, "the connector doesn't listen"
            time.sleep(0.05)
        else:
            return


def command_line(target: str) -> str:
    """Return the README's command that starts the server with a connector: Python's or a URL."""
    (line,) = (
        line
        for block in blocks("console")
        for line in block.splitlines()
        if line.startswith("local-twinmaker") and line.endswith(f"={target}")
    )
    return line


@contextmanager
def local_twinmaker(
    program: Sequence[str | Path], line: str, directory: Path
) -> Iterator[Mapping[str, str]]:
    """Run a command of the README in a folder, and yield the variables that it prints."""
    _, *arguments = shlex.split(line)
    assert "8080" in arguments
    command = [*program, *("0" if each == "8080" else each for each in arguments)]
    with subprocess.Popen(command, cwd=directory, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            printed = ""
            while not printed.endswith("is lost then.\n"):
                line = process.stdout.readline()
                assert line, printed
                printed += line
            yield dict(re.findall(r"export (\w+)=(\S+)", printed))
        finally:
            process.terminate()
