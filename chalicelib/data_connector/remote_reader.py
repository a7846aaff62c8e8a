"""Calls of another cloud's Hot Reader over HTTP, with retries and one deadline for the whole call.

docs/architecture.md, "Where a connector's time goes".
"""

from __future__ import annotations

import logging
import random
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import orjson
import requests
import urllib3

from chalicelib.connections.in_time import OutOfTimeError, in_time
from chalicelib.contracts import answer_check
from chalicelib.contracts.wire_contract import LEFT_OUT_HEADER, TOKEN_HEADER, flaws_of
from chalicelib.data_connector.breaker import Breaker
from chalicelib.data_connector.deadline import Deadline
from chalicelib.data_connector.failed_try import Failure, Response, no_answer, refusal
from chalicelib.data_connector.masking import masked, secrets_in
from chalicelib.data_connector.session import new_session
from chalicelib.model.errors import (
    InvalidQueryError,
    RemoteReaderError,
    StoreUnavailableError,
)
from chalicelib.model.limits import LARGEST_PAYLOAD
from chalicelib.model.moment import Moment
from chalicelib.model.results import Flaws
from chalicelib.tokens.aws_stores import inter_cloud_token

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from chalicelib.model.query import AnyQuery
    from chalicelib.settings.data_connector import RemoteReaderSettings

_HEADERS: Final = {
    "Accept": "application/json",
    "Accept-Encoding": "gzip",
    "User-Agent": "multi-cloud-hot-reader/1",
}
_FIRST_BACKOFF: Final = 0.2
"""Seconds, doubled with each try; the pause is a random part of it ("full jitter"), so that callers who
failed together don't come back together."""
_LONGEST_BACKOFF: Final = 5.0
"""Seconds."""
_SHORTEST_TRY: Final = 0.1
"""The least seconds for a try; with less left, none is started."""
_LEFT_FOR: Final = 1.0
"""Seconds after which a try that was left ends by itself: not earlier, as its failure has a name already."""
_LONGEST_REASON: Final = 300
"""Characters of a remote error message that are passed on."""

_Outcome = tuple[dict[str, Any], Flaws] | Failure
"""The document of an answer with the counts of what it lacks; or why there is none."""


@dataclass(frozen=True, slots=True)
class RemoteAnswer:
    """The answer of a remote reader.

    Attributes
    ----------
    document
        The JSON object that the reader answered.
    attempts
        The number of requests that were sent.
    flaws
        The counts of what the reader left out.
    """

    document: dict[str, Any]
    attempts: int
    flaws: Flaws


