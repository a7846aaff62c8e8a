"""The queries to a connector, and the events that TwinMaker makes of them.

Sources: the guide's chapter 'Data connectors' (the request interfaces of DataReader and of
AttributePropertyValueReaderByEntity), and events recorded from the service, which are published
with AWS's own samples: members that the caller left out are absent, not null; every definition
carries a second spelling of its flags.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from .instants import NANOSECONDS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..twin.resources import Json

_SECOND_SPELLINGS = {
    "imported": "isImported",
    "requiredInEntity": "isRequiredInEntity",
    "inherited": "isInherited",
    "final": "isFinal",
    "storedExternally": "isStoredExternally",
    "externalId": "isExternalId",
    "timeSeries": "isTimeSeries",
}


@dataclass(frozen=True, slots=True)
class Moment:
    """A bound of a time range: the string that a connector is sent, and the instant it stands for."""

    text: str
    nanoseconds: int


@dataclass(frozen=True, slots=True)
class LastQuery:
    """The query of GetPropertyValue to a connector.

    Attributes
    ----------
    component_path : str or None
        The path of a composite component's part, whose name is then its last; else None.
    selected : tuple of str
        The properties whose values the connector has to give.
    properties : mapping
        All properties of the component, as GetEntity shows them.
    """

    workspace_id: str
    entity_id: str
    component_name: str
    component_path: str | None
    selected: tuple[str, ...]
    properties: Mapping[str, Json]

    def to_event(self) -> Json:
        """Write the event for the connector's Lambda."""
        return {
            "workspaceId": self.workspace_id,
            "entityId": self.entity_id,
            "componentName": self.component_name,
            **({"componentPath": self.component_path} if self.component_path else {}),
            "selectedProperties": list(self.selected),
            "properties": _with_second_spellings(self.properties),
        }


@dataclass(frozen=True, slots=True)
class HistoryQuery:
    """The query of GetPropertyValueHistory to a connector.

    Attributes
    ----------
    properties : mapping
        All properties: of the component as GetEntity shows them, or of the component type with
        its defaults.
    entity_id, component_name : str or None
        The component; both None in a query by component type.
    component_path : str or None
        The path of a composite component's part, whose name is then its last; else None.
    component_type_id : str or None
        The component type if the caller named one, which a query by entity need not.
    max_results : int
        Values on a page, over all properties.
    optional : mapping
        ``propertyFilters``, ``interpolation`` and ``nextToken``, as far as the caller gave them.
    """

    workspace_id: str
    selected: tuple[str, ...]
    start: Moment
    end: Moment
    properties: Mapping[str, Json]
    entity_id: str | None
    component_name: str | None
    component_path: str | None
    component_type_id: str | None
    max_results: int
    order: Literal["ASCENDING", "DESCENDING"]
    optional: Mapping[str, object] = field(default_factory=dict)

    @property
    def next_token(self) -> object:
        """The token that the caller sent; None on the first page."""
        return self.optional.get("nextToken")

    def to_event(self) -> Json:
        """Write the event for the connector's Lambda."""
        named = {
            "entityId": self.entity_id,
            "componentName": self.component_name,
            "componentPath": self.component_path,
            "componentTypeId": self.component_type_id,
        }
        return {
            "workspaceId": self.workspace_id,
            "selectedProperties": list(self.selected),
            "startTime": self.start.text,
            "endTime": self.end.text,
            "startDateTime": self.start.nanoseconds // NANOSECONDS,
            "endDateTime": self.end.nanoseconds // NANOSECONDS,
            "properties": _with_second_spellings(self.properties),
            **{name: item for name, item in named.items() if item is not None},
            **self.optional,
            "maxResults": self.max_results,
            "orderByTime": self.order,
        }


def initializer_event(
    workspace_id: str,
    properties: Mapping[str, Json],
    entity_id: str | None = None,
    path: str | None = None,
) -> Json:
    """Write the event for a schema initializer: of a component, or without one of a type."""
    component = {} if entity_id is None else {"entityId": entity_id, "componentName": path}
    return {
        "workspaceId": workspace_id,
        **component,
        "properties": _with_second_spellings(properties),
    }


def writer_event(
    workspace_id: str, properties: Mapping[str, Mapping[str, Json]], entries: list[Json]
) -> Json:
    """Write the event for a data writer.

    Parameters
    ----------
    workspace_id : str
        The workspace.
    properties : mapping
        ``PropertyResponse`` by entity id, then by property name.
    entries : list of dict
        ``PropertyValueEntry``; each gets an ``entryId``, its number among them.
    """
    return {
        "workspaceId": workspace_id,
        "properties": {
            entity_id: _with_second_spellings(items) for entity_id, items in properties.items()
        },
        "entries": [{"entryId": str(number)} | entry for number, entry in enumerate(entries)],
    }


def _with_second_spellings(properties: Mapping[str, Json]) -> Json:
    event: Json = {}
    for name, item in properties.items():
        definition = item["definition"]
        extra = {second: definition[first] for second, first in _SECOND_SPELLINGS.items()}
        event[name] = item | {"definition": definition | extra}
    return event
