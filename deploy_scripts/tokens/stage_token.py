"""The token of a stage: where it is stored, and what its endpoints accept."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from chalicelib.settings.endpoint import EndpointSettings
from chalicelib.settings.token_reference import TokenReference, split_tokens
from deploy_scripts.errors import VerbError
from deploy_scripts.stage.stage import API_HANDLER
from deploy_scripts.tokens.stores import STORES, TOKEN_VARIABLE, token_store

if TYPE_CHECKING:
    from deploy_scripts import MakeClient
    from deploy_scripts.stage.stage import Stage
    from deploy_scripts.tokens.stores import TokenStore


class StageTokenError(VerbError):
    """The stage's token can't be used; the message says why and what to do, and holds no token."""


def default_token_name(twin_name: str, stage: str) -> str:
    """Return the name of a stage's token unless the stage or an option says otherwise."""
    return f"/{twin_name}/{stage}/inter-cloud-token"


def token_reference(twin_name: str, stage: str, store: str | None, name: str | None) -> str | None:
    """Spell the options `--token-store` and `--token-name` as a reference; None without either."""
    if store is None and name is None:
        return None
    name = name or default_token_name(twin_name, stage)
    if not re.fullmatch(r"[A-Za-z0-9_./-]+", name):
        raise StageTokenError("--token-name: use letters, digits and _ . / - (a name, not an ARN).")
    if store == "secretsmanager":
        name = name.removeprefix("/")
    return f"{store or 'ssm'}:{name}"


def default_references(twin_name: str, stage: str) -> list[str]:
    """Return the references to a stage's token whose name nobody chose: one for each store."""
    return [str(token_reference(twin_name, stage, store, None)) for store in STORES]


def followed_reference(stage: Stage, twin_name: str) -> str | None:
    """Return the stage's reference, named after the twin if it was after another twin; None if it has none.

    A reference that somebody chose stays.
    """
    stated = (stage.environment or {}).get(TOKEN_VARIABLE)
    before = default_references(stage.twin_name, stage.name) if stage.twin_name else []
    if stated in before:
        return default_references(twin_name, stage.name)[before.index(stated)]
    return stated


def managed_store(
    stage: Stage, twin_name: str, chosen: str | None, client: MakeClient
) -> TokenStore:
    """Return the store that `configure` looks after: by a chosen reference, the stage's, or the default.

    Raises `StageTokenError`: the stage holds a token itself, or its reference is an ARN.
    """
    stated = (stage.environment or {}).get(TOKEN_VARIABLE)
    reference = chosen or stated or f"ssm:{default_token_name(twin_name, stage.name)}"
    source = TokenReference.parse(TOKEN_VARIABLE, reference, max_age=1)
    if source.store is None or source.value.startswith("arn:"):
        raise StageTokenError(
            f"{TOKEN_VARIABLE} of the stage {stage.name} must be ssm:NAME or secretsmanager:NAME for "
            "configure to look after it."
        )
    return token_store(source, client, stage=stage.name, twin=twin_name)


def endpoint_token(stage: Stage, chosen: str | None = None) -> TokenReference:
    """Return where the endpoints of a stage find their token: as it says, or else by a chosen reference."""
    if stage.environment is None:
        raise StageTokenError(f"There is no stage {stage.name} yet: run configure, then deploy it.")
    environment = stage.environment_of(API_HANDLER)
    stated = environment.get(TOKEN_VARIABLE, "").strip()
    if stated and TokenReference.parse(TOKEN_VARIABLE, stated, max_age=1).store is None:
        raise StageTokenError(
            f"The stage {stage.name} holds the token itself in {TOKEN_VARIABLE}, where everyone who "
            "may see the function can read it. Run configure, which keeps it in a store, and deploy."
        )
    if stated and chosen and stated != chosen:
        raise StageTokenError(
            f"The endpoints of the stage {stage.name} accept what {stated} holds, not {chosen}. "
            "Leave out --token-store and --token-name; or run configure with them, and deploy."
        )
    named = {**environment, TOKEN_VARIABLE: stated or chosen or ""}
    return EndpointSettings.load(named).token


def accepted_tokens(store: TokenStore) -> list[str]:
    """Return the tokens that endpoints accept: the current one and, while it changes, the previous."""
    value = store.get()
    if value is None:
        raise StageTokenError(f"{store.reference} holds no token: run configure, which makes one.")
    return split_tokens(f"The value of {store.reference}", value)
