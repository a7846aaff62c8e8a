"""A try at another cloud's Hot Reader that gave no usable answer, and whether another one may.

docs/architecture.md, "Where a connector's time goes".
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final, NamedTuple

import orjson

from chalicelib.model.errors import HotStoreError

if TYPE_CHECKING:
    from collections.abc import Mapping

_NOBODY_ANSWERS: Final = (502, 503)
_NO_COMMON_TLS: Final = (
    "PROTOCOL_VERSION",
    "UNSUPPORTED_PROTOCOL",
    "WRONG_VERSION_NUMBER",
    "HANDSHAKE_FAILURE",
)
"""Ends of OpenSSL's reasons: the other side speaks other versions of TLS, other ciphers, or none at all."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A try without a usable answer.

    Attributes
    ----------
    reason
        The reason, in words.
    status
        The HTTP status; None if no answer came.
    worth_a_retry
        True if another try may succeed.
    retry_after
        The seconds that the reader asks to wait before it; None if it asks for none.
    """

    reason: str
    status: int | None = None
    worth_a_retry: bool = False
    retry_after: float | None = None

    @property
    def restarting(self) -> bool:
        """True if the reader's host has no process that answers, and may be starting one.

        A Hot Reader's own 503 has a `Retry-After`. What is before it has none, while a function app on
        Azure restarts ("Function host is not running.", 503; 502 of its front end).
        """
        return self.status in _NOBODY_ANSWERS and self.retry_after is None

    def also(self, reason: str) -> Failure:
        """Return the failure with a further reason, for which no other try follows."""
        return Failure(f"{self.reason}; {reason}", self.status)


class Response(NamedTuple):
    """An answer that arrived, whole or up to the largest that is read."""

    status: int
    reason: str | None
    headers: Mapping[str, str]
    content: bytes


def no_answer(error: Exception) -> Failure:
    """Read an error of requests or urllib3."""
    # requests wraps urllib3's errors, whose `reason` is the cause.
    cause = error.args[0] if error.args else error
    reason = getattr(cause, "reason", None) or cause
    causes = getattr(reason, "args", ())
    if any(isinstance(each, ssl.SSLCertVerificationError) for each in causes):
        return Failure(f"{reason}; check the URL, and the certificate of its host")
    if any(str(getattr(each, "reason", "")).endswith(_NO_COMMON_TLS) for each in causes):
        return Failure(f"{reason}; check the URL, and the versions of TLS of its host")
    return Failure(f"{type(error).__name__}: {reason}", worth_a_retry=True)


def refusal(response: Response) -> Failure:
    """Read an answer whose status isn't 200."""
    status = response.status
    reason = response.reason or "an error"
    code = None
    try:
        error = orjson.loads(response.content)["error"]
        words = error["code"], error["message"]
    except (orjson.JSONDecodeError, KeyError, TypeError, IndexError):
        words = None
    if words and all(isinstance(each, str) for each in words):
        code, message = words
        reason = f"{code}: {message}"
    else:
        # Not the contract's error answer; it may come from a proxy or gateway before the reader.
        reason = f"{reason}, without the contract's error answer"
    if 300 <= status < 400:
        reason = "it redirects; set the URL that it redirects to"
    return Failure(
        reason,
        status,
        worth_a_retry=(status == 429 or status >= 500) and code != HotStoreError.code,
        retry_after=_retry_after(response.headers),
    )


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that a `Retry-After` asks for: a number or a date (RFC 9110, 10.2.3).

    A date is one on the reader's clock, which `Date` tells.
    """
    header = headers.get("Retry-After", "")
    if header.strip().isdecimal():
        return float(header)
    when = _date(header)
    if when is None:
        return None
    now = _date(headers.get("Date", "")) or datetime.now(UTC)
    return max(0.0, (when - now).total_seconds())


def _date(header: str) -> datetime | None:
    try:
        when = parsedate_to_datetime(header)
    except (ValueError, OverflowError):
        return None
    return when if when.tzinfo else when.replace(tzinfo=UTC)
