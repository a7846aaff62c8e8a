"""What is a twin's own in its workspace: found by tags, whatever the configuration says now."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from deploy_scripts.register.component_type import component_type_id
from deploy_scripts.register.errors import RegistrationError
from deploy_scripts.register.summary import Change, Outcome
from deploy_scripts.register.twinmaker import tags_of
from deploy_scripts.register.workspace import some

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from deploy_scripts.register.reconciliation import Reconciliation
    from deploy_scripts.register.twinmaker import Json
    from deploy_scripts.register.workspace import Workspace


def own_types(workspace: Workspace) -> list[str]:
    """Find the component types that were made for the twin."""
    return [summary["componentTypeId"] for summary in _own_type_summaries(workspace)]


def left_over(workspace: Workspace, wanted: Mapping[str, Json]) -> list[Change]:
    """Tell of component types of ours whose device isn't in the configuration any more."""
    reason = "its device isn't in the configuration"
    return [
        Change("component type", summary["componentTypeId"], Outcome.LEFT_OVER, (reason,))
        for summary in _own_type_summaries(workspace)
        if summary["componentTypeId"] not in wanted
        and summary.get("status", {}).get("state") != "DELETING"
    ]


def _own_type_summaries(workspace: Workspace) -> Iterator[Json]:
    prefix = component_type_id(workspace.twin.name, "")
    for summary in workspace.component_types():
        if summary["componentTypeId"].startswith(prefix) and workspace.twin.owns(
            tags_of(workspace.client, summary["arn"])
        ):
            yield summary


def own_entities(
    workspace: Workspace,
    entities: Reconciliation,
    type_ids: Sequence[str],
    device_ids: Iterable[str],
) -> list[list[str]]:
    """Find the twin's entities, in groups: children before their parents.

    Raises
    ------
    RegistrationError
        An entity that isn't ours is in the way.
    """
    client, twin = workspace.client, workspace.twin
    prefix = component_type_id(twin.name, "")
    users = [
        summary["entityId"]
        for type_id in type_ids
        for summary in workspace.entities(componentTypeId=type_id)
    ]
    likely = [type_id.removeprefix(prefix) for type_id in type_ids]
    possible = client.meta.service_model.shape_for("EntityId").metadata["pattern"]
    likely = [each for each in [*likely, *device_ids] if re.fullmatch(possible, each)]
    found = _there(entities, [*users, *likely])
    own = {
        entity_id: shown
        for entity_id, shown in found.items()
        if twin.owns(tags_of(client, shown["arn"]))
    }
    children = [
        child["entityId"]
        for entity_id, shown in own.items()
        if shown["hasChildEntities"]
        for child in workspace.entities(parentEntityId=entity_id)
    ]
    in_the_way = {*users} & found.keys() | _there(entities, children).keys()
    foreign = sorted(in_the_way - own.keys())
    if foreign:
        raise RegistrationError(
            f"Nothing was removed: there are entities in workspace {twin.workspace_id} that "
            "weren't made by register and use this twin's component types, or are below its "
            f"entities: {some(foreign)}. Delete them, or take them out of the twin, first."
        )
    return _children_first(own)


def _there(entities: Reconciliation, ids: Iterable[str]) -> dict[str, Json]:
    """Look at entities that are there when they are at rest."""
    found = entities.at_rest(ids)
    return {entity_id: shown for entity_id, shown in found.items() if shown is not None}


def _children_first(entities: Mapping[str, Json]) -> list[list[str]]:
    """Group entities so that children come in an earlier group than their parents."""

    def depth(entity_id: str) -> int:
        parent = str(entities[entity_id].get("parentEntityId"))
        return 1 + depth(parent) if parent in entities else 0

    depths = {entity_id: depth(entity_id) for entity_id in entities}
    return [
        sorted(entity_id for entity_id in entities if depths[entity_id] == level)
        for level in sorted(set(depths.values()), reverse=True)
    ]
