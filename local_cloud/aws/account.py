"""AWS on this machine: a moto server whose Lambda functions run.

`LocalAws` serves moto on a loopback port, in this process, for unmodified SDKs and for the
``chalice`` command line. Three repairs make it fit for a real deployment: `moto_chalice` lets
``chalice deploy`` through, Invoke runs the function's deployed package in a `LambdaRuntime` where
moto itself would want a Docker engine, and `function_urls` answers at Function URLs.

Examples
--------
>>> with LocalAws() as aws:
...     arn = aws.create_function(
...         "hello", handler="app.handler", source=Path("src"), include=["app.py"], environment={}
...     )
...     aws.client("lambda").invoke(FunctionName="hello")["Payload"].read()
b'"hello"'
"""

from __future__ import annotations

import base64
import contextlib
import io
import json
import logging
import os
import socket
import sys
import threading
import zipfile
from http import HTTPStatus
from http.client import responses as PHRASES  # noqa: N812 - a constant
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import parse_qs, unquote

import boto3
import botocore.session
from botocore.config import Config
from moto.awslambda.models import LambdaBackend, LambdaFunction
from moto.awslambda.responses import LambdaResponse
from moto.core.base_backend import BackendDict
from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from moto.s3.models import s3_backends
from werkzeug.serving import ThreadedWSGIServer, select_address_family

from local_cloud.aws import function_urls, moto_chalice
from local_cloud.aws.lambda_runtime import (
    DUMMY_CREDENTIALS,
    LOOPBACK,
    MAX_EVENT_BYTES,
    MAX_REQUEST_BYTES,
    FunctionSpec,
    InvalidPackageError,
    InvocationResult,
    LambdaRuntime,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

FIRST_ACCOUNT: Final = 123456789012
"""The account of the only `LocalAws` of a process; others at the same time count up from it."""

_FUNCTION_ROLE: Final = "local-aws-function"
_LAMBDA_MAY_ASSUME: Final = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}
_STOP_SECONDS: Final = 5.0
_NOT_PACKAGED: Final = frozenset({"__pycache__"})
_ZIP_DATE: Final = (1980, 1, 1, 0, 0, 0)  # the same files make the same package

logger = logging.getLogger(__name__)


