"""Makes AWS IoT TwinMaker agree with the twin's configuration, and takes all of it back.

Whatever `Registration` makes carries tags that say whose it is. A component type or entity of the
same id without them is somebody else's and isn't touched, unless it is adopted: then it gets the tags
and is ours from then on, so `deregister` removes it, too.

First everything is looked at, then what differs is written, and each step can be done twice. So a run
that was killed is simply repeated: what is still CREATING, UPDATING or DELETING is waited for, what
is in ERROR gets the full definition again. Only if TwinMaker refuses to update a thing that is in
ERROR, that thing is deleted and made anew.

TwinMaker invokes connectors with the workspace's role (AWS IoT TwinMaker guide, 'Create and manage a
service role for AWS IoT TwinMaker': the role gives it access to resources in other services, and
permissions for what a twin uses are added to it). That is why an inline policy of that role is all
the permission needed: no Lambda function has to trust TwinMaker by a resource policy.
"""

from __future__ import annotations

import json
import math
import re
import time
from abc import ABC, abstractmethod
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from chalicelib.device import twinmaker_client as configured_client
from chalicelib.errors import ConfigurationError
from chalicelib.layout import component_type_functions
from deploy_scripts.component_type import component_type, component_type_id, differences

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from chalicelib.settings import ProviderLayout
    from deploy_scripts.twin_configuration import Device

Json = dict[str, Any]

COMPONENT_NAME: Final = "telemetry"
MANAGED_BY_TAG: Final = "managed-by"
MANAGED_BY: Final = "multi-cloud-hot-reader"
TWIN_TAG: Final = "digital-twin"

_CHANGING: Final = frozenset({"CREATING", "UPDATING", "DELETING"})
_MOST_RESULTS: Final = 200


class RegistrationError(Exception):
    """TwinMaker, IAM or Lambda refused; the message has AWS's own code and message."""


class NotOursError(RegistrationError):
    """A thing has one of our ids but not our tags."""


class Outcome(StrEnum):
    """What became of a thing, or would become of it in a dry run."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    LEFT_OVER = "left over"
    REMOVED = "removed"
    ABSENT = "already gone"
    KEPT = "kept"


@dataclass(frozen=True, slots=True)
class Change:
    """One line of a summary.

    Attributes
    ----------
    kind
        `workspace`, `role policy`, `component type` or `entity`.
    id
        Which one.
    outcome
        What became of it.
    details
        What was different, or why it was kept.
    """

    kind: str
    id: str
    outcome: Outcome
    details: tuple[str, ...] = ()

    def __str__(self) -> str:
        details = f" ({'; '.join(self.details)})" if self.details else ""
        return f"{self.kind} {self.id}: {self.outcome}{details}"


@dataclass(frozen=True, slots=True)
class Summary:
    """What a run did, or what a dry run would have done.

    Attributes
    ----------
    changes
        A line for each thing.
    dry_run
        True if nothing was written.
    """

    changes: tuple[Change, ...]
    dry_run: bool

    @property
    def agrees(self) -> bool:
        """True if there was nothing to write."""
        writes = {Outcome.CREATED, Outcome.UPDATED, Outcome.REMOVED}
        return not any(change.outcome in writes for change in self.changes)


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
class Readers:
    """The Lambda functions that TwinMaker reads by.

    Attributes
    ----------
    history_arn, last_entry_arn
        Their ARNs, without a version: TwinMaker takes none (API reference, 'LambdaFunction').
    """

    history_arn: str
    last_entry_arn: str


@dataclass(frozen=True, slots=True)
class Twin:
    """A digital twin in a workspace.

    Attributes
    ----------
    name
        The twin's name.
    workspace_id
        The workspace.
    """

    name: str
    workspace_id: str

    @property
    def tags(self) -> dict[str, str]:
        """The tags of everything that is made for the twin."""
        return {MANAGED_BY_TAG: MANAGED_BY, TWIN_TAG: self.name}

    @property
    def policy_name(self) -> str:
        """The name of the role's inline policy: its own for each twin and workspace."""
        return f"{MANAGED_BY}.{self.workspace_id}.{self.name}"

    def owns(self, tags: Mapping[str, str]) -> bool:
        """Return True if something with these tags was made for the twin."""
        return self.tags.items() <= tags.items()


