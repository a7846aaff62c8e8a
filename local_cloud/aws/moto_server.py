"""Moto as a server in this process: one account, with Function URLs that answer."""

from __future__ import annotations

import contextlib
import functools
import io
import logging
import socket
import threading
from http import HTTPStatus
from http.client import responses as PHRASES  # noqa: N812 - a constant
from typing import TYPE_CHECKING, Any, Final

from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import ThreadedWSGIServer

from local_cloud.aws import function_urls, moto_accounts
from local_cloud.aws.lambda_runtime import LambdaRuntime
from local_cloud.aws.moto_lambda import spec_of
from local_cloud.child_process import HOST
from local_cloud.request_body import read_body

if TYPE_CHECKING:
    from collections.abc import Callable

    from local_cloud.aws.lambda_runtime import InvocationResult

_STOP_SECONDS: Final = 5.0

logger = logging.getLogger(__name__)


class MotoServer:
    """Serves one account, from its creation on, until `stop` drops it."""

    def __init__(self, port: int) -> None:
        # Not left to werkzeug, which prints a hint and exits the process when the port is taken.
        with socket.create_server((HOST, port), backlog=128) as listener:
            bound_port = listener.getsockname()[1]
            self.endpoint_url = f"http://{HOST}:{bound_port}"
            self.runtime = LambdaRuntime(endpoint_url=self.endpoint_url)
            self.account_id = moto_accounts.register(self.runtime, self.endpoint_url)
            dispatcher = DomainDispatcherApplication(create_backend_app)
            # Moto matches some 200 patterns anew for each request; a host's backend doesn't change.
            dispatcher.get_backend_for_host = functools.cache(dispatcher.get_backend_for_host)
            application = _with_account(dispatcher, self.account_id)
            application = _with_function_urls(application, self.account_id, self.runtime)
            self._server = _Server(
                HOST, bound_port, application, _RequestHandler, fd=listener.fileno()
            )
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name="local-aws", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Stop serving, end all workers and drop the account."""
        # The server first takes no new requests, then the workers end, so that requests that
        # wait for them get an answer, then the connections that clients keep open.
        self._server.shutdown()
        self._thread.join()
        self.runtime.stop()
        self._server.close_connections()
        moto_accounts.unregister(self.account_id)


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
        return runtime.invoke(spec_of(function), event)

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
        try:
            environ = self.make_environ()
            environ["wsgi.input"] = io.BytesIO(read_body(self.headers, self.rfile))
        except ValueError as error:
            self.close_connection = True
            self.send_error(HTTPStatus.BAD_REQUEST, explain=str(error))
            return
        self.environ = environ
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
        # a refused request may have no path: `http.server` sets it after it has read the whole line
        logger.debug("%s: %s (%s)", self.requestline, code, size)

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
