"""A whole cloud on one machine: AWS with TwinMaker, Azure and Google Cloud, for real SDKs."""

from pathlib import Path

PROJECT = Path(__file__).parents[1]
"""The directory of this package and of `node_modules`, which has the databases' stand-ins."""