def reader_functions(layout: ProviderLayout) -> tuple[str, str]:
    """Return which functions TwinMaker reads by, by their names in app.py: (history, last entry).

    Raises
    ------
    ConfigurationError
        The twin isn't on AWS, so there is no TwinMaker.
    """
    functions = component_type_functions(layout)
    if functions is None:
        raise ConfigurationError(
            f"There is nothing to register: layer_4_provider is {layout.layer_4}, and TwinMaker is on "
            "aws only. The twin reads the Hot Readers over HTTP."
        )
    return functions


def twinmaker_client() -> Any:
    """Return a TwinMaker client with endpoint, region and credentials from the environment."""
    from botocore.config import Config

    return configured_client(Config(retries={"mode": "standard", "total_max_attempts": 8}))


class Registration:
    """Registers a twin in TwinMaker, or takes it out again.

    Parameters
    ----------
    twinmaker, lambda_, iam
        boto3 clients.
    report
        Is told each step.
    polling
        How to wait for TwinMaker.

    Examples
    --------
    >>> registration = Registration(twinmaker_client(), boto3.client("lambda"), boto3.client("iam"))
    >>> twin = Twin("factory-twin", workspace_id="factory")
    >>> summary = registration.register(twin, devices, Readers(history_arn, last_entry_arn))
    """

    def __init__(
        self,
        twinmaker: Any,
        lambda_: Any,
        iam: Any,
        *,
        report: Callable[[str], None] = lambda _step: None,
        polling: Polling | None = None,
    ) -> None:
        self._twinmaker = twinmaker
        self._lambda = lambda_
        self._iam = iam
        self._report = report
        self._polling = polling or Polling()

    def register(
        self,
        twin: Twin,
        devices: Sequence[Device],
        readers: Readers,
        *,
        role_arn: str | None = None,
        s3_location: str | None = None,
        create_workspace: bool = False,
        entities: bool = False,
        adopt: bool = False,
        dry_run: bool = False,
    ) -> Summary:
        """Make TwinMaker agree with the devices.

        A component type of ours whose device isn't there any more is reported as left over, and
        stays: entities that people made may use it.

        Parameters
        ----------
        twin
            Which twin, in which workspace.
        devices
            What it consists of.
        readers
            What TwinMaker reads by; see `reader_functions`.
        role_arn
            The workspace's role, if it has to be created. For a workspace that is there, its own
            role is used; another one here is an error.
        s3_location
            The ARN of the workspace's bucket, if it has to be created.
        create_workspace
            Create the workspace if it isn't there.
        entities
            Also make an entity for each device, with the component `telemetry`.
        adopt
            Take over component types and entities of the same ids that nobody's tags are on, such
            as the larger deployer's.
        dry_run
            Only look and compare.

        Raises
        ------
        ConfigurationError
            An argument or a device can't be right; nothing was written.
        NotOursError
            Something of the same id isn't ours; nothing was written.
        RegistrationError
            AWS refused. What was written stays, and another run goes on from there.
        """
        wanted = {
            component_type_id(twin.name, device.id): component_type(
                device, history_arn=readers.history_arn, last_entry_arn=readers.last_entry_arn
            )
            for device in devices
        }
        self._check_names(twin, devices, wanted, role_arn, s3_location)
        if entities:
            for device in devices:
                self._check("EntityId", device.id, "The device's id, as an entity's id,")
        self._check_functions(readers)
        workspace = self._workspace(twin)
        if workspace is None:
            role = _role_of_new(twin, role_arn, s3_location, create=create_workspace)
        else:
            role = _role_of(twin, workspace, role_arn)
        policy = _Policy(self._iam, twin, role)
        policy_change = policy.compare(_invoke_only(readers))
        types = self._plan(_ComponentTypes(self._twinmaker, twin, wanted), adopt=adopt)
        users = {device.id: component_type_id(twin.name, device.id) for device in devices}
        instances = self._plan(
            _Entities(self._twinmaker, twin, users if entities else {}), adopt=adopt
        )
        left_over = self._left_over(twin, wanted) if workspace else []
        outcome = Outcome.UNCHANGED if workspace else Outcome.CREATED
        workspace_change = Change("workspace", twin.workspace_id, outcome)
        if not dry_run:
            if workspace is None:
                self._create_workspace(twin, role, str(s3_location))
            self._report(str(workspace_change))
            if policy_change.outcome is not Outcome.UNCHANGED:
                policy.put(_invoke_only(readers))
            self._report(str(policy_change))
            self._carry_out(types)
            self._carry_out(instances)
        planned = [*types.changes, *instances.changes, *left_over]
        return Summary((workspace_change, policy_change, *planned), dry_run)

    def functions_in_use(self, twin: Twin) -> set[str]:
        """Return the ARNs of the functions that the twin's component types of ours point at.

        Raises
        ------
        RegistrationError
            AWS refused.
        """
        if self._workspace(twin) is None:
            return set()
        types = _ComponentTypes(self._twinmaker, twin, {})
        shown = [types.look(type_id) or {} for type_id in self._own_types(twin)]
        return {
            function["implementedBy"]["lambda"]["arn"]
            for each in shown
            for function in each.get("functions", {}).values()
            if function.get("implementedBy", {}).get("lambda")
        }

    def deregister(
        self,
        twin: Twin,
        *,
        devices: Iterable[Device] = (),
        role_arn: str | None = None,
        delete_workspace: bool = False,
        dry_run: bool = False,
    ) -> Summary:
        """Remove everything that `register` made for the twin, whatever the configuration says now.

        Parameters
        ----------
        twin
            Which twin, in which workspace.
        devices
            Where to look for entities besides the component types' users; needed only if somebody
            took the component out of an entity of ours.
        role_arn
            The workspace's role; needed only if the workspace is gone already.
        delete_workspace
            Also delete the workspace, if `register` made it for this twin and nothing is left in it.
        dry_run
            Only look.

        Raises
        ------
        RegistrationError
            Somebody else's entity uses a component type of ours, or is below an entity of ours
            (nothing was removed), or AWS refused (another run goes on from there).
        """
        self._check("Id", twin.workspace_id, "The workspace's id")
        workspace = self._workspace(twin)
        removed: list[Change] = []

        def note(change: Change) -> None:
            removed.append(change)
            if not dry_run:
                self._report(str(change))

        if workspace is not None:
            role_arn = workspace.get("role", role_arn)
            type_ids = self._own_types(twin)
            groups = self._own_entities(twin, type_ids, [device.id for device in devices])
            entities = _Entities(self._twinmaker, twin, {})
            types = _ComponentTypes(self._twinmaker, twin, {})
            for things, ids in (*((entities, group) for group in groups), (types, type_ids)):
                if not dry_run:
                    self._remove(things, ids)
                for each in ids:
                    note(Change(things.kind, each, Outcome.REMOVED))
        if role_arn:
            note(_Policy(self._iam, twin, role_arn).remove(dry_run=dry_run))
        note(
            self._remove_workspace(
                twin, workspace, removed, wanted=delete_workspace, dry_run=dry_run
            )
        )
        return Summary(tuple(removed), dry_run)

    # --- checks before anything is written ----------------------------------------------------

    def _check_names(
        self,
        twin: Twin,
        devices: Sequence[Device],
        type_ids: Iterable[str],
        role_arn: str | None,
        s3_location: str | None,
    ) -> None:
        """Refuse what TwinMaker's service model doesn't allow, before half of it is written."""
        self._check("Id", twin.workspace_id, "The workspace's id")
        self._check("TagValue", twin.name, "The twin's name")
        for type_id in type_ids:
            self._check("ComponentTypeId", type_id, "The component type's id")
        for device in devices:
            for each in (*device.properties, *device.constants):
                self._check("Name", each.name, f"Device {device.id}: the property's name")
        if role_arn is not None:
            self._check("RoleArn", role_arn, "The role's ARN")
        if s3_location is not None:
            self._check("S3Location", s3_location, "The S3 location, the ARN of a bucket,")
        policy = self._iam.meta.service_model.shape_for("policyNameType").metadata
        _check_text(policy, twin.policy_name, "The name of the role's policy")

    def _check(self, shape: str, text: str, what: str) -> None:
        _check_text(self._twinmaker.meta.service_model.shape_for(shape).metadata, text, what)

    def _check_functions(self, readers: Readers) -> None:
        for arn in dict.fromkeys((readers.history_arn, readers.last_entry_arn)):
            with _calling(f"Lambda function {arn}"):
                self._lambda.get_function_configuration(FunctionName=arn)

    # --- the workspace ------------------------------------------------------------------------

    def _workspace(self, twin: Twin) -> Json | None:
        with _calling(f"workspace {twin.workspace_id}"):
            try:
                found: Json = self._twinmaker.get_workspace(workspaceId=twin.workspace_id)
            except self._twinmaker.exceptions.ResourceNotFoundException:
                return None
        return found

    def _create_workspace(self, twin: Twin, role: str, s3_location: str) -> None:
        with _calling(f"workspace {twin.workspace_id}"):
            try:
                self._twinmaker.create_workspace(
                    workspaceId=twin.workspace_id,
                    role=role,
                    s3Location=s3_location,
                    tags=twin.tags,
                )
            except self._twinmaker.exceptions.ConflictException:
                # The SDK tries again when an answer gets lost: then it is there already.
                workspace = self._workspace(twin)
                if workspace is None or workspace.get("role") != role:
                    raise

    def _remove_workspace(
        self,
        twin: Twin,
        workspace: Json | None,
        removed: Iterable[Change],
        *,
        wanted: bool,
        dry_run: bool,
    ) -> Change:
        def outcome(outcome: Outcome, *details: str) -> Change:
            return Change("workspace", twin.workspace_id, outcome, details)

        if workspace is None:
            return outcome(Outcome.ABSENT)
        if not wanted:
            return outcome(Outcome.KEPT, "its removal wasn't asked for")
        if not twin.owns(_tags(self._twinmaker, workspace["arn"])):
            return outcome(Outcome.KEPT, "it wasn't made for this twin")
        gone = {(change.kind, change.id) for change in removed}
        listed = [
            *(("component type", each["componentTypeId"]) for each in self._listed_types(twin)),
            *(("entity", each["entityId"]) for each in self._listed_entities(twin)),
        ]
        # Each workspace shows AWS's own component types; nobody can delete those.
        left = [
            f"{kind} {each}"
            for kind, each in listed
            if (kind, each) not in gone and not each.startswith("com.amazon.")
        ]
        if left:
            return outcome(Outcome.KEPT, f"it isn't empty: it has {_some(left)}")
        if not dry_run:
            with _calling(f"workspace {twin.workspace_id}"):
                try:
                    self._twinmaker.delete_workspace(workspaceId=twin.workspace_id)
                except self._twinmaker.exceptions.ResourceNotFoundException:
                    return outcome(Outcome.ABSENT)
        return outcome(Outcome.REMOVED)

    # --- component types and entities ---------------------------------------------------------

    def _plan(self, things: _Things, *, adopt: bool) -> _Plan:
        """Look at things, wait for those that are changing, and say what is to be done."""
        found = self._at_rest(things, things.ids)
        planned: list[_Planned] = []
        for thing_id, shown in found.items():
            if shown is None:
                change = Change(things.kind, thing_id, Outcome.CREATED)
                planned.append(_Planned(change, None, adopted=False))
                continue
            adopted = not self._check_owner(things, thing_id, shown, adopt=adopt)
            details = ["adopted"] if adopted else []
            details += things.differences(thing_id, shown)
            if things.status(shown)["state"] == "ERROR":
                details.append(f"was in ERROR: {_problem(things.status(shown))}")
            outcome = Outcome.UPDATED if details else Outcome.UNCHANGED
            change = Change(things.kind, thing_id, outcome, tuple(details))
            planned.append(_Planned(change, shown, adopted=adopted))
        return _Plan(things, planned)

    def _check_owner(self, things: _Things, thing_id: str, shown: Json, *, adopt: bool) -> bool:
        """Return whether a thing is ours; False if it is to be adopted."""
        tags = _tags(self._twinmaker, shown["arn"])
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

    def _carry_out(self, plan: _Plan) -> None:
        """Write what is to be written, wait, and see that it came out as it should."""
        things = plan.things
        waiting: dict[str, Change] = {}
        for planned in plan.planned:
            if planned.change.outcome is Outcome.UNCHANGED:
                self._report(str(planned.change))
            else:
                self._write(things, planned)
                waiting[planned.change.id] = planned.change
        if not waiting:
            return
        found = self._at_rest(things, waiting)
        for thing_id in things.unfinished():  # a second update that had to wait for the first
            with _calling(f"{things.kind} {thing_id}"):
                things.update(thing_id, _present(things, thing_id, found[thing_id]))
            found |= self._at_rest(things, [thing_id])
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

    def _write(self, things: _Things, planned: _Planned) -> None:
        thing_id, shown = planned.change.id, planned.shown
        with _calling(f"{things.kind} {thing_id}"):
            if shown is None:
                self._create(things, thing_id)
                return
            if planned.adopted:
                # Before the update: what is half done must be ours when we come back to it.
                self._twinmaker.tag_resource(resourceARN=shown["arn"], tags=things.twin.tags)
            try:
                things.update(thing_id, shown)
            except (
                self._twinmaker.exceptions.ValidationException,
                self._twinmaker.exceptions.ConflictException,
            ):
                if things.status(shown)["state"] != "ERROR":
                    raise
                self._report(f"{things.kind} {thing_id}: can't be updated in ERROR, so made anew")
                self._remove(things, [thing_id])
                self._create(things, thing_id)

    def _create(self, things: _Things, thing_id: str) -> None:
        try:
            things.create(thing_id)
        except self._twinmaker.exceptions.ConflictException:
            # The SDK tries again when an answer gets lost: then it is there already, and ours.
            shown = self._at_rest(things, [thing_id])[thing_id]
            if shown is None or not things.twin.owns(_tags(self._twinmaker, shown["arn"])):
                raise

    def _remove(self, things: _Things, ids: Sequence[str]) -> None:
        """Delete things that are there, and wait until they are gone."""
        deleted = []
        for thing_id, shown in self._at_rest(things, ids).items():
            if shown is None:
                continue
            with _calling(f"{things.kind} {thing_id}"):
                try:
                    things.delete(thing_id)
                except self._twinmaker.exceptions.ResourceNotFoundException:
                    continue
            deleted.append(thing_id)
        for thing_id, shown in self._at_rest(things, deleted).items():
            if shown is not None:
                raise RegistrationError(
                    f"TwinMaker didn't delete the {things.kind} {thing_id}: "
                    f"{_problem(things.status(shown))}"
                )

    def _at_rest(self, things: _Things, ids: Iterable[str]) -> dict[str, Json | None]:
        """Look at things until none of them is changing; None for one that isn't there."""
        found: dict[str, Json | None] = dict.fromkeys(ids)
        waiting = list(found)
        for pauses_left in range(self._polling.pauses(), -1, -1):
            for thing_id in waiting:
                with _calling(f"{things.kind} {thing_id}"):
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

    # --- what is ours -------------------------------------------------------------------------

    def _listed_types(self, twin: Twin) -> list[Json]:
        with _calling(f"workspace {twin.workspace_id}"):
            return list(
                _pages(
                    self._twinmaker.list_component_types,
                    "componentTypeSummaries",
                    workspaceId=twin.workspace_id,
                )
            )

    def _listed_entities(self, twin: Twin, **wanted: str) -> list[Json]:
        filters: Json = {"filters": [wanted]} if wanted else {}
        with _calling(f"workspace {twin.workspace_id}"):
            return list(
                _pages(
                    self._twinmaker.list_entities,
                    "entitySummaries",
                    workspaceId=twin.workspace_id,
                    **filters,
                )
            )

    def _own_types(self, twin: Twin) -> list[str]:
        """Find the component types that were made for the twin."""
        return [summary["componentTypeId"] for summary in self._own_type_summaries(twin)]

    def _own_type_summaries(self, twin: Twin) -> Iterator[Json]:
        prefix = component_type_id(twin.name, "")
        for summary in self._listed_types(twin):
            if summary["componentTypeId"].startswith(prefix) and twin.owns(
                _tags(self._twinmaker, summary["arn"])
            ):
                yield summary

    def _left_over(self, twin: Twin, wanted: Mapping[str, Json]) -> list[Change]:
        """Tell of component types of ours whose device isn't in the configuration any more."""
        reason = "its device isn't in the configuration"
        return [
            Change("component type", summary["componentTypeId"], Outcome.LEFT_OVER, (reason,))
            for summary in self._own_type_summaries(twin)
            if summary["componentTypeId"] not in wanted
            and summary.get("status", {}).get("state") != "DELETING"
        ]

    def _own_entities(
        self, twin: Twin, type_ids: Iterable[str], device_ids: Iterable[str]
    ) -> list[list[str]]:
        """Find the twin's entities, in groups: children before their parents.

        Raises
        ------
        RegistrationError
            An entity that isn't ours is in the way.
        """
        things = _Entities(self._twinmaker, twin, {})
        prefix = component_type_id(twin.name, "")
        users = [
            summary["entityId"]
            for type_id in type_ids
            for summary in self._listed_entities(twin, componentTypeId=type_id)
        ]
        likely = [type_id.removeprefix(prefix) for type_id in type_ids]
        possible = self._twinmaker.meta.service_model.shape_for("EntityId").metadata["pattern"]
        likely = [each for each in [*likely, *device_ids] if re.fullmatch(possible, each)]
        found = self._there(things, [*users, *likely])
        own = {
            entity_id: shown
            for entity_id, shown in found.items()
            if twin.owns(_tags(self._twinmaker, shown["arn"]))
        }
        children = [
            child["entityId"]
            for entity_id, shown in own.items()
            if shown["hasChildEntities"]
            for child in self._listed_entities(twin, parentEntityId=entity_id)
        ]
        in_the_way = {*users} & found.keys() | self._there(things, children).keys()
        foreign = sorted(in_the_way - own.keys())
        if foreign:
            raise RegistrationError(
                f"Nothing was removed: there are entities in workspace {twin.workspace_id} that "
                "weren't made by register and use this twin's component types, or are below its "
                f"entities: {_some(foreign)}. Delete them, or take them out of the twin, first."
            )
        return _children_first(own)

    def _there(self, things: _Things, ids: Iterable[str]) -> dict[str, Json]:
        """Look at things that are there when they are at rest."""
        found = self._at_rest(things, ids)
        return {thing_id: shown for thing_id, shown in found.items() if shown is not None}


