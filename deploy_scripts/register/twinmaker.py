"""TwinMaker's API, as far as registering needs more of it than a call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from chalicelib.data_connector.device import twinmaker_client as configured_client
from deploy_scripts.register.errors import calling

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Json = dict[str, Any]

_MOST_RESULTS: Final = 200


def twinmaker_client() -> Any:
    """Return a TwinMaker client with endpoint, region and credentials from the environment."""
    from botocore.config import Config

    return configured_client(Config(retries={"mode": "standard", "total_max_attempts": 8}))


def tags_of(client: Any, arn: str) -> dict[str, str]:
    """Return a thing's tags; none if it is gone by now."""
    tags: dict[str, str] = {}
    with calling(f"tags of {arn}"):
        token: Json = {}
        while True:
            try:
                page = client.list_tags_for_resource(resourceARN=arn, **token)
            except client.exceptions.ResourceNotFoundException:
                return tags
            tags |= page.get("tags", {})
            if not page.get("nextToken"):
                return tags
            token = {"nextToken": page["nextToken"]}


def pages(operation: Callable[..., Json], member: str, **request: Any) -> Iterator[Json]:
    """Yield a member's items of all pages of an answer."""
    token: Json = {}
    while True:
        page = operation(**request, maxResults=_MOST_RESULTS, **token)
        yield from page.get(member, [])
        if not page.get("nextToken"):
            return
        token = {"nextToken": page["nextToken"]}
