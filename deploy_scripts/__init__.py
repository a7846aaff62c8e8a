"""The command line, which runs on an engineer's machine."""

from pathlib import Path

PROJECT = Path(__file__).parents[1]
"""The directory that the whole project is in."""
