"""Lambda Function URLs that answer, for the local AWS.

Moto keeps their configuration and gives them a host that doesn't exist. Here they have a path of the
local server instead, `http://127.0.0.1:PORT/URL_ID.lambda-url.REGION.on.aws/`, and a request to it
invokes the function as Lambda does (AWS Lambda developer guide, "Invoking Lambda function URLs" and
"Control access to Lambda function URLs"). Signed requests (AuthType AWS_IAM) are all refused.
"""

from __future__ import annotations

import base64
import json
import time
import uuid
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs

from moto.awslambda.exceptions import GenericResourcNotFound, LambdaClientError
from moto.awslambda.models import LambdaBackend, lambda_backends

from local_cloud.aws.lambda_runtime.function import MAX_REQUEST_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from local_cloud.aws.lambda_runtime import InvocationResult
    from local_cloud.aws.moto_repairs import Repair

_HOST_PART: Final = ".lambda-url."
_ACTIONS: Final = ("lambda:InvokeFunctionUrl", "lambda:InvokeFunction")
"""A Function URL made since October 2025 needs both."""
_CONDITIONS: Final = {
    "FunctionUrlAuthType": ("StringEquals", "lambda:FunctionUrlAuthType"),
    "InvokedViaFunctionUrl": ("Bool", "lambda:InvokedViaFunctionUrl"),
}
"""The conditions that Lambda makes of AddPermission's parameters; moto leaves them as they are."""
_TEXT_TYPES: Final = ("application/json", "application/javascript", "application/xml")

Reply = tuple[int, dict[str, str], bytes]


class _ConflictError(LambdaClientError):  # type: ignore[misc]  # moto's classes aren't analysed
    code = 409

    def __init__(self, message: str) -> None:
        super().__init__("ResourceConflictException", message)


# --- configuration: what moto leaves out ------------------------------------------------------


def repairs(endpoint_of: Callable[[str], str | None]) -> tuple[Repair, ...]:
    """Return the repairs of moto's Function URLs.

    Parameters
    ----------
    endpoint_of
        Returns the URL that an account is served at; None for one that isn't to be repaired.
    """
    return (
        (LambdaBackend, "add_permission", partial(_wrap_add_permission, endpoint_of=endpoint_of)),
        (
            LambdaBackend,
            "create_function_url_config",
            partial(_wrap_create, endpoint_of=endpoint_of),
        ),
        (
            LambdaBackend,
            "delete_function_url_config",
            partial(_wrap_delete, endpoint_of=endpoint_of),
        ),
    )


def _wrap_create(
    original: Callable[..., Any], endpoint_of: Callable[[str], str | None]
) -> Callable[..., Any]:
    """Wrap CreateFunctionUrlConfig: a URL that works here, and one for each function only."""

    def create_function_url_config(backend: Any, name_or_arn: str, config: Any) -> Any:
        endpoint = endpoint_of(backend.account_id)
        if endpoint is None:
            return original(backend, name_or_arn, config)
        if _config(backend.get_function(name_or_arn)) is not None:
            raise _ConflictError("Failed to create function url config: it exists already.")
        made = original(backend, name_or_arn, config)
        host = f"{uuid.uuid4().hex}{_HOST_PART}{backend.region_name}.on.aws"
        made.url = f"{endpoint}/{host}/"
        return made

    return create_function_url_config


def _wrap_delete(
    original: Callable[..., Any], endpoint_of: Callable[[str], str | None]
) -> Callable[..., Any]:
    """Wrap DeleteFunctionUrlConfig: what isn't there can't be deleted."""

    def delete_function_url_config(backend: Any, name_or_arn: str) -> None:
        ours = endpoint_of(backend.account_id) is not None
        if ours and _config(backend.get_function(name_or_arn)) is None:
            raise GenericResourcNotFound
        original(backend, name_or_arn)

    return delete_function_url_config


def _wrap_add_permission(
    original: Callable[..., Any], endpoint_of: Callable[[str], str | None]
) -> Callable[..., Any]:
    """Wrap AddPermission: one statement of each id, and conditions for the newer parameters."""

    def add_permission(
        backend: Any, function_name: str, qualifier: str | None, raw: str
    ) -> dict[str, Any]:
        if endpoint_of(backend.account_id) is None:
            return original(backend, function_name, qualifier, raw)  # type: ignore[no-any-return]
        asked = json.loads(raw)
        statements = backend.get_function(function_name, qualifier).policy.statements
        if any(each.get("Sid") == asked["StatementId"] for each in statements):
            raise _ConflictError(f"The statement id ({asked['StatementId']}) exists already.")
        given = {name: asked.pop(name) for name in _CONDITIONS if asked.get(name) is not None}
        made: dict[str, Any] = original(backend, function_name, qualifier, json.dumps(asked))
        for name, value in given.items():
            operator, key = _CONDITIONS[name]
            text = str(value).lower() if isinstance(value, bool) else value
            made.setdefault("Condition", {}).setdefault(operator, {})[key] = text
        return made

    return add_permission


def _config(function: Any) -> Any:
    return function.url_config


# --- requests ---------------------------------------------------------------------------------


