"""What to do about what an endpoint, AWS or TwinMaker answers, or about no answer at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import requests
import urllib3
from botocore.exceptions import (
    ClientError,
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
)
from botocore.exceptions import (
    ConnectionError as AwsConnectionError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_LONGEST_MESSAGE: Final = 400

_REFUSAL_ADVICE: Final = {
    400: "The Hot Reader knows the device otherwise: deploy it with the same device files.",
    401: "The right token is refused: the endpoint has another one. Save its token with the "
    "connection, configure and deploy; if it was changed just now, wait a minute (docs/settings.md).",
    403: "Something before the Hot Reader refuses: a missing function key or access restriction; on "
    "API Gateway also a path that isn't there. Check the URL, and deploy again. A Function URL may need a "
    "minute after it was published.",
    404: "There is no such path: check the URL (it ends in /hot-reader or /hot-reader-last-entry), "
    "and whether the Hot Reader is deployed there.",
    405: "The URL isn't a Hot Reader's, which takes POST: check it.",
    415: "The URL isn't a Hot Reader's, which takes JSON: check it.",
    429: "It is throttled: run this again later, or raise the limit of the endpoint.",
}

_READ_ADVICE: Final = {
    "ConnectorFailureException": "The connector's Lambda function failed, or TwinMaker may not invoke "
    "it. See the message and the function's log group /aws/lambda/NAME; if it wasn't invoked at all, "
    "run register, which lets the workspace's role do so.",
    "ConnectorTimeoutException": "The connector's Lambda function ran out of time: see its log, raise "
    "lambda_timeout in the stage, or look at what it waits for.",
    "ResourceNotFoundException": "Something was removed meanwhile: run register for the stage.",
    "AccessDeniedException": "Your own credentials may not read: allow iottwinmaker:GetPropertyValue "
    "and iottwinmaker:GetPropertyValueHistory.",
    "ThrottlingException": "TwinMaker throttles: run this again later.",
}


def no_answer(error: Exception, host: str, seconds: tuple[float, float]) -> tuple[str, str]:
    """Say why an endpoint gave no answer, and what to do about it.

    Parameters
    ----------
    error
        Of requests or urllib3.
    host
        Where the endpoint is.
    seconds
        For how long the connection and the answer were waited for.
    """
    connect_seconds, answer_seconds = seconds
    causes = list(_causes(error))

    def is_a(*kinds: type[BaseException]) -> bool:
        return any(isinstance(each, kinds) for each in causes)

    if is_a(urllib3.exceptions.NameResolutionError):
        return f"DNS: there is no host {host}.", (
            "Check the URL's spelling, whether the endpoint is still deployed, and this "
            "machine's name server."
        )
    if is_a(requests.exceptions.SSLError, urllib3.exceptions.SSLError):
        return f"TLS: {host} and this machine can't agree: {short(causes[-1])}", (
            "Give the endpoint a certificate for that name that isn't expired and that a known "
            "authority signed. A proxy that opens TLS shows like this, too."
        )
    if is_a(requests.ConnectTimeout):
        return f"Time-out: {host} takes no connection within {connect_seconds} s.", (
            "Something drops the packets: check firewalls, access restrictions of the endpoint, "
            "and the port."
        )
    if is_a(requests.Timeout, urllib3.exceptions.ReadTimeoutError):
        return f"Time-out: {host} gave no whole answer within {answer_seconds} s.", (
            "Run this again: a cold start may be slow. If it stays so, see the Hot Reader's log "
            "and whether its hot storage answers."
        )
    if is_a(urllib3.exceptions.NewConnectionError, ConnectionRefusedError):
        return f"Connect: nothing listens at {host}.", (
            "Start or deploy the endpoint, and check the URL's host and port."
        )
    return f"Connect: the connection to {host} broke: {type(error).__name__}.", (
        "Run this again; if it stays so, see the log of the endpoint and of what is before it."
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what it wraps: requests wraps urllib3's, which name theirs as a reason."""
    seen: set[int] = set()
    waiting: list[Any] = [error]
    while waiting:
        each = waiting.pop(0)
        if isinstance(each, BaseException) and id(each) not in seen:
            seen.add(id(each))
            yield each
            waiting += [getattr(each, "reason", None), *each.args, each.__cause__, each.__context__]


def refusal_advice(status: int) -> str:
    """Say what to do about an endpoint's answer that isn't the contract's."""
    if 300 <= status < 400:
        return "It redirects: set the URL that it redirects to, configure and deploy."
    if status in _REFUSAL_ADVICE:
        return _REFUSAL_ADVICE[status]
    if status >= 500:
        return (
            "What is before the Hot Reader can't reach it, or not in time: see its log and the "
            "gateway's, and run this again."
        )
    return "That isn't a Hot Reader's answer: check the URL."


def aws_problem(error: Exception) -> tuple[str, str]:
    """Say why AWS can't be asked, and what to do about it."""
    if isinstance(error, NoCredentialsError | NoRegionError):
        return str(error), "Set AWS_PROFILE and AWS_REGION (or what your set-up has instead)."
    if isinstance(error, AwsConnectionError | HTTPClientError):
        return f"AWS can't be reached: {short(error)}", (
            "Check the network, AWS_REGION, and any AWS_ENDPOINT_URL."
        )
    code = ""
    if isinstance(error, ClientError):
        code = error.response.get("Error", {}).get("Code", "")
    if "AccessDenied" in code or "Unauthorized" in code:
        advice = "Your credentials lack the permission that the message names."
    elif "Token" in code or "Signature" in code or "Credential" in code:
        advice = "Your credentials are invalid or expired: log in again."
    else:
        advice = "See AWS's message; run this again if it may pass."
    return f"AWS refused: {short(error)}", advice


def read_advice(code: str) -> str:
    """Say what to do about an error that a read through TwinMaker ended in."""
    return _READ_ADVICE.get(code, "See the message; run register for the stage, and this again.")


def short(error: object) -> str:
    """Return an error's text, or the beginning of a long one."""
    text = str(error)
    return text if len(text) <= _LONGEST_MESSAGE else f"{text[:_LONGEST_MESSAGE]}..."
