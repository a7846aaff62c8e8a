"""A Lambda runtime: runs functions by AWS's own runtime client on a local Runtime API.

A function's deployed zip is unpacked into a task root and started with ``awslambdaric``, the
runtime client of Lambda's managed Python runtimes. It asks `runtime_api` for work over the four
calls of the *Lambda runtime API* (AWS Lambda developer guide, "Using the Lambda runtime API"),
exactly as it asks Lambda. So import errors, exceptions, marshalling, the context object and the
shape of errors are AWS's code and not an imitation.

What isn't imitated: the memory limit, the read-only file system, layers, and the frozen process
between two invocations.

Examples
--------
>>> spec = FunctionSpec(name="hello", handler="app.handler", code=zip_bytes)
>>> with LambdaRuntime() as runtime:
...     runtime.invoke(spec, b'{"name": "twin"}').payload
b'"hello twin"'
"""

from __future__ import annotations

from local_cloud.aws.lambda_runtime.function import (
    FunctionSpec,
    InvalidPackageError,
    InvocationResult,
    RuntimeStoppedError,
)
from local_cloud.aws.lambda_runtime.runtime import LambdaRuntime

__all__ = [
    "FunctionSpec",
    "InvalidPackageError",
    "InvocationResult",
    "LambdaRuntime",
    "RuntimeStoppedError",
]
