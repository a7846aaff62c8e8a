"""A workspace: itself, and what is listed in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from deploy_scripts.errors import code_of
from deploy_scripts.register.calls import RegistrationError, call, call_if_there, pages, tags_of
from deploy_scripts.register.summary import Change, Outcome
from deploy_scripts.wording import first_few

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from deploy_scripts.register.calls import Json
    from deploy_scripts.register.twin import Twin

_PAGE: Final = 200


class Workspace:
    """A twin's workspace, which may not be there."""

    def __init__(self, client: Any, twin: Twin) -> None:
        self.client = client
        self.twin = twin
        self._subject = f"workspace {twin.workspace_id}"
        self._key = {"workspaceId": twin.workspace_id}

    def look(self) -> Json | None:
        """Get the workspace; None if it isn't there."""
        return call_if_there(self._subject, self.client.get_workspace, **self._key)

    def create(self, role: str, s3_location: str) -> None:
        """Create the workspace, with our tags."""
        settings = {"role": role, "s3Location": s3_location, "tags": self.twin.tags}
        try:
            call(self._subject, self.client.create_workspace, **self._key, **settings)
        except RegistrationError as error:
            # The SDK tries again when an answer gets lost: then it is there already.
            if code_of(error) != "ConflictException" or (self.look() or {}).get("role") != role:
                raise

    def remove(
        self, shown: Json | None, removed: Iterable[Change], *, wanted: bool, dry_run: bool
    ) -> Change:
        """Delete the workspace if that is wanted, it is ours, and all but what was removed has left it."""

        def change(outcome: Outcome, *details: str) -> Change:
            return Change("workspace", self.twin.workspace_id, outcome, details)

        if shown is None:
            return change(Outcome.ABSENT)
        if not wanted:
            return change(Outcome.KEPT, "its removal wasn't asked for")
        if not self.owns(shown):
            return change(Outcome.KEPT, "it wasn't made for this twin")
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
            return change(Outcome.KEPT, f"it isn't empty: it has {first_few(left)}")
        if dry_run or call_if_there(self._subject, self.client.delete_workspace, **self._key):
            return change(Outcome.REMOVED)
        return change(Outcome.ABSENT)

    def owns(self, shown: Json) -> bool:
        """Tell whether a resource in the workspace, or itself, was made for the twin."""
        return self.twin.owns(tags_of(self.client, shown["arn"]))

    def component_types(self) -> list[Json]:
        """List the summaries of all component types in the workspace, AWS's own included."""
        return self._list(self.client.list_component_types, "componentTypeSummaries")

    def entities(self, **wanted: str) -> list[Json]:
        """List the summaries of the entities: all, or those that a filter of TwinMaker's wants."""
        filters: Json = {"filters": [wanted]} if wanted else {}
        return self._list(self.client.list_entities, "entitySummaries", **filters)

    def _list(self, operation: Callable[..., Json], member: str, **request: Any) -> list[Json]:
        found = pages(self._subject, operation, **self._key, **request, maxResults=_PAGE)
        return [summary for page in found for summary in page.get(member, [])]
