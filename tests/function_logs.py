"""The output of Lambda functions on the local AWS, as their loggers get it."""

from __future__ import annotations

import logging
from collections import defaultdict
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class FunctionLogs(logging.Handler):
    """The output of functions, with Lambda's START, END and REPORT lines, by the function's name."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: dict[str, list[str]] = defaultdict(list)

    def emit(self, record: logging.LogRecord) -> None:
        self._lines[record.name.removeprefix("lambda.")].append(record.getMessage())

    def __getitem__(self, function: str) -> str:
        return "\n".join(self._lines[function])


@contextmanager
def function_logs() -> Iterator[FunctionLogs]:
    """Collect what functions write from now on, until the block ends."""
    logger = logging.getLogger("lambda")
    logs, level = FunctionLogs(), logger.level
    logger.addHandler(logs)
    logger.setLevel(logging.DEBUG)
    try:
        yield logs
    finally:
        logger.removeHandler(logs)
        logger.setLevel(level)
