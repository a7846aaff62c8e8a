"""Faults of Firestore."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from google.auth.credentials import AnonymousCredentials
from google.oauth2.credentials import Credentials
from urllib3 import PoolManager

from chalicelib.connections.answer_time import with_bounded_answers
from chalicelib.stores.firestore import store as firestore
from chalicelib.stores.firestore.transport import FirestoreDatabase
from tests.unit.chalicelib.faults import Matrix, Outcome, faults_of_http, faults_of_json
from tests.unit.chalicelib.servers import Act, Scripted, response
from tests.unit.chalicelib.stores.store_faults import END, SECRET, at, outcome_of

if TYPE_CHECKING:
    from chalicelib.stores.hot_store import BatchingHotStore, HotStore


class Renewed(AnonymousCredentials):
    """Credentials whose token is the secret."""

    def apply(self, headers: Any, token: Any = None) -> None:
        headers["Authorization"] = f"Bearer {SECRET}"

    def before_request(self, _request: Any, _method: str, _url: str, headers: Any) -> None:
        self.apply(headers)

    def refresh(self, request: Any) -> None:
        pass


def store_of(credentials: Any, server: Scripted) -> BatchingHotStore:
    service = server.url.removesuffix("/hot-reader")
    return firestore.FirestoreHotStore(
        FirestoreDatabase(
            with_bounded_answers(PoolManager()), credentials, service, "p", "(default)"
        ),
        collection="telemetry",
        device_id_attribute="device_id",
        timestamp_attribute="timestamp",
    )


def outcome(acts: tuple[Act, ...], patience: float) -> Outcome:
    def store_at(server: Scripted) -> HotStore:
        return store_of(Renewed(), server)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(firestore, "_PAGE_SECONDS", patience)
        if callable(acts[0]):  # each page is full, so there is always another one
            patch.setattr(firestore, "_LARGEST_PAGE", 1)
            acts = (acts[0], streamed(END_OF_ALL))[: len(acts)]
        return outcome_of(store_at, acts, patience)


def streamed(*parts: Any) -> bytes:
    """Answer as Firestore does."""
    return response(200, json.dumps(parts).encode())


def document(number: int, **values: Any) -> dict[str, Any]:
    fields = {"timestamp": {"stringValue": at(number)}, "n": {"integerValue": str(number)}}
    name = f"projects/p/databases/d/documents/c/{number}"
    return {"document": {"name": name, "fields": fields | values}}


def of_status(status: int, name: str) -> bytes:
    error = {"error": {"code": status, "message": "no", "status": name}}
    return response(status, json.dumps([error]).encode())


END_OF_ALL = {"readTime": END}
ABORTED = {"error": {"code": 409, "message": "no", "status": "ABORTED"}}
MATRIX = Matrix(
    "faults-of-firestore",
    {
        **faults_of_http(streamed(document(1)).partition(b"\r\n\r\n")[2]),
        **{
            f"{status} {name}": of_status(status, name)
            for status, name in [
                (400, "INVALID_ARGUMENT"),
                (400, "FAILED_PRECONDITION"),
                (401, "UNAUTHENTICATED"),
                (403, "PERMISSION_DENIED"),
                (404, "NOT_FOUND"),
                (409, "ABORTED"),
                (429, "RESOURCE_EXHAUSTED"),
                (499, "CANCELLED"),
                (500, "INTERNAL"),
                (503, "UNAVAILABLE"),
                (504, "DEADLINE_EXCEEDED"),
            ]
        },
        "408 without an error in it": response(408),
        **faults_of_json(),
        "a redirect": response(302, b"", {"Location": "https://elsewhere.example.com/"}),
        "an array that breaks off": response(200, b'[{"document":'),
        "a part that is a string": streamed("document"),
        "a document that is none": streamed({"document": None}),
        "a document without fields": streamed({"document": {"name": "a/b"}}),
        "a document without its key": streamed({"document": {"name": "a/b", "fields": {}}}),
        "a document without a name": streamed(
            {"document": document(1)["document"] | {"name": None}}
        ),
        "ABORTED before any document": streamed({"skippedResults": 1}, ABORTED),
        "an error that is none": streamed({"error": None}),
        "ABORTED behind a document": streamed(document(1), ABORTED),
        "pages without end": lambda number: streamed(document(number)),
    },
    streamed(document(2)),
    outcome,
)


def token_outcome(acts: tuple[Act, ...], patience: float) -> Outcome:
    asked: list[Scripted] = []

    def store_at(server: Scripted) -> HotStore:
        asked.append(server)
        credentials = Credentials(
            None, SECRET, token_uri=server.url, client_id="c", client_secret=SECRET
        )
        return store_of(credentials, data)

    with (
        Scripted(lambda _: streamed(document(len(asked[0].requests)))) as data,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(firestore, "_PAGE_SECONDS", patience)
        return outcome_of(store_at, acts, patience)


def token(content: dict[str, Any]) -> bytes:
    return response(200, json.dumps(content).encode())


GOOD_TOKEN = {"access_token": SECRET, "expires_in": 3600, "token_type": "Bearer"}
TOKENS = Matrix(
    "faults-of-firestore-tokens",
    {
        **faults_of_http(token(GOOD_TOKEN).partition(b"\r\n\r\n")[2]),
        **faults_of_json(),
        "200 with another token": token({"id_token": SECRET}),
        "400 with a token that is revoked": response(400, b'{"error":"invalid_grant"}'),
        "401": response(401, b'{"error":"invalid_client"}'),
        "429": response(429),
        "503": response(503, b'{"error":"internal_failure"}'),
    },
    token(GOOD_TOKEN),
    token_outcome,
)
