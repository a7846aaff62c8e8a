"""The accounts that this process serves by moto, and moto's repairs, which they share."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final, NamedTuple

from moto.core.base_backend import BackendDict
from moto.s3.models import s3_backends

from local_cloud.aws import (
    function_urls,
    moto_chalice,
    moto_dynamodb,
    moto_iam,
    moto_lambda,
    moto_repairs,
)

if TYPE_CHECKING:
    from local_cloud.aws.lambda_runtime import LambdaRuntime

FIRST_ACCOUNT: Final = 123456789012
"""The only account of a process; others at the same time count up from it."""


class _Account(NamedTuple):
    """A served account: what runs its functions, and where it listens."""

    runtime: LambdaRuntime
    endpoint_url: str


_lock = threading.Lock()
_served: dict[str, _Account] = {}


def register(runtime: LambdaRuntime, endpoint_url: str) -> str:
    """Create an empty account, of the lowest free number; repair moto with the first one.

    Parameters
    ----------
    runtime
        Runs the account's Lambda functions.
    endpoint_url
        The URL that the account is served at.

    Returns
    -------
    str
        The account's number, 12 digits.
    """
    with _lock:
        number = FIRST_ACCOUNT
        while str(number) in _served:
            number += 1
        if not _served:
            moto_repairs.apply(
                [
                    *moto_chalice.REPAIRS,
                    *moto_dynamodb.REPAIRS,
                    *moto_iam.REPAIRS,
                    *moto_lambda.repairs(_runtime_of),
                    *function_urls.repairs(_endpoint_of),
                ]
            )
        account_id = str(number)
        _served[account_id] = _Account(runtime, endpoint_url)
    drop(account_id)
    return account_id


def unregister(account_id: str) -> None:
    """Drop an account; take the repairs back with the last one."""
    drop(account_id)
    with _lock:
        del _served[account_id]
        if not _served:
            moto_repairs.take_back()


def drop(account_id: str) -> None:
    """Forget everything in an account.

    Moto's own reset is of all accounts, and its S3 part closes the files of all of them, too.
    """
    for backends in list(BackendDict._instances):
        backends.pop(account_id, None)
    for bucket, (_, owner) in list(s3_backends.bucket_accounts.items()):
        if owner == account_id:
            s3_backends.bucket_accounts.pop(bucket, None)


def _runtime_of(account_id: str) -> LambdaRuntime | None:
    account = _served.get(account_id)
    return None if account is None else account.runtime


def _endpoint_of(account_id: str) -> str | None:
    account = _served.get(account_id)
    return None if account is None else account.endpoint_url
