"""The operations on tags."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import NotFoundError, TooManyTagsError
from .paging import page_of

if TYPE_CHECKING:
    from ..twin.resources import Json
    from ..twin.store import Store

_MOST_TAGS = 50
"""Tags that a resource may have (service model, ``TagMap``)."""


class Tags:
    """TagResource, UntagResource, ListTagsForResource."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, request: Json) -> Json:
        """Answer TagResource: new tags are added, a known key gets the new value."""
        with self._store.lock:
            tags = self._tags(request["resourceARN"])
            together = tags | request["tags"]
            if len(together) > _MOST_TAGS:
                raise TooManyTagsError(
                    f"The resource would have {len(together)} tags; {_MOST_TAGS} are allowed"
                )
            tags.update(together)
        return {}

    def remove(self, request: Json) -> Json:
        """Answer UntagResource: keys that aren't there are no error."""
        with self._store.lock:
            tags = self._tags(request["resourceARN"])
            for key in request["tagKeys"]:
                tags.pop(key, None)
        return {}

    def list(self, request: Json) -> Json:
        """Answer ListTagsForResource, in the order of the keys."""
        with self._store.lock:
            tags = self._tags(request["resourceARN"])
            page, token = page_of(tags, request, request["resourceARN"])
        return {"tags": dict(page)} | token

    def _tags(self, arn: str) -> dict[str, str]:
        found = self._store.tags.get(arn)
        if found is None:
            raise NotFoundError(f"There is no resource {arn}")
        return found
