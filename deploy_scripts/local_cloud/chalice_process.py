"""The `chalice` command, in a process that ends when the one that started it is gone.

The parent keeps the other end of standard input open and never writes to it. However the parent ends,
the pipe closes, and no server is left behind on a port.
"""

from __future__ import annotations

import os
import sys
import threading


def _end_with_parent() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":
    from chalice.cli import main
    from chalice.local import ChaliceRequestHandler, ThreadedHTTPServer

    # It sends head and body apart; on a kept connection the body would wait for 40 ms (Nagle).
    ChaliceRequestHandler.disable_nagle_algorithm = True
    # Of more than five connections at once it would refuse some, or let them wait for a second.
    ThreadedHTTPServer.request_queue_size = 128
    threading.Thread(target=_end_with_parent, daemon=True).start()
    sys.exit(main())
