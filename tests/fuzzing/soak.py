"""`make soak`: other inputs and more readers for as long as it is told, and what came of them in docs/robustness.md.

A failure ends it, with what finds it again, and writes nothing.
"""

from __future__ import annotations

import json
import os
import platform
import random
import re
import shlex
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from deploy_scripts import PROJECT
from tests.fuzzing.counts import FILE
from tests.fuzzing.parsers import PARSERS
from tests.unit.chalicelib.faults import DOCUMENT, count_of, matrices, with_sections

if TYPE_CHECKING:
    from collections.abc import Iterator

_SHARES: Final = {"requests": 0.3, "properties": 0.15, "guided": 0.15, "readers": 0.2}
"""Parts of the time; the rest starts hosts, and is for what has a length of its own."""
_LONGEST: Final = 20
"""Minutes."""
_EXAMPLES: Final = 200
"""Inputs for each property with one seed, at most: Hypothesis ends where it finds no other."""
_READERS: Final = 64
_HOSTS: Final = {
    "http": "`chalice local`, DynamoDB",
    "function_url": "Lambda Function URL, DynamoDB",
    "azure": "Azure Functions, Cosmos DB",
    "gcp": "functions-framework, Firestore",
}
"""By the folder of its tests."""
_SECRETS: Final = ("unit/chalicelib/test_secrets.py", "end_to_end/http/test_secrecy.py", "deploy")
_Row = tuple[str, str]


def main(minutes: float) -> None:
    """Try inputs for some minutes, and write what came of them."""
    if not 0 < minutes <= _LONGEST:
        raise SystemExit(f"MINUTES must be a number up to {_LONGEST}")
    seconds = {part: share * minutes * 60 for part, share in _SHARES.items()}
    began = time.monotonic()
    rows = [
        *_requests(seconds["requests"]),
        *_properties(seconds["properties"]),
        *_guided(seconds["guided"]),
        *_readers(seconds["readers"]),
        *_connector(),
        *_secrets(),
    ]
    took = (time.monotonic() - began) / 60
    when = f"Last run: {datetime.now(UTC):%Y-%m-%d}, Python {platform.python_version()}"
    table = [
        f"{when}, {took:.0f} minutes.",
        "",
        "| what | tried | wrong answers, or leaks |",
        "|---|---|---|",
        *(f"| {what} | {tried} | 0 |" for what, tried in rows),
    ]
    sections = {matrix.section: matrix.table() for matrix in matrices()}
    sections |= {"faults-in-all": count_of(matrices()), "soak": "\n".join(table)}
    text = with_sections(DOCUMENT.read_text(), sections)
    DOCUMENT.write_text(text)


def _requests(seconds: float) -> Iterator[_Row]:
    """Ask all hosts what schemathesis makes of the contract."""
    options = f"--max-time={seconds:.0f} --seed={_seed()} --generation-database=none"
    counts = _tests(*_folders(), "-k", "test_generated_requests", "-n4", GENERATED_REQUESTS=options)
    for folder, host in _HOSTS.items():
        yield (
            f"requests that schemathesis makes: {host}",
            f"{counts[folder, 'requests']:,} requests",
        )


def _properties(seconds: float) -> Iterator[_Row]:
    """Let Hypothesis look for inputs that break a property, with one seed after the other."""
    end = time.monotonic() + seconds
    inputs = properties = 0
    while time.monotonic() < end:
        output = _pytest(
            "tests/fuzzing/test_read_path.py",
            "tests/fuzzing/test_parsers.py",
            "--hypothesis-profile=search",
            f"--hypothesis-seed={_seed()}",
            "--hypothesis-show-statistics",
            "-n0",
            FUZZING_EXAMPLES=str(_EXAMPLES),
        )
        passed = re.findall(r"(\d+) passing, 0 failing", output)
        inputs += sum(map(int, passed))
        properties = len(set(re.findall(r"^(tests/.+):$", output, re.MULTILINE)))
    yield f"random changes of inputs, by {properties} properties", f"{inputs:,} inputs"


