"""The `functions-framework` command, in a process that ends when the one that started it is gone.

The parent keeps the other end of standard input open and never writes to it. However the parent ends,
the pipe closes, and no server is left behind on a port: gunicorn's worker ends with its arbiter.
"""

from __future__ import annotations

import os
import runpy
import threading


def _end_with_parent() -> None:
    # Not sys.stdin's own read: it holds a lock that an interpreter that shuts down waits for, and dies.
    os.read(0, 1)
    os._exit(0)


if __name__ == "__main__":
    threading.Thread(target=_end_with_parent, daemon=True).start()
    runpy.run_module("functions_framework", run_name="__main__", alter_sys=True)
