"""Cosmos DB's refusals: the meaning and the cure of each, and those that are tried again."""

from __future__ import annotations

import math
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TypeVar

from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    DecodeError,
    ServiceRequestError,
    ServiceResponseError,
)
from azure.cosmos.exceptions import CosmosClientTimeoutError, CosmosHttpResponseError

from chalicelib.connections.answer_time import all_until
from chalicelib.connections.sdk_errors import STUMBLES
from chalicelib.model.errors import HotStoreError, StoreUnavailableError
from chalicelib.stores.cosmos.transport import UNGIVEN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

Answer = TypeVar("Answer")

_TOO_MANY_REQUESTS: Final = 429
_TRIED_AGAIN: Final = frozenset({408, 410, _TOO_MANY_REQUESTS, 449})
"""Status codes below 500 of failures that pass (Azure documentation, 'HTTP status codes for Azure Cosmos DB'):
time-out, a partition that moves, too many requests in a second, a conflict inside of Cosmos DB. The SDK tries a
read again in another region only, or not at all."""
_TRIED_AGAIN_BY_SUB_STATUS: Final = frozenset({(403, 3), (403, 1008), (404, 1002)})
"""The same with their sub-statuses: of a region that is no longer written or read, and of a replica that lags
behind what this client has read before."""
_PAUSES: Final = (0.1, 0.4)
"""Seconds before each further try, if Cosmos DB doesn't ask for more."""
_LONGEST_WAIT: Final = 1.0
"""Seconds; a longer wait is left to the caller, by `Retry-After`."""


def answer_in_time(
    ask: Callable[[float], Answer], until: float, timestamp: Sequence[str] = ()
) -> Answer:
    """Ask Cosmos DB, again after a failure that passes, and turn its errors into ours.

    Parameters
    ----------
    ask
        Takes the seconds that are left.
    until
        When the caller needs the answer, in seconds of `time.monotonic`.
    timestamp
        The names that lead to what a query is ordered by.

    Raises
    ------
    StoreUnavailableError
        Cosmos DB is throttling or unavailable, or the time is over.
    HotStoreError
        Cosmos DB refuses for another reason.
    """
    pauses = iter(_PAUSES)
    with explained(timestamp), all_until(until):
        while True:
            left = until - time.monotonic()
            if left <= 0:
                raise StoreUnavailableError("Cosmos DB hasn't answered in time.")
            try:
                return _asked(ask, left)
            except (CosmosHttpResponseError, DecodeError) as error:
                pause = max(next(pauses, math.inf), _seconds_asked_for(error))
                left = until - time.monotonic()
                if pause >= min(left, _LONGEST_WAIT) or not _passes(error):
                    raise
                time.sleep(pause)


def _asked(ask: Callable[[float], Answer], seconds: float) -> Answer:
    try:
        return ask(seconds)
    except STUMBLES as error:
        raise DecodeError(f"The answer isn't one that the SDK can read: {error!r}") from error


def _passes(error: Exception) -> bool:
    if not isinstance(error, CosmosHttpResponseError):  # it isn't a page, perhaps as it is cut off
        return True
    status = error.status_code or 0
    by_sub_status = (status, error.sub_status) in _TRIED_AGAIN_BY_SUB_STATUS
    return status in _TRIED_AGAIN or status >= 500 or by_sub_status


def _seconds_asked_for(error: Exception) -> float:
    """Return the seconds that Cosmos DB asks to wait (`x-ms-retry-after-ms`)."""
    headers = error.headers if isinstance(error, CosmosHttpResponseError) else {}
    milliseconds = str(headers.get("x-ms-retry-after-ms", ""))
    return int(milliseconds) / 1000 if milliseconds.isdecimal() else 0.0


@contextmanager
def explained(timestamp: Sequence[str] = ()) -> Iterator[None]:
    """Turn an error of the SDK into one of ours; a query is ordered by the timestamp."""
    try:
        yield
    except CosmosHttpResponseError as error:
        status = error.status_code or 0
        if _passes(error):
            throttled = status == _TOO_MANY_REQUESTS
            failure = (
                "The read was throttled by Cosmos DB" if throttled else "Cosmos DB is unavailable"
            )
            raise StoreUnavailableError(
                f"{failure} (status {status}): {error}",
                retry_after=max(1, math.ceil(_seconds_asked_for(error))),
            ) from error
        raise HotStoreError(
            f"Cosmos DB refuses the read (status {status}): {error}. {_cure(error, timestamp)}"
        ) from error
    except ClientAuthenticationError as error:
        if UNGIVEN in str(error):
            raise StoreUnavailableError(f"There is no token for Cosmos DB: {error}") from error
        raise HotStoreError(
            f"There is no identity to read Cosmos DB with: {error}. Give the function a managed "
            "identity, or set COSMOS_KEY."
        ) from error
    except CosmosClientTimeoutError as error:
        raise StoreUnavailableError(f"Cosmos DB hasn't answered in time: {error}") from error
    except (ServiceRequestError, ServiceResponseError, DecodeError) as error:
        raise StoreUnavailableError(
            f"Cosmos DB can't be reached, or answers something else: {error}. If that lasts, check "
            "COSMOS_ENDPOINT."
        ) from error
    except AzureError as error:
        raise HotStoreError(f"Cosmos DB can't be queried: {error}") from error


def _cure(error: CosmosHttpResponseError, timestamp: Sequence[str]) -> str:
    """Return what to do about a refusal (Azure documentation, 'HTTP status codes for Azure Cosmos DB')."""
    match error.status_code:
        case 400 if timestamp and "index" in str(error).lower():
            # 'The index path corresponding to the specified order-by item is excluded.'
            path = "/".join(["", *(f'"{name}"' for name in timestamp), "?"])
            return f"Include the path {path} in the container's indexing policy: entries are read in its order."
        case 401 if "Local Authorization is disabled" in str(error):
            return "Leave out COSMOS_KEY: then the function's managed identity is used."
        case 401:
            return "Check COSMOS_KEY."
        case 403 if "RBAC" in str(error):
            return (
                "Give the function's managed identity the role Cosmos DB Built-in Data Reader; a new "
                "assignment takes minutes."
            )
        case 403:
            return (
                "Give the function's managed identity the role Cosmos DB Built-in Data Reader, or set "
                "COSMOS_KEY; and let the function through the account's firewall."
            )
        case 404:
            return "Check COSMOS_ENDPOINT, COSMOS_DATABASE and COSMOS_CONTAINER."
    return "Check DEVICE_ID_ATTRIBUTE and TIMESTAMP_ATTRIBUTE."
