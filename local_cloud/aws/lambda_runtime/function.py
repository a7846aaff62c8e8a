"""A Lambda function to run, the result of an invocation, and the quotas of both."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_REQUEST_BYTES: Final = 6 * 1024 * 1024
"""Largest payload of a synchronous invocation in bytes (AWS page "Lambda quotas": 6 MB)."""

MAX_RESPONSE_BYTES: Final = 6_291_556
"""Largest answer of a function in bytes, the number that Lambda's own error message names."""

MAX_EVENT_BYTES: Final = 1024 * 1024
"""Largest payload of an asynchronous invocation in bytes (AWS page "Lambda quotas": 1 MB)."""


@dataclass(frozen=True, slots=True)
class FunctionSpec:
    """One version of one function: everything that decides how it runs.

    Two specs that are equal share warm workers; any difference starts fresh ones, as an update of
    code or configuration does on Lambda.

    Attributes
    ----------
    name
        The function's name, also the suffix of its logger ``lambda.NAME``.
    handler
        ``module.function``, as in the function's configuration.
    code
        The deployment package: the bytes of a zip file.
    environment
        The function's own variables.
    timeout
        Seconds that one invocation may take.
    memory
        Memory size in MB. The function sees it; it isn't enforced.
    arn
        The ARN to invoke, with the version for a published one.
    version
        ``$LATEST`` or a version number.
    region
        AWS region that the function believes to run in.
    runtime
        Lambda's name of the runtime, for ``AWS_EXECUTION_ENV``. The code runs on the Python that
        runs this module, whatever the name.
    """

    name: str
    handler: str
    code: bytes = field(repr=False)
    environment: Mapping[str, str] = field(default_factory=dict)
    timeout: float = 3.0
    memory: int = 128
    arn: str = ""
    version: str = "$LATEST"
    region: str = "eu-central-1"
    runtime: str = "python3.11"

    @property
    def log_group(self) -> str:
        """Name of the log group that Lambda would write to."""
        return f"/aws/lambda/{self.name}"


@dataclass(frozen=True, slots=True)
class InvocationResult:
    """The result of an invocation, for its caller.

    Attributes
    ----------
    payload
        The function's answer, or the JSON document that describes its error.
    function_error
        ``Unhandled`` when the invocation failed, else None (Lambda API, Invoke: ``FunctionError``).
    log_tail
        The end of the invocation's log, at most `LOG_TAIL_BYTES`.
    version
        The version that ran.
    """

    payload: bytes
    function_error: str | None
    log_tail: bytes
    version: str


class InvalidPackageError(ValueError):
    """The deployment package isn't a zip file that can be unpacked."""


class RuntimeStoppedError(RuntimeError):
    """The `LambdaRuntime` was stopped and takes no more invocations."""
