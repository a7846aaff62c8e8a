"""What a soak counts: its tests run in processes of their own, and leave their counts in a file."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Final

FILE: Final = "SOAK_COUNTS"
"""The environment variable that names the file."""


def count(part: str, **counts: int) -> None:
    """Note what was tried, if this is a soak."""
    name = os.environ.get(FILE)
    if name:
        # A short line is written whole, whoever else appends to the file.
        with Path(name).open("a") as file:
            file.write(json.dumps({"part": part, **counts}) + "\n")