# --- one kind of thing ------------------------------------------------------------------------


class _Things(ABC):
    """Component types, or entities: how to look at them and how to write them."""

    kind: str

    def __init__(self, client: Any, twin: Twin, wanted: Mapping[str, Any]) -> None:
        self._client = client
        self._wanted = wanted
        self.twin = twin

    @property
    def ids(self) -> list[str]:
        """Which ones are wanted."""
        return list(self._wanted)

    def look(self, thing_id: str) -> Json | None:
        """Get one; None if it isn't there."""
        try:
            return self._get(thing_id)
        except self._client.exceptions.ResourceNotFoundException:
            return None

    def status(self, shown: Json) -> Json:
        """Return the status of one, as TwinMaker shows it."""
        status: Json = shown["status"]
        return status

    def unfinished(self) -> list[str]:
        """Return which ones need one more update when they are at rest."""
        return []

    @abstractmethod
    def _get(self, thing_id: str) -> Json: ...

    @abstractmethod
    def differences(self, thing_id: str, shown: Json) -> list[str]:
        """Say what is different from what is wanted."""

    @abstractmethod
    def create(self, thing_id: str) -> None:
        """Create one, with our tags."""

    @abstractmethod
    def update(self, thing_id: str, shown: Json) -> None:
        """Write what is different; all of it if it is in ERROR."""

    @abstractmethod
    def delete(self, thing_id: str) -> None:
        """Delete one."""


