"""Settings of logs and traces."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chalicelib.model.errors import ConfigurationError
from chalicelib.settings.environment import flag, string

if TYPE_CHECKING:
    from chalicelib.settings.environment import Environment


@dataclass(frozen=True, slots=True)
class LogSettings:
    """Settings of logs and traces.

    Attributes
    ----------
    level
        The lowest level that is logged, as Python's `logging` counts; None if it isn't set: then
        it is INFO, or on AWS the log level of the Lambda function's own configuration.
    tracing
        True to send X-Ray subsegments.
    """

    level: int | None
    tracing: bool

    @classmethod
    def load(cls, environment: Environment) -> LogSettings:
        """Read `POWERTOOLS_LOG_LEVEL`, which holds on every cloud, and `POWERTOOLS_TRACE_DISABLED`.

        Both are Powertools' own variables (Powertools for AWS Lambda, 'Environment variables').
        Only Lambda has an X-Ray daemon, so nothing is traced elsewhere.

        Raises
        ------
        ConfigurationError
            One is malformed.
        """
        in_lambda = bool(environment.get("LAMBDA_TASK_ROOT"))
        return cls(
            level=_level(environment),
            tracing=in_lambda and not flag(environment, "POWERTOOLS_TRACE_DISABLED"),
        )


def _level(environment: Environment) -> int | None:
    levels = logging.getLevelNamesMapping()
    name = string(environment, "POWERTOOLS_LOG_LEVEL", "NOTSET").upper()
    if name not in levels:
        raise ConfigurationError(
            f"POWERTOOLS_LOG_LEVEL is {name!r}; it must be one of DEBUG, INFO, WARNING, ERROR, CRITICAL"
        )
    return levels[name] or None
