"""Brings things of one kind in line with what is wanted, and waits for them."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from deploy_scripts.register.errors import NotOursError, RegistrationError, calling
from deploy_scripts.register.summary import Change, Outcome
from deploy_scripts.register.twin import MANAGED_BY, MANAGED_BY_TAG, TWIN_TAG
from deploy_scripts.register.twinmaker import tags_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from deploy_scripts.register.things import Things
    from deploy_scripts.register.twinmaker import Json

_CHANGING: Final = frozenset({"CREATING", "UPDATING", "DELETING"})


@dataclass(frozen=True, slots=True)
class Polling:
    """How to wait for TwinMaker.

    Attributes
    ----------
    interval
        Seconds between two looks.
    limit
        Seconds after which waiting ends in an error, for each group of things.
    sleep
        Waits some seconds.
    """

    interval: float = 1.0
    limit: float = 300.0
    sleep: Callable[[float], None] = time.sleep

    def pauses(self) -> int:
        """Return how many times to pause before giving up."""
        return math.ceil(self.limit / self.interval)


@dataclass(frozen=True, slots=True)
class Planned:
    """What is to be done with a thing."""

    change: Change
    shown: Json | None
    adopted: bool


class Reconciliation:
    """Brings things of one kind in line with what is wanted.

    Parameters
    ----------
    things
        What is wanted, and how to look at it and write it.
    report
        Is told each step.
    polling
        How to wait for TwinMaker.
    """

    def __init__(self, things: Things, *, report: Callable[[str], None], polling: Polling) -> None:
        self.things = things
        self._report = report
        self._polling = polling

    def plan(self, *, adopt: bool) -> list[Planned]:
        """Look at things, wait for those that are changing, and say what is to be done."""
        things = self.things
        found = self.at_rest(things.ids)
        planned: list[Planned] = []
        for thing_id, shown in found.items():
            if shown is None:
                change = Change(things.kind, thing_id, Outcome.CREATED)
                planned.append(Planned(change, None, adopted=False))
                continue
            adopted = not self._check_owner(thing_id, shown, adopt=adopt)
            details = ["adopted"] if adopted else []
            details += things.differences(thing_id, shown)
            if things.status(shown)["state"] == "ERROR":
                details.append(f"was in ERROR: {_problem(things.status(shown))}")
            outcome = Outcome.UPDATED if details else Outcome.UNCHANGED
            change = Change(things.kind, thing_id, outcome, tuple(details))
            planned.append(Planned(change, shown, adopted=adopted))
        return planned

    def _check_owner(self, thing_id: str, shown: Json, *, adopt: bool) -> bool:
        """Return whether a thing is ours; False if it is to be adopted."""
        things = self.things
        tags = tags_of(things.client, shown["arn"])
        if things.twin.owns(tags):
            return True
        if tags.get(MANAGED_BY_TAG) == MANAGED_BY:
            raise NotOursError(
                f"The {things.kind} {thing_id} belongs to the digital twin {tags.get(TWIN_TAG)!r}. "
                "Rename the device, or use another workspace."
            )
        if not adopt:
            raise NotOursError(
                f"There is a {things.kind} {thing_id} that wasn't made by this command. Nothing was "
                "changed. To take it over, use --adopt: it will then be updated, and removed with "
                "the twin."
            )
        return False

    def carry_out(self, plan: Iterable[Planned]) -> None:
        """Write what is to be written, wait, and see that it came out as it should."""
        things = self.things
        waiting: dict[str, Change] = {}
        for planned in plan:
            if planned.change.outcome is Outcome.UNCHANGED:
                self._report(str(planned.change))
            else:
                self._write(planned)
                waiting[planned.change.id] = planned.change
        if not waiting:
            return
        found = self.at_rest(waiting)
        for thing_id in things.unfinished():  # a second update that had to wait for the first
            with calling(f"{things.kind} {thing_id}"):
                things.update(thing_id, _present(things, thing_id, found[thing_id]))
            found |= self.at_rest([thing_id])
        problems = []
        for thing_id, change in waiting.items():
            shown = _present(things, thing_id, found[thing_id])
            status = things.status(shown)
            if status["state"] == "ERROR":
                problems.append(f"{things.kind} {thing_id}: {_problem(status)}")
                continue
            self._report(str(change))
            for line in things.differences(thing_id, shown):
                self._report(
                    f"warning: {things.kind} {thing_id}: TwinMaker took this and doesn't show it: {line}"
                )
        if problems:
            raise RegistrationError("TwinMaker reports an error. " + "\n".join(problems))

    def _write(self, planned: Planned) -> None:
        things = self.things
        thing_id, shown = planned.change.id, planned.shown
        with calling(f"{things.kind} {thing_id}"):
            if shown is None:
                self._create(thing_id)
                return
            if planned.adopted:
                # Before the update: what is half done must be ours when we come back to it.
                things.client.tag_resource(resourceARN=shown["arn"], tags=things.twin.tags)
            try:
                things.update(thing_id, shown)
            except (
                things.client.exceptions.ValidationException,
                things.client.exceptions.ConflictException,
            ):
                if things.status(shown)["state"] != "ERROR":
                    raise
                self._report(f"{things.kind} {thing_id}: can't be updated in ERROR, so made anew")
                self.remove([thing_id])
                self._create(thing_id)

    def _create(self, thing_id: str) -> None:
        things = self.things
        try:
            things.create(thing_id)
        except things.client.exceptions.ConflictException:
            # The SDK tries again when an answer gets lost: then it is there already, and ours.
            shown = self.at_rest([thing_id])[thing_id]
            if shown is None or not things.twin.owns(tags_of(things.client, shown["arn"])):
                raise

    def remove(self, ids: Iterable[str]) -> None:
        """Delete things that are there, and wait until they are gone."""
        things = self.things
        deleted = []
        for thing_id, shown in self.at_rest(ids).items():
            if shown is None:
                continue
            with calling(f"{things.kind} {thing_id}"):
                try:
                    things.delete(thing_id)
                except things.client.exceptions.ResourceNotFoundException:
                    continue
            deleted.append(thing_id)
        for thing_id, shown in self.at_rest(deleted).items():
            if shown is not None:
                raise RegistrationError(
                    f"TwinMaker didn't delete the {things.kind} {thing_id}: "
                    f"{_problem(things.status(shown))}"
                )

    def at_rest(self, ids: Iterable[str]) -> dict[str, Json | None]:
        """Look at things until none of them is changing; None for one that isn't there."""
        things = self.things
        found: dict[str, Json | None] = dict.fromkeys(ids)
        waiting = list(found)
        for pauses_left in range(self._polling.pauses(), -1, -1):
            for thing_id in waiting:
                with calling(f"{things.kind} {thing_id}"):
                    found[thing_id] = things.look(thing_id)
            waiting = [each for each in waiting if _is_changing(things, found[each])]
            if not waiting:
                return found
            if pauses_left:
                self._polling.sleep(self._polling.interval)
        stuck = ((each, things.status(_present(things, each, found[each]))) for each in waiting)
        raise RegistrationError(
            f"TwinMaker hasn't finished after {self._polling.limit:g} s; run this again later. "
            + "\n".join(
                f"{things.kind} {each} is still {status['state']}: {_problem(status)}"
                for each, status in stuck
            )
        )


def _is_changing(things: Things, shown: Json | None) -> bool:
    return shown is not None and things.status(shown)["state"] in _CHANGING


def _present(things: Things, thing_id: str, shown: Json | None) -> Json:
    if shown is None:
        raise RegistrationError(f"The {things.kind} {thing_id} has gone meanwhile")
    return shown


def _problem(status: Mapping[str, Any]) -> str:
    error = status.get("error") or {}
    if not error:
        return "TwinMaker gives no reason"
    return f"{error.get('code')}: {error.get('message')}"
