"""A Firestore over gRPC that takes commits of Google's client, or refuses them as it is told."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

import grpc
from google.auth.credentials import AnonymousCredentials
from google.cloud import firestore
from google.cloud.firestore_v1 import types

if TYPE_CHECKING:
    from collections.abc import Sequence

PATIENCE_SECONDS = 30
"""Only how long a call that does not end holds a test up."""


class CommitServer:
    """Starts on entry, ends on exit. A commit fails once for each of the failures, and then succeeds."""

    def __init__(self, failures: Sequence[grpc.StatusCode]) -> None:
        self.commits: list[Any] = []
        self._failures = list(failures)
        self._server = grpc.server(ThreadPoolExecutor(4))
        commit = grpc.unary_unary_rpc_method_handler(
            self._commit,
            request_deserializer=types.CommitRequest.deserialize,
            response_serializer=types.CommitResponse.serialize,
        )
        self._server.add_generic_rpc_handlers(
            [
                grpc.method_handlers_generic_handler(
                    "google.firestore.v1.Firestore", {"Commit": commit}
                )
            ]
        )
        self._host = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop(PATIENCE_SECONDS).wait()

    def client(self) -> firestore.Client:
        client = firestore.Client(project="wire", credentials=AnonymousCredentials())
        client._emulator_host = self._host
        return client

    def _commit(self, request: Any, context: Any) -> Any:
        if self._failures:
            context.abort(self._failures.pop(0), "slowly, please")
        self.commits.append(request)
        return types.CommitResponse(
            write_results=[types.WriteResult() for _ in request.writes],
            commit_time=datetime.now(UTC),
        )
