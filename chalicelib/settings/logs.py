"""Settings of logs and traces."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from chalicelib.model.errors import ConfigurationError
from chalicelib.settings.environment import flag, string

if TYPE_CHECKING:
    from chalicelib.settings.environment import Environment


def tracing_enabled(environment: Environment) -> bool:
    """Say whether X-Ray traces are wanted: in Lambda, unless POWERTOOLS_TRACE_DISABLED is true."""
    in_lambda = bool(environment.get("LAMBDA_TASK_ROOT"))
    return in_lambda and not flag(environment, "POWERTOOLS_TRACE_DISABLED")


def log_level(environment: Environment) -> int:
    """Return the lowest level that is logged, as Python's logging counts: POWERTOOLS_LOG_LEVEL.

    Raises
    ------
    ConfigurationError
        There is no such level.
    """
    name = string(environment, "POWERTOOLS_LOG_LEVEL", "INFO").upper()
    levels = logging.getLevelNamesMapping()
    if name not in levels:
        raise ConfigurationError(
            f"POWERTOOLS_LOG_LEVEL is {name!r}; it must be one of DEBUG, INFO, WARNING, ERROR"
        )
    return levels[name]
