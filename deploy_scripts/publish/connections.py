"""The connections of a layout: saved when Hot Readers are published, removed with their endpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.model.layout import PROVIDER_SPELLINGS, ProviderLayout
from chalicelib.model.reads import HISTORY, READS
from deploy_scripts.project_files.inter_cloud import Connection, connection_id

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from chalicelib.model.reads import Read
    from deploy_scripts.project_files.inter_cloud import InterCloudConnections
    from deploy_scripts.publish.function_url import FunctionUrl
    from deploy_scripts.stage.deployed import DeployedStage


def save(
    layout: ProviderLayout,
    connections: InterCloudConnections,
    urls: Mapping[Read, str],
    accepted: Sequence[str],
    *,
    dry_run: bool = False,
) -> list[str]:
    """Save the connections of both reads, as far as they differ.

    Parameters
    ----------
    accepted
        The tokens that the Hot Readers accept. A connection that has one of them keeps it; else it
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


def remove(
    layout: ProviderLayout, connections: InterCloudConnections, *, dry_run: bool = False
) -> list[str]:
    """Remove the connections of a layout, and return the ids of those that were there."""
    if not layout.crosses_clouds:
        return []
    there = connections.load()
    return [
        connection_id(layout, read)
        for read in READS
        if (connection_id(layout, read) in there if dry_run else connections.remove(layout, read))
    ]


def remove_others(
    layout: ProviderLayout | None,
    connections: InterCloudConnections,
    *,
    deployed: DeployedStage,
    function_url: FunctionUrl | None,
    dry_run: bool = False,
) -> list[str]:
    """Remove the connections to a stage's endpoints on AWS that a layout doesn't have (any more).

    Parameters
    ----------
    layout
        The layout whose connections stay; None for none.
    deployed, function_url
        The stage and its Function URL. Connections that lead to another one's endpoints stay.
    """
    known = connections.load()
    api = deployed.rest_api
    own = tuple(each.url.rstrip("/") for each in (api, function_url) if each and each.url)
    removed = []
    for layer_4 in sorted({*PROVIDER_SPELLINGS.values()} - {"aws"}):
        other = ProviderLayout("aws", layer_4)
        saved = known.get(connection_id(other, HISTORY))
        elsewhere = saved and api and not saved.url.startswith(own)
        if other != layout and not elsewhere:
            removed += remove(other, connections, dry_run=dry_run)
    return removed
