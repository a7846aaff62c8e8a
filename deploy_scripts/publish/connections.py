"""The connections of a layout: saved when Hot Readers are published, removed with their endpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.model.layout import PROVIDER_SPELLINGS, ProviderLayout
from chalicelib.model.reads import HISTORY, LAST_ENTRY, READS
from chalicelib.settings.secure_url import check_reader_url
from chalicelib.settings.token_reference import TokenReference
from deploy_scripts.errors import VerbError
from deploy_scripts.project_files.inter_cloud import Connection, connection_id

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from chalicelib.model.reads import Read
    from deploy_scripts.project_files.inter_cloud import InterCloudConnections
    from deploy_scripts.publish.function_url import FunctionUrl
    from deploy_scripts.stage.deployed import DeployedStage


def check_layout(layout: ProviderLayout, cloud: str, instead: str | None = None) -> None:
    """Check that a layout has Hot Readers on a cloud that another cloud asks.

    `instead` says what to do if they are on another one; None for another call of `publish`.
    """
    layer_3_hot = layout.layer_3_hot
    if layer_3_hot == cloud and layout.crosses_clouds:
        return
    problem = f"Hot storage on {layer_3_hot} and twin on {layout.layer_4}: "
    if not layout.crosses_clouds:
        raise VerbError(f"{problem}no other cloud asks for telemetry, so nothing is public.")
    urls = "--url URL --last-entry-url URL"
    options = "--stage STAGE" if layer_3_hot == "aws" else f"--cloud {layer_3_hot} {urls}"
    deploy_first = f"Deploy those on {layer_3_hot}, then run publish {options}."
    raise VerbError(f"{problem}there is no Hot Reader on {cloud}. {instead or deploy_first}")


def save(
    layout: ProviderLayout,
    connections: InterCloudConnections,
    urls: Mapping[Read, str],
    accepted: Sequence[str],
    *,
    dry_run: bool = False,
) -> list[str]:
    """Save the connections of both reads, as far as they differ; return a line for each change.

    `accepted`: the tokens that the Hot Readers accept. A connection that has one of them keeps it; else it
    gets the last one, which each endpoint knows even while a token changes (`tokens.rotation`).
    """
    known = connections.load()
    changes = []
    for read in READS:
        name = connection_id(layout, read)
        before = known.get(name)
        token = before.token if before is not None and before.token in accepted else accepted[-1]
        wanted = Connection(name, urls[read], token)
        if wanted == before:
            continue
        same_url = before is not None and before.url == wanted.url
        changes.append(f"connection {name}: {'another token' if same_url else wanted.public_url}")
        if not dry_run:
            connections.put(layout, read, url=wanted.url, token=token)
    return changes


def save_given(
    layout: ProviderLayout,
    connections: InterCloudConnections,
    urls: Mapping[Read, str],
    token: str,
    *,
    dry_run: bool = False,
) -> list[str]:
    """Save the connections to Hot Readers that a person deployed to another cloud, as `save` does."""
    urls = {read: url.strip() for read, url in urls.items()}
    if urls[HISTORY] == urls[LAST_ENTRY]:
        raise VerbError(
            "Both URLs are the same, but the two Hot Readers give different answers: name the Hot "
            "Reader Last Entry's own with --last-entry-url."
        )
    token = token.strip()
    if "," in token:
        raise VerbError("A connection has one token: the one that is sent.")
    for read in READS:  # all of them before one is saved
        name = connection_id(layout, read)
        check_reader_url(f"The URL of {name}", urls[read])
        TokenReference.parse(f"The token of {name}", token, max_age=1)
    return save(layout, connections, urls, [token], dry_run=dry_run)


def known_token(layout: ProviderLayout, connections: InterCloudConnections) -> str | None:
    """Return the token that a layout's connections have; None if neither is saved."""
    tokens = {each.token for each in connections.of(layout).values()}
    if len(tokens) > 1:
        raise VerbError(
            "The two connections have different tokens: say with --token-file which one is right."
        )
    return tokens.pop() if tokens else None


def remove_others(
    layout: ProviderLayout | None,
    connections: InterCloudConnections,
    *,
    deployed: DeployedStage,
    function_url: FunctionUrl | None,
    dry_run: bool = False,
) -> list[str]:
    """Remove the connections to a stage's endpoints on AWS that a layout doesn't have (any more).

    The ids of those that were there are returned.

    `layout`: the layout whose connections stay; None for none.
    `deployed`, `function_url`: the stage and its Function URL. Connections that lead to another one's
    endpoints stay.
    """
    known = connections.load()
    api = deployed.rest_api
    own = tuple(each.url.rstrip("/") for each in (api, function_url) if each and each.url)
    removed = []
    for layer_4 in sorted({*PROVIDER_SPELLINGS.values()} - {"aws"}):
        other = ProviderLayout("aws", layer_4)
        saved = known.get(connection_id(other, HISTORY))
        elsewhere = saved and api and not saved.url.startswith(own)
        if other == layout or elsewhere:
            continue
        for read in READS:
            name = connection_id(other, read)
            if name in known if dry_run else connections.remove(other, read):
                removed.append(name)
    return removed