class RemoteReader:
    """A client of one remote Hot Reader, which keeps its connections between calls.

    A remote that keeps failing isn't asked for a while; see `Breaker`.

    Parameters
    ----------
    settings
        The URL, the token, retries and time-outs.
    sleep, clock, uniform, now
        Functions that wait for seconds, return monotonic seconds, draw a random number between two, and
        return the present moment; tests replace them.
    """

    def __init__(
        self,
        settings: RemoteReaderSettings,
        *,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        uniform: Callable[[float, float], float] = random.uniform,
        now: Callable[[], Moment] = Moment.now,
    ) -> None:
        self._settings = settings
        self._token = inter_cloud_token(settings.token)
        self._sleep = sleep
        self._clock = clock
        self._uniform = uniform
        # One call never opens it, and the first try of the next one does.
        self._breaker = Breaker(settings.retries + 2, now=now)
        self._keys = secrets_in(settings.url)
        self._session = new_session(settings.url, _HEADERS)
        if self._keys:
            # urllib3 logs URLs.
            for name in ("urllib3.connection", "urllib3.connectionpool"):
                logging.getLogger(name).addFilter(self._mask)

    def read(
        self,
        envelope: Mapping[str, Any],
        query: AnyQuery,
        *,
        seconds: float,
        before_retry: Callable[[str, float], None] = lambda _reason, _pause: None,
    ) -> RemoteAnswer:
        """Ask the remote reader.

        Parameters
        ----------
        envelope
            See `chalicelib.contracts.wire_contract.envelope`.
        query
            The query that is in it, which the answer must fit.
        seconds
            The time of the whole call, all tries and pauses together.
        before_retry
            Called with the reason of a failed try and the seconds until the next one.

        Raises
        ------
        RemoteReaderError
            No try succeeded in time, the answer breaks the contract, or the remote isn't asked for now.
        InvalidQueryError
            The envelope can't be sent as JSON.
        ConfigurationError, StoreUnavailableError
            The token can't be fetched.
        """
        deadline = Deadline(seconds, clock=self._clock)
        try:
            body = orjson.dumps(envelope)
        except orjson.JSONEncodeError as error:
            raise InvalidQueryError(f"The query can't be sent as JSON: {error}") from error
        token = self._token_before(deadline) if seconds >= _SHORTEST_TRY else ""
        headers = {TOKEN_HEADER: token, "Content-Type": "application/json"}
        failure = Failure("no time was left for a request")
        attempts = 0
        while (left := deadline.seconds_left()) >= _SHORTEST_TRY:
            refused = self._breaker.begin()
            if refused is not None:
                failure = failure.also(refused) if attempts else Failure(refused)
                break
            attempts += 1
            outcome = self._watched(partial(self._try, body, headers, query, left))
            if not isinstance(outcome, Failure):
                document, flaws = outcome
                return RemoteAnswer(document, attempts, flaws)
            failure = outcome
            if not failure.worth_a_retry or attempts > self._settings.retries:
                break
            pause = self._pause(failure, attempts, deadline.seconds_left())
            if pause + _SHORTEST_TRY > deadline.seconds_left():
                failure = failure.also("no time is left for another try")
                break
            refused = self._breaker.retry()
            if refused is not None:
                failure = failure.also(refused)
                break
            before_retry(self._shown(failure.reason, token), pause)
            self._sleep(pause)
        raise RemoteReaderError(
            self._shown(failure.reason, token),
            remote_status=failure.status,
            attempts=attempts,
            trace_id=str(envelope["trace_id"]),
        )

    def _pause(self, failure: Failure, attempts: int, left: float) -> float:
        """Return the seconds until the next try: at least those that the remote's `Retry-After` asks for."""
        if failure.restarting:
            # The tries that are left spread over the time that is, each pause twice the one before; the
            # last try gets its whole time, or half of what there is.
            spare = max(left - self._settings.longest_try, left / 2)
            longest = spare / (2 ** (self._settings.retries - attempts + 1) - 1)
            return self._uniform(longest / 2, longest)
        backoff = min(_LONGEST_BACKOFF, _FIRST_BACKOFF * 2 ** (attempts - 1))
        return max(self._uniform(0, backoff), failure.retry_after or 0.0)

    def _token_before(self, deadline: Deadline) -> str:
        def wait(ask_store: Callable[[], str], part: float) -> str:
            try:
                return in_time(part * deadline.seconds_left(), ask_store)
            except OutOfTimeError:
                raise StoreUnavailableError(
                    f"{self._settings.token} wasn't fetched in time, so nothing was sent to the "
                    "remote Hot Reader"
                ) from None

        return self._token.current(wait)

    def _watched(self, one_try: Callable[[], _Outcome]) -> _Outcome:
        outage = True
        try:
            outcome = one_try()
            outage = isinstance(outcome, Failure) and outcome.worth_a_retry
        finally:
            self._breaker.end(outage=outage)
        return outcome

    def _try(
        self, body: bytes, headers: Mapping[str, str], query: AnyQuery, seconds: float
    ) -> _Outcome:
        """Send one request, and leave it after its own time in whatever state it is."""
        longest = self._settings.longest_try
        # The last try that there is time for gets all of it: a slow answer is better than none.
        own = longest if seconds >= 2 * longest else seconds
        try:
            # The check, too: the largest answer's takes a second.
            return in_time(own, lambda: _outcome(self._exchange(body, headers, own), query))
        except OutOfTimeError:
            return Failure(f"no complete answer within {own:.1f} s", worth_a_retry=True)
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            return no_answer(error)
        except OSError as error:
            # requests doesn't find the certificates that the environment names.
            return Failure(str(error))

    def _exchange(self, body: bytes, headers: Mapping[str, str], seconds: float) -> Response:
        # The second one ends the thread of a try that was left.
        timeouts = (min(self._settings.connect_timeout, seconds), seconds + _LEFT_FOR)
        with self._session.post(
            self._settings.url, data=body, headers=headers, timeout=timeouts
        ) as response:
            return Response(
                response.status_code, response.reason, response.headers, _content(response)
            )

    def _shown(self, reason: str, token: str) -> str:
        """Return a reason without secrets: a remote reader may echo what it was sent."""
        return masked(reason, [token, *self._keys])[:_LONGEST_REASON]

    def _mask(self, record: logging.LogRecord) -> bool:
        """Mask the keys in a log record, and keep the record."""
        record.msg, record.args = masked(record.getMessage(), self._keys), ()
        return True


def _outcome(response: Response, query: AnyQuery) -> _Outcome:
    if response.status != 200:
        return refusal(response)
    document = _document(response.content, query)
    if isinstance(document, Failure):
        return document
    return document, flaws_of(response.headers.get(LEFT_OUT_HEADER))


def _document(content: bytes, query: AnyQuery) -> dict[str, Any] | Failure:
    if len(content) > LARGEST_PAYLOAD:
        return Failure(f"the answer is larger than {LARGEST_PAYLOAD} bytes", 200)
    try:
        document: dict[str, Any] = orjson.loads(content)
        answer_check.check(query, document)
    except orjson.JSONDecodeError as error:
        if _is_cut_off(content):
            return Failure(f"the answer is cut off ({error})", 200, worth_a_retry=True)
        return Failure(f"the answer isn't JSON ({error}); is the URL a Hot Reader's?", 200)
    except answer_check.WrongAnswerError as error:
        return Failure(f"the answer breaks the contract: {error}", 200)
    return document


def _is_cut_off(content: bytes) -> bool:
    """Say whether JSON ends too early: what ends with the connection has no length to miss."""
    text = content.decode(errors="ignore")  # without the part of a character at the end
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError as error:
        return 0 < len(text) <= error.pos  # in characters, of bytes too
    return False


def _content(response: requests.Response) -> bytes:
    """Read the body, and stop where it is larger than any answer."""
    chunks, size = [], 0
    for chunk in response.iter_content(65_536):
        chunks.append(chunk)
        size += len(chunk)
        if size > LARGEST_PAYLOAD:
            break
    return b"".join(chunks)
