"""The HTTP server: one request in, one operation, one answer out."""

from __future__ import annotations

import logging
import re
import socket
import threading
import time
import uuid
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

from .connectors.functions import NamedFunctions, invoker_of, is_url
from .connectors.invoker import LambdaInvoker, PythonInvoker
from .errors import (
    ApiError,
    InternalError,
    InvalidRequestError,
    NotFoundError,
    NotOfferedError,
)
from .operations.component_types import ComponentTypes
from .operations.contents import Contents
from .operations.dataplane import DataPlane
from .operations.entities import Entities
from .operations.initializers import Initializers
from .operations.scenes import Scenes
from .operations.tags import Tags
from .operations.workspaces import Workspaces
from .operations.writes import Writes
from .protocol.cross_origin import CrossOrigin
from .protocol.rest_json import HttpRequest, rest_json
from .twin.state_file import StateFile
from .twin.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping
    from pathlib import Path
    from types import TracebackType
    from wsgiref.types import StartResponse, WSGIEnvironment

    from werkzeug.serving import BaseWSGIServer

    from .connectors.functions import Handler
    from .connectors.invoker import Invoker
    from .protocol.rest_json import Call
    from .twin.resources import Json

LOGGER = logging.getLogger(__name__)

_POLL = 0.02
"""Seconds until the server notices that it must stop."""

_ARN_PART = re.compile(r"[a-z0-9-]+:[0-9]{12}")

_READS = ("Get", "List", "BatchPut")
"""How the names of operations begin that change nothing of the twin."""


class LocalTwinMaker:
    """AWS IoT TwinMaker's REST API on loopback. A context manager.

    Parameters
    ----------
    host : str
        The address to listen on. There is no authentication, so it should stay a loopback address.
    port : int
        0 for any free port.
    region, account_id : str
        The region and the account of ARNs; ``region`` is also that of the Lambda client.
    lambda_endpoint_url : str, optional
        A local Lambda, invoked with the credentials ``local``/``local``. Without it, and without
        ``invoke``, boto3's own endpoint and credentials.
    invoke : callable, optional
        A Python function that stands for every connector Lambda: takes the ARN and the event,
        returns the answer. An exception of its is the connector's failure, ``TimeoutError`` its
        time-out.
    lambda_timeout : float
        Seconds that a Lambda may take to answer.
    functions : mapping, optional
        Connectors by the ARNs of their functions: a URL that takes the event, a Python handler
        ``handler(event, context)``, or one as ``module:handler``. Without ``lambda_endpoint_url``
        there are no others.
    state_file : str or Path, optional
        A file to keep what is created in, written after each change. Without one it is lost with
        the process.
    allowed_origins : collection of str
        The origins of web pages that may use it in a browser, apart from those of this machine;
        ``*`` for all.

    Raises
    ------
    ValueError
        ``invoke`` is given together with ``lambda_endpoint_url`` or ``functions``, a function
        can't be imported, a URL has another form, or the region or the account is none that an ARN
        may have.
    StateFileError
        The state file isn't one that this version wrote.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        region: str = "eu-central-1",
        account_id: str = "123456789012",
        lambda_endpoint_url: str | None = None,
        invoke: Callable[[str, dict[str, Any]], dict[str, Any]] | None = None,
        lambda_timeout: float = 60.0,
        functions: Mapping[str, str | Handler] | None = None,
        state_file: str | Path | None = None,
        allowed_origins: Collection[str] = (),
    ) -> None:
        if invoke is not None and (lambda_endpoint_url is not None or functions):
            raise ValueError("Give invoke, or lambda_endpoint_url and functions, not both")
        if lambda_endpoint_url is not None and not is_url(lambda_endpoint_url):
            raise ValueError(
                f"{lambda_endpoint_url!r} must be the URL of a Lambda API, such as "
                "http://127.0.0.1:5000"
            )
        if not _ARN_PART.fullmatch(f"{region}:{account_id}"):
            raise ValueError(
                f"The region {region!r} and the account {account_id!r} must be as in ARNs, such as "
                "eu-central-1 and 123456789012"
            )
        invoker: Invoker
        if invoke is not None:
            invoker = PythonInvoker(invoke)
        else:
            invoker = LambdaInvoker(region, lambda_endpoint_url, lambda_timeout)
        if functions:
            named = {arn: invoker_of(each, lambda_timeout) for arn, each in functions.items()}
            invoker = NamedFunctions(named, invoker if lambda_endpoint_url else None)
        store = Store(region, account_id)
        keep = None if state_file is None else StateFile(state_file)
        if keep is not None:
            keep.load(store)
        self._address = (host, port)
        self._application = _Application(store, invoker, CrossOrigin(allowed_origins), keep)
        self._server: BaseWSGIServer | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """The endpoint for ``endpoint_url``, for instance ``http://127.0.0.1:41233``.

        Raises
        ------
        RuntimeError
            The server isn't running.
        """
        if self._server is None:
            raise RuntimeError("The local TwinMaker isn't running: call start() first")
        host = self._address[0]
        return f"http://{f'[{host}]' if ':' in host else host}:{self._server.port}"

    def start(self) -> Self:
        """Start listening; requests are served by threads in the background.

        Raises
        ------
        RuntimeError
            It is running already.
        OSError
            The address is unavailable, for instance because the port is in use.
        """
        if self._server is not None:
            raise RuntimeError("The local TwinMaker is running already")
        host, port = self._address
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        # Bound here, because werkzeug ends the whole process if it can't bind.
        with socket.create_server((host, port), family=family, backlog=128) as bound:
            self._server = make_server(
                host,
                port,
                self._application,
                threaded=True,
                request_handler=_QuietHandler,
                fd=bound.fileno(),
            )
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(_POLL,), name="local-twinmaker", daemon=True
        )
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop listening. What was created stays for the next start; nothing if not running."""
        if self._server is None or self._thread is None:
            return
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._server = self._thread = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