class _ComponentTypes(_Things):
    kind = "component type"

    def _get(self, thing_id: str) -> Json:
        return dict(self._client.get_component_type(**self._key(thing_id)))

    def differences(self, thing_id: str, shown: Json) -> list[str]:
        different = differences(self._wanted[thing_id], shown)
        return [line for lines in different.values() for line in lines]

    def create(self, thing_id: str) -> None:
        self._client.create_component_type(
            **self._key(thing_id), **self._wanted[thing_id], tags=self.twin.tags
        )

    def update(self, thing_id: str, shown: Json) -> None:
        wanted = self._wanted[thing_id]
        members: Iterable[str] = differences(wanted, shown)
        if shown["status"]["state"] == "ERROR":
            members = wanted
        if members:
            self._client.update_component_type(
                **self._key(thing_id), **{member: wanted[member] for member in members}
            )

    def delete(self, thing_id: str) -> None:
        self._client.delete_component_type(**self._key(thing_id))

    def _key(self, thing_id: str) -> dict[str, str]:
        return {"workspaceId": self.twin.workspace_id, "componentTypeId": thing_id}


class _Entities(_Things):
    """An entity for each device.

    Its name and its component `telemetry` are ours; a description, a parent and further components
    are whoever's who gave them to it.
    """

    kind = "entity"

    def __init__(self, client: Any, twin: Twin, wanted: Mapping[str, str]) -> None:
        super().__init__(client, twin, wanted)
        self._unfinished: list[str] = []

    def _get(self, thing_id: str) -> Json:
        return dict(self._client.get_entity(**self._key(thing_id)))

    def status(self, shown: Json) -> Json:
        status = super().status(shown)
        component = shown.get("components", {}).get(COMPONENT_NAME, {})
        if status["state"] == "ACTIVE" and "status" in component:
            return dict(component["status"])  # a component has a state of its own
        return status

    def unfinished(self) -> list[str]:
        return list(self._unfinished)

    def differences(self, thing_id: str, shown: Json) -> list[str]:
        lines = []
        if shown["entityName"] != thing_id:
            lines.append("name changed")
        component = shown.get("components", {}).get(COMPONENT_NAME)
        if component is None:
            lines.append(f"component {COMPONENT_NAME} added")
        elif component.get("componentTypeId") != self._wanted[thing_id]:
            lines.append(f"component {COMPONENT_NAME} made anew, of another type")
        return lines

    def create(self, thing_id: str) -> None:
        self._client.create_entity(
            **self._key(thing_id),
            entityName=thing_id,
            components={COMPONENT_NAME: {"componentTypeId": self._wanted[thing_id]}},
            tags=self.twin.tags,
        )

    def update(self, thing_id: str, shown: Json) -> None:
        request: Json = {}
        if shown["entityName"] != thing_id or shown["status"]["state"] == "ERROR":
            request["entityName"] = thing_id
        component = shown.get("components", {}).get(COMPONENT_NAME)
        if component is None:
            new = {"updateType": "CREATE", "componentTypeId": self._wanted[thing_id]}
            request["componentUpdates"] = {COMPONENT_NAME: new}
        elif component.get("componentTypeId") != self._wanted[thing_id]:
            # A component can't change its type, and an update can't replace a component.
            request["componentUpdates"] = {COMPONENT_NAME: {"updateType": "DELETE"}}
            self._unfinished.append(thing_id)
        elif self.status(shown)["state"] == "ERROR":
            request["componentUpdates"] = {COMPONENT_NAME: {"updateType": "UPDATE"}}
        if request:
            self._client.update_entity(**self._key(thing_id), **request)

    def delete(self, thing_id: str) -> None:
        self._client.delete_entity(**self._key(thing_id))

    def _key(self, thing_id: str) -> dict[str, str]:
        return {"workspaceId": self.twin.workspace_id, "entityId": thing_id}


