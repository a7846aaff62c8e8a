"""The way from the twin's cloud to the Hot Readers: their endpoints, saved as connections."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deploy_scripts.errors import VerbError

if TYPE_CHECKING:
    from chalicelib.model.layout import ProviderLayout


class PublishError(VerbError):
    """The Hot Readers can't be published; the message says why and what to do, and holds no token."""


def check_layout(layout: ProviderLayout, cloud: str) -> None:
    """Check that a layout has Hot Readers on a cloud that another cloud asks."""
    layer_3_hot = layout.layer_3_hot
    if layer_3_hot == cloud and layout.crosses_clouds:
        return
    problem = f"Hot storage on {layer_3_hot} and twin on {layout.layer_4}: "
    if not layout.crosses_clouds:
        raise PublishError(f"{problem}no other cloud asks for telemetry, so nothing is public.")
    urls = "--url URL --last-entry-url URL"
    options = "--stage STAGE" if layer_3_hot == "aws" else f"--cloud {layer_3_hot} {urls}"
    raise PublishError(
        f"{problem}there is no Hot Reader on {cloud}. Deploy those on {layer_3_hot}, then run publish "
        f"{options}."
    )
