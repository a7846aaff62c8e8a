"""The token that a stage's endpoints accept: where it is stored, and its value."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.model.errors import ConfigurationError
from chalicelib.settings.endpoint import EndpointSettings
from chalicelib.settings.token_reference import TokenReference
from deploy_scripts.errors import VerbError
from deploy_scripts.tokens.stores import TOKEN_VARIABLE

if TYPE_CHECKING:
    from deploy_scripts.stage.stage import Stage
    from deploy_scripts.tokens.stores import TokenStore


class EndpointTokenError(VerbError):
    """The endpoints' token can't be used; the message says why and what to do, and holds no token."""


def endpoint_settings(stage: Stage, reference: str | None = None) -> TokenReference:
    """Return where the endpoints of a stage keep their token, and for how long they remember it.

    Parameters
    ----------
    stage
        The stage.
    reference
        What `INTER_CLOUD_TOKEN` should say, if the stage doesn't.

    Raises
    ------
    EndpointTokenError
        The stage isn't there, says something else, or holds a token in place of a reference.
    chalicelib.model.errors.ConfigurationError
        A setting is missing or malformed.
    """
    if stage.environment is None:
        raise EndpointTokenError(
            f"There is no stage {stage.name} yet: run configure, then deploy it."
        )
    environment = stage.endpoints_environment
    stated = environment.get(TOKEN_VARIABLE, "").strip()
    if stated and TokenReference.parse(TOKEN_VARIABLE, stated, max_age=1).store is None:
        raise EndpointTokenError(
            f"The stage {stage.name} holds the token itself in {TOKEN_VARIABLE}, where everyone who "
            "may see the function can read it. Run configure, which keeps it in a store, and deploy."
        )
    if stated and reference and stated != reference:
        raise EndpointTokenError(
            f"The endpoints of the stage {stage.name} accept what {stated} holds, not {reference}. "
            "Leave out --token-store and --token-name; or run configure with them, and deploy."
        )
    named = {TOKEN_VARIABLE: stated or reference or ""}
    return EndpointSettings.load({**environment, **named}).token


def accepted_tokens(store: TokenStore) -> list[str]:
    """Return the tokens that endpoints accept: the current one and, while it changes, the previous.

    Raises
    ------
    EndpointTokenError
        The store has none, or something else.
    """
    value = store.get()
    if value is None:
        raise EndpointTokenError(
            f"{store.reference} holds no token: run configure, which makes one."
        )
    try:
        literal = (
            TokenReference.parse(f"What {store.reference} holds", value, max_age=1).store is None
        )
    except ConfigurationError as error:
        raise EndpointTokenError(str(error)) from error
    if not literal:
        raise EndpointTokenError(f"{store.reference} holds a reference, not a token.")
    return [each.strip() for each in value.split(",")]
