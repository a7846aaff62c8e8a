"""The data connector, with the request for its token signed by botocore; see `benchmarks.cold_start`.

It loads as little of botocore as will sign: not `botocore.credentials`, which takes as long as the signer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

from chalicelib.tokens import aws_call

if TYPE_CHECKING:
    from datetime import datetime

    from botocore.credentials import ReadOnlyCredentials


def signed_headers(
    operation: aws_call.Operation,
    url: str,
    region: str,
    body: bytes,
    credentials: aws_call.Credentials,
    now: datetime,  # noqa: ARG001 - botocore looks at the clock itself
) -> dict[str, str]:
    """Return the headers of a signed POST; see `chalicelib.tokens.aws_call.signed_headers`."""
    headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": operation.target}
    request = AWSRequest("POST", url, headers, body)
    # Ours have the attributes that the signer reads.
    theirs = cast("ReadOnlyCredentials", credentials)
    SigV4Auth(theirs, operation.service, region).add_auth(request)
    return dict(request.headers.items())


aws_call.signed_headers = signed_headers

from chalicelib.aws.data_connector_functions import (  # noqa: E402 - as changed above
    digital_twin_data_connector as digital_twin_data_connector,
)
