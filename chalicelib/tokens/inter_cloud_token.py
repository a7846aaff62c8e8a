"""The inter-cloud token, and how it is compared."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from chalicelib.settings.token_reference import split_tokens

if TYPE_CHECKING:
    from chalicelib.settings.token_reference import TokenReference

Wait: TypeAlias = Callable[[Callable[[], Any], float], Any]
"""Calls a function that takes time, at most this part of all that there is, and returns its result."""


def _call(takes_time: Callable[[], Any], _part: float) -> Any:
    return takes_time()


class InterCloudToken:
    """The token that callers of a Hot Reader send, and that its endpoints accept.

    Parameters
    ----------
    reference
        Where the token is kept.
    fetch
        Returns the value from the store that the reference names; None if the reference holds the
        value itself. It calls what takes time through the function that it is given, and raises
        `StoreUnavailableError` and `ConfigurationError`.
    """

    def __init__(
        self, reference: TokenReference, fetch: Callable[[Wait], str] | None = None
    ) -> None:
        self._what = str(reference)
        self._fetch = fetch or (lambda _wait: reference.value)

    def current(self, wait: Wait = _call) -> str:
        """Return the token that a caller sends.

        Parameters
        ----------
        wait
            Calls the function that asks the store, which only happens if no token is known or if it is
            too old. It may raise `StoreUnavailableError` if that takes too long.

        Raises
        ------
        StoreUnavailableError
            The store that keeps the token can't be reached or throttles.
        ConfigurationError
            The store has no such entry or refuses, or what it keeps is no token.
        """
        return self._tokens(wait)[0]

    def accepts(self, given: str | None) -> bool:
        """Compare a caller's token with the current and the previous one, in constant time.

        Raises
        ------
        StoreUnavailableError, ConfigurationError
            See `current`.
        """
        presented = (given or "").encode(errors="surrogatepass")
        # Every token is compared, so the time doesn't tell which one came close.
        matches = [hmac.compare_digest(presented, token.encode()) for token in self._tokens(_call)]
        return any(matches)

    def _tokens(self, wait: Wait) -> list[str]:
        return split_tokens(self._what, self._fetch(wait))