class _QuietHandler(WSGIRequestHandler):
    """Leaves the access log to the application, which knows the operation."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log nothing."""


class _Application:
    """The WSGI application."""

    def __init__(
        self,
        store: Store,
        invoker: Invoker,
        cross_origin: CrossOrigin,
        keep: StateFile | None,
    ) -> None:
        self._store = store
        self._cross_origin = cross_origin
        self._keep = keep
        self._protocol = rest_json("iottwinmaker")
        initializers = Initializers(store, invoker)
        types = ComponentTypes(store, invoker, initializers)
        entities, contents = Entities(store, initializers), Contents(store)
        workspaces, scenes, tags = Workspaces(store), Scenes(store), Tags(store)
        values, writes = DataPlane(store, invoker), Writes(store, invoker)
        self._handlers: dict[str, Callable[[Json], Json]] = {
            "CreateWorkspace": workspaces.create,
            "GetWorkspace": workspaces.get,
            "UpdateWorkspace": workspaces.update,
            "DeleteWorkspace": workspaces.delete,
            "ListWorkspaces": workspaces.list,
            "CreateComponentType": types.create,
            "GetComponentType": types.get,
            "UpdateComponentType": types.update,
            "DeleteComponentType": types.delete,
            "ListComponentTypes": types.list,
            "CreateEntity": entities.create,
            "GetEntity": entities.get,
            "UpdateEntity": entities.update,
            "DeleteEntity": entities.delete,
            "ListEntities": entities.list,
            "ListComponents": contents.components,
            "ListProperties": contents.properties,
            "CreateScene": scenes.create,
            "GetScene": scenes.get,
            "UpdateScene": scenes.update,
            "DeleteScene": scenes.delete,
            "ListScenes": scenes.list,
            "TagResource": tags.add,
            "UntagResource": tags.remove,
            "ListTagsForResource": tags.list,
            "GetPropertyValue": values.latest,
            "GetPropertyValueHistory": values.history,
            "BatchPutPropertyValues": writes.put,
        }

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request = Request(environ)
        started = time.perf_counter()
        response, name = self._respond(request)
        LOGGER.info(
            "%s %d %.1f ms", name, response.status_code, (time.perf_counter() - started) * 1_000
        )
        return response(environ, start_response)

    def _respond(self, request: Request) -> tuple[Response, str]:
        """Answer a request and name its operation."""
        body = request.get_data()  # read to the end: closing on unread data resets the client
        try:
            shared = self._cross_origin.headers(request.headers)
        except ApiError as error:
            return self._refused(error), "-"
        if request.method == "OPTIONS":
            return Response(
                status=204, headers=shared | self._cross_origin.preflight(request.headers)
            ), "-"
        response, name = self._operate(request, body)
        response.headers.update(shared)
        return response, name

    def _operate(self, request: Request, body_sent: bytes) -> tuple[Response, str]:
        name = "-"
        try:
            call = self._protocol.match(request.method, _raw_path(request))
            name = call.name
            status, body = self._protocol.write(call, self._run(call, request, body_sent))
        except InternalError as error:
            LOGGER.exception("%s: a fault of the local TwinMaker", name)
            return self._refused(error), name
        except ApiError as error:
            return self._refused(error), name
        except Exception:
            LOGGER.exception("%s: a fault of the local TwinMaker", name)
            return self._refused(InternalError("A fault of the local TwinMaker; see its log")), name
        return _response(status, body), name

    def _run(self, call: Call, request: Request, body: bytes) -> Json:
        handler = self._handlers.get(call.name)
        if handler is None:
            raise NotOfferedError(f"The local TwinMaker doesn't have the operation {call.name}")
        got = HttpRequest(request.args, request.headers, body)
        members = self._protocol.read(call, got)
        try:
            answer = handler(members)
        except NotFoundError as error:
            # An operation answers with the exceptions that its model lists, and some lack this one.
            if error.code in {shape.name for shape in call.operation.error_shapes}:
                raise
            raise InvalidRequestError(error.message) from error
        if self._keep is not None and not call.name.startswith(_READS):
            self._keep.save(self._store)
        return answer

    def _refused(self, error: ApiError) -> Response:
        response = _response(*self._protocol.write_error(error))
        response.headers["x-amzn-ErrorType"] = error.code
        return response


def _response(status: int, body: str) -> Response:
    headers = {"x-amzn-RequestId": str(uuid.uuid4())}
    return Response(body, status, headers, mimetype="application/json")


def _raw_path(request: Request) -> str:
    """Return the path as it was sent: werkzeug's server keeps it, beside the decoded one."""
    raw: str = request.environ.get("RAW_URI") or quote(request.path)
    return raw.split("?")[0]
