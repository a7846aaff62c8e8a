"""The command line, which runs on an engineer's machine."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).parents[1]
"""The directory that the whole project is in."""
MakeClient = Callable[..., Any]
"""Makes a client of an AWS service, as `boto3.client` and a session of botocore do."""
