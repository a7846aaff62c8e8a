"""The rotation of the inter-cloud token of Hot Readers on AWS, while another cloud goes on reading.

The token stands in two places: the store that the endpoints read (one token, or `NEW,OLD` while it
changes) and the connections that the caller's cloud is set up from. These two are the whole state of a
rotation:

| the store holds | the connections hold | next step | what it does |
|---|---|---|---|
| `A` | `A` | announce | makes `N` and writes `N,A` to the store |
| `N,A` | not both `N` | hand over | waits until each endpoint knows `N`, then saves `N` in both |
| `N,A` | `N` | retire | writes `N` to the store: `A` is refused from now on |
| `A` | something else | none | refused: the caller is cut off already, `publish` connects it again |

Each step is one atomic write (to hand over: two, in any order), so a run that was stopped anywhere
leaves one of these rows behind, and the next run goes on from there. In each row each endpoint accepts
what the connections hold: endpoints that remember the value before `N,A` accept `A`, and the caller
gets `N` only when no endpoint can remember that any more. As the time at which `N,A` was written isn't
known, a run that finds it waits for the whole time.

`run` goes from announcing to handing over. It never retires, because the connections are only what the
caller's cloud is set up *from*: a person knows when that has happened there, and calls `retire`.
Until then `run` changes nothing more; afterwards it starts the next rotation.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final

from chalicelib.model.reads import HISTORY, READS
from deploy_scripts.errors import VerbError
from deploy_scripts.project_files.inter_cloud import connection_id, old_connection_id
from deploy_scripts.tokens.stage_token import accepted_tokens

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.model.layout import ProviderLayout
    from chalicelib.model.reads import Read
    from deploy_scripts.project_files.inter_cloud import InterCloudConnections
    from deploy_scripts.tokens.stores import TokenStore

FETCH_SECONDS: Final = 10
"""Seconds after a write in which an endpoint's fetch may still bring the value before it."""
_BYTES: Final = 32


class Step(Enum):
    """A step of a rotation, in the order that they are taken; the value says what it does."""

    ANNOUNCE = "make a new token and let the endpoints accept both"
    HAND_OVER = "wait until each endpoint knows the new token, then save it for the caller"
    RETIRE = "let the endpoints refuse the old token (--retire, once the caller uses the new one)"


@dataclass(frozen=True, slots=True)
class Rotation:
    """The rotation of the token of one layout's endpoints.

    Its methods raise a `VerbError` if the caller isn't connected, or with another token, or if the token
    wasn't made for the stage.
    """

    layout: ProviderLayout
    connections: InterCloudConnections
    store: TokenStore
    max_age: int  # the seconds for which an endpoint remembers what it fetched
    report: Callable[[str], None]
    sleep: Callable[[float], None] = time.sleep

    @property
    def wait_seconds(self) -> int:
        """The seconds after which no endpoint remembers what was in the store before."""
        return self.max_age + FETCH_SECONDS

    @property
    def _ids(self) -> dict[Read, str]:
        return {read: connection_id(self.layout, read) for read in READS}

    def next_step(self) -> Step:
        """Derive the next step from what the store and the connections hold."""
        return self._next_step(self._accepted())

    def run(self, *, wait: bool = True) -> Step:
        """Announce a new token and hand it over, from wherever an earlier run stopped.

        `wait`: False to take a single step and not wait before handing over: the time must have passed
        since the new token was announced.
        """
        accepted = self._accepted()
        step = self._next_step(accepted)
        if step is Step.ANNOUNCE:
            accepted = [secrets.token_urlsafe(_BYTES), accepted[0]]
            self.store.put(",".join(accepted))
            self.report(f"{self.store.reference} holds a new token beside the old one")
            if not wait:
                return Step.HAND_OVER
        if step is not Step.RETIRE:
            self._hand_over(accepted, wait=wait)
        return Step.RETIRE

    def retire(self) -> bool:
        """Let the endpoints refuse the old token; say whether there was one.

        Raises `VerbError`: the new token isn't handed over yet.
        """
        current, *previous = self._accepted()
        step = self._next_step([current, *previous])
        if step is Step.HAND_OVER:
            raise VerbError(
                "The connections don't have the new token yet, so the old one must stay. Run "
                "rotate-token without --retire first."
            )
        if step is Step.ANNOUNCE:
            return False
        self._check_old_id(current)
        self.store.put(current)
        self.report(f"{self.store.reference} holds the new token only")
        return True

    def _accepted(self) -> list[str]:
        accepted = accepted_tokens(self.store)
        self.store.check_ours()
        return accepted

    def _next_step(self, accepted: list[str]) -> Step:
        known = self.connections.load()
        missing = [name for name in self._ids.values() if name not in known]
        if missing:
            raise VerbError(
                f"{self.connections.path} has no connection {' and no '.join(missing)}: nothing is "
                "known of the caller. Run publish first."
            )
        held = {known[name].token.strip() for name in self._ids.values()}
        if len(accepted) > 1:
            return Step.RETIRE if held == {accepted[0]} else Step.HAND_OVER
        if held != {accepted[0]}:
            raise VerbError(
                f"The connections hold another token than {self.store.reference}, so the caller is "
                "refused as it is. Run publish first."
            )
        return Step.ANNOUNCE

    def _hand_over(self, accepted: list[str], *, wait: bool) -> None:
        if wait:
            self.report(f"waiting {self.wait_seconds} s, until each endpoint knows the new token")
            self.sleep(self.wait_seconds)
        if accepted_tokens(self.store) != accepted:
            raise VerbError(
                f"{self.store.reference} was changed by someone else meanwhile. Nothing was handed "
                "over; run rotate-token again when they have finished."
            )
        known = self.connections.load()
        for read, name in self._ids.items():
            if name not in known:
                raise VerbError(f"The connection {name} was removed meanwhile. Run publish.")
            self.connections.put(self.layout, read, url=known[name].url, token=accepted[0])
            self.report(f"connection {name} has the new token")

    def _check_old_id(self, current: str) -> None:
        """Refuse to cut off a caller that is set up from the old id, which isn't ours to write."""
        name = old_connection_id(self.layout)
        old = self.connections.load().get(name)
        if old is not None and old.token.strip() != current:
            raise VerbError(
                f"{self.connections.path} also has the connection {name}, with another token: a "
                "caller that is set up from it would be refused. Remove it, or give it the token of "
                f"{self._ids[HISTORY]}."
            )
