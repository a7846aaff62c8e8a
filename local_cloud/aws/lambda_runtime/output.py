"""The output of a worker: the function's log, as the logger ``lambda.NAME`` gets it."""

from __future__ import annotations

import contextlib
import logging
import selectors
import socket
import threading
from typing import Final

LOG_TAIL_BYTES: Final = 4096
"""Bytes of an invocation's log in ``LogResult`` (Lambda API, Invoke: the last 4 KB)."""


def _readable(output: bytes) -> str:
    """Decode output; the runtime client ends the lines within one record by a carriage return."""
    return output.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")


class OutputPump:
    """Collects what a worker writes to stdout and stderr.

    A socket pair and not a pipe, because a reader that waits on a socket can be woken by shutting
    the socket down, even if some grandchild still holds the other end open.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._logger = logging.getLogger(f"lambda.{name}")
        self._lock = threading.Lock()
        self._tail = bytearray()
        self._line = bytearray()
        self._ours, self.theirs = socket.socketpair()
        self._ours.settimeout(0)
        self._thread = threading.Thread(
            target=self._pump, name=f"lambda-output-{name}", daemon=True
        )

    def start(self) -> None:
        """Begin to read, after the worker got its end."""
        self.theirs.close()
        self._thread.start()

    def close(self) -> None:
        """Stop reading, whoever may still hold the other end."""
        self.theirs.close()
        with contextlib.suppress(OSError):  # the other side may have gone before
            self._ours.shutdown(socket.SHUT_RDWR)
        if self._thread.ident is not None:
            self._thread.join()
        self._ours.close()

    def drain(self) -> bool:
        """Take everything that has been written so far; False at the end of the output.

        Whoever saw a worker's answer has all that the worker wrote before it after this call.
        """
        with self._lock:
            while True:
                try:
                    data = self._ours.recv(65536)
                except BlockingIOError:
                    return True
                except OSError:
                    data = b""
                if not data:
                    self._log_lines(last=True)
                    return False
                self._take(data)
                self._line += data
                self._log_lines()

    def platform_line(self, line: str) -> None:
        """Add a line that Lambda itself writes (START, END, REPORT)."""
        with self._lock:
            self._take(f"{line}\n".encode())
        self._logger.debug("%s", line)

    def take_tail(self) -> bytes:
        """Return the end of the output since the last call."""
        with self._lock:
            tail = bytes(self._tail)
            self._tail.clear()
            return tail

    def _take(self, data: bytes) -> None:
        self._tail += data
        del self._tail[:-LOG_TAIL_BYTES]

    def _log_lines(self, *, last: bool = False) -> None:
        *lines, rest = bytes(self._line).split(b"\n")
        self._line = bytearray(rest)
        if last and rest:
            lines.append(rest)
            self._line.clear()
        for line in lines:
            self._logger.info("%s", _readable(line))

    def _pump(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._ours, selectors.EVENT_READ)
            while True:
                selector.select()
                if not self.drain():
                    return
