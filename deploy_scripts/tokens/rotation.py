"""Changes the inter-cloud token of Hot Readers on AWS, while another cloud goes on reading.

The token stands in two places: the store that the endpoints read (one token, or `NEW,OLD` while it
changes) and the connections that the caller's cloud is set up from. What these hold is all there is
to know about a rotation; nothing else is remembered:

| the store holds | the connections hold | next step | what it does |
|---|---|---|---|
| `A` | `A` | announce | makes `N` and writes `N,A` to the store |
| `N,A` | not both `N` | hand over | waits until each endpoint knows `N`, then saves `N` in both |
| `N,A` | `N` | retire | writes `N` to the store: `A` is refused from now on |
| `A` | something else | none | refused: the caller is cut off already, `publish` connects it again |

Each step is one atomic write (to hand over: two, in any order), so a run that was stopped anywhere
leaves one of these rows behind, and the next run goes on from there. In each row each endpoint accepts
what the connections hold: endpoints that remember the value before `N,A` accept `A`, and the caller
gets `N` only when no endpoint can remember that any more. As nothing tells how long ago `N,A` was
written, a run that finds it waits for the whole time.

`run` goes from announcing to handing over. It never retires, because the connections are only what the
caller's cloud is set up *from*: a person knows when that has happened there, and calls `retire`.
Until then `run` changes nothing more; afterwards it starts the next rotation.
"""

from __future__ import annotations

import secrets
import time
from enum import Enum
from typing import TYPE_CHECKING, Final

from botocore.exceptions import ClientError

from chalicelib.model.reads import READS
from deploy_scripts.errors import RefusedError, VerbError
from deploy_scripts.project_files.inter_cloud import connection_id, old_connection_id
from deploy_scripts.tokens.endpoint_token import accepted_tokens

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.model.layout import ProviderLayout
    from deploy_scripts.project_files.inter_cloud import InterCloudConnections
    from deploy_scripts.tokens.stores import TokenStore

FETCH_SECONDS: Final = 10
"""How long after a write an endpoint's fetch that was under way may still bring the value before it."""
_BYTES: Final = 32


class RotationError(VerbError):
    """The rotation can't go on; the message says why and what to do, and holds no token."""


class StoreRefusedError(RefusedError):
    """AWS refused to keep a token; the message holds AWS's code only, as its words may quote it."""


class Step(Enum):
    """A step of a rotation, in the order that they are taken; the value says what it does."""

    ANNOUNCE = "make a new token and let the endpoints accept both"
    HAND_OVER = "wait until each endpoint knows the new token, then save it for the caller"
    RETIRE = "let the endpoints refuse the old token (--retire, once the caller uses the new one)"


class Rotation:
    """Changes the token of one layout's endpoints.

    Parameters
    ----------
    layout
        The provider layout; its endpoints are on AWS.
    connections
        What the caller's cloud is set up from.
    store
        Where the endpoints' token is kept.
    max_age
        For how many seconds an endpoint remembers what it fetched.
    report
        Is told what was done, in words.
    sleep
        Waits for so many seconds.
    """

    def __init__(
        self,
        layout: ProviderLayout,
        connections: InterCloudConnections,
        store: TokenStore,
        *,
        max_age: int,
        report: Callable[[str], None] = lambda _: None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._layout = layout
        self._connections = connections
        self._store = store
        self._report = report
        self._sleep = sleep
        self.wait_seconds = max_age + FETCH_SECONDS
        self._ids = [connection_id(layout, read) for read in READS]

    def next_step(self) -> Step:
        """Tell the next step from what the store and the connections hold.

        Raises
        ------
        RotationError
            The caller isn't connected, or with another token.
        EndpointTokenError
            The store has no token.
        InterCloudError
            The connections can't be read.
        """
        return self._next_step(accepted_tokens(self._store))

    def run(self, *, wait: bool = True) -> Step:
        """Announce a new token and hand it over, from wherever an earlier run stopped.

        Parameters
        ----------
        wait
            False to take a single step and not wait before handing over: the time must have passed
            since the new token was announced.

        Returns
        -------
        Step
            What is next.

        Raises
        ------
        StoreRefusedError
            The store refused the new token.
        RotationError, EndpointTokenError, InterCloudError
            See `next_step`.
        """
        accepted = accepted_tokens(self._store)
        step = self._next_step(accepted)
        if step is Step.ANNOUNCE:
            accepted = [secrets.token_urlsafe(_BYTES), accepted[0]]
            self._keep(accepted)
            self._report(f"{self._store.reference} holds a new token beside the old one")
            if not wait:
                return Step.HAND_OVER
        if step is not Step.RETIRE:
            self._hand_over(accepted, wait=wait)
        return Step.RETIRE

    def retire(self) -> bool:
        """Let the endpoints refuse the old token; say whether there was one.

        Raises
        ------
        RotationError
            The new token isn't handed over yet; or see `next_step`.
        StoreRefusedError
            The store refused.
        """
        accepted = accepted_tokens(self._store)
        step = self._next_step(accepted)
        if step is Step.ANNOUNCE:
            return False
        if step is Step.HAND_OVER:
            raise RotationError(
                "The connections don't have the new token yet, so the old one must stay. Run "
                "rotate-token without --retire first."
            )
        self._check_old_id(accepted[0])
        self._keep(accepted[:1])
        self._report(f"{self._store.reference} holds the new token only")
        return True

    def _next_step(self, accepted: list[str]) -> Step:
        known = self._connections.load()
        missing = [name for name in self._ids if name not in known]
        if missing:
            raise RotationError(
                f"{self._connections.path} has no connection {' and no '.join(missing)}: nothing is "
                "known of the caller. Run publish first."
            )
        held = {known[name].token.strip() for name in self._ids}
        if len(accepted) > 1:
            return Step.RETIRE if held == {accepted[0]} else Step.HAND_OVER
        if held != {accepted[0]}:
            raise RotationError(
                f"The connections hold another token than {self._store.reference}, so the caller is "
                "refused as it is. Run publish first."
            )
        return Step.ANNOUNCE

    def _hand_over(self, accepted: list[str], *, wait: bool) -> None:
        if wait:
            self._report(f"waiting {self.wait_seconds} s, until each endpoint knows the new token")
            self._sleep(self.wait_seconds)
        if accepted_tokens(self._store) != accepted:
            raise RotationError(
                f"{self._store.reference} was changed by someone else meanwhile. Nothing was handed "
                "over; run rotate-token again when they have finished."
            )
        known = self._connections.load()
        for name, read in zip(self._ids, READS, strict=True):
            if name not in known:
                raise RotationError(f"The connection {name} was removed meanwhile. Run publish.")
            self._connections.put(self._layout, read, url=known[name].url, token=accepted[0])
            self._report(f"connection {name} has the new token")

    def _check_old_id(self, current: str) -> None:
        """Refuse to cut off a caller that is set up from the old id, which isn't ours to write."""
        name = old_connection_id(self._layout)
        old = self._connections.load().get(name)
        if old is not None and old.token.strip() != current:
            raise RotationError(
                f"{self._connections.path} also has the connection {name}, with another token: a "
                "caller that is set up from it would be refused. Remove it, or give it the token of "
                f"{self._ids[0]}."
            )

    def _keep(self, tokens: list[str]) -> None:
        try:
            self._store.put(",".join(tokens))
        except ClientError as error:
            code = error.response["Error"]["Code"]
            message = f"{self._store.reference}: {error.operation_name} was refused: {code}"
        else:
            return
        raise StoreRefusedError(message)  # not in the handler: no trace of what was sent
