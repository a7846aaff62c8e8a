"""Tokens that are kept in SSM Parameter Store or Secrets Manager.

A token is fetched with the first request, kept for `max_age` seconds and then fetched again, so that
it can be changed without a new deployment.
"""

from __future__ import annotations

import logging
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from chalicelib.connections.answer_time import with_bounded_answers_of_sdk
from chalicelib.model.errors import ConfigurationError, HotReaderError, StoreUnavailableError
from chalicelib.model.moment import Moment
from chalicelib.tokens.aws_call import TIMEOUTS, Operation, call
from chalicelib.tokens.inter_cloud_token import InterCloudToken

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.parameters.base import BaseProvider
    from botocore.exceptions import ClientError

    from chalicelib.settings.token_reference import TokenReference
    from chalicelib.tokens.inter_cloud_token import Wait


def inter_cloud_token(reference: TokenReference) -> InterCloudToken:
    """Return the token that a reference leads to; nothing is fetched yet."""
    if reference.store is None:
        return InterCloudToken(reference)
    return InterCloudToken(reference, _StoreEntry(reference).fetch)


def key_is_refused(error: ClientError) -> bool:
    """Say whether the KMS key of an entry is what may not be used.

    Only the message shows it: 'The ciphertext refers to a customer master key that ... you are not
    allowed to access' (SSM), 'Access to KMS is not allowed' (Secrets Manager), or KMS's own, which names
    the action.
    """
    message = error.response["Error"].get("Message", "")
    return any(each in message for each in ("KMS", "kms:", "ciphertext"))


class _StoreEntry:
    """The entry of a store that a reference names."""

    def __init__(self, reference: TokenReference) -> None:
        self._reference = reference

    def fetch(self, wait: Wait) -> str:
        """Return the value: the one known so far while it isn't too old, or the store is unavailable."""
        known = (self._reference.store, self._reference.value)
        last = _last_fetched.get(known)
        if last and last.since.seconds_until(_now()) < last.good_for:
            return last.value
        try:
            value = wait(self._ask_store, _PART_WITH_VALUE if last else 1)
        except StoreUnavailableError as error:
            if not last:
                raise
            _warn(f"{error}; the value known so far is used")
            _last_fetched[known] = _Fetched(last.value, _now(), _SPARE_SECONDS)
            return last.value
        if not isinstance(value, str):
            raise ConfigurationError(f"{self._reference} must be a string, not binary data.")
        _last_fetched[known] = _Fetched(value, _now(), self._reference.max_age)
        return value

    def _ask_store(self) -> Any:
        value = _read_at_once(self._reference.store, self._reference.value)
        if value is not None:
            return value
        from aws_lambda_powertools.utilities.parameters.exceptions import (  # imports boto3
            GetParameterError,
        )

        options: dict[str, Any] = {"decrypt": True} if self._reference.store == "ssm" else {}
        try:
            return _provider(self._reference.store).get(
                self._reference.value, force_fetch=True, **options
            )
        except GetParameterError as error:
            raise self._explained(error) from error

    def _explained(self, error: Exception) -> HotReaderError:
        """Distinguish a refusal, which needs a person, from an unavailable store."""
        from botocore.exceptions import ClientError, ParamValidationError

        message = f"{self._reference} can't be fetched: {error}"
        cause = error.__context__  # Powertools wraps every error in one kind
        if isinstance(cause, ClientError):
            status = cause.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            if status < 500 and "Throttl" not in cause.response["Error"]["Code"]:
                advice = "Check that it exists and that the function's policy allows it."
                if key_is_refused(cause):
                    advice = (
                        "Let the function's policy allow kms:Decrypt on its key: run configure."
                    )
                return ConfigurationError(f"{message}. {advice}")
        if isinstance(cause, ParamValidationError):
            return ConfigurationError(f"{message}. Check its name.")
        return StoreUnavailableError(message)


class _Fetched(NamedTuple):
    """A value, and for how many seconds it is used without asking again."""

    value: str
    since: Moment
    good_for: float


_now: Final = Moment.now
_last_fetched: Final[dict[tuple[str | None, str], _Fetched]] = {}
_SPARE_SECONDS: Final = 10.0
"""Seconds for which an unavailable store isn't asked again: each try costs the caller a time-out."""
_PART_WITH_VALUE: Final = 0.5
"""The part of a caller's time to ask in, if there is a value to go on with: the rest is for using it."""

_GET_PARAMETER: Final = Operation("ssm", "SSM", "AmazonSSM.GetParameter")
_GET_SECRET: Final = Operation("secretsmanager", "SECRETS_MANAGER", "secretsmanager.GetSecretValue")


def _read_at_once(store: str | None, name: str) -> str | None:
    """Read an entry without the SDK, for a cold start's sake; None if the SDK has to be asked."""
    if store == "ssm":
        answer = call(_GET_PARAMETER, {"Name": name, "WithDecryption": True}) or {}
        parameter = answer.get("Parameter")
        value = parameter.get("Value") if isinstance(parameter, dict) else None
    else:
        value = (call(_GET_SECRET, {"SecretId": name}) or {}).get("SecretString")
    return value if isinstance(value, str) else None


@lru_cache(maxsize=2)
def _provider(store: str) -> BaseProvider:
    """Return Powertools' reader of a store, with time-outs that fit into a request."""
    from aws_lambda_powertools.utilities import parameters
    from botocore.config import Config

    # At DEBUG, botocore logs the bodies of answers: here, the token.
    botocore_log = logging.getLogger("botocore")
    if botocore_log.getEffectiveLevel() < logging.INFO:
        botocore_log.setLevel(logging.INFO)
    connect, read = TIMEOUTS
    config = Config(
        connect_timeout=connect,
        read_timeout=read,
        retries={"mode": "standard", "total_max_attempts": 2},
    )
    of_store = parameters.SSMProvider if store == "ssm" else parameters.SecretsProvider
    provider = of_store(boto_config=config)
    with_bounded_answers_of_sdk(provider.client)
    return provider


def _warn(message: str) -> None:
    from aws_lambda_powertools import Logger

    # Its lines carry the request's trace id: Powertools' keys are those of all its loggers.
    Logger(service="inter-cloud-token").warning(message)