@dataclass(frozen=True, slots=True)
class _Planned:
    """What is to be done with a thing."""

    change: Change
    shown: Json | None
    adopted: bool


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is to be done with things of a kind."""

    things: _Things
    planned: Sequence[_Planned] = field(default=())

    @property
    def changes(self) -> list[Change]:
        return [planned.change for planned in self.planned]


# --- the workspace's role ---------------------------------------------------------------------


class _Policy:
    """The inline policy by which the workspace's role may invoke the readers."""

    def __init__(self, iam: Any, twin: Twin, role_arn: str) -> None:
        self._iam = iam
        # The last part of a role's ARN is its name, behind its path (IAM guide, 'IAM ARNs').
        role_name = role_arn.rpartition("/")[2]
        self._key = {"RoleName": role_name, "PolicyName": twin.policy_name}

    def compare(self, wanted: Json) -> Change:
        found = self._found()
        if found is None:
            with _calling(f"role {self._key['RoleName']}"):
                self._iam.get_role(RoleName=self._key["RoleName"])
            return self._change(Outcome.CREATED)
        return self._change(Outcome.UNCHANGED if found == wanted else Outcome.UPDATED)

    def put(self, wanted: Json) -> None:
        with _calling(f"role {self._key['RoleName']}"):
            self._iam.put_role_policy(**self._key, PolicyDocument=json.dumps(wanted))

    def remove(self, *, dry_run: bool) -> Change:
        if self._found() is None:
            return self._change(Outcome.ABSENT)
        if not dry_run:
            with _calling(f"role {self._key['RoleName']}"):
                try:
                    self._iam.delete_role_policy(**self._key)
                except self._iam.exceptions.NoSuchEntityException:
                    return self._change(Outcome.ABSENT)
        return self._change(Outcome.REMOVED)

    def _found(self) -> Json | None:
        with _calling(f"role {self._key['RoleName']}"):
            try:
                answer: Json = self._iam.get_role_policy(**self._key)
            except self._iam.exceptions.NoSuchEntityException:
                return None
        document: Json = answer["PolicyDocument"]
        return document

    def _change(self, outcome: Outcome) -> Change:
        return Change("role policy", self._key["PolicyName"], outcome)


