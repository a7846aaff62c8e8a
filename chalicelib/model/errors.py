"""The exceptions of the read path, with the HTTP answer that the wire contract gives each.

An exception's message is for people: it says what is wrong and what to do. A `status` and a `code`
are what an HTTP caller sees (docs/openapi.yaml, 'Errors').
"""

from __future__ import annotations

from typing import Final

_LONGEST_MESSAGE: Final = 2_000
"""Characters."""


class HotReaderError(Exception):
    """Any failure of the read path.

    An error of this class itself is a fault on our side or in the set-up. The HTTP answer says no
    more than that; the log tells all.
    """

    status = 500
    code = "internal_error"


class ConfigurationError(HotReaderError):
    """A missing or malformed setting; the message names it and shows what it should look like.

    Most end the start. What is known only at a request, such as a token that its store doesn't have,
    is answered like a hot storage that can't be read.
    """

    code = "store_misconfigured"


class HotStoreError(HotReaderError):
    """A read that the hot storage refuses for good.

    A missing table or index, a denied permission, timestamps of another format. The message says what
    cures it.
    """

    code = "store_misconfigured"


class RemoteReaderError(HotReaderError):
    """A read of another cloud's Hot Reader that brought no usable answer.

    Parameters
    ----------
    message
        The reason, in words.
    remote_status
        The last HTTP status; None if no answer came at all.
    attempts
        The number of requests that were sent.
    trace_id
        The envelope's trace id, which finds the request in the other cloud's log.

    Examples
    --------
    >>> print(RemoteReaderError("time-out", remote_status=None, attempts=3, trace_id="6b0d7c52"))
    The remote Hot Reader failed (no answer, 3 attempts, trace id 6b0d7c52): time-out
    """

    def __init__(
        self, message: str, *, remote_status: int | None, attempts: int, trace_id: str
    ) -> None:
        status = "no answer" if remote_status is None else f"status {remote_status}"
        plural = "" if attempts == 1 else "s"
        super().__init__(
            f"The remote Hot Reader failed ({status}, {attempts} attempt{plural}, "
            f"trace id {trace_id}): {message}"
        )
        self.remote_status = remote_status
        self.attempts = attempts
        self.trace_id = trace_id


class InvalidQueryError(HotReaderError):
    """A wrong query, which fails each time it is sent.

    Parameters
    ----------
    message
        What is wrong. It may quote what a caller sent, of any size: the middle of a long message is
        left out of the answer and of the log.
    """

    status = 400
    code = "invalid_query"

    def __init__(self, message: str) -> None:
        if len(message) > _LONGEST_MESSAGE:
            half = _LONGEST_MESSAGE // 2
            message = f"{message[:half]} ... {message[-half:]}"
        super().__init__(message)


class UnauthorizedError(HotReaderError):
    """A missing or wrong token; deliberately one message for both."""

    status = 401
    code = "unauthorized"

    def __init__(self) -> None:
        super().__init__("Send a valid token in the X-Inter-Cloud-Token header.")


class MethodNotAllowedError(HotReaderError):
    """A method other than GET and POST."""

    status = 405
    code = "method_not_allowed"

    def __init__(self, method: str) -> None:
        super().__init__(f"The method {method} isn't allowed here. Use POST or GET.")


class PayloadTooLargeError(HotReaderError):
    """A request body that is larger than a Lambda function can be sent."""

    status = 413
    code = "payload_too_large"


class UnsupportedMediaTypeError(HotReaderError):
    """A POST whose body isn't declared as JSON."""

    status = 415
    code = "unsupported_media_type"

    def __init__(self, content_type: str) -> None:
        super().__init__(
            f"The content type {content_type!r} isn't supported. Send 'Content-Type: application/json'."
        )


class RetryLaterError(HotReaderError):
    """A transient failure.

    Parameters
    ----------
    message
        What is wrong.
    retry_after
        Whole seconds after which another try is worthwhile.
    """

    def __init__(self, message: str, *, retry_after: int = 1) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class ThrottledError(RetryLaterError):
    """A request beyond the rate limit."""

    status = 429
    code = "throttled"


class StoreUnavailableError(RetryLaterError):
    """A store (hot storage, or the one that keeps the token) that is throttling or unavailable."""

    status = 503
    code = "store_unavailable"
