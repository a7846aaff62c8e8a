"""The errors that the local TwinMaker answers with.

Each class stands for one exception of the ``iottwinmaker`` service model; the HTTP status is
read from the model by :mod:`.protocol`, not kept here.
"""

from __future__ import annotations

from typing import ClassVar


class ApiError(Exception):
    """An answer other than success.

    Attributes
    ----------
    code : str
        The name of the exception in the service model: what boto3 shows as ``Error.Code``.
    message : str
        The fault and, where there is one, the remedy.
    """

    code: ClassVar[str] = "InternalServerException"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class InternalError(ApiError):
    """A fault of the local TwinMaker itself, not of its caller."""


class InvalidRequestError(ApiError):
    """The request breaks the service model or a rule of the service."""

    code = "ValidationException"


class NotOfferedError(InvalidRequestError):
    """The real service has it and the local TwinMaker doesn't.

    The service model has no exception for that; this one it has for every operation.
    """


class NotFoundError(ApiError):
    """The request names a thing that doesn't exist."""

    code = "ResourceNotFoundException"


class ConflictError(ApiError):
    """The thing exists already, or is being changed."""

    code = "ConflictException"


class AccessRefusedError(ApiError):
    """The web page that asks isn't one of those that may."""

    code = "AccessDeniedException"


class TooManyTagsError(ApiError):
    """A resource would have more than 50 tags."""

    code = "TooManyTagsException"


class ConnectorFailedError(ApiError):
    """The connector raised, couldn't be invoked, or gave an answer that TwinMaker refuses."""

    code = "ConnectorFailureException"


class ConnectorTimedOutError(ApiError):
    """The connector ran out of time."""

    code = "ConnectorTimeoutException"


class UnknownOperationError(ApiError):
    """No operation of the service has this method and path. Not in the service model."""

    code = "UnknownOperationException"
