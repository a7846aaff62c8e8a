"""`make soak`: other random inputs for as long as it is told, and what came of them in docs/robustness.md.

A failure ends it, with the seed that finds it again, and writes nothing.
"""

from __future__ import annotations

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
from tests.unit.chalicelib.data_connector.test_faults import FAULTS, TABLE, row_of

_EXAMPLES: Final = 500
"""Inputs for each property with one seed."""
_HEADER: Final = ("| fault of the first request | then | if it stays |", "|---|---|---|")


def main(minutes: float) -> None:
    """Try inputs for some minutes, and write what came of them."""
    end = time.monotonic() + minutes * 60
    rounds = tests = 0
    while time.monotonic() < end:
        tests = _round(random.randrange(2**32))
        rounds += 1
        sys.stderr.write(f"{rounds} rounds of {tests} properties\n")
    faults = "\n".join([*_HEADER, *map(row_of, FAULTS)])
    counted = (
        f"Last run: {datetime.now(UTC):%Y-%m-%d}, {minutes:g} minutes, Python "
        f"{platform.python_version()}. {rounds * tests * _EXAMPLES:,} inputs in {rounds} rounds of "
        f"{tests} properties; wrong answers: 0, faults of ours: 0."
    )
    text = TABLE.read_text()
    for name, content in (("faults", faults), ("inputs", counted)):
        text = re.sub(
            rf"(<!-- {name} -->\n).*?(\n<!-- end -->)",
            rf"\g<1>{content}\g<2>",
            text,
            flags=re.DOTALL,
        )
    TABLE.write_text(text)


def _round(seed: int) -> int:
    """Run each property once, and return their number."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "tests/fuzzing", "-p", "no:cacheprovider"),
            *("--hypothesis-profile", "search", "--hypothesis-seed", str(seed)),
        ],
        cwd=PROJECT,
        env=os.environ | {"FUZZING_EXAMPLES": str(_EXAMPLES)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{done.stdout}\nFound with FUZZING_EXAMPLES={_EXAMPLES} and seed {seed}")
    (passed,) = re.findall(r"(\d+) passed", done.stdout)
    return int(passed)


if __name__ == "__main__":
    main(float(sys.argv[1]))
