"""A Firestore that answers as it is told, over gRPC: for errors, and to see what is asked."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

import grpc
from google.auth.credentials import AnonymousCredentials
from google.cloud import firestore
from google.cloud.firestore_v1 import types
from google.cloud.firestore_v1._helpers import encode_dict

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PROJECT = "wire"
PATIENCE_SECONDS = 30
"""Only how long a query that does not end holds a test up."""


@dataclass
class Page:
    """What one query is answered with: documents by id, and then the end or a failure."""

    documents: dict[str, dict[str, Any]] = field(default_factory=dict)
    failure: grpc.StatusCode | None = None
    message: str = ""
    progress: bool = False
    """True to begin with a message that holds no document."""
    stuck: bool = False
    """True to never end."""


class FirestoreServer:
    """Starts on entry, ends on exit. Pages are given out in order, the last one again and again.

    `ended` is released when a query ends, also when the caller takes no more. A commit fails once for each of `commit_failures`, and then succeeds.
    """

    def __init__(self, *pages: Page, commit_failures: Sequence[grpc.StatusCode] = ()) -> None:
        self.pages = list(pages)
        self.commits: list[Any] = []
        self._commit_failures = list(commit_failures)
        self.queries: list[Any] = []
        self.parents: list[str] = []
        self.seconds: list[float] = []
        self.ended = threading.Semaphore(0)
        self._stopping = threading.Event()
        self._server = grpc.server(ThreadPoolExecutor(4))
        run_query = grpc.unary_stream_rpc_method_handler(
            self._run_query,
            request_deserializer=types.RunQueryRequest.deserialize,
            response_serializer=types.RunQueryResponse.serialize,
        )
        commit = grpc.unary_unary_rpc_method_handler(
            self._commit,
            request_deserializer=types.CommitRequest.deserialize,
            response_serializer=types.CommitResponse.serialize,
        )
        methods = {"RunQuery": run_query, "Commit": commit}
        self._server.add_generic_rpc_handlers(
            [grpc.method_handlers_generic_handler("google.firestore.v1.Firestore", methods)]
        )
        self.host = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._server.stop(PATIENCE_SECONDS).wait()

    def client(self) -> firestore.Client:
        return client_at(self.host)

    def _run_query(self, request: Any, context: Any) -> Iterator[Any]:
        self.queries.append(request.structured_query)
        self.parents.append(request.parent)
        self.seconds.append(context.time_remaining())
        context.add_callback(self.ended.release)
        page = self.pages[min(len(self.queries), len(self.pages)) - 1]
        if page.progress:
            yield types.RunQueryResponse(skipped_results=1)
        collection = request.structured_query.from_[0].collection_id
        for name, fields in page.documents.items():
            yield types.RunQueryResponse(
                document=types.Document(
                    name=f"{request.parent}/{collection}/{name}", fields=encode_dict(fields)
                )
            )
        if page.stuck:
            self._stopping.wait()
        if page.failure is not None:
            context.abort(page.failure, page.message)

    def _commit(self, request: Any, context: Any) -> Any:
        if self._commit_failures:
            context.abort(self._commit_failures.pop(0), "slowly, please")
        self.commits.append(request)
        return types.CommitResponse(
            write_results=[types.WriteResult() for _ in request.writes],
            commit_time=datetime.now(UTC),
        )


def client_at(host: str) -> firestore.Client:
    client = firestore.Client(project=PROJECT, credentials=AnonymousCredentials())
    client._emulator_host = host
    return client
