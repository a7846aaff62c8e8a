"""The steps of `deploy` and `destroy`, besides the other verbs.

Each step goes on from where a run was cut off; a thing that is gone already is no error.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

import boto3
from botocore.exceptions import ClientError, EndpointConnectionError

from chalicelib.model.errors import ConfigurationError
from deploy_scripts import PROJECT
from deploy_scripts.deployment.permissions import Account
from deploy_scripts.errors import RefusedError, lacks_permission, unless_gone
from deploy_scripts.publish.connections import remove_others
from deploy_scripts.publish.function_url import FunctionUrl
from deploy_scripts.register.calls import RegistrationError, twinmaker_client
from deploy_scripts.register.registration import Registration
from deploy_scripts.stage.deployed import DeployedStage
from deploy_scripts.stage.stage import API_HANDLER, Stage
from deploy_scripts.stage.stage_record import TWIN_FUNCTIONS, StageRecord
from deploy_scripts.tokens.stage_token import StageTokenError, managed_store
from deploy_scripts.tokens.stores import TOKEN_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from chalicelib.model.layout import ProviderLayout
    from deploy_scripts.project_files.inter_cloud import InterCloudConnections
    from deploy_scripts.register.twin import Twin
    from deploy_scripts.tokens.stores import TokenStore


_CHALICE_STAGE: Final = "deploy_scripts.deployment.chalice_stage"


def store_of(stage: Stage, twin_name: str) -> TokenStore | None:
    """Return the store of a stage's token; None if it has none, or none that `configure` looks after."""
    if TOKEN_VARIABLE not in (stage.environment or {}):
        return None
    try:
        return managed_store(stage, twin_name, None, boto3.client)
    except (ConfigurationError, StageTokenError):
        return None


@contextmanager
def trial_copy(project: Path) -> Iterator[Path]:
    """Make a copy of a Chalice project: its stages are the copy's own, its sources and packages are shared."""
    with TemporaryDirectory() as directory:
        copy = Path(directory)
        for each in project.resolve().iterdir():
            if each.name != ".chalice":
                (copy / each.name).symlink_to(each)
        packages = (project / ".chalice" / "deployments").resolve()
        packages.mkdir(exist_ok=True)
        ignored = shutil.ignore_patterns(packages.name, "venv")
        shutil.copytree(project / ".chalice", copy / ".chalice", ignore=ignored)
        (copy / ".chalice" / packages.name).symlink_to(packages)
        yield copy


