"""An invocation on its way through a worker, and its end."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, field


@dataclass(slots=True)
class Invocation:
    """One invocation on its way through a worker."""

    payload: bytes
    client_context: str | None
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    deadline_ms: int = 0
    answer: Answer | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """The end of an invocation, and whether the worker can take another one."""

    payload: bytes
    failed: bool = False
    worker_usable: bool = True
    log_line: str = ""


def failure(error_type: str, message: str, *, log_line: str = "") -> Answer:
    """Describe a failure that Lambda itself reports, not the function."""
    payload = json.dumps({"errorType": error_type, "errorMessage": message}).encode()
    return Answer(payload, failed=True, worker_usable=False, log_line=log_line)