class LocalAws:
    """An AWS account and region on this machine; a context manager.

    Each running instance is an account of its own, so two of them in one process share nothing.
    SDKs in this process that point elsewhere aren't affected: moto serves, it doesn't patch them.

    Parameters
    ----------
    host
        Address to listen on. Anything but a loopback address lets the network run code here.
    port
        Port to listen on; 0 takes a free one.
    region
        Region of `client` and of `environment`.
    extra_environment
        Further variables for all Lambda functions, such as ``AWS_ENDPOINT_URL_IOTTWINMAKER``. A
        function's own variables win.

    Attributes
    ----------
    endpoint_url
        What ``AWS_ENDPOINT_URL`` should be, once started.
    region
        The region.
    account_id
        The account's number, 12 digits, once started.
    credentials
        ``AWS_ACCESS_KEY_ID`` and the like: worth nothing, but SDKs insist on some.
    environment
        What a subprocess or an SDK needs to talk to this account, once started.
    """

    def __init__(
        self,
        *,
        host: str = LOOPBACK,
        port: int = 0,
        region: str = "eu-central-1",
        extra_environment: Mapping[str, str] | None = None,
    ) -> None:
        self.region = region
        self.credentials: dict[str, str] = dict(DUMMY_CREDENTIALS)
        self._host = host
        self._port = port
        self._extra_environment = dict(extra_environment or {})
        self._running: _Running | None = None
        self._session = _bare_session()
        self._session_lock = threading.Lock()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def endpoint_url(self) -> str:
        """``http://HOST:PORT`` of the running server."""
        return self._need_running().endpoint_url

    @property
    def account_id(self) -> str:
        """The account's number."""
        return self._need_running().account_id

    @property
    def environment(self) -> dict[str, str]:
        """Variables for a subprocess: endpoint, region, dummy credentials."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_EC2_METADATA_DISABLED": "true",
            **self.credentials,
        }

    def start(self) -> None:
        """Start to serve an empty account.

        Raises
        ------
        OSError
            If the port can't be had.
        RuntimeError
            If it is running already.
        """
        if self._running is not None:
            message = "This LocalAws is running already: stop() it first, or make another one."
            raise RuntimeError(message)
        self._running = _Running(self._host, self._port, self._extra_environment)

    def stop(self) -> None:
        """Stop serving, end all workers and drop the account; can be called twice."""
        running, self._running = self._running, None
        if running is not None:
            running.stop()

    def reset(self) -> None:
        """Empty the account: all resources of all services, all workers and their logs."""
        running = self._need_running()
        running.runtime.reset()
        _drop_account(running.account_id)

    def set_extra_environment(self, extra_environment: Mapping[str, str]) -> None:
        """Replace the variables that all Lambda functions get; workers start fresh to see them."""
        self._extra_environment = dict(extra_environment)
        if self._running is not None:
            self._running.runtime.set_extra_environment(self._extra_environment)

    def client(self, service: str, **kwargs: Any) -> Any:
        """Make a boto3 client for this account.

        Neither the engineer's profile nor a proxy from the environment touches it.

        Parameters
        ----------
        service
            A service name of boto3, such as ``dynamodb``.
        **kwargs
            Anything that ``boto3.client`` takes; it wins over the defaults here.
        """
        config = Config(proxies={}).merge(kwargs.pop("config", None) or Config())
        arguments: dict[str, Any] = {
            "endpoint_url": self.endpoint_url,
            "region_name": self.region,
            "aws_access_key_id": self.credentials["AWS_ACCESS_KEY_ID"],
            "aws_secret_access_key": self.credentials["AWS_SECRET_ACCESS_KEY"],
            "aws_session_token": self.credentials["AWS_SESSION_TOKEN"],
            **kwargs,
        }
        with self._session_lock:  # boto3's sessions aren't safe to share between threads
            make_client: Any = self._session.client  # its type lists each service by name
            return make_client(service, config=config, **arguments)

    def create_function(
        self,
        name: str,
        *,
        handler: str,
        source: Path,
        include: Sequence[str],
        environment: Mapping[str, str],
        timeout: int = 30,
        memory: int = 256,
    ) -> str:
        """Deploy a Lambda function from files, in place of one of the same name.

        Parameters
        ----------
        name
            The function's name.
        handler
            ``module.function`` inside the package.
        source
            Folder that becomes the root of the package.
        include
            Files and folders below `source`; of a folder everything but caches and hidden files.
        environment
            The function's variables.
        timeout
            Seconds that an invocation may take.
        memory
            Memory size in MB.

        Returns
        -------
        str
            The function's ARN.

        Raises
        ------
        FileNotFoundError
            If something to include isn't there.
        """
        functions = self.client("lambda")
        try:
            functions.delete_function(FunctionName=name)
        except functions.exceptions.ResourceNotFoundException:
            logger.debug("no function %s to replace", name)
        created = functions.create_function(
            FunctionName=name,
            Runtime=f"python{sys.version_info.major}.{sys.version_info.minor}",
            Role=self._function_role(),
            Handler=handler,
            Code={"ZipFile": _package(source, include)},
            Environment={"Variables": dict(environment)},
            Timeout=timeout,
            MemorySize=memory,
        )
        return str(created["FunctionArn"])

    def function_logs(self, name: str) -> str:
        """Return the latest output of a function, Lambda's START, END and REPORT lines included."""
        return self._need_running().runtime.logs(name)

    def _function_role(self) -> str:
        iam = self.client("iam")
        try:
            role = iam.get_role(RoleName=_FUNCTION_ROLE)
        except iam.exceptions.NoSuchEntityException:
            role = iam.create_role(
                RoleName=_FUNCTION_ROLE, AssumeRolePolicyDocument=json.dumps(_LAMBDA_MAY_ASSUME)
            )
        return str(role["Role"]["Arn"])

    def _need_running(self) -> _Running:
        if self._running is None:
            message = "This LocalAws isn't running: use it as a context manager, or start() it."
            raise RuntimeError(message)
        return self._running


def _bare_session() -> boto3.session.Session:
    """Make a boto3 session that reads no configuration of the engineer's."""
    nothing = {
        "profile": (None, None, None, None),
        "config_file": (None, None, os.devnull, None),
        "credentials_file": (None, None, os.devnull, None),
    }
    return boto3.session.Session(botocore_session=botocore.session.Session(nothing))