@dataclass
class Deployment:
    """A twin's stage on AWS, with what belongs to it in TwinMaker and among the connections.

    `dry_run`: True to change nothing: each step then reports what it would do. `deploy`'s are for a copy of
    the project (`trial_copy`), whose stage and record are written.
    """

    layout: ProviderLayout
    twin: Twin
    project: Path
    stage: Stage
    connections: InterCloudConnections
    report: Callable[[str], None]
    dry_run: bool = False
    # True if a step has changed something, or would.
    changed: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self._lambda: Any = boto3.client("lambda")
        self._account = Account(boto3.client)
        self._record = StageRecord(self.project, self.stage, self.twin.name, client=boto3.client)

    @property
    def deployed(self) -> DeployedStage:
        """The stage as it was found on AWS."""
        return self._record.deployed

    @property
    def deployed_now(self) -> DeployedStage:
        """The stage as `deploy_stage` left it; in a dry run, as it was found."""
        if self.dry_run:
            return self.deployed
        return DeployedStage.load(self.project, self.stage.name)

    @property
    def has_endpoints(self) -> bool:
        """True if the stage has endpoints, and the token that they are to have."""
        tokens = store_of(Stage.load(self.project, self.stage.name), self.twin.name)
        token = tokens.get() if tokens else None
        return self.deployed.rest_api is not None and token is not None

    @property
    def twin_moves_away(self) -> bool:
        """True if TwinMaker has the twin, and the layout has it on another cloud."""
        return self.layout.layer_4 != "aws" and self._record.has_twin_functions

    def foreseen(self, function: str) -> str:
        """Return the ARN that a function has, or will have, by its name in app.py."""
        known = self.deployed.lambda_arns.get(function)
        name = f"function:{self.stage.deployed_name(function)}"
        return known or self._account.arn("lambda", name)

    def deploy_stage(self) -> None:
        """Deploy what differs of the functions, their roles and the REST API."""
        command = [sys.executable, "-m", _CHALICE_STAGE, self.stage.name]
        printed = self._run("deploy", [*command, *["--dry-run"] * self.dry_run], read=self.dry_run)
        if self.dry_run:
            changes = printed.splitlines()
            self.changed = self.changed or bool(changes)
            for change in changes:
                self.report(f"would change: {change}")
            if not changes:
                self.report("Functions, their roles and the API are as they should be.")

    def _run(self, verb: str, command: list[str], *, read: bool) -> str:
        """Run a command in the project; return what it printed, if that is to be read."""
        # Python looks in the working directory first, so app.py and chalicelib are the project's.
        paths = [str(PROJECT), *filter(None, [os.environ.get("PYTHONPATH")])]
        done = subprocess.run(  # noqa: S603 - our own command line
            command,
            cwd=self.project,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
            stdout=subprocess.PIPE if read else None,
            text=True,
            check=False,
        )
        if done.returncode:
            if done.stdout:
                self.report(done.stdout.rstrip())
            raise RefusedError(f"`chalice {verb}` failed; see above.")
        return done.stdout or ""

    def recover(self, *, to_delete: bool = False) -> None:
        """Make Chalice's record agree with AWS, so that Chalice finds what a run that was cut off left.

        A REST API besides the recorded one is deleted if it was never deployed, and so has no URL; or if the
        stage goes.
        """
        if not (to_delete and self.dry_run):
            self._record.write()
        self.changed = self.changed or bool(self._record.changes)
        for change in self._record.changes:
            self.report(change)
        for api in self._record.spare_apis:
            if api.reachable and not to_delete:
                self.report(
                    f"There is a second REST API that leads to this stage's function: {api.id}. If "
                    "nobody calls it any more, delete it: aws apigateway delete-rest-api "
                    f"--rest-api-id {api.id}"
                )
            else:
                if not self.dry_run:
                    self._record.delete_api(api)
                why = "" if api.reachable else ": a run that was cut off left it"
                self.report(f"{self._did('delete')} the REST API {api.id}{why}")

    def leave_twinmaker(self, *, delete_workspace: bool = False) -> None:
        """Take the twin out of TwinMaker, unless it is another stage's functions that it reads by.

        A layout that has nothing in TwinMaker needs neither the service nor permissions for it.

        Raises `RegistrationError`: somebody else's entity uses what would be removed.
        """
        needed = self.layout.layer_4 == "aws" or self._record.has_twin_functions
        try:
            with self._if_permitted("This layout has nothing in TwinMaker.", needed=needed):
                self._leave_twinmaker(delete_workspace=delete_workspace)
        except EndpointConnectionError:  # not each region has TwinMaker
            if needed:
                raise
            self.report("TwinMaker can't be reached, and this layout has nothing in it.")

    @contextmanager
    def _if_permitted(self, otherwise: str, *, needed: bool) -> Iterator[None]:
        """Look at something; report that the credentials don't permit it, unless it is needed."""
        try:
            yield
        except (ClientError, RegistrationError) as error:
            if needed or not lacks_permission(error):
                raise
            self.report(
                f"not looked at: {str(error).rstrip('.')}. {otherwise} If there is something of this "
                "twin's all the same, allow that and run destroy again."
            )

    def _leave_twinmaker(self, *, delete_workspace: bool) -> None:
        mark = "dry run" if self.dry_run else "ok"
        registration = Registration(
            self.twin,
            twinmaker_client(),
            self._lambda,
            boto3.client("iam"),
            report=lambda step: self.report(f"{mark} {step}"),
        )
        in_use = registration.functions_in_use()
        own = set(self.deployed.lambda_arns.values())
        look = self._lambda.get_function_configuration
        others = sorted(arn for arn in in_use - own if unless_gone(look, FunctionName=arn))
        if others:
            self.report(
                f"kept {self.twin.workspace_id}'s component types: they read by "
                f"{', '.join(others)}, which isn't this stage's"
            )
            return
        registration.deregister(delete_workspace=delete_workspace, dry_run=self.dry_run)

    def remove_connections(self, layout: ProviderLayout | None, deployed: DeployedStage) -> None:
        """Remove the connections to a stage's endpoints that a layout doesn't have (any more)."""
        removed = remove_others(
            layout,
            self.connections,
            deployed=deployed,
            function_url=FunctionUrl.of_stage(self._lambda, deployed),
            dry_run=self.dry_run,
        )
        for each in removed:
            self.report(f"{self._did('remove')} the connection {each}")

    def delete_token(self, tokens: TokenStore) -> None:
        """Delete the stage's token, unless it wasn't made for this stage."""
        ours = None
        with self._if_permitted("This layout has no token.", needed=self.layout.crosses_clouds):
            ours = tokens.is_ours()
        if ours:
            if not self.dry_run:
                tokens.delete()
            self.report(f"{self._did('delete')} {tokens.reference}")
        elif ours is False:
            self.report(f"kept {tokens.reference}: it wasn't made for this stage")

    def delete_function_url(self) -> None:
        """Delete the stage's Function URL, if we made it."""
        found = FunctionUrl.of_stage(self._lambda, self.deployed)
        for each in found.remove(self._lambda, dry_run=self.dry_run) if found else ():
            self.report(f"{self._did('delete')} {each}")

    def delete_stage(self) -> None:
        """Delete the functions, their roles and every REST API that leads to them."""
        self.recover(to_delete=True)
        if not self._record.resources:
            return
        words = ["delete", "--stage", self.stage.name]
        if self.dry_run:
            self.report(f"would run: chalice {' '.join(words)}")
            return
        chalice = str(Path(sys.executable).with_name("chalice"))
        # Its output is read to the end here: Chalice would end at once if nobody read it.
        self.report(self._run("delete", [chalice, *words], read=True).rstrip())

    def leave_logs(self, *, delete: bool) -> None:
        """Delete the log groups that Lambda has made for the functions, or say that they stay."""
        logs = boto3.client("logs")
        of_functions = {self.stage.log_group(each) for each in (*TWIN_FUNCTIONS, API_HANDLER)}
        # The API handler's name is what the others' begin with.
        named = {"logGroupNamePrefix": self.stage.log_group(API_HANDLER)}
        pages: list[Any] = []
        with self._if_permitted("The functions' logs stay.", needed=delete):
            pages += logs.get_paginator("describe_log_groups").paginate(**named)
        for group in (each["logGroupName"] for page in pages for each in page["logGroups"]):
            if group not in of_functions:
                continue
            if not delete:
                self.report(f"kept the log group {group} (--delete-logs deletes it)")
                continue
            if not self.dry_run:
                unless_gone(logs.delete_log_group, logGroupName=group)
            self.report(f"{self._did('delete')} the log group {group}")

    def _did(self, verb: str) -> str:
        """Note a change, and return what was or would be done as it is reported."""
        self.changed = True
        return f"would {verb}" if self.dry_run else f"{verb.removesuffix('e')}ed"
