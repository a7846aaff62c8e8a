"""Runs a packaged function in an environment of its own, and notes what it has loaded in the end.

    python -I host.py CLOUD PORT PACKAGE REPORTS LOCAL_CLOUD

It is started by the environment's own Python. Nothing of the project can be imported there but, for
Azure, whose host can't be installed, the stand-in of it in LOCAL_CLOUD.
"""

from __future__ import annotations

import atexit
import importlib
import json
import os
import runpy
import signal
import sys
import threading
from pathlib import Path
from types import ModuleType
from typing import Any


def main(cloud: str, port: str, package: str, reports: str, local_cloud: str) -> None:
    """Serve until the process is told to end, or the one that started it is gone."""
    # gunicorn's worker is a fork, and inherits this.
    atexit.register(_report, Path(reports))
    os.chdir(package)
    if cloud == "gcp":
        _end_with_parent()
        sys.argv = ["functions-framework", "--target", "hot_reader", "--host", "127.0.0.1"]
        sys.argv += ["--port", port]
        runpy.run_module("functions_framework", run_name="__main__", alter_sys=True)
        return
    signal.signal(signal.SIGTERM, _end)
    stand_in: Any = ModuleType("local_cloud")
    stand_in.__path__ = [local_cloud]
    stand_in.PROJECT = Path(local_cloud).parent
    sys.modules["local_cloud"] = stand_in
    sys.argv = ["azure_functions", "--port", port, "--app", package]
    host: Any = importlib.import_module("local_cloud.azure.functions")
    host.end_with_parent = _end_with_parent
    host.main()


def _end(*_: object) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once is enough
    sys.exit()


def _end_with_parent() -> None:
    """End as if told to when the other end of standard input is closed."""

    def wait() -> None:
        os.read(0, 1)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, daemon=True).start()


def _report(reports: Path) -> None:
    """Write where each module has come from."""
    files = {name: getattr(module, "__file__", None) for name, module in sys.modules.items()}
    (reports / f"{os.getpid()}.json").write_text(json.dumps(files))


if __name__ == "__main__":
    main(*sys.argv[1:])
