"""ListComponents and ListProperties: the contents of an entity, page by page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import InvalidRequestError
from ..twin.components import SEPARATOR, properties_in, summary_of, with_all_values, with_parts
from .paging import page_of

if TYPE_CHECKING:
    from ..twin.resources import Json
    from ..twin.store import Store


class Contents:
    """ListComponents, ListProperties."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def components(self, request: Json) -> Json:
        """Answer ListComponents, by name: an entity's, or the parts of a composite component."""
        whole = request.get("componentPath", "")
        with self._store.lock:
            space = self._store.space(request["workspaceId"])
            entity = self._store.seen(space.entities, request["entityId"])
            every = with_parts(space, entity.components)
            if whole and whole not in every:
                raise InvalidRequestError(f"Entity {entity.entity_id} has no component {whole}")
            inside = {
                path: component
                for path, component in every.items()
                if path.rpartition(SEPARATOR)[0] == whole
            }
            page, token = page_of(inside, request, f"components {entity.entity_id} {whole}")
            summaries = [summary_of(space, entity, path, each) for path, each in page]
        return {"componentSummaries": summaries} | token

    def properties(self, request: Json) -> Json:
        """Answer ListProperties, by name."""
        path = request.get("componentPath") or request.get("componentName")
        if path is None:
            raise InvalidRequestError("Give componentName, or componentPath for a composite's part")
        with self._store.lock:
            space = self._store.space(request["workspaceId"])
            entity = self._store.seen(space.entities, request["entityId"])
            component = with_parts(space, entity.components).get(path)
            if component is None:
                raise InvalidRequestError(f"Entity {entity.entity_id} has no component {path}")
            properties = properties_in(space, component)
            page, token = page_of(properties, request, f"properties {entity.entity_id} {path}")
        summaries = [{"propertyName": name} | with_all_values(item) for name, item in page]
        return {"propertySummaries": summaries} | token