def leads_to_function_url(path: str) -> bool:
    """Return whether a request's path is of a Function URL."""
    return _HOST_PART in path.removeprefix("/").partition("/")[0]


def answer(
    environ: Mapping[str, Any],
    account_id: str,
    invoke: Callable[[Any, bytes], InvocationResult],
) -> Reply:
    """Answer a request to a Function URL.

    Parameters
    ----------
    environ
        The request, as WSGI has it.
    account_id
        The account that the Function URL is in.
    invoke
        Invokes moto's function with an event.
    """
    target = str(environ.get("RAW_URI") or environ["PATH_INFO"]).partition("?")[0]
    host, _, path = target.removeprefix("/").partition("/")
    function = next((each for each in _functions(account_id) if _host(each) == host), None)
    if function is None:
        return _message(HTTPStatus.NOT_FOUND, None)
    if function.url_config.config.get("AuthType") != "NONE" or not _is_public(function):
        return _message(
            HTTPStatus.FORBIDDEN,
            "Forbidden. For troubleshooting Function URL authorization issues, see: "
            "https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html",
        )
    event = json.dumps(_event(environ, host, f"/{path}")).encode()
    if len(event) > MAX_REQUEST_BYTES:
        return _message(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "Request body is too large")
    return _reply(invoke(function, event))


def _functions(account_id: str) -> Iterator[Any]:
    for backend in list(lambda_backends[account_id].values()):
        yield from list(backend.list_functions())


def _host(function: Any) -> str | None:
    config = _config(function)
    return None if config is None else config.url.split("/")[3]


def _is_public(function: Any) -> bool:
    return all(
        any(_grants(each, action) for each in function.policy.statements) for action in _ACTIONS
    )


def _grants(statement: Mapping[str, Any], action: str) -> bool:
    """Return whether a statement lets everyone do something by a Function URL."""
    met = {"lambda:FunctionUrlAuthType": "NONE", "lambda:InvokedViaFunctionUrl": "true"}
    return (
        statement.get("Effect") == "Allow"
        and statement.get("Action") == action
        and statement.get("Principal") in ("*", {"AWS": "*"})
        and all(
            met.get(key) == value
            for condition in statement.get("Condition", {}).values()
            for key, value in condition.items()
        )
    )


def _event(environ: Mapping[str, Any], host: str, path: str) -> dict[str, Any]:
    """Describe a request in the payload format 2.0."""
    headers = {
        name.removeprefix("HTTP_").replace("_", "-").lower(): str(value)
        for name, value in environ.items()
        if name.startswith("HTTP_") and name != "HTTP_X_MOTO_ACCOUNT_ID"
    }
    for name in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        if environ.get(name):
            headers[name.replace("_", "-").lower()] = environ[name]
    headers |= {"host": host, "x-forwarded-proto": "https", "x-forwarded-port": "443"}
    query = str(environ.get("QUERY_STRING", ""))
    now = time.time()
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": headers,
        "requestContext": {
            "accountId": "anonymous",
            "apiId": host.partition(".")[0],
            "domainName": host,
            "domainPrefix": host.partition(".")[0],
            "http": {
                "method": environ["REQUEST_METHOD"],
                "path": path,
                "protocol": environ.get("SERVER_PROTOCOL", "HTTP/1.1"),
                "sourceIp": environ.get("REMOTE_ADDR", ""),
                "userAgent": headers.get("user-agent", ""),
            },
            "requestId": str(uuid.uuid4()),
            "routeKey": "$default",
            "stage": "$default",
            "time": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(now)),
            "timeEpoch": int(now * 1000),
        },
        "isBase64Encoded": False,
    }
    parameters = parse_qs(query, keep_blank_values=True)
    if parameters:
        event["queryStringParameters"] = {
            name: ",".join(values) for name, values in parameters.items()
        }
    body: bytes = environ["wsgi.input"].read()
    if body:
        event["body"], event["isBase64Encoded"] = _body(body, headers.get("content-type", ""))
    return event


def _body(body: bytes, content_type: str) -> tuple[str, bool]:
    """Write a body as a string if its type says that it is text; else in base64."""
    if content_type.startswith(("text/", *_TEXT_TYPES)):
        try:
            return body.decode(), False
        except UnicodeDecodeError:
            pass  # it says so, but isn't
    return base64.b64encode(body).decode(), True


def _reply(result: InvocationResult) -> Reply:
    """Make an HTTP answer of a function's answer."""
    if result.function_error is not None:
        return HTTPStatus.BAD_GATEWAY, {"Content-Type": "text/plain"}, b"Internal Server Error"
    document = json.loads(result.payload)
    if not isinstance(document, dict) or "statusCode" not in document:
        return HTTPStatus.OK, {"Content-Type": "application/json"}, result.payload
    body = str(document.get("body") or "").encode()
    if document.get("isBase64Encoded"):
        body = base64.b64decode(body)
    headers = {name: str(value) for name, value in document.get("headers", {}).items()}
    return int(document["statusCode"]), headers, body


def _message(status: HTTPStatus, message: str | None) -> Reply:
    return status, {"Content-Type": "application/json"}, json.dumps({"Message": message}).encode()
