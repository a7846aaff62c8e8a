"""The `chalice` command, in a process that ends when the one that started it is gone."""

from __future__ import annotations

import sys

from local_cloud.child_process import end_with_parent

if __name__ == "__main__":
    from chalice.cli import main
    from chalice.local import ChaliceRequestHandler, ThreadedHTTPServer

    # It sends head and body apart; on a kept connection the body would wait for 40 ms (Nagle).
    ChaliceRequestHandler.disable_nagle_algorithm = True
    end_with_parent()
    # Of more than five connections at once it would refuse some, or let them wait for a second.
    ThreadedHTTPServer.request_queue_size = 128
    sys.exit(main())