def _invoke_only(readers: Readers) -> Json:
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": "lambda:InvokeFunction",
                "Resource": list(dict.fromkeys((readers.history_arn, readers.last_entry_arn))),
            }
        ],
    }


def _role_of_new(twin: Twin, role_arn: str | None, s3_location: str | None, *, create: bool) -> str:
    if not create:
        raise ConfigurationError(
            f"There is no workspace {twin.workspace_id}. Name another one with --workspace, or let it "
            "be created: --create-workspace --role-arn ARN --s3-location ARN"
        )
    if not role_arn or not s3_location:
        raise ConfigurationError(
            f"To create the workspace {twin.workspace_id}, --role-arn and --s3-location are needed: a "
            "role that TwinMaker may assume, and the ARN of a bucket that the role may use"
        )
    return role_arn


def _role_of(twin: Twin, workspace: Json, role_arn: str | None) -> str:
    role: str | None = workspace.get("role")
    if not role:
        raise ConfigurationError(
            f"The workspace {twin.workspace_id} has no role, so TwinMaker can't invoke anything in "
            "it. Give it one: aws iottwinmaker update-workspace --workspace-id "
            f"{twin.workspace_id} --role ARN"
        )
    if role_arn and role_arn != role:
        raise ConfigurationError(
            f"The workspace {twin.workspace_id} is there and has the role {role}, not {role_arn}. "
            "Leave out --role-arn, or change the workspace's role first."
        )
    return role


