"""Inputs that are led by what they reach: one parser of `parsers.py`, driven by atheris (`make soak`).

`python -m tests.fuzzing.guided NAME [options of libFuzzer]`; a failure ends it, with the bytes in Base64.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["chalicelib"]):
    from tests.fuzzing.parsers import PARSERS


def main(name: str, *options: str) -> None:
    """Try inputs that begin as a parser's examples, for as long as libFuzzer is told."""
    examples, check = PARSERS[name]
    with tempfile.TemporaryDirectory() as directory:
        for number, example in enumerate(examples):
            (Path(directory) / str(number)).write_bytes(example)
        atheris.Setup([sys.argv[0], *options, directory], check)
        atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
