"""The inter-cloud token: where it is kept, and how it is compared.

A setting holds the token itself or, better, a reference to it: `ssm:/name/of/the/parameter` (SSM
Parameter Store) or `secretsmanager:name-or-arn` (Secrets Manager). A referenced token is fetched with
the first request, kept for `max_age` seconds and then fetched again, so that it can be changed
without a new deployment.

While a token is changed, the value is `current,previous`: an endpoint accepts both, a caller sends
the current one. Both stand in one value, so the change is one atomic write.
"""

from __future__ import annotations

import hmac
import logging
import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from chalicelib.model.errors import ConfigurationError, HotReaderError, StoreUnavailableError
from chalicelib.model.moment import Moment
from chalicelib.tokens.aws_call import Operation, call

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.parameters.base import BaseProvider

_SHORTEST: Final = 16
"""Characters. `secrets.token_urlsafe(32)` makes 43."""
_TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/=-]+")
"""The letters of a bearer token (RFC 6750, section 2.1), as in every base64 and URL-safe alphabet."""
_STORES: Final = ("ssm", "secretsmanager")


@dataclass(frozen=True, slots=True)
class TokenSource:
    """Where the token is kept.

    Attributes
    ----------
    variable
        The environment variable that says so.
    store
        `ssm`, `secretsmanager`, or None if the variable holds the value itself.
    value
        The name within the store, or the value.
    max_age
        Seconds for which a fetched value is used.
    """

    variable: str
    store: str | None
    value: str = field(repr=False)
    max_age: int

    @classmethod
    def parse(cls, variable: str, text: str, *, max_age: int) -> TokenSource:
        """Read a setting.

        Raises
        ------
        ConfigurationError
            It is neither a reference nor a usable token. The message never holds the value.
        """
        text = text.strip()
        store, separator, name = text.partition(":")
        if separator and store in _STORES:
            if not name:
                raise ConfigurationError(
                    f"{variable} names no {store} entry; it should look like {store}:/twin/token"
                )
            return cls(variable, store, name, max_age)
        if ":" in text or text.startswith("/"):
            raise ConfigurationError(
                f"{variable} looks like a reference, but only ssm:NAME and secretsmanager:NAME are "
                "known (an ARN may stand in place of NAME)"
            )
        _split(variable, text)
        return cls(variable, None, text, max_age)

    def current(self) -> str:
        """Return the token that a caller sends.

        Raises
        ------
        StoreUnavailableError
            The store that keeps the token can't be reached or throttles.
        ConfigurationError
            The store has no such entry or refuses, or what it keeps is no token.
        """
        return self._tokens()[0]

    def accepts(self, given: str | None) -> bool:
        """Compare a caller's token with the current and the previous one, in constant time.

        Raises
        ------
        StoreUnavailableError, ConfigurationError
            See `current`.
        """
        presented = (given or "").encode(errors="surrogatepass")
        # Every token is compared, so the time doesn't tell which one came close.
        matches = [hmac.compare_digest(presented, token.encode()) for token in self._tokens()]
        return any(matches)

    def _tokens(self) -> list[str]:
        if self.store is None:
            return _split(self.variable, self.value)
        return _split(f"What {self._description}", self._fetch())

    @property
    def _description(self) -> str:
        return f"{self.variable} refers to ({self.store}:{self.value})"

    def _fetch(self) -> str:
        """Fetch the value; a store that is away doesn't matter as long as a value is known."""
        known = (self.store, self.value)
        last = _last_fetched.get(known)
        if last and last.since.seconds_until(_now()) < last.good_for:
            return last.value
        try:
            value = self._ask_store()
        except StoreUnavailableError as error:
            if not last:
                raise
            _warn(f"{error}; the value known so far is used")
            _last_fetched[known] = _Fetched(last.value, _now(), _SPARE_SECONDS)
            return last.value
        if not isinstance(value, str):
            raise ConfigurationError(f"What {self._description} must be text, not binary data.")
        _last_fetched[known] = _Fetched(value, _now(), self.max_age)
        return value

    def _ask_store(self) -> Any:
        value = _read_at_once(self.store, self.value)
        if value is not None:
            return value
        from aws_lambda_powertools.utilities.parameters.exceptions import (  # imports boto3
            GetParameterError,
        )

        options: dict[str, Any] = {"decrypt": True} if self.store == "ssm" else {}
        try:
            return _provider(self.store).get(self.value, force_fetch=True, **options)
        except GetParameterError as error:
            raise self._explained(error) from error

    def _explained(self, error: Exception) -> HotReaderError:
        """Tell a refusal, which needs a person, from a store that is away."""
        from botocore.exceptions import ClientError, ParamValidationError

        message = f"What {self._description} can't be fetched: {error}"
        cause = error.__context__  # Powertools wraps every error in one kind
        if isinstance(cause, ClientError):
            status = cause.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            if status < 500 and "Throttl" not in cause.response["Error"]["Code"]:
                return ConfigurationError(
                    f"{message}. Check that it exists and that the function's policy allows it."
                )
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
"""For which a store that is away isn't asked again."""

_GET_PARAMETER: Final = Operation("ssm", "SSM", "AmazonSSM.GetParameter")
_GET_SECRET: Final = Operation("secretsmanager", "SECRETS_MANAGER", "secretsmanager.GetSecretValue")


def _read_at_once(store: str | None, name: str) -> str | None:
    """Read an entry without the SDK, as a cold start should; None if the SDK has to be asked."""
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
    config = Config(
        connect_timeout=1, read_timeout=2, retries={"mode": "standard", "total_max_attempts": 2}
    )
    if store == "ssm":
        return parameters.SSMProvider(boto_config=config)
    return parameters.SecretsProvider(boto_config=config)


def _warn(message: str) -> None:
    """Log with the request's trace id."""
    from aws_lambda_powertools import Logger

    from chalicelib.observability.request_record import current_trace_id

    Logger(service="inter-cloud-token").warning(message, trace_id=current_trace_id())


def _split(what: str, value: str) -> list[str]:
    tokens = [token.strip() for token in value.split(",")]
    if len(tokens) > 2:
        raise ConfigurationError(f"{what} must be one token, or two as current,previous.")
    for token in tokens:
        if len(token) < _SHORTEST or not _TOKEN.fullmatch(token):
            raise ConfigurationError(
                f"{what} must be a token: at least {_SHORTEST} letters, digits and ._~+/=- without "
                "blanks. Make one with: python3 -c 'import secrets; print(secrets.token_urlsafe(32))'"
            )
    return tokens
