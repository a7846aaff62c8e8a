"""The inter-cloud token, and how it is compared."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from chalicelib.settings.token_reference import split_tokens

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.settings.token_reference import TokenReference


class InterCloudToken:
    """The token that callers of a Hot Reader send, and that its endpoints accept.

    Parameters
    ----------
    reference
        Where the token is kept.
    fetch
        Returns the value from the store that the reference names; None if the reference holds the
        value itself. It raises `StoreUnavailableError` and `ConfigurationError`.
    """

    def __init__(self, reference: TokenReference, fetch: Callable[[], str] | None = None) -> None:
        self._what = str(reference)
        self._fetch = fetch or (lambda: reference.value)

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
        return split_tokens(self._what, self._fetch())
