"""What runs on an engineer's machine: the command line, the local cloud and the demo."""

from pathlib import Path

PROJECT = Path(__file__).parents[1]
"""The directory that the whole project is in."""