# --- small parts ------------------------------------------------------------------------------


@contextmanager
def _calling(what: str) -> Iterator[None]:
    """Say in an error of AWS what it was about."""
    try:
        yield
    except ClientError as error:
        details = error.response.get("Error", {})
        raise RegistrationError(
            f"{what}: {error.operation_name} was refused: "
            f"{details.get('Code')}: {details.get('Message')}"
        ) from error


def _tags(client: Any, arn: str) -> dict[str, str]:
    """Return a thing's tags; none if it is gone by now."""
    tags: dict[str, str] = {}
    with _calling(f"tags of {arn}"):
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


def _pages(operation: Callable[..., Json], member: str, **request: Any) -> Iterator[Json]:
    token: Json = {}
    while True:
        page = operation(**request, maxResults=_MOST_RESULTS, **token)
        yield from page.get(member, [])
        if not page.get("nextToken"):
            return
        token = {"nextToken": page["nextToken"]}


def _is_changing(things: _Things, shown: Json | None) -> bool:
    return shown is not None and things.status(shown)["state"] in _CHANGING


def _present(things: _Things, thing_id: str, shown: Json | None) -> Json:
    if shown is None:
        raise RegistrationError(f"The {things.kind} {thing_id} has gone meanwhile")
    return shown


def _problem(status: Mapping[str, Any]) -> str:
    error = status.get("error") or {}
    if not error:
        return "TwinMaker gives no reason"
    return f"{error.get('code')}: {error.get('message')}"


def _check_text(limits: Mapping[str, Any], text: str, what: str) -> None:
    """Check a text against a shape of a service model."""
    pattern = limits.get("pattern", ".*")
    if re.fullmatch(pattern, text) is None:
        raise ConfigurationError(f"{what} is {text!r}; AWS wants it to match {pattern}")
    longest = limits.get("max", math.inf)
    if not limits.get("min", 0) <= len(text) <= longest:
        raise ConfigurationError(
            f"{what} is {text!r}, {len(text)} characters; AWS allows {longest}"
        )


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


def _some(names: Sequence[str], most: int = 5) -> str:
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")