def _guided(seconds: float) -> Iterator[_Row]:
    """Let atheris lead inputs of each parser by what they reach."""
    if find_spec("atheris") is None:
        sys.stderr.write("atheris isn't installed, so no input is led by what it reaches\n")
        return
    each = seconds * 2 / len(PARSERS)

    def run(name: str) -> str:
        with tempfile.TemporaryDirectory() as found:  # the output has it, too
            options = (
                f"-max_total_time={each:.0f}",
                f"-seed={_seed()}",
                f"-artifact_prefix={found}/",
            )
            return _run([sys.executable, "-m", "tests.fuzzing.guided", name, *options], {})

    with ThreadPoolExecutor(2) as two:
        outputs = list(two.map(run, PARSERS))
    for name, output in zip(PARSERS, outputs, strict=True):
        (inputs,) = re.findall(r"Done (\d+) runs", output)
        yield f"bytes that atheris leads: {name}", f"{int(inputs):,} inputs"


def _readers(seconds: float) -> Iterator[_Row]:
    """Let many readers read from each host while entries arrive and the storage's connections are cut."""
    counts = _tests(
        *_folders(),
        "-k",
        "test_every_reader",
        "-n3",
        LOAD_READERS=str(_READERS),
        LOAD_SECONDS=str(seconds),
    )
    for folder, host in _HOSTS.items():
        part = f"{folder} readers"
        if counts[part, "requests"]:
            yield (
                f"{_READERS} readers at once: {host}",
                (
                    f"{counts[part, 'requests']:,} requests, {counts[part, 'cuts']:,} connections cut, "
                    f"{counts[part, 'failures']:,} failed by name"
                ),
            )


def _connector() -> Iterator[_Row]:
    """Let many readers ask one data connector, and measure what it keeps."""
    counts = _tests(
        "tests/fuzzing/test_load.py",
        "tests/unit/chalicelib/data_connector/test_read_ahead_memory.py",
        LOAD_READERS=str(_READERS),
        LOAD_WALKS="5",
        LOAD_PAUSE="0.1",
        READ_AHEAD_BYTES="32000000",
    )
    yield (
        f"{_READERS} readers at once: a data connector",
        (
            f"{counts['connector', 'walks']:,} walks, {counts['connector', 'requests']:,} requests, "
            f"{counts['connector', 'faults']:,} faults"
        ),
    )


def _secrets() -> Iterator[_Row]:
    """Look for planted tokens in all that is let out."""
    counts = _tests(*(f"tests/{name}" for name in _SECRETS), "-k", "token or secret", "-n2")
    yield (
        "tokens in logs, traces, metrics, errors, files and arguments",
        (
            f"{counts['secrets', 'spellings']:,} spellings looked for in "
            f"{counts['secrets', 'places']:,} places"
        ),
    )


def _folders() -> list[str]:
    return [f"tests/end_to_end/{folder}" for folder in _HOSTS]


def _seed() -> int:
    return random.randrange(2**32)


def _tests(*options: str, **variables: str) -> Counter[tuple[str, str]]:
    """Run tests, and return the sums of what they counted, by part and name."""
    sums: Counter[tuple[str, str]] = Counter()
    with tempfile.NamedTemporaryFile("r") as file:
        _pytest(*options, **{FILE: file.name}, **variables)
        for line in file:
            counted = json.loads(line)
            part = counted.pop("part")
            sums.update({(part, name): number for name, number in counted.items()})
    return sums


def _pytest(*options: str, **variables: str) -> str:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options]
    return _run(command, {**variables, "PYTEST_ADDOPTS": "--timeout=1800 --dist=loadfile"})


def _run(command: list[str], variables: dict[str, str]) -> str:
    """Run a command, and return what is printed."""
    began = time.monotonic()
    done = subprocess.run(
        command,
        cwd=PROJECT,
        env=os.environ | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    set_variables = (f"{name}={value}" for name, value in variables.items())
    shown = shlex.join(["env", *set_variables, *command])
    if done.returncode:
        raise SystemExit(f"{done.stdout}\nFound by: {shown}")
    sys.stderr.write(f"{time.monotonic() - began:4.0f} s  {shown}\n")
    return done.stdout


if __name__ == "__main__":
    main(float(sys.argv[1]))
