"""The environment variables of a function."""

from __future__ import annotations

import os
import uuid
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from local_cloud.aws.lambda_runtime.function import FunctionSpec

DUMMY_CREDENTIALS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "AWS_ACCESS_KEY_ID": "LOCALACCESSKEYID0000",
        "AWS_SECRET_ACCESS_KEY": "local-secret-access-key",
        "AWS_SESSION_TOKEN": "local-session-token",
    }
)
"""Credentials that are worth nothing. All three are set, so that no real one shows through."""


def base_environment(endpoint_url: str | None, extra: Mapping[str, str]) -> dict[str, str]:
    """Build what every function gets before its own variables: nothing of the engineer's."""
    base = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        # boto3 would read ~/.aws of whoever runs this
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        **DUMMY_CREDENTIALS,
    }
    if endpoint_url is not None:
        base["AWS_ENDPOINT_URL"] = endpoint_url
    return {**base, **extra}


def function_environment(
    spec: FunctionSpec, base: Mapping[str, str], task_root: Path
) -> dict[str, str]:
    """Build a worker's environment.

    AWS page "Using Lambda environment variables", section "Defined runtime environment
    variables": a function can't set the reserved ones.
    """
    stream = f"{datetime.now(UTC):%Y/%m/%d}/[{spec.version}]{uuid.uuid4().hex}"
    reserved = {
        "_HANDLER": spec.handler,
        "AWS_REGION": spec.region,
        "AWS_DEFAULT_REGION": spec.region,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{spec.runtime}",
        "AWS_LAMBDA_FUNCTION_NAME": spec.name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(spec.memory),
        "AWS_LAMBDA_FUNCTION_VERSION": spec.version,
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": spec.log_group,
        "AWS_LAMBDA_LOG_STREAM_NAME": stream,
        "LAMBDA_TASK_ROOT": str(task_root),
    }
    return {"PYTHONPATH": str(task_root), **base, **spec.environment, **reserved}
