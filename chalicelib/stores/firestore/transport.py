"""Queries to Firestore by its REST API, whose answers are JSON of whole pages.

Google's client over gRPC makes objects of each document, which takes many times as long as parsing JSON.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import orjson
from google.auth.exceptions import (
    DefaultCredentialsError,
    GoogleAuthError,
    RefreshError,
    TransportError,
)
from urllib3 import PoolManager, Timeout
from urllib3.exceptions import HTTPError, ReadTimeoutError

from chalicelib.connections.answer_time import (
    all_until,
    with_bounded_answers,
    with_bounded_answers_of_requests,
)
from chalicelib.connections.pool import pool_for
from chalicelib.connections.sdk_errors import STUMBLES
from chalicelib.model.errors import ConfigurationError

if TYPE_CHECKING:
    from google.auth.credentials import Credentials
    from urllib3 import BaseHTTPResponse

    from chalicelib.settings.firestore import FirestoreSettings

_SERVICE: Final = "https://firestore.googleapis.com"
_SCOPE: Final = "https://www.googleapis.com/auth/datastore"
_EMULATORS_PROJECT: Final = "google-cloud-firestore-emulator"
"""Google's clients name the same one if none is set."""
_CONNECTION_SECONDS: Final = 2.0
_LARGEST_ANSWER: Final = 8_000_000
"""Bytes. Firestore ends no page by itself: a thousand documents may have a gigabyte (functions/gcp/publish.sh gives a
function 512 MiB, for several requests)."""
_CONNECTIONS: Final = 16
"""Kept open, at most: a function answers fewer requests at once (functions/gcp/publish.sh)."""
_HEADERS: Final = {"Content-Type": "application/json", "Accept-Encoding": "gzip"}
_EMULATORS_OWNER: Final = "Bearer owner"
"""Passes an emulator's access rules, as Google's clients do."""
_TRANSIENT: Final = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)
"""Statuses below 500 at which a token may be had a little later."""
_STATUSES: Final = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    408: "UNAVAILABLE",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    504: "DEADLINE_EXCEEDED",
}
"""What an answer without an error in it means (Google Cloud, 'API design guide', 'Errors')."""


