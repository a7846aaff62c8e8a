"""The local TwinMaker: AWS IoT TwinMaker's REST API on loopback, for trying connectors; see README.md."""

from __future__ import annotations

from .server import LocalTwinMaker

__all__ = ["LocalTwinMaker"]
