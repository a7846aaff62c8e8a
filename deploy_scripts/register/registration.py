"""Registers a twin in TwinMaker, and takes it out again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deploy_scripts.register.belongings import left_over, own_entities, own_types
from deploy_scripts.register.component_type import component_type, component_type_id
from deploy_scripts.register.component_types import ComponentTypes
from deploy_scripts.register.entities import Entities
from deploy_scripts.register.errors import calling
from deploy_scripts.register.limits import check_name
from deploy_scripts.register.reconciliation import Polling, Reconciliation
from deploy_scripts.register.role import RolePolicy, role_of, role_of_new
from deploy_scripts.register.summary import Change, Outcome, Summary
from deploy_scripts.register.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from chalicelib.model.reads import Read
    from deploy_scripts.project_files.twin_configuration import Device
    from deploy_scripts.register.things import Things
    from deploy_scripts.register.twin import Twin


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
    >>> summary = registration.register(twin, devices, {HISTORY: arn, LAST_ENTRY: other_arn})
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
        readers: Mapping[Read, str],
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
            The ARN of the function behind each read (`reader_functions`), without a version:
            TwinMaker takes none (API reference, 'LambdaFunction').
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
            component_type_id(twin.name, device.id): component_type(device, readers)
            for device in devices
        }
        self.check_names(
            twin, devices, role_arn=role_arn, s3_location=s3_location, entities=entities
        )
        self._check_functions(readers)
        workspace = Workspace(self._twinmaker, twin)
        found = workspace.look()
        if found is None:
            role = role_of_new(twin, role_arn, s3_location, create=create_workspace)
        else:
            role = role_of(twin, found, role_arn)
        policy = RolePolicy(self._iam, twin, role)
        policy_change = policy.compare(readers)
        types = self._reconciliation(ComponentTypes(self._twinmaker, twin, wanted))
        planned_types = types.plan(adopt=adopt)
        users = {device.id: component_type_id(twin.name, device.id) for device in devices}
        instances = self._reconciliation(Entities(self._twinmaker, twin, users if entities else {}))
        planned_instances = instances.plan(adopt=adopt)
        others = left_over(workspace, wanted) if found else []
        outcome = Outcome.UNCHANGED if found else Outcome.CREATED
        workspace_change = Change("workspace", twin.workspace_id, outcome)
        if not dry_run:
            if found is None:
                workspace.create(role, str(s3_location))
            self._report(str(workspace_change))
            if policy_change.outcome is not Outcome.UNCHANGED:
                policy.put(readers)
            self._report(str(policy_change))
            types.carry_out(planned_types)
            instances.carry_out(planned_instances)
        planned = (each.change for each in (*planned_types, *planned_instances))
        return Summary((workspace_change, policy_change, *planned, *others), dry_run)

    def functions_in_use(self, twin: Twin) -> set[str]:
        """Return the ARNs of the functions that the twin's component types of ours point at.

        Raises
        ------
        RegistrationError
            AWS refused.
        """
        workspace = Workspace(self._twinmaker, twin)
        if workspace.look() is None:
            return set()
        types = ComponentTypes(self._twinmaker, twin, {})
        shown = [types.look(type_id) or {} for type_id in own_types(workspace)]
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
        workspace = Workspace(self._twinmaker, twin)
        found = workspace.look()
        removed: list[Change] = []

        def note(change: Change) -> None:
            removed.append(change)
            if not dry_run:
                self._report(str(change))

        if found is not None:
            role_arn = found.get("role", role_arn)
            type_ids = own_types(workspace)
            entities = self._reconciliation(Entities(self._twinmaker, twin, {}))
            types = self._reconciliation(ComponentTypes(self._twinmaker, twin, {}))
            groups = own_entities(workspace, entities, type_ids, [each.id for each in devices])
            for things, ids in (*((entities, group) for group in groups), (types, type_ids)):
                if not dry_run:
                    things.remove(ids)
                for each in ids:
                    note(Change(things.things.kind, each, Outcome.REMOVED))
        if role_arn:
            note(RolePolicy(self._iam, twin, role_arn).remove(dry_run=dry_run))
        note(workspace.remove(found, removed, wanted=delete_workspace, dry_run=dry_run))
        return Summary(tuple(removed), dry_run)

    def _check_functions(self, readers: Mapping[Read, str]) -> None:
        for arn in dict.fromkeys(readers.values()):
            with calling(f"Lambda function {arn}"):
                self._lambda.get_function_configuration(FunctionName=arn)

    def check_names(
        self,
        twin: Twin,
        devices: Sequence[Device],
        *,
        role_arn: str | None,
        s3_location: str | None,
        entities: bool,
    ) -> None:
        """Refuse what AWS's service models don't allow, before half of it is written.

        AWS isn't asked. The parameters are those of `register`.

        Raises
        ------
        ConfigurationError
            A name isn't allowed.
        """
        self._check("Id", twin.workspace_id, "The workspace's id")
        self._check("TagValue", twin.name, "The twin's name")
        for device in devices:
            type_id = component_type_id(twin.name, device.id)
            self._check("ComponentTypeId", type_id, "The component type's id")
            if entities:
                self._check("EntityId", device.id, "The device's id, as an entity's id,")
            for each in (*device.properties, *device.constants):
                self._check("Name", each.name, f"Device {device.id}: the property's name")
        if role_arn is not None:
            self._check("RoleArn", role_arn, "The role's ARN")
        if s3_location is not None:
            self._check("S3Location", s3_location, "The S3 location, the ARN of a bucket,")
        what = "The name of the role's policy"
        check_name(self._iam, "policyNameType", twin.policy_name, what)

    def _check(self, shape: str, text: str, what: str) -> None:
        check_name(self._twinmaker, shape, text, what)

    def _reconciliation(self, things: Things) -> Reconciliation:
        return Reconciliation(things, report=self._report, polling=self._polling)
