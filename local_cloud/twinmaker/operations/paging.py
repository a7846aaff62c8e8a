"""Pages of list operations."""

from __future__ import annotations

import base64
import binascii
import json
from typing import TYPE_CHECKING, Any, TypeVar

from ..errors import InvalidRequestError

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_PAGE = 25
"""Results of a list on a page if the caller names no number: the service model's documentation."""

Item = TypeVar("Item")


def page_size(request: Mapping[str, Any], default: int = DEFAULT_PAGE) -> int:
    """Return the page size of a request; 0, which the model allows, counts as not given."""
    return int(request.get("maxResults") or default)


def page_of(
    items: Mapping[str, Item], request: Mapping[str, Any], of: str
) -> tuple[list[tuple[str, Item]], dict[str, str]]:
    """Cut one page out of items, in the order of their keys.

    Parameters
    ----------
    items : mapping
        All items by key.
    request : mapping
        The request, with ``maxResults`` and ``nextToken`` if given.
    of : str
        The name of the list in its workspace. A token of another list is refused.

    Returns
    -------
    tuple of list and dict
        The page's keys with their items, and ``{"nextToken": ...}`` if more follow, else ``{}``.

    Raises
    ------
    InvalidRequestError
        The token isn't one of this list.
    """
    of = f"{request.get('workspaceId')} {of}"
    after = _key_in(request.get("nextToken"), of)
    rest = sorted(key for key in items if after is None or key > after)
    keys = rest[: page_size(request)]
    token = {"nextToken": _token_after(keys[-1], of)} if len(keys) < len(rest) else {}
    return [(key, items[key]) for key in keys], token


def _token_after(key: str, of: str) -> str:
    return base64.urlsafe_b64encode(json.dumps([of, key]).encode()).decode("ascii")


def _key_in(token: str | None, of: str) -> str | None:
    if not token:  # Grafana sends an empty one for the first page, which the model allows
        return None
    try:
        listed, key = json.loads(base64.b64decode(token, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, TypeError) as error:
        raise InvalidRequestError("nextToken isn't one that this operation gave") from error
    if listed != of or not isinstance(key, str):
        raise InvalidRequestError("nextToken belongs to another list")
    return key
