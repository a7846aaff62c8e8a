"""Hot Readers that a person deployed to another cloud than AWS, saved as connections."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.model.reads import HISTORY, LAST_ENTRY, READS
from chalicelib.settings.secure_url import check_reader_url
from chalicelib.settings.token_reference import TokenReference
from deploy_scripts.project_files.inter_cloud import connection_id
from deploy_scripts.publish import PublishError
from deploy_scripts.publish.connections import save

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chalicelib.model.layout import ProviderLayout
    from chalicelib.model.reads import Read
    from deploy_scripts.project_files.inter_cloud import InterCloudConnections


def publish(
    layout: ProviderLayout,
    connections: InterCloudConnections,
    urls: Mapping[Read, str],
    token: str,
    *,
    dry_run: bool = False,
) -> list[str]:
    """Save the connections to Hot Readers on the cloud of the hot storage.

    Raises
    ------
    PublishError
        The URLs or the token can't be right.
    chalicelib.model.errors.ConfigurationError
        A URL or the token can't be used.
    """
    urls = {read: url.strip() for read, url in urls.items()}
    if urls[HISTORY] == urls[LAST_ENTRY]:
        raise PublishError(
            "Both URLs are the same, but the two Hot Readers give different answers: name the Hot "
            "Reader Last Entry's own with --last-entry-url."
        )
    token = token.strip()
    if "," in token:
        raise PublishError("A connection has one token: the one that is sent.")
    for read in READS:  # all of them before one is saved
        name = connection_id(layout, read)
        check_reader_url(f"The URL of {name}", urls[read])
        TokenReference.parse(f"The token of {name}", token, max_age=1)
    return save(layout, connections, urls, [token], dry_run=dry_run)


def known_token(layout: ProviderLayout, connections: InterCloudConnections) -> str | None:
    """Return the token that a layout's connections have; None if neither is saved.

    Raises
    ------
    PublishError
        They have different ones.
    """
    found = [connections.get(layout, read) for read in READS]
    tokens = {each.token for each in found if each is not None}
    if len(tokens) > 1:
        raise PublishError(
            "The two connections have different tokens: say with --token-file which one is right."
        )
    return tokens.pop() if tokens else None
