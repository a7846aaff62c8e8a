"""A Firestore that answers as it is told, over REST: for errors, and to see what is asked."""

from __future__ import annotations

import gzip
import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self

from google.cloud.firestore_v1 import types
from google.cloud.firestore_v1._helpers import encode_dict

from chalicelib.settings.firestore import FirestoreSettings
from chalicelib.stores.firestore.transport import FirestoreDatabase, database_of

if TYPE_CHECKING:
    from collections.abc import Iterator

PROJECT = "wire"
CODES = {
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "ABORTED": 409,
    "RESOURCE_EXHAUSTED": 429,
    "CANCELLED": 499,
    "INTERNAL": 500,
    "UNIMPLEMENTED": 501,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}
"""The HTTP status of each error (google/rpc/code.proto)."""


@dataclass
class Page:
    """The answer to one query: documents by id, and then the end or a failure."""

    documents: dict[str, dict[str, Any]] = field(default_factory=dict)
    failure: str | None = None
    message: str = ""
    progress: bool = False
    """True to begin with a part that holds no document."""

    def parts(self, parent: str, collection: str) -> Iterator[dict[str, Any]]:
        if self.progress:
            yield {"skippedResults": 1}
        for name, fields in self.documents.items():
            answered = types.RunQueryResponse(
                document=types.Document(
                    name=f"{parent}/{collection}/{name}", fields=encode_dict(fields)
                )
            )
            yield json.loads(types.RunQueryResponse.to_json(answered))
        if self.failure is not None:
            code, status = CODES[self.failure], self.failure
            yield {"error": {"code": code, "message": self.message, "status": status}}
        elif not self.documents:
            yield {"readTime": "2026-01-30T17:00:00Z"}


@dataclass
class Raw:
    """The answer to one query, byte for byte."""

    content: bytes
    status: int = 200
    compressed: bool = False
    """True to send it compressed and in chunks, as the service does."""


class FirestoreServer:
    """Starts on entry, ends on exit. Answers are given out in order, the last one again and again.

    A request with another token than the one it takes is unauthenticated.
    """

    def __init__(self, *answers: Page | Raw, accepts: str = "owner") -> None:
        self.tokens: list[str] = []
        self._accepted = accepts
        self.queries: list[Any] = []
        self.parents: list[str] = []
        self._answers = answers

        answer = self._answer

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                answer(self)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.host = f"127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def database(self) -> FirestoreDatabase:
        return database_at(self.host)

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        self.tokens.append(handler.headers["Authorization"].removeprefix("Bearer "))
        parent, _, method = handler.path.removeprefix("/v1/").rpartition(":")
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        # Strict: a name or a value that isn't one of the API's is an error.
        asked = types.RunQueryRequest.from_json(body, ignore_unknown_fields=False)
        query = asked.structured_query
        self.queries.append(query)
        self.parents.append(parent)
        answer = self._answers[min(len(self.queries), len(self._answers)) - 1]
        if isinstance(answer, Page):
            parts = list(answer.parts(parent, query.from_[0].collection_id))
            status = 200 if answer.documents or answer.progress or not answer.failure else 0
            answer = Raw(json.dumps(parts).encode(), status or CODES[str(answer.failure)])
        if self.tokens[-1] != self._accepted:
            answer = Raw(b"", CODES["UNAUTHENTICATED"])
        assert method == "runQuery?prettyPrint=false"
        handler.send_response(answer.status)
        handler.send_header("Content-Type", "application/json; charset=UTF-8")
        if answer.compressed:
            content = gzip.compress(answer.content)
            middle = len(content) // 2
            handler.send_header("Content-Encoding", "gzip")
            handler.send_header("Transfer-Encoding", "chunked")
            chunks = [content[:middle], content[middle:], b""]
            framed = [b"%x\r\n%s\r\n" % (len(each), each) for each in chunks]
            answer = Raw(b"".join(framed))
        else:
            handler.send_header("Content-Length", str(len(answer.content)))
        handler.end_headers()
        handler.wfile.write(answer.content)


def database_at(host: str) -> FirestoreDatabase:
    return database_of(FirestoreSettings(PROJECT, "(default)", "unused", host))
