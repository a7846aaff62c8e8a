"""The hop of the inter-cloud token."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chalicelib.model.errors import ConfigurationError
from chalicelib.settings.token_reference import TokenReference
from deploy_scripts.project_files.inter_cloud import CONNECTIONS_FILE
from deploy_scripts.tokens.stores import STORES, TOKEN_VARIABLE
from deploy_scripts.verify.hop import BrokenHopError, Passed

if TYPE_CHECKING:
    from collections.abc import Callable

    from deploy_scripts.project_files.inter_cloud import Connection


@dataclass(frozen=True, slots=True)
class TokenHop:
    """The token that the stage refers to can be read."""

    client: Callable[..., Any]
    reference: str
    connections: tuple[Connection, ...]

    title = "token"

    def run(self) -> Passed[tuple[str, ...]]:
        """Read it; see `Hop.run`."""
        try:
            source = TokenReference.parse(TOKEN_VARIABLE, self.reference, max_age=1)
            if source.store is None:
                where, value = f"{TOKEN_VARIABLE} itself", source.value
            else:
                where = f"{source.store}:{source.value}"
                value = self._stored(source, where)
                _check_token(where, value)
        except ConfigurationError as error:
            advice = "Put a token there: configure does (after the value was deleted, if need be)."
            raise BrokenHopError(str(error), advice) from error
        tokens = tuple(each.strip() for each in value.split(","))
        detail = f"{where} holds a token"
        if len(tokens) > 1:
            detail = f"{where} holds two tokens, current and previous"
        if any(each.token not in tokens for each in self.connections):
            detail += f"; note: not the one in {CONNECTIONS_FILE}"
        return Passed(detail, tokens)

    def _stored(self, source: TokenReference, where: str) -> str:
        name = source.value
        region = {"region_name": name.split(":")[3]} if name.count(":") > 4 else {}
        service = str(source.store)
        client = self.client(service, **region)
        value = STORES[service](client, name).get()
        if value is None:
            raise BrokenHopError(
                f"{where} isn't there, so the functions have no token.",
                "Run configure for the stage: it keeps the token there. Check the region, too.",
            )
        return value


def _check_token(where: str, value: str) -> None:
    if TokenReference.parse(f"What {where} holds", value, max_age=1).store is not None:
        raise ConfigurationError(f"{where} holds a reference, not a token")