def _package(source: Path, include: Iterable[str]) -> bytes:
    """Zip files and folders below `source`."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as package:
        for path in sorted({file for name in include for file in _files(source / name)}):
            entry = zipfile.ZipInfo(path.relative_to(source).as_posix(), _ZIP_DATE)
            entry.external_attr = 0o100644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            package.writestr(entry, path.read_bytes())
    return packed.getvalue()


def _files(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
        return
    if not path.is_dir():
        message = f"{path} isn't there: name files and folders below the source folder."
        raise FileNotFoundError(message)
    for child in path.iterdir():
        hidden = child.name.startswith(".")
        if not hidden and child.name not in _NOT_PACKAGED and child.suffix != ".pyc":
            yield from _files(child)


# --- the server -------------------------------------------------------------------------------


class _Running:
    """Everything of a `LocalAws` that lives from start to stop."""

    def __init__(self, host: str, port: int, extra_environment: Mapping[str, str]) -> None:
        with _listen(host, port) as listener:
            bound_port = listener.getsockname()[1]
            shown_host = f"[{host}]" if ":" in host else host
            self.endpoint_url = f"http://{shown_host}:{bound_port}"
            self.runtime = LambdaRuntime(
                endpoint_url=self.endpoint_url, extra_environment=extra_environment
            )
            self.account_id = _register(self.runtime, self.endpoint_url)
            application = _with_account(
                DomainDispatcherApplication(create_backend_app), self.account_id
            )
            application = _with_function_urls(application, self.account_id, self.runtime)
            self._server = _Server(
                host, bound_port, application, _RequestHandler, fd=listener.fileno()
            )
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name="local-aws", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        # The server first takes no new requests, then the workers end, so that requests that
        # wait for them get an answer, then the connections that clients keep open.
        self._server.shutdown()
        self._thread.join()
        self.runtime.stop()
        self._server.close_connections()
        _unregister(self.account_id)


def _listen(host: str, port: int) -> socket.socket:
    # Not left to werkzeug, which prints a hint and exits the process when the port is taken.
    return socket.create_server((host, port), family=select_address_family(host, port), backlog=128)


def _with_account(application: Callable[..., Any], account_id: str) -> Callable[..., Any]:
    """Make moto treat every request as one of this account (moto docs, "Multi-Account support")."""

    def wrapped(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        environ["HTTP_X_MOTO_ACCOUNT_ID"] = account_id
        return application(environ, start_response)

    return wrapped


def _with_function_urls(
    application: Callable[..., Any], account_id: str, runtime: LambdaRuntime
) -> Callable[..., Any]:
    """Answer what is for a Function URL in place of moto, which doesn't."""

    def invoke(function: Any, event: bytes) -> InvocationResult:
        return runtime.invoke(_spec(function), event)

    def wrapped(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        if not function_urls.leads_to_function_url(environ["PATH_INFO"]):
            return application(environ, start_response)
        status, headers, body = function_urls.answer(environ, account_id, invoke)
        start_response(f"{int(status)} {PHRASES.get(status, '')}", [*headers.items()])
        return [body]

    return wrapped


class _Server(ThreadedWSGIServer):
    """Werkzeug's threaded server, with connections that can be closed when it stops."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._open: set[socket.socket] = set()
        self._changed = threading.Condition()
        super().__init__(*args, **kwargs)

    def finish_request(self, request: Any, client_address: Any) -> None:
        with self._changed:
            self._open.add(request)
        try:
            super().finish_request(request, client_address)
        finally:
            with self._changed:
                self._open.discard(request)
                self._changed.notify_all()

    def close_connections(self) -> None:
        """End the connections that clients keep open, after the answers under way."""
        with self._changed:
            for connection in self._open:
                # no more requests; what is being answered still gets out
                with contextlib.suppress(OSError):  # closed by its client meanwhile
                    connection.shutdown(socket.SHUT_RD)
            if not self._changed.wait_for(lambda: not self._open, _STOP_SECONDS):
                logger.warning("%d requests didn't end in %s s", len(self._open), _STOP_SECONDS)


class _RequestHandler(MotoRequestHandler):  # type: ignore[misc]  # moto's classes aren't analysed
    """Moto's request handler with connections that stay open.

    Werkzeug's own ``run_wsgi`` closes the connection after each answer. Here the request's body
    is read before the application runs and the answer is complete before it is sent, so the
    connection can be used again: boto3 saves a connect and this server a thread per call.
    """

    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True

    def run_wsgi(self) -> None:
        """Answer one request."""
        environ = self.make_environ()
        self.environ = environ
        chunked = environ.get("wsgi.input_terminated")
        length = -1 if chunked else int(environ.get("CONTENT_LENGTH") or 0)
        environ["wsgi.input"] = io.BytesIO(environ["wsgi.input"].read(length))
        status, headers, body = self._run_application(environ)
        code, _, phrase = status.partition(" ")
        self.send_response(int(code), phrase)
        no_body = self.command == "HEAD" or int(code) in {
            HTTPStatus.NO_CONTENT,
            HTTPStatus.NOT_MODIFIED,
        }
        for name, value in headers:
            # a wrong length would leave the next answer out of step, so it is counted here
            if no_body or name.lower() != "content-length":
                self.send_header(name, value)
        if not no_body:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if not no_body:
            self.wfile.write(body)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log requests for those who ask for it, not to everybody's console."""
        logger.debug("%s %s: %s (%s)", self.command, self.path, code, size)

    def _run_application(self, environ: dict[str, Any]) -> tuple[str, list[tuple[str, str]], bytes]:
        started: list[tuple[str, list[tuple[str, str]]]] = []

        def start_response(
            status: str, headers: list[tuple[str, str]], _exc_info: object = None
        ) -> None:
            started.append((status, headers))

        try:
            answer = self.server.app(environ, start_response)
            try:
                body = b"".join(answer)
            finally:
                if hasattr(answer, "close"):
                    answer.close()
        except Exception:  # a fault in moto must be shown and answered, as by werkzeug
            logger.exception("moto failed on %s %s", self.command, self.path)
            return "500 Internal Server Error", [], b""
        status, headers = started[-1]
        return status, headers, body


# --- accounts ---------------------------------------------------------------------------------

_lock = threading.Lock()
_runtimes: dict[str, LambdaRuntime] = {}
_endpoints: dict[str, str] = {}
_originals: list[tuple[type, str, Any]] = []


def _register(runtime: LambdaRuntime, endpoint_url: str) -> str:
    """Take the lowest free account number; repair moto with the first one."""
    with _lock:
        number = FIRST_ACCOUNT
        while str(number) in _runtimes:
            number += 1
        if not _runtimes:
            moto_chalice.install()
            _repair_lambda()
        account_id = str(number)
        _runtimes[account_id] = runtime
        _endpoints[account_id] = endpoint_url
    _drop_account(account_id)
    return account_id


def _unregister(account_id: str) -> None:
    """Drop an account; take the repairs back with the last one."""
    _drop_account(account_id)
    with _lock:
        del _runtimes[account_id], _endpoints[account_id]
        if not _runtimes:
            moto_chalice.uninstall()
            _take_back_repairs()


def _drop_account(account_id: str) -> None:
    """Forget everything in an account.

    Moto's own reset is of all accounts, and its S3 part closes the files of all of them, too.
    """
    for backends in list(BackendDict._instances):
        backends.pop(account_id, None)
    for bucket, (_, owner) in list(s3_backends.bucket_accounts.items()):
        if owner == account_id:
            s3_backends.bucket_accounts.pop(bucket, None)


# --- Lambda -----------------------------------------------------------------------------------


def _repair_lambda() -> None:
    """Let moto's Lambda run functions in the account's `LambdaRuntime`, at Function URLs, too."""
    for owner, name, wrap in (
        (LambdaResponse, "invoke", _wrap_invoke_request),
        (LambdaFunction, "invoke", _wrap_invoke),
        (LambdaBackend, "delete_function", _wrap_delete),
        (LambdaBackend, "add_permission", _of_account(function_urls.wrap_add_permission)),
        (LambdaBackend, "create_function_url_config", _of_account(function_urls.wrap_create)),
        (LambdaBackend, "delete_function_url_config", _of_account(function_urls.wrap_delete)),
    ):
        original = getattr(owner, name)
        _originals.append((owner, name, original))
        setattr(owner, name, wrap(original))


def _of_account(wrap: Callable[..., Callable[..., Any]]) -> Callable[..., Callable[..., Any]]:
    """Let a repair of Function URLs know which accounts it is for, and where they are served."""
    return lambda original: wrap(original, _endpoints.get)


def _take_back_repairs() -> None:
    while _originals:
        owner, name, original = _originals.pop()
        setattr(owner, name, original)


def _wrap_invoke_request(original: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap the handler of the Invoke request: sizes, invocation types and headers as on AWS."""

    def invoke(response: Any) -> Any:
        runtime = _runtimes.get(response.current_account)
        return original(response) if runtime is None else _answer_invoke(response, runtime)

    return invoke


def _wrap_invoke(original: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap the call by which moto's other services invoke a function (SQS, SNS, Events)."""

    def invoke(
        function: Any, body: str | bytes, request_headers: Any, response_headers: Any
    ) -> Any:
        runtime = _runtimes.get(function.account_id)
        if runtime is None:
            return original(function, body, request_headers, response_headers)
        payload = body.encode() if isinstance(body, str) else body
        result = runtime.invoke(_spec(function), payload or b"{}")
        response_headers.update(_result_headers(result, with_log=True))
        return result.payload

    return invoke


def _wrap_delete(original: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap the removal of a function: its workers go with it."""

    def delete_function(backend: Any, function_name: str, qualifier: str | None = None) -> None:
        runtime = _runtimes.get(backend.account_id)
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
        runtime.invoke_event(_spec(function), payload, client_context=context)
        return _reply(HTTPStatus.ACCEPTED, {}, b"")
    try:
        result = runtime.invoke(_spec(function), payload, client_context=context)
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


def _spec(function: Any) -> FunctionSpec:
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