class FirestoreFailure(Exception):  # noqa: N818 - an error of the product's is made of it
    """An error that Firestore answers in place of documents, or the reason why there is no answer.

    Parameters
    ----------
    status
        The name of its code (Firestore documentation, 'Understand error codes').
    message
        What is wrong.
    """

    def __init__(self, status: str, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status


class LateAnswerError(FirestoreFailure):
    """An answer that isn't whole in its time, which one of fewer documents may be."""


class LargeAnswerError(FirestoreFailure):
    """An answer that is larger than this machine may take; one of fewer documents isn't."""


def identity(settings: FirestoreSettings) -> tuple[Credentials, str]:
    """Return the credentials of whoever runs this, and the project.

    Raises
    ------
    ConfigurationError
        They can't be determined.
    """
    import google.auth  # slow to load, and unneeded with an emulator

    try:
        credentials, project = google.auth.default(scopes=[_SCOPE])
    except DefaultCredentialsError as error:
        raise ConfigurationError(
            f"There are no Google credentials ({error}). On Google Cloud, the function's service "
            "account gives them; on your machine: gcloud auth application-default login"
        ) from error
    project = settings.project or project
    if project is None:
        raise ConfigurationError(
            "FIRESTORE_PROJECT is not set, and the project can't be determined. Set it to something "
            "like: my-project-1234"
        )
    return credentials, project


def database_of(settings: FirestoreSettings) -> FirestoreDatabase:
    """Return the settings' database; nothing is sent yet.

    Raises
    ------
    ConfigurationError
        The project or the credentials can't be determined, or the certificates can't be read.
    """
    if settings.emulator is not None:
        project = settings.project or _EMULATORS_PROJECT
        service = f"http://{settings.emulator}"
        pool = with_bounded_answers(PoolManager(maxsize=_CONNECTIONS))
        return FirestoreDatabase(pool, None, service, project, settings.database)
    credentials, project = identity(settings)
    try:
        pool = pool_for(_SERVICE, _CONNECTIONS)
    except OSError as error:
        raise ConfigurationError(f"REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE: {error}") from error
    return FirestoreDatabase(pool, credentials, _SERVICE, project, settings.database)


@dataclass(frozen=True)
class FirestoreDatabase:
    """A database of documents.

    Attributes
    ----------
    pool
        Connections.
    credentials
        Those of google-auth that requests are sent with; None with an emulator.
    service
        The address of the API.
    project, name
        The names of the project and of the database.
    """

    pool: PoolManager
    credentials: Any
    service: str
    project: str
    name: str

    @property
    def root(self) -> str:
        """The resource name that those of all documents begin with."""
        return f"projects/{self.project}/databases/{self.name}/documents"

    def run_query(self, parent: str, query: dict[str, Any], seconds: float) -> list[Any]:
        """Run a query, and return what is streamed for it (REST reference, 'documents.runQuery').

        Parameters
        ----------
        parent
            The path of the document that the query's collection is in, or an empty string.
        query
            The StructuredQuery.
        seconds
            How long it may take, tokens included, to the last byte of the answer.

        Raises
        ------
        LateAnswerError, LargeAnswerError
            The answer takes too long, or too much.
        FirestoreFailure
            It is an error or not what the reference says, or doesn't arrive whole and in time.
        """
        try:
            body = orjson.dumps({"structuredQuery": query})
        except TypeError:  # a cursor may have a lone surrogate, from a sort key
            body = json.dumps({"structuredQuery": query}).encode()
        place = quote(f"{self.root}/{parent}".rstrip("/"), safe="/()")
        try:
            with all_until(time.monotonic() + seconds):
                answer = self._sent(f"{self.service}/v1/{place}:runQuery?prettyPrint=false", body)
                content = _content_of(answer)
        except ReadTimeoutError as error:
            message = f"no whole answer within {seconds:.1f} s ({error})"
            raise LateAnswerError("UNAVAILABLE", message) from error
        except GoogleAuthError as error:
            is_transient = error.retryable or isinstance(error, TransportError)
            # Behind its reason an error may have the whole answer, with a token in it.
            raise FirestoreFailure(
                "UNAVAILABLE" if is_transient else "UNAUTHENTICATED",
                str(error.args[0]) if error.args else repr(error),
            ) from None
        except (HTTPError, OSError) as error:
            raise FirestoreFailure("UNAVAILABLE", str(error)) from error
        if answer.status != HTTPStatus.OK:
            raise _failure(answer.status, content)
        answered = _parsed(content)
        if not isinstance(answered, list):
            raise malformed()
        return answered

    def _sent(self, url: str, body: bytes) -> BaseHTTPResponse:
        """Send a request, with a new token if the service doesn't take the one at hand."""
        options: dict[str, Any] = {
            "body": body,
            "headers": dict(_HEADERS),
            "timeout": Timeout(connect=_CONNECTION_SECONDS),
            "redirect": False,
            "retries": False,
            "preload_content": False,
        }
        if self.credentials is None:
            options["headers"]["Authorization"] = _EMULATORS_OWNER
            return self.pool.urlopen("POST", url, **options)
        self._authorize(url, options["headers"])
        response = self.pool.urlopen("POST", url, **options)
        if response.status == HTTPStatus.UNAUTHORIZED:
            _content_of(response)
            self._authorize(url, options["headers"], anew=True)
            response = self.pool.urlopen("POST", url, **options)
        return response

    def _authorize(self, url: str, headers: dict[str, str], *, anew: bool = False) -> None:
        def ask(*what: Any, **options: Any) -> Any:
            # After these failures google-auth would sleep and ask again, for longer than there may be time, and
            # not say in the end that another try is worthwhile (google.auth.compute_engine).
            try:
                response = _token_requests()(*what, **options)
            except TransportError as error:
                raise _no_token(str(error)) from error
            if response.status >= 500 or response.status in _TRANSIENT:
                raise _no_token(f"HTTP status {response.status}")
            return response

        try:
            if anew:
                self.credentials.refresh(ask)
                self.credentials.apply(headers)
            else:
                self.credentials.before_request(ask, "POST", url, headers)
        except GoogleAuthError:
            raise
        except STUMBLES as error:
            raise _no_token(
                f"the answer isn't one to a request for it ({type(error).__name__})"
            ) from error


def _content_of(answer: BaseHTTPResponse) -> bytes:
    content = answer.read(_LARGEST_ANSWER + 1)
    if len(content) > _LARGEST_ANSWER:
        answer.close()
        message = f"the answer has more than {_LARGEST_ANSWER:,} bytes"
        raise LargeAnswerError("UNAVAILABLE", message)
    answer.release_conn()
    return content


def _no_token(reason: str) -> GoogleAuthError:
    return RefreshError(f"there is no token: {reason}", retryable=True)  # type: ignore[no-untyped-call]


@lru_cache(maxsize=1)
def _token_requests() -> Any:
    """Return google-auth's way to send requests, with whole answers in their time."""
    from google.auth.transport.requests import Request
    from requests import Session
    from requests.adapters import HTTPAdapter

    session = Session()
    adapter = with_bounded_answers_of_requests(HTTPAdapter())
    for scheme in ("https://", "http://"):
        session.mount(scheme, adapter)
    return Request(session)


def malformed() -> FirestoreFailure:
    """Return the failure that an answer is which isn't what the reference says."""
    return FirestoreFailure("INTERNAL", "the answer isn't one to a query, or is cut off")


def failure_in(answered: Any) -> FirestoreFailure | None:
    """Return the error that a part of an answer holds, if it is one."""
    match answered:
        case {"error": {"status": str(status), "message": str(message)}}:
            return FirestoreFailure(status, message)
    return None


def _failure(code: int, content: bytes) -> FirestoreFailure:
    answered = _parsed(content)
    # An error of a method that streams is in an array.
    if isinstance(answered, list) and answered:
        answered = answered[0]
    status = _STATUSES.get(code, "UNAVAILABLE" if code > 500 else "UNKNOWN")
    return failure_in(answered) or FirestoreFailure(status, f"HTTP status {code}")


def _parsed(content: bytes) -> Any:
    """Parse JSON; None if it isn't."""
    try:
        return orjson.loads(content)
    except ValueError:
        pass
    try:
        # It reads lone surrogates, too, which make one value useless and not the page.
        return json.loads(content, parse_int=_whole)
    except (ValueError, RecursionError):
        return None


def _whole(digits: str) -> float:
    """Read a whole number as orjson does: one beyond 64 bits is a double."""
    number = int(digits)
    return number if -(2**63) <= number < 2**64 else float(digits)
