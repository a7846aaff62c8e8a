"""One call of an AWS service in a Lambda function, without loading the SDK.

For one call with one argument, a signature is all that is needed (IAM user guide, 'Create a signed AWS
API request'). The SDK would take as long as all else that a data connector's cold start does, and
botocore's signer a tenth of it (docs/performance.md, 'Cold start'). Where anything is out of the
ordinary, nothing is called: the SDK knows what to do.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import urlsplit

import orjson

from chalicelib.connections.answer_time import with_bounded_answers_of_requests

if TYPE_CHECKING:
    from collections.abc import Mapping

TIMEOUTS: Final = (1, 2)
"""Seconds to connect, and for the answer."""
_FOR_THE_SDK: Final = (
    "AWS_PROFILE",
    "AWS_USE_FIPS_ENDPOINT",
    "AWS_USE_DUALSTACK_ENDPOINT",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
)
"""Settings of the SDK that change which endpoint it calls."""
_REGION: Final = re.compile("[a-z]{2}(-gov)?-[a-z]+-[0-9]+")
"""Regions whose hosts end as `_endpoint` has it; isolated and sovereign ones have names of other shapes."""


class Operation(NamedTuple):
    """An operation of a service.

    Attributes
    ----------
    service
        The service's name in endpoints and signatures, such as `ssm`.
    variable
        The service's name in the SDK's `AWS_ENDPOINT_URL_...`.
    target
        The value of `X-Amz-Target`.
    """

    service: str
    variable: str
    target: str


class Credentials(NamedTuple):
    """The credentials of the function's role."""

    access_key: str
    secret_key: str
    token: str | None


def call(operation: Operation, arguments: Mapping[str, Any]) -> dict[str, Any] | None:
    """Call an operation of a service that speaks JSON.

    Returns
    -------
    dict[str, Any] | None
        The answer; None if there is none, for whatever reason: then ask the SDK, which tries again and
        says what is wrong.
    """
    # These variables belong to AWS and change during a function's life: they are no settings of ours.
    environment = os.environ
    region = environment.get("AWS_REGION", "")
    url = _endpoint(operation, region, environment)
    credentials = _credentials(environment)
    if url is None or credentials is None:
        return None
    import requests  # a data connector needs it anyway
    from requests.adapters import HTTPAdapter

    adapter = with_bounded_answers_of_requests(HTTPAdapter())
    body = orjson.dumps(arguments)
    headers = signed_headers(operation, url, region, body, credentials, datetime.now(UTC))
    try:
        with requests.Session() as session:
            session.mount(url, adapter)
            response = session.post(
                url,
                data=body,
                headers=headers,
                timeout=TIMEOUTS,
                allow_redirects=False,
                verify=environment.get("AWS_CA_BUNDLE") or True,
                auth=lambda request: request,  # no login from ~/.netrc in place of the signature
            )
        answer = orjson.loads(response.content) if response.status_code == 200 else None
    except (OSError, ValueError):  # what requests and orjson raise
        return None
    return answer if isinstance(answer, dict) else None


def _credentials(environment: Mapping[str, str]) -> Credentials | None:
    """Return the credentials of the function's role, if this is a function."""
    key, secret = environment.get("AWS_ACCESS_KEY_ID"), environment.get("AWS_SECRET_ACCESS_KEY")
    if not key or not secret or not environment.get("AWS_LAMBDA_FUNCTION_NAME"):
        return None
    return Credentials(key, secret, environment.get("AWS_SESSION_TOKEN"))


def _endpoint(operation: Operation, region: str, environment: Mapping[str, str]) -> str | None:
    if not _REGION.fullmatch(region) or any(environment.get(name) for name in _FOR_THE_SDK):
        return None
    for name in (f"AWS_ENDPOINT_URL_{operation.variable}", "AWS_ENDPOINT_URL"):
        if url := environment.get(name):
            return url if urlsplit(url).path in ("", "/") else None
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return f"https://{operation.service}.{region}.{suffix}/"


def signed_headers(
    operation: Operation,
    url: str,
    region: str,
    body: bytes,
    credentials: Credentials,
    now: datetime,
) -> dict[str, str]:
    """Return the headers of a signed POST to `/` (signature version 4).

    Parameters
    ----------
    operation, url, region
        The operation that is called, its endpoint, and the endpoint's region.
    body
        The body of the request.
    credentials
        The credentials to sign with.
    now
        The present time, in UTC.
    """
    date, moment = f"{now:%Y%m%d}", f"{now:%Y%m%dT%H%M%SZ}"
    headers = {
        "content-type": "application/x-amz-json-1.1",
        "host": urlsplit(url).netloc,
        "x-amz-date": moment,
        "x-amz-target": operation.target,
    }
    if credentials.token:
        headers["x-amz-security-token"] = credentials.token
    names = ";".join(sorted(headers))
    canonical = "\n".join(
        [
            "POST",
            "/",
            "",
            *(f"{name}:{headers[name]}" for name in sorted(headers)),
            "",
            names,
            hashlib.sha256(body).hexdigest(),
        ]
    )
    scope = f"{date}/{region}/{operation.service}/aws4_request"
    to_sign = "\n".join(
        ["AWS4-HMAC-SHA256", moment, scope, hashlib.sha256(canonical.encode()).hexdigest()]
    )
    key = f"AWS4{credentials.secret_key}".encode()
    for part in (date, region, operation.service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
    headers["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={credentials.access_key}/{scope}, "
        f"SignedHeaders={names}, Signature={signature}"
    )
    return headers
