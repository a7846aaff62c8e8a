"""`chalice deploy`, as far as it changes anything; a process of its own, run in the project.

It loads the project's app.py with the stage's environment, as Chalice's command line does, and builds
and plans by Chalice. Of the planned calls only those are made that change something.

A package without all of its libraries, which Chalice would deploy with a warning, ends it before
anything is written.
"""

from __future__ import annotations

import argparse
import os
import sys
from functools import partial
from pathlib import Path
from typing import Final

import click
from chalice.awsclient import TypedAWSClient
from chalice.cli.factory import CLIFactory
from chalice.constants import MISSING_DEPENDENCIES_TEMPLATE
from chalice.deploy import deployer, planner
from chalice.deploy.appgraph import ApplicationGraphBuilder, DependencyBuilder
from chalice.deploy.executor import Executor
from chalice.deploy.models import APICall, Plan
from chalice.deploy.packager import NoSuchPackageError, PackageDownloadError
from chalice.deploy.swagger import TemplatedSwaggerGenerator
from chalice.deploy.sweeper import ResourceSweeper
from chalice.utils import UI

from deploy_scripts.deployment.comparison import Comparison
from deploy_scripts.deployment.lambda_package import PackageFiles
from deploy_scripts.deployment.permissions import Permissions
from deploy_scripts.errors import RefusedError
from deploy_scripts.lasting_output import outlive_readers

_API_DEPLOYMENT: Final = "deploy_rest_api"


class _PackageProgress(UI):
    """Chalice's messages while it packages, on standard error; a missing library is an error."""

    def __init__(self) -> None:
        super().__init__(out=sys.stderr)

    def write(self, msg: str) -> None:
        before, _, after = MISSING_DEPENDENCIES_TEMPLATE.partition("%s")
        if msg.startswith(before):
            missing = msg.removeprefix(before).partition(after)[0]
            raise _cannot_package(", ".join(missing.split()))
        super().write(msg)


def _cannot_package(missing: object) -> RefusedError:
    return RefusedError(
        f"Chalice could not install dependencies: {missing}. Nothing was deployed: the functions "
        "would fail at their start. Check requirements.txt and the way to the package index; a package "
        "without a wheel for Lambda's Linux belongs into the project's folder vendor."
    )


class _OnlyChanges(Executor):
    """Carries out the calls of a plan that change something, or only names them."""

    def __init__(self, client: TypedAWSClient, *, dry_run: bool) -> None:
        super().__init__(client, UI())
        self._dry_run = dry_run

    def execute(self, plan: Plan) -> None:
        calls = [each for each in plan.instructions if isinstance(each, APICall)]
        api_stages = [each.params for each in calls if each.method_name == _API_DEPLOYMENT]
        client, api_stage = self._client._client, api_stages[0] if api_stages else {}
        self._permissions = Permissions(client)
        self._comparison = Comparison(client, self._permissions.account, api_stage)
        super().execute(Plan(plan.instructions, {}))
        if self._dry_run:
            self._permissions.check(partial(click.echo, err=True))

    def _do_apicall(self, instruction: APICall) -> None:
        name = instruction.method_name
        if name.startswith("get_"):
            super()._do_apicall(instruction)
            return
        arguments = self._resolve_variables(instruction)
        needed, lines, result = self._comparison.of(name, arguments)
        if needed and self._dry_run:
            self._permissions.need_call(name, arguments)
        elif needed:
            result = getattr(self._client, name)(**arguments)
            if name == _API_DEPLOYMENT:
                self._comparison.mark(arguments["rest_api_id"])
        for line in lines:
            click.echo(line if self._dry_run else f"changed: {line}")
        if instruction.output_var is not None:
            self.variables[instruction.output_var] = result


def deploy(project: Path, stage: str, *, dry_run: bool) -> None:
    """Deploy a stage as far as it differs, with a line on standard output for each change.

    `dry_run`: True to change nothing but the cache of packages in `.chalice/deployments`.
    """
    os.environ["AWS_CHALICE_CLI_MODE"] = "true"  # as Chalice's command line does
    factory = CLIFactory(str(project), environ=os.environ)
    config = factory.create_config_obj(chalice_stage_name=stage)
    session = factory.create_botocore_session()
    client, files = TypedAWSClient(session), PackageFiles()
    recorder = deployer.NoopResultsRecorder if dry_run else deployer.ResultsRecorder
    deploying = deployer.Deployer(
        application_builder=ApplicationGraphBuilder(),
        deps_builder=DependencyBuilder(),
        build_stage=deployer.create_build_stage(
            files, _PackageProgress(), TemplatedSwaggerGenerator(), config
        ),
        plan_stage=planner.PlanStage(
            osutils=files,
            remote_state=planner.RemoteState(client, config.deployed_resources(stage)),
        ),
        sweeper=ResourceSweeper(),
        executor=_OnlyChanges(client, dry_run=dry_run),
        recorder=recorder(osutils=files),
    )
    try:
        deployed = deploying.deploy(config, chalice_stage_name=stage)
    except deployer.ChaliceDeploymentError as error:
        raise RefusedError(str(error)) from error
    except (NoSuchPackageError, PackageDownloadError) as error:
        raise _cannot_package(error) from error
    if not dry_run:
        factory.create_deployment_reporter(ui=UI()).display_report(deployed)


def main() -> None:
    """Deploy a stage of the project that is the working directory."""
    parser = argparse.ArgumentParser()
    parser.add_argument("stage")
    parser.add_argument("--dry-run", action="store_true")
    chosen = parser.parse_args()
    outlive_readers()
    try:
        deploy(Path.cwd(), chosen.stage, dry_run=chosen.dry_run)
    except RefusedError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
