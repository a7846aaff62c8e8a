"""Advice for an endpoint's, its platform's, AWS's or TwinMaker's refusals, and for no answer at all."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import requests
import urllib3
from botocore import exceptions as botocore_errors

from chalicelib.tokens.aws_stores import key_is_refused
from deploy_scripts.errors import code_of
from deploy_scripts.wording import short

if TYPE_CHECKING:
    from collections.abc import Iterator

_NO_ANSWER: Final[tuple[tuple[tuple[type[BaseException], ...], str, str], ...]] = (
    (
        (urllib3.exceptions.NameResolutionError,),
        "DNS: there is no host {host}.",
        "Check the URL's spelling, that the endpoint is deployed, and this machine's name server.",
    ),
    (
        (requests.exceptions.SSLError, urllib3.exceptions.SSLError),
        "TLS: {host} and this machine can't agree: {cause}",
        "Give the endpoint a valid certificate for that name, or look at the proxy that opens TLS.",
    ),
    (
        (requests.ConnectTimeout,),
        "Time-out: {host} takes no connection within {connect_seconds} s.",
        "Something drops the packets: check firewalls, the endpoint's access restrictions, the port.",
    ),
    (
        (requests.Timeout, urllib3.exceptions.ReadTimeoutError),
        "Time-out: {host} gave no whole answer within {answer_seconds} s.",
        "Run this again: a cold start may be slow. Else see the Hot Reader's log and its hot storage.",
    ),
    (
        (urllib3.exceptions.NewConnectionError, ConnectionRefusedError),
        "Connect: nothing listens at {host}.",
        "Start or deploy the endpoint, and check the URL's host and port.",
    ),
    (
        (Exception,),
        "Connect: the connection to {host} broke: {kind}.",
        "Run this again; if it stays so, see the log of the endpoint and of what is before it.",
    ),
)
"""Errors of requests or urllib3, the problem, and the advice; the first row that fits counts."""

_REFUSALS: Final = {
    3: "It redirects: set the URL that it redirects to, configure and deploy.",
    5: "What is before the Hot Reader can't reach it, or not in time: see its log and the gateway's, "
    "and run this again.",
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
"""HTTP statuses, or their first digits, and the advice."""

_PLATFORM_PAGES: Final = {
    "Function host is not running": "The function app is there, but its host doesn't start: see its log "
    "(az webapp log tail) and 'Diagnose and solve problems' in the portal. Mostly it is a setting, a "
    "Key Vault reference or a package for another Python.",
    "upstream connect error|no healthy upstream": "The platform's proxy finds no instance that listens: "
    "see the first error in the function's log after its start, and run this again.",
    "Rate exceeded|no available instance": "The platform has no instance free: raise the most instances "
    "(--max-instances) or what each takes at once (--concurrency), and run this again.",
    "Internal server error": "What runs the function got no answer out of it: see its log "
    "(/aws/lambda/NAME on AWS). It may fail at its start, or run out of memory or time.",
    "Endpoint request timed out": "The function took longer than API Gateway's 29 s: see its log.",
    "Too Many Requests|Limit Exceeded": "API Gateway throttles: run this again later, or raise its rate "
    "and burst (publish --rate, --burst).",
    "ConcurrentInvocationLimitExceeded": "All of the function's concurrency is in use: run this again "
    "later, or raise what is reserved for it.",
    "Missing Authentication Token": "API Gateway answers so for a path that isn't there: check the URL, "
    "and deploy again.",
}
"""Patterns of the pages of platforms, which answer in place of a Hot Reader, and the advice."""

_READS: Final = {
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
"""Codes of TwinMaker's reads and the advice."""


def no_answer(error: Exception, host: str, seconds: tuple[float, float]) -> tuple[str, str]:
    """Return the problem and the advice if an endpoint gave no answer."""
    causes = list(_causes(error))
    connect_seconds, answer_seconds = seconds
    problem, advice = next(
        (problem, advice)
        for kinds, problem, advice in _NO_ANSWER
        if any(isinstance(each, kinds) for each in causes)
    )
    problem = problem.format(
        host=host,
        cause=short(causes[-1]),
        kind=type(error).__name__,
        connect_seconds=connect_seconds,
        answer_seconds=answer_seconds,
    )
    return problem, advice


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


def refusal_advice(status: int, page: str = "") -> str:
    """Return the advice for a refusal: by the platform's own page, if it is one, or by its status."""
    for pattern, advice in _PLATFORM_PAGES.items():
        if re.search(pattern, page, re.IGNORECASE):
            return advice
    of_class = _REFUSALS.get(status // 100, "That isn't a Hot Reader's answer: check the URL.")
    return _REFUSALS.get(status, of_class)


def aws_problem(error: Exception) -> tuple[str, str]:
    """Return the problem and the advice if AWS can't be asked."""
    if isinstance(error, botocore_errors.NoCredentialsError | botocore_errors.NoRegionError):
        return str(
            error
        ), "Set AWS_PROFILE and AWS_DEFAULT_REGION (or what your set-up has instead)."
    if isinstance(error, botocore_errors.ConnectionError | botocore_errors.HTTPClientError):
        return f"AWS can't be reached: {short(error)}", (
            "Check the network, AWS_DEFAULT_REGION, and any AWS_ENDPOINT_URL."
        )
    code = code_of(error) or ""
    advice = "See AWS's message; run this again if it may pass."
    if re.search("AccessDenied|Unauthorized", code):
        advice = "Your credentials lack the permission that the message names."
        if isinstance(error, botocore_errors.ClientError) and key_is_refused(error):
            advice = "Your credentials lack kms:Decrypt on the key that it is encrypted with."
    elif re.search("Token|Signature|Credential", code):
        advice = "Your credentials are invalid or expired: log in again."
    return f"AWS refused: {short(error)}", advice


def read_advice(code: str) -> str:
    """Return the advice for an error that a read through TwinMaker ended in."""
    return _READS.get(code, "See the message; run register for the stage, and this again.")
