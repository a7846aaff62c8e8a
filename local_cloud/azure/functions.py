"""A local Azure Functions: serves the HTTP functions of an app on loopback.

Azure's own host (Core Tools) is a download of its own. What matters of it is done here as it does:
the app is loaded with its settings in the environment, routes and methods come from the app's
decorators and host.json, and requests and answers go through azure.functions' own converters.

    python -m local_cloud.azure.functions --port PORT --app DIRECTORY
"""

from __future__ import annotations

import argparse
import importlib
import json
import logging
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

from azure.functions.http import HttpRequestConverter, HttpResponseConverter
from azure.functions.meta import Datum
from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule

from local_cloud.child_process import (
    HOST,
    ChildProcess,
    end_with_parent,
    own_environment,
)
from local_cloud.request_body import read_body

if TYPE_CHECKING:
    from collections.abc import Mapping

    from azure.functions import FunctionApp
    from azure.functions.decorators.function_app import Function


class LocalAzureFunctions(ChildProcess):
    """The app in a process of its own; a context manager.

    Parameters
    ----------
    settings
        The app's application settings, as its environment gets them.
    app
        The directory of function_app.py and host.json.
    port
        The port that it listens on, on loopback.
    log
        The file that gets its output.
    """

    def __init__(self, settings: Mapping[str, str], *, app: Path, port: int, log: Path) -> None:
        arguments = ["--port", str(port), "--app", str(app)]
        super().__init__(
            "The Azure Functions app",
            [sys.executable, "-m", "local_cloud.azure.functions", *arguments],
            port=port,
            log=log,
            environment=own_environment("AWS_", "AZURE_", "COSMOS_") | dict(settings),
        )
        self.url = f"http://{HOST}:{port}"


class FunctionHost:
    """Finds the function of a request, calls it, and returns what it answers.

    Parameters
    ----------
    app
        The app that the functions are registered with.
    route_prefix
        The prefix of each route in host.json.
    """

    def __init__(self, app: FunctionApp, route_prefix: str) -> None:
        functions = app.get_functions()
        self._functions = {function.get_function_name(): function for function in functions}
        self._routes = Map(
            [rule for function in functions for rule in _rules(function, route_prefix)],
            strict_slashes=False,
        )

    def answer(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Answer a request.

        Parameters
        ----------
        method
            `GET`, `POST`, ...
        target
            The path and query of its URL.
        headers
            By name.
        body
            The bytes that were sent.
        """
        path = unquote(urlsplit(target).path)
        try:
            name, route_params = self._routes.bind(HOST).match(path, method)
        except HTTPException:  # a method that the function doesn't take is "not found", too
            return Answer(404)
        try:
            return _call(self._functions[name], _datum(method, target, headers, route_params, body))
        except Exception:
            logging.getLogger("azure-functions").exception("Function %s failed", name)
            return Answer(500)


class Answer(NamedTuple):
    """The answer to a request."""

    status: int
    headers: Mapping[str, str] = {}
    body: bytes = b""


def _rules(function: Function, route_prefix: str) -> list[Rule]:
    trigger: Any = function.get_trigger()
    route = str(trigger.route or function.get_function_name()).replace("{", "<").replace("}", ">")
    path = "/".join(["", *filter(None, [route_prefix, route])])
    return [
        Rule(path, endpoint=function.get_function_name(), methods=[str(method)])
        for method in trigger.methods or ["GET", "POST"]
    ]


def _datum(
    method: str,
    target: str,
    headers: Mapping[str, str],
    route_params: Mapping[str, Any],
    body: bytes,
) -> Datum:
    """Put a request as the host sends it to the Python worker (Functions host, `RpcHttp`)."""
    given = parse_qs(urlsplit(target).query)
    return Datum(
        type="http",
        value={
            "method": Datum(method, "string"),
            "url": Datum(f"http://{HOST}{target}", "string"),
            "headers": _strings({name.lower(): value for name, value in headers.items()}),
            # Empty ones are left out, and repeated ones joined.
            "query": _strings({name: ",".join(values) for name, values in given.items()}),
            "params": _strings(route_params),
            "body": Datum(body, "bytes"),
        },
    )


def _strings(values: Mapping[str, Any]) -> dict[str, Datum]:
    return {name: Datum(str(value), "string") for name, value in values.items()}


def _call(function: Function, request: Datum) -> Answer:
    trigger: Any = function.get_trigger()
    argument = HttpRequestConverter.decode(request, trigger_metadata={})
    returned = function.get_user_function()(**{trigger.name: argument})
    answer = HttpResponseConverter.encode(returned, expected_type=None).value
    return Answer(
        int(answer["status_code"].value),
        {name: value.value for name, value in answer["headers"].items()},
        answer["body"].value,
    )


class _Server(ThreadingHTTPServer):
    """Answers each connection in a thread of its own."""

    daemon_threads = True
    request_queue_size = 128  # of more than five connections at once it would refuse some

    def __init__(self, port: int, host: FunctionHost) -> None:
        super().__init__((HOST, port), _Handler)
        self.host = host


class _Handler(BaseHTTPRequestHandler):
    """Keeps connections, and sends the head and the body of an answer without a wait (Nagle)."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def _answer(self) -> None:
        try:
            urlsplit(self.path)
            body = read_body(self.headers, self.rfile)
        except ValueError as error:
            self.close_connection = True
            self.send_error(400, explain=str(error))
            return
        # The host joins headers of one name (Functions host, `RpcHttp`).
        headers = {name: ",".join(self.headers.get_all(name, ())) for name in self.headers}
        answer = self.server.host.answer(self.command, self.path, headers, body)
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    def __getattr__(self, name: str) -> Any:
        """Answer every method, each by its own name (`http.server`: `do_GET`, ...)."""
        if name.startswith("do_"):
            return self._answer
        raise AttributeError(name)

    def log_request(self, code: object = "-", size: object = "-") -> None:
        """Leave the log to the functions."""


def main() -> None:
    """Serve an app until the process that started this one is gone."""
    parser = argparse.ArgumentParser(description="Serve the HTTP functions of an app on loopback.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--app", type=Path, required=True, metavar="DIRECTORY")
    arguments = parser.parse_args()
    end_with_parent()
    # As the worker does: it collects what goes through Python's logging, from INFO on.
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    sys.path.insert(0, str(arguments.app))
    app = importlib.import_module("function_app").app
    host = json.loads((arguments.app / "host.json").read_text())
    prefix = host.get("extensions", {}).get("http", {}).get("routePrefix", "api")
    _Server(arguments.port, FunctionHost(app, prefix)).serve_forever()


if __name__ == "__main__":
    main()
