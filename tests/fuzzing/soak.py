"""`make soak`: other random inputs for as long as it is told, and what came of them in docs/robustness.md.

A failure ends it, with the seed that finds it again, and writes nothing.
"""

from __future__ import annotations

import json
import os
import platform
import random
import re
import subprocess
import sys
import time
from datetime import UTC, datetime
from typing import Final

from deploy_scripts import PROJECT
from tests.unit.chalicelib.faults import DOCUMENT, matrices, with_sections

_EXAMPLES: Final = 200
"""Inputs for each property with one seed, at most: Hypothesis ends where it finds no other."""
_READERS: Final = 64


def main(minutes: float) -> None:
    """Try inputs for some minutes, and write what came of them."""
    end = time.monotonic() + minutes * 60
    rounds = properties = 0
    while time.monotonic() < end:
        seed = str(random.randrange(2**32))
        search = ("--hypothesis-profile", "search", "--hypothesis-seed", seed)
        output = _run("test_read_path.py", *search, FUZZING_EXAMPLES=str(_EXAMPLES))
        properties = int(re.findall(r"(\d+) passed", output)[0])
        rounds += 1
        sys.stderr.write(f"{rounds} rounds of {properties} properties\n")
    (load,) = re.findall(
        r"{.*}", _run("test_load.py", "-s", LOAD_READERS=str(_READERS), LOAD_WALKS="5")
    )
    counts = json.loads(load)
    when = f"Last run: {datetime.now(UTC):%Y-%m-%d}, Python {platform.python_version()}"
    sections = {
        **{matrix.section: matrix.table() for matrix in matrices()},
        "inputs": (
            f"{when}, {minutes:g} minutes: {rounds} rounds of {properties} properties, at most {_EXAMPLES} "
            f"inputs for each ({rounds * properties * _EXAMPLES:,} in all); wrong answers: 0, faults of "
            "ours: 0."
        ),
        "load": (
            f"{when}: {_READERS} readers, {counts['walks']:,} walks, {counts['requests']:,} requests, "
            f"{counts['faults']:,} faults; wrong answers: 0."
        ),
    }
    DOCUMENT.write_text(with_sections(DOCUMENT.read_text(), sections))


def _run(file: str, *options: str, **variables: str) -> str:
    """Run a file's tests, and return what is printed."""
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            f"tests/fuzzing/{file}",
            *options,
        ],
        cwd=PROJECT,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{done.stdout}\nFound by {file} with {variables} and {' '.join(options)}")
    return done.stdout


if __name__ == "__main__":
    main(float(sys.argv[1]))
