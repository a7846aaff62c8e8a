"""DynamoDB's refusals of a Query: the meaning and the cure of each."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

_TRANSIENT_CODES: Final = frozenset(
    {
        "InternalServerError",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ServiceUnavailable",
        "ThrottlingException",
    }
)
"""Error codes of transient failures (Amazon DynamoDB developer guide, 'Error handling')."""
_TRANSIENT_STATUSES: Final = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})
"""Those below 500 of failures that pass, whoever between here and DynamoDB answers with them."""
_CREDENTIALS: Final = frozenset(
    {
        "ExpiredTokenException",
        "IncompleteSignatureException",
        "InvalidSignatureException",
        "MissingAuthenticationTokenException",
        "UnrecognizedClientException",
    }
)


def is_transient(error: ClientError) -> bool:
    """Say whether another try is worthwhile a little later."""
    status = error.response["ResponseMetadata"]["HTTPStatusCode"]
    code = error.response["Error"]["Code"]
    return code in _TRANSIENT_CODES or status in _TRANSIENT_STATUSES or status >= 500


def cure(error: ClientError, table: str, index: str | None) -> str:
    """Return what to do about a Query that DynamoDB refuses for good.

    Parameters
    ----------
    error
        The refusal; what is wrong with a parameter is known by its message only.
    table, index
        What was queried.

    Examples
    --------
    >>> from botocore.exceptions import ClientError
    >>> refusal = {"Error": {"Code": "AccessDeniedException", "Message": "not authorized"}}
    >>> cure(ClientError(refusal, "Query"), "hot", "by-time")
    "Let the function's policy allow dynamodb:Query on table/hot/index/by-time."
    """
    code, message = error.response["Error"]["Code"], str(error.response["Error"].get("Message"))
    if code == "ResourceNotFoundException":
        return (
            "Check DYNAMODB_TABLE_NAME: the table must be in the function's own account and region."
        )
    if code == "AccessDeniedException" and "kms" in message.lower():
        return "Let the function's policy allow kms:Decrypt on the table's key: run configure."
    if code == "AccessDeniedException":
        resource = f"table/{table}" if index is None else f"table/{table}/index/{index}"
        return f"Let the function's policy allow dynamodb:Query on {resource}."
    if "Signature expired" in message or "Signature not yet current" in message:
        return "Set the clock of the machine: it differs from AWS's by more than a request may."
    if code in _CREDENTIALS:
        return (
            "Check the credentials that the process has: in Lambda, those of the function's role."
        )
    return next((cure for part, cure in _INVALID.items() if part in message), _KEYS)


_KEYS: Final = (
    "DEVICE_ID_ATTRIBUTE must be the partition key and TIMESTAMP_ATTRIBUTE the sort key: of the table "
    "or, with DYNAMODB_INDEX_NAME, of that index."
)
_INVALID: Final = {
    "does not have the specified index": "Check DYNAMODB_INDEX_NAME.",
    "backfilling": "The index is still being built; it can be read once its status is ACTIVE.",
    "does not project": (
        "A global secondary index yields only the attributes that are projected into it: make one with "
        "the projection ALL, or one that includes the properties."
    ),
    "does not match schema type": (
        "DEVICE_ID_TYPE must say how the partition key is stored, and TIMESTAMP_FORMAT how the sort key "
        "is: as a string or as a number."
    ),
}
"""By a part of the message of a ValidationException."""
