"""A workspace: itself and what is listed in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deploy_scripts.register.errors import calling
from deploy_scripts.register.summary import Change, Outcome
from deploy_scripts.register.twinmaker import pages, tags_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from deploy_scripts.register.twin import Twin
    from deploy_scripts.register.twinmaker import Json


class Workspace:
    """A twin's workspace, which may not be there.

    Parameters
    ----------
    client
        A boto3 client of TwinMaker.
    twin
        Which twin, in which workspace.
    """

    def __init__(self, client: Any, twin: Twin) -> None:
        self.client = client
        self.twin = twin

    def look(self) -> Json | None:
        """Get it; None if it isn't there."""
        with calling(f"workspace {self.twin.workspace_id}"):
            try:
                found: Json = self.client.get_workspace(workspaceId=self.twin.workspace_id)
            except self.client.exceptions.ResourceNotFoundException:
                return None
        return found

    def create(self, role: str, s3_location: str) -> None:
        """Create it, with our tags."""
        with calling(f"workspace {self.twin.workspace_id}"):
            try:
                self.client.create_workspace(
                    workspaceId=self.twin.workspace_id,
                    role=role,
                    s3Location=s3_location,
                    tags=self.twin.tags,
                )
            except self.client.exceptions.ConflictException:
                # The SDK tries again when an answer gets lost: then it is there already.
                workspace = self.look()
                if workspace is None or workspace.get("role") != role:
                    raise

    def remove(
        self,
        shown: Json | None,
        removed: Iterable[Change],
        *,
        wanted: bool,
        dry_run: bool,
    ) -> Change:
        """Delete it if that is wanted, it is ours, and all but what was removed has left it."""

        def outcome(outcome: Outcome, *details: str) -> Change:
            return Change("workspace", self.twin.workspace_id, outcome, details)

        if shown is None:
            return outcome(Outcome.ABSENT)
        if not wanted:
            return outcome(Outcome.KEPT, "its removal wasn't asked for")
        if not self.twin.owns(tags_of(self.client, shown["arn"])):
            return outcome(Outcome.KEPT, "it wasn't made for this twin")
        gone = {(change.kind, change.id) for change in removed}
        listed = [
            *(("component type", each["componentTypeId"]) for each in self.component_types()),
            *(("entity", each["entityId"]) for each in self.entities()),
        ]
        # Each workspace shows AWS's own component types; nobody can delete those.
        left = [
            f"{kind} {each}"
            for kind, each in listed
            if (kind, each) not in gone and not each.startswith("com.amazon.")
        ]
        if left:
            return outcome(Outcome.KEPT, f"it isn't empty: it has {some(left)}")
        if not dry_run:
            with calling(f"workspace {self.twin.workspace_id}"):
                try:
                    self.client.delete_workspace(workspaceId=self.twin.workspace_id)
                except self.client.exceptions.ResourceNotFoundException:
                    return outcome(Outcome.ABSENT)
        return outcome(Outcome.REMOVED)

    def component_types(self) -> list[Json]:
        """List the summaries of all component types in it, AWS's own included."""
        with calling(f"workspace {self.twin.workspace_id}"):
            return list(
                pages(
                    self.client.list_component_types,
                    "componentTypeSummaries",
                    workspaceId=self.twin.workspace_id,
                )
            )

    def entities(self, **wanted: str) -> list[Json]:
        """List the summaries of its entities: all, or those that a filter of TwinMaker's wants."""
        filters: Json = {"filters": [wanted]} if wanted else {}
        with calling(f"workspace {self.twin.workspace_id}"):
            return list(
                pages(
                    self.client.list_entities,
                    "entitySummaries",
                    workspaceId=self.twin.workspace_id,
                    **filters,
                )
            )


def some(names: Sequence[str], most: int = 5) -> str:
    """Name the first few, and how many more there are."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")
