"""Resources of one kind in a workspace: brought in line with what is wanted, and waited for."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Final

from deploy_scripts.errors import code_of
from deploy_scripts.register.calls import (
    NotOursError,
    RegistrationError,
    call,
    call_if_there,
    tags_of,
)
from deploy_scripts.register.summary import Change, Outcome
from deploy_scripts.register.twin import MANAGED_BY, MANAGED_BY_TAG, TWIN_TAG

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from deploy_scripts.register.calls import Json
    from deploy_scripts.register.workspace import Workspace

_CHANGING: Final = frozenset({"CREATING", "UPDATING", "DELETING"})


@dataclass(frozen=True, slots=True)
class Polling:
    """The pace of waiting for TwinMaker, for which botocore has no waiters."""

    interval: float = 1.0
    pauses: int = 300  # the number of pauses after which waiting ends in an error
    sleep: Callable[[float], None] = time.sleep


@dataclass(frozen=True, slots=True)
class Planned:
    """A planned change of a resource."""

    change: Change
    shown: Json | None = None  # the resource as TwinMaker shows it; None if it has to be created
    # The members to update; none if only its tags change, or nothing.
    update: Json = field(default_factory=dict)
    adopted: bool = False  # True if the resource gets our tags


@dataclass(frozen=True, slots=True)
class Resources(ABC):
    """Resources of one kind: what is wanted of them, and how they come to be so."""

    kind: ClassVar[str]
    """The kind in words, which are those in the names of TwinMaker's operations."""
    id_member: ClassVar[str]
    """The member of a request that has the resource's id."""

    workspace: Workspace
    wanted: Mapping[str, Json]  # each resource by its id, as it has to be created
    report: Callable[[str], None]
    polling: Polling

    @abstractmethod
    def compare(self, resource_id: str, shown: Json) -> tuple[list[str], Json]:
        """Compare a resource with what is wanted.

        Returns a line per difference, and the members to update; all members if it is in ERROR.
        """

    def status(self, shown: Json) -> Json:
        """Return a resource's status, as TwinMaker shows it."""
        status: Json = shown["status"]
        return status

    def is_half_updated(self, resource_id: str, shown: Json) -> bool:  # noqa: ARG002 - a subclass looks
        """Tell whether a resource needs a second update, which had to wait for the first."""
        return False

    def look(self, resource_id: str) -> Json | None:
        """Get a resource; None if it isn't there."""
        return call_if_there(*self._operation("get", resource_id))

    def plan(self, *, adopt: bool) -> list[Planned]:
        """Compare the resources, once none is changing, with what is wanted."""
        found = self.at_rest(self.wanted)
        return [self._plan(each, found.get(each), adopt=adopt) for each in self.wanted]

    def _plan(self, resource_id: str, shown: Json | None, *, adopt: bool) -> Planned:
        if shown is None:
            return Planned(Change(self.kind, resource_id, Outcome.CREATED))
        adopted = self._is_adopted(resource_id, shown, adopt=adopt)
        lines, update = self.compare(resource_id, shown)
        details = [*(["adopted"] if adopted else ()), *lines]
        if self.status(shown)["state"] == "ERROR":
            details.append(f"was in ERROR: {self._problem(shown)}")
        outcome = Outcome.UPDATED if details else Outcome.UNCHANGED
        change = Change(self.kind, resource_id, outcome, tuple(details))
        return Planned(change, shown, update, adopted)

    def _is_adopted(self, resource_id: str, shown: Json, *, adopt: bool) -> bool:
        tags = tags_of(self.workspace.client, shown["arn"])
        if self.workspace.twin.owns(tags):
            return False
        if tags.get(MANAGED_BY_TAG) == MANAGED_BY:
            raise NotOursError(
                f"The {self.kind} {resource_id} belongs to the digital twin {tags.get(TWIN_TAG)!r}. "
                "Rename the device, or use another workspace."
            )
        if not adopt:
            raise NotOursError(
                f"There is a {self.kind} {resource_id} that wasn't made by this command. Nothing was "
                "changed. To take it over, use --adopt: it will then be updated, and removed with "
                "the twin."
            )
        return True

    def carry_out(self, plan: Iterable[Planned]) -> None:
        """Write what is planned, wait, and check that it came out as it should."""
        waiting: dict[str, Change] = {}
        for planned in plan:
            if planned.change.outcome is Outcome.UNCHANGED:
                self.report(str(planned.change))
            else:
                self._write(planned)
                waiting[planned.change.id] = planned.change
        found = self._present(waiting)
        half = [each for each, shown in found.items() if self.is_half_updated(each, shown)]
        for each in half:
            _, update = self.compare(each, found[each])
            call(*self._operation("update", each), **update)
        found |= self._present(half)
        problems = []
        for each, change in waiting.items():
            if self.status(found[each])["state"] == "ERROR":
                problems.append(f"{self.kind} {each}: {self._problem(found[each])}")
                continue
            self.report(str(change))
            for line in self.compare(each, found[each])[0]:
                self.report(
                    f"warning: {self.kind} {each}: TwinMaker took this and doesn't show it: {line}"
                )
        if problems:
            raise RegistrationError("TwinMaker reports an error. " + "\n".join(problems))

    def _write(self, planned: Planned) -> None:
        resource_id, shown = planned.change.id, planned.shown
        subject, update = self._operation("update", resource_id)
        if shown is None:
            self._create(resource_id)
            return
        if planned.adopted:
            # Before the update: what is half done must be ours when we come back to it.
            tag = self.workspace.client.tag_resource
            call(subject, tag, resourceARN=shown["arn"], tags=self.workspace.twin.tags)
        if not planned.update:
            return
        try:
            call(subject, update, **planned.update)
        except RegistrationError as error:
            refused = code_of(error) in ("ValidationException", "ConflictException")
            if not refused or self.status(shown)["state"] != "ERROR":
                raise
            self.report(f"{subject}: can't be updated in ERROR, so made anew")
            self.remove([resource_id])
            self._create(resource_id)

    def _create(self, resource_id: str) -> None:
        subject, create = self._operation("create", resource_id)
        try:
            call(subject, create, **self.wanted[resource_id], tags=self.workspace.twin.tags)
        except RegistrationError as error:
            if code_of(error) != "ConflictException":
                raise
            # The SDK tries again when an answer gets lost: then it is there already, and ours.
            shown = self.at_rest([resource_id]).get(resource_id)
            if shown is None or not self.workspace.owns(shown):
                raise

    def remove(self, ids: Iterable[str]) -> None:
        """Delete the resources that are there, and wait until they are gone."""
        there = self.at_rest(ids)
        for each in there:
            call_if_there(*self._operation("delete", each))
        for each, shown in self.at_rest(there).items():
            raise RegistrationError(
                f"TwinMaker didn't delete the {self.kind} {each}: {self._problem(shown)}"
            )

    def at_rest(self, ids: Iterable[str]) -> dict[str, Json]:
        """Look until none of the resources is changing; return those that are there, by id."""
        found: dict[str, Json | None] = dict.fromkeys(ids)
        waiting = list(found)
        for pauses_left in range(self.polling.pauses, -1, -1):
            found |= {each: self.look(each) for each in waiting}
            waiting = [each for each in waiting if self._is_changing(found[each])]
            if not waiting:
                return {each: shown for each, shown in found.items() if shown is not None}
            if pauses_left:
                self.polling.sleep(self.polling.interval)
        raise RegistrationError(
            f"TwinMaker hasn't finished after {self.polling.pauses * self.polling.interval:g} s; "
            "run this again later. "
            + "\n".join(
                f"{self.kind} {each} is still {self.status(shown)['state']}: {self._problem(shown)}"
                for each, shown in found.items()
                if each in waiting and shown
            )
        )

    def _present(self, ids: Collection[str]) -> dict[str, Json]:
        """Look at resources at rest, which must be there."""
        found = self.at_rest(ids)
        for each in ids:
            if each not in found:
                raise RegistrationError(f"The {self.kind} {each} was deleted meanwhile")
        return found

    def _is_changing(self, shown: Json | None) -> bool:
        return shown is not None and self.status(shown)["state"] in _CHANGING

    def _problem(self, shown: Json) -> str:
        error = self.status(shown).get("error")
        return f"{error.get('code')}: {error.get('message')}" if error else "no reason is given"

    def _operation(self, verb: str, resource_id: str) -> tuple[str, Callable[..., Json]]:
        """Return an operation on a resource, behind its subject."""
        operation = getattr(self.workspace.client, f"{verb}_{self.kind.replace(' ', '_')}")
        key = {"workspaceId": self.workspace.twin.workspace_id, self.id_member: resource_id}
        return f"{self.kind} {resource_id}", partial(operation, **key)
