"""Lets moto's Lambda run functions, in a `LambdaRuntime` where moto itself needs a Docker engine."""

from __future__ import annotations

import base64
import json
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote

from moto.awslambda.models import LambdaBackend, LambdaFunction
from moto.awslambda.responses import LambdaResponse

from local_cloud.aws.lambda_runtime.function import (
    MAX_EVENT_BYTES,
    MAX_REQUEST_BYTES,
    FunctionSpec,
    InvalidPackageError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from local_cloud.aws.lambda_runtime import InvocationResult, LambdaRuntime
    from local_cloud.aws.moto_repairs import Repair

    _RuntimeOf = Callable[[str], LambdaRuntime | None]


def repairs(runtime_of: _RuntimeOf) -> tuple[Repair, ...]:
    """Return the repairs of moto's Lambda.

    Parameters
    ----------
    runtime_of
        Returns the runtime of an account; None for an account that isn't to be repaired.
    """
    return (
        (LambdaResponse, "invoke", partial(_wrap_invoke_request, runtime_of=runtime_of)),
        (LambdaFunction, "invoke", partial(_wrap_invoke, runtime_of=runtime_of)),
        (LambdaBackend, "delete_function", partial(_wrap_delete, runtime_of=runtime_of)),
    )


def _wrap_invoke_request(
    original: Callable[..., Any], runtime_of: _RuntimeOf
) -> Callable[..., Any]:
    """Wrap the handler of the Invoke request: sizes, invocation types and headers as on AWS."""

    def invoke(response: Any) -> Any:
        runtime = runtime_of(response.current_account)
        return original(response) if runtime is None else _answer_invoke(response, runtime)

    return invoke


def _wrap_invoke(original: Callable[..., Any], runtime_of: _RuntimeOf) -> Callable[..., Any]:
    """Wrap the call by which moto's other services invoke a function (SQS, SNS, Events)."""

    def invoke(
        function: Any, body: str | bytes, request_headers: Any, response_headers: Any
    ) -> Any:
        runtime = runtime_of(function.account_id)
        if runtime is None:
            return original(function, body, request_headers, response_headers)
        payload = body.encode() if isinstance(body, str) else body
        result = runtime.invoke(spec_of(function), payload or b"{}")
        response_headers.update(_result_headers(result, with_log=True))
        return result.payload

    return invoke


def _wrap_delete(original: Callable[..., Any], runtime_of: _RuntimeOf) -> Callable[..., Any]:
    """Wrap the removal of a function: its workers go with it."""

    def delete_function(backend: Any, function_name: str, qualifier: str | None = None) -> None:
        runtime = runtime_of(backend.account_id)
        if runtime is not None:
            runtime.forget(backend.get_function(function_name).function_name)
        original(backend, function_name, qualifier)

    return delete_function


_Reply = tuple[int, dict[str, str], bytes]


def _answer_invoke(response: Any, runtime: LambdaRuntime) -> _Reply:
    """Answer an Invoke request (Lambda API reference, Invoke)."""
    name = unquote(response.path.rstrip("/").rsplit("/", 2)[-2])
    qualifier = parse_qs(response.parsed_url.query).get("Qualifier", [None])[0]
    function = response.backend.get_function(name, qualifier)
    payload: bytes = response.raw_body or b"{}"
    kind = response.headers.get("X-Amz-Invocation-Type", "RequestResponse")
    error = _request_error(payload, kind) or _function_error(function)
    if error is not None:
        return error
    if kind == "DryRun":
        return _reply(HTTPStatus.NO_CONTENT, {}, b"")
    context = _client_context(response.headers.get("X-Amz-Client-Context"))
    if kind == "Event":
        runtime.invoke_event(spec_of(function), payload, client_context=context)
        return _reply(HTTPStatus.ACCEPTED, {}, b"")
    try:
        result = runtime.invoke(spec_of(function), payload, client_context=context)
    except InvalidPackageError as invalid:
        return _client_error(HTTPStatus.BAD_REQUEST, "InvalidParameterValueException", str(invalid))
    with_log = response.headers.get("X-Amz-Log-Type") == "Tail"
    return _reply(HTTPStatus.OK, _result_headers(result, with_log=with_log), result.payload)


def _request_error(payload: bytes, kind: str) -> _Reply | None:
    """Refuse what Lambda refuses before it looks for a worker."""
    if kind not in {"RequestResponse", "Event", "DryRun"}:
        return _client_error(
            HTTPStatus.BAD_REQUEST,
            "InvalidParameterValueException",
            f"{kind} is no invocation type: use RequestResponse, Event or DryRun.",
        )
    limit = MAX_EVENT_BYTES if kind == "Event" else MAX_REQUEST_BYTES
    if len(payload) > limit:
        return _client_error(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            "RequestTooLargeException",
            f"Request must be smaller than {limit} bytes for the InvokeFunction operation",
        )
    try:
        json.loads(payload)
    except ValueError as error:
        return _client_error(
            HTTPStatus.BAD_REQUEST,
            "InvalidRequestContentException",
            f"Could not parse request body into json: {error}",
        )
    return None


def _function_error(function: Any) -> _Reply | None:
    if function.package_type == "Zip" and str(function.run_time).startswith("python"):
        return None
    return _client_error(
        HTTPStatus.BAD_REQUEST,
        "InvalidParameterValueException",
        f"The local AWS runs Python functions from zip files only: {function.function_name} is "
        f"of package type {function.package_type} and runtime {function.run_time}.",
    )


def _client_error(status: HTTPStatus, code: str, message: str) -> _Reply:
    body = json.dumps({"Type": "User", "Message": message, "message": message}).encode()
    return _reply(status, {"content-type": "application/json", "x-amzn-errortype": code}, body)


def _reply(status: HTTPStatus, headers: Mapping[str, str], body: bytes) -> _Reply:
    """Build an answer for moto, which takes the status from a header of that name."""
    return status, {**headers, "status": str(int(status))}, body


def _client_context(header: str | None) -> str | None:
    """Decode the ``ClientContext`` of an Invoke request, base64 of JSON."""
    return None if header is None else base64.b64decode(header).decode()


def _result_headers(result: InvocationResult, *, with_log: bool) -> dict[str, str]:
    headers = {
        "content-type": "application/json",
        "x-amz-executed-version": result.version,
    }
    if result.function_error is not None:
        headers["x-amz-function-error"] = result.function_error
    if with_log:
        headers["x-amz-log-result"] = base64.b64encode(result.log_tail).decode()
    return headers


def spec_of(function: Any) -> FunctionSpec:
    """Describe moto's function to the runtime."""
    return FunctionSpec(
        name=function.function_name,
        arn=function.function_arn,
        version=str(function.version),
        handler=function.handler,
        code=function.code_bytes,
        environment=dict(function.environment_vars),
        timeout=function.timeout,
        memory=function.memory_size,
        region=function.region,
        runtime=function.run_time,
    )
