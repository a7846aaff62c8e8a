"""A twin's registration in TwinMaker, and its removal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chalicelib.model.errors import ConfigurationError
from deploy_scripts.register.calls import RegistrationError, call, call_if_there
from deploy_scripts.register.component_types import component_types
from deploy_scripts.register.entities import Entities, entity
from deploy_scripts.register.names import check_names, name_flaws
from deploy_scripts.register.registered_types import ComponentTypes
from deploy_scripts.register.resources import Polling
from deploy_scripts.register.role import RolePolicy, role_of
from deploy_scripts.register.summary import Change, Outcome, Summary
from deploy_scripts.register.workspace import Workspace
from deploy_scripts.wording import first_few

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from chalicelib.model.reads import Read
    from deploy_scripts.project_files.twin_configuration import Device
    from deploy_scripts.register.calls import Json
    from deploy_scripts.register.twin import Twin


class Registration:
    """The registration of a twin in TwinMaker.

    `report`: gets a line for each step, or for each one that a dry run foresees.

    Examples
    --------
    >>> twin = Twin("factory-twin", workspace_id="factory")
    >>> clients = twinmaker_client(), boto3.client("lambda"), boto3.client("iam")
    >>> readers = {HISTORY: function_arn, LAST_ENTRY: other_function_arn}
    >>> summary = Registration(twin, *clients).register(devices, readers)
    """

    def __init__(
        self,
        twin: Twin,
        twinmaker: Any,
        lambda_: Any,
        iam: Any,
        *,
        report: Callable[[str], None] = lambda _step: None,
        polling: Polling | None = None,
    ) -> None:
        self._twin = twin
        self._describe = lambda_.get_function_configuration
        self._iam = iam
        self._report = report
        self._workspace = Workspace(twinmaker, twin)
        self._polling = polling or Polling()

    def register(
        self,
        devices: Sequence[Device],
        readers: Mapping[Read, str],
        *,
        role_arn: str | None = None,
        s3_location: str | None = None,
        create_workspace: bool = False,
        entities: bool = False,
        adopt: bool = False,
        prune: bool = False,
        foreseen: bool = False,
        dry_run: bool = False,
    ) -> Summary:
        """Make TwinMaker agree with the devices.

        The other parameters are the options of the verb. `readers` are the ARNs of the functions behind the
        reads (`reader_functions`), without a version: TwinMaker takes none (API reference, 'LambdaFunction').
        With `foreseen` and `dry_run`, they may still have to be deployed. A component type of ours whose
        device isn't there any more is reported as left over, and removed only with `prune`, unless it reads
        by functions of another stage.

        Nothing was written if an argument can't be right (`ConfigurationError`), something of the same id
        isn't ours (`NotOursError`), or an entity uses what is to be pruned. After any other
        `RegistrationError` another run goes on from what was written.
        """
        types = self._types(component_types(self._twin.name, devices, readers))
        wanted = {each.id: entity(self._twin.name, each) for each in devices}
        instances = self._entities(wanted if entities else {})
        new = {"role_arn": role_arn, "s3_location": s3_location}
        check_names(self._twin, devices, entities=entities, **new)
        for arn in () if foreseen else dict.fromkeys(readers.values()):
            call(f"Lambda function {arn}", self._describe, FunctionName=arn)
        found = self._workspace.look()
        role = role_of(self._twin, found, **new, create=create_workspace)
        policy = RolePolicy(self._iam, self._twin, role)
        of_policy = policy.compare(readers)
        outcome = Outcome.UNCHANGED if found else Outcome.CREATED
        of_workspace = Change("workspace", self._twin.workspace_id, outcome)
        plans = [(each, each.plan(adopt=adopt)) for each in (types, instances)]
        planned = [of_workspace, of_policy, *(each.change for _, plan in plans for each in plan)]
        left_over = types.left_over() if found else []
        pruned = [each.id for each in left_over if prune and self._reads_here(types, each, readers)]
        left_over = [each for each in left_over if each.id not in pruned]
        # A device's own entity is put right, if it has a component of a type that goes.
        using = instances.own(pruned) if pruned else []
        groups = [[each for each in group if each not in wanted] for group in using]
        staying = [each for group in using for each in group if each in wanted]
        if staying and not entities:
            raise RegistrationError(
                f"Nothing was removed: {first_few(staying)} would stay without a component type that they "
                "use. Run this with --entities, too, which puts entities right first."
            )
        if not dry_run:
            if found is None:
                self._workspace.create(role, str(s3_location))
            self._report(str(of_workspace))
            if of_policy.outcome is not Outcome.UNCHANGED:
                policy.put(readers)
            self._report(str(of_policy))
            for resources, plan in plans:
                resources.carry_out(plan)
        for change in (*(planned if dry_run else ()), *left_over):
            self._report(str(change))
        removed = self._remove(groups, pruned, dry_run=dry_run)
        return Summary((*planned, *left_over, *removed))

    def _reads_here(self, types: ComponentTypes, each: Change, readers: Mapping[Read, str]) -> bool:
        others = types.functions_of(each.id) - {*readers.values()}
        return not any(
            call_if_there(f"Lambda function {arn}", self._describe, FunctionName=arn)
            for arn in others
        )

    def _remove(
        self, groups: Iterable[list[str]], type_ids: list[str], *, dry_run: bool
    ) -> list[Change]:
        """Remove groups of entities, one after the other, and then component types."""
        types, entities = self._types({}), self._entities({})
        removed = []
        for resources, ids in (*((entities, group) for group in groups), (types, type_ids)):
            if not dry_run:
                resources.remove(ids)
            for each in ids:
                removed.append(Change(resources.kind, each, Outcome.REMOVED))
                self._report(str(removed[-1]))
        return removed

    def _types(self, wanted: Mapping[str, Json]) -> ComponentTypes:
        return ComponentTypes(self._workspace, wanted, self._report, self._polling)

    def _entities(self, wanted: Mapping[str, Json]) -> Entities:
        return Entities(self._workspace, wanted, self._report, self._polling)

    def functions_in_use(self) -> set[str]:
        """Return the ARNs of the functions that the twin's component types of ours point at."""
        if self._workspace.look() is None:
            return set()
        types = self._types({})
        return {arn for type_id in types.own() for arn in types.functions_of(type_id)}

    def deregister(
        self,
        *,
        delete_workspace: bool = False,
        dry_run: bool = False,
    ) -> Summary:
        """Remove everything that `register` made for the twin, whatever the configuration says now.

        `delete_workspace`: also delete the workspace, if `register` made it for this twin and nothing is
        left in it.
        Raises `RegistrationError`: somebody else's entity uses a component type of ours, or is below an
        entity of ours (nothing was removed), or AWS refused (another run goes on from there).
        """
        for flaw in name_flaws("Id", self._twin.workspace_id, "The workspace's id"):
            raise ConfigurationError(flaw)
        found = self._workspace.look()
        removed: list[Change] = []

        def note(change: Change) -> None:
            removed.append(change)
            self._report(str(change))

        if found is not None:
            type_ids = [*self._types({}).own()]
            groups = self._entities({}).own(type_ids)
            removed += self._remove(groups, type_ids, dry_run=dry_run)
            if role_arn := found.get("role"):
                note(RolePolicy(self._iam, self._twin, role_arn).remove(dry_run=dry_run))
        workspace = self._workspace
        note(workspace.remove(found, removed, wanted=delete_workspace, dry_run=dry_run))
        return Summary(tuple(removed))
