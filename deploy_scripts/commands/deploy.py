"""`python -m deploy_scripts deploy` and `destroy`: the other verbs and `chalice`, in order."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from chalicelib.model.errors import ConfigurationError
from chalicelib.model.layout import ProviderLayout, aws_surface
from deploy_scripts.commands.configure import configure
from deploy_scripts.commands.options import (
    REFUSED,
    USAGE,
    config_option,
    dry_run_option,
    endpoint_option,
    fail,
    project_option,
    stage_option,
    token_name_option,
    token_store_option,
)
from deploy_scripts.commands.publish import publish
from deploy_scripts.commands.register import register, step_printer
from deploy_scripts.project_files.inter_cloud import (
    CONNECTIONS_FILE,
    InterCloudConnections,
    InterCloudError,
)
from deploy_scripts.project_files.problems import ConfigurationProblems
from deploy_scripts.project_files.twin_configuration import TwinConfiguration
from deploy_scripts.publish.connections import remove_others
from deploy_scripts.publish.function_url import FunctionUrl
from deploy_scripts.register.calls import RegistrationError, twinmaker_client
from deploy_scripts.register.names import check_names
from deploy_scripts.register.registration import Registration
from deploy_scripts.register.twin import Twin
from deploy_scripts.stage.deployed import DeployedStage
from deploy_scripts.stage.stage import Stage, StageError
from deploy_scripts.stage.stage_record import RecordError, StageRecord
from deploy_scripts.tokens.stage_token import StageTokenError, managed_store, token_reference
from deploy_scripts.tokens.stores import TOKEN_VARIABLE

if TYPE_CHECKING:
    from deploy_scripts.tokens.stores import TokenStore

workspace_option = click.option("--workspace", help="TwinMaker's.  [default: the twin's name]")


@click.command()
@config_option
@stage_option
@project_option
@token_store_option
@token_name_option
@endpoint_option
@click.option("--table", help="The hot table, if it is on AWS.")
@workspace_option
@click.option("--create-workspace", is_flag=True, help="Create the workspace if it isn't there.")
@click.option("--role-arn", help="The workspace's role; needed to create the workspace.")
@click.option("--s3-location", help="The ARN of a bucket; needed to create the workspace.")
@click.option("--entities", is_flag=True, help="Also make an entity for each device.")
@click.pass_context
def deploy(
    ctx: click.Context,
    config: Path,
    stage: str,
    project: Path,
    store: str | None,
    token_name: str | None,
    endpoint: str | None,
    table: str | None,
    workspace: str | None,
    create_workspace: bool,  # noqa: FBT001 - click passes options by name
    role_arn: str | None,
    s3_location: str | None,
    entities: bool,  # noqa: FBT001
) -> None:
    """Configure, `chalice deploy`, then publish or register, as the layout needs.

    Each step can be run by itself, and all of them again: what is right already isn't touched, and
    what a run left that was cut off is taken up. To see what a step would change, give its own verb
    --dry-run.

    If the twin was on AWS and isn't any more, its component types and entities, as far as they were
    made by register, are taken out of TwinMaker before their functions are deleted: they couldn't be
    read any more. The workspace and your dashboards stay. If an entity of somebody else's uses them,
    nothing is taken away and deploy ends there.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    console = Console()
    try:
        twin = TwinConfiguration.load(config)
        InterCloudConnections(config / CONNECTIONS_FILE).load()
    except (ConfigurationProblems, InterCloudError) as error:
        fail(str(error), USAGE)
    if endpoint and not aws_surface(twin.layout).endpoints:
        fail("--endpoint is for hot storage on AWS and the twin on another cloud.", USAGE)
    where = {"config": config, "stage": stage, "project": project}
    tokens = {"store": store, "token_name": token_name}

    # Before anything is written: it may not be this twin's place, or have names that AWS refuses.
    record = _record(project, stage, twin)
    registered = Twin(twin.name, workspace or twin.name)
    if twin.layout.layer_4 == "aws":
        new = {"role_arn": role_arn, "s3_location": s3_location}
        try:
            check_names(registered, twin.devices, entities=entities, **new)
        except ConfigurationError as error:
            fail(str(error), USAGE)
    spare_token = None if twin.layout.crosses_clouds else _token_of(twin.name, stage, project)
    console.rule("configure", align="left")
    ctx.invoke(configure, **where, **tokens, table=table)
    _before_chalice(twin, record, console, registered=registered)
    console.rule("chalice deploy", align="left")
    chalice("deploy", stage, project)
    try:
        forgotten = _forget(config, twin.layout, DeployedStage.load(project, stage))
        if spare_token is not None:
            _delete_token(spare_token, console, dry_run=False)
    except (BotoCoreError, ClientError) as error:
        fail(f"AWS refused: {error}", REFUSED)
    for each in forgotten:
        console.print(f"removed the connection {each}", markup=False)
    if aws_surface(twin.layout).endpoints:
        console.rule("publish", align="left")
        ctx.invoke(publish, **where, endpoint=endpoint)
    if twin.layout.layer_4 == "aws":
        console.rule("register", align="left")
        ctx.invoke(
            register,
            **where,
            workspace=workspace,
            create_workspace=create_workspace,
            role_arn=role_arn,
            s3_location=s3_location,
            entities=entities,
        )


@click.command()
@config_option
@stage_option
@project_option
@token_store_option
@token_name_option
@workspace_option
@click.option("--delete-workspace", is_flag=True, help="Also the workspace, if we made it.")
@click.option("--yes", is_flag=True, help="Don't ask.")
@dry_run_option
def destroy(
    config: Path,
    stage: str,
    project: Path,
    store: str | None,
    token_name: str | None,
    workspace: str | None,
    delete_workspace: bool,  # noqa: FBT001 - click passes options by name
    yes: bool,  # noqa: FBT001
    dry_run: bool,  # noqa: FBT001
) -> None:
    """Take away what was deployed, and only that: entities and component types first.

    What is gone already doesn't matter, and neither does a record of Chalice that is missing: then what
    AWS itself shows to be this twin's is taken away (docs/operations.md, 'A run was cut off'). The
    configuration files and the hot storage stay, and so does a token that wasn't made for this stage.
    """
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    console = Console()
    try:
        twin = TwinConfiguration.load(config)
        stages = Stage.load(project, stage)
        chosen = token_reference(twin.name, stage, store, token_name)
        tokens = managed_store(stages, twin.name, chosen, boto3.client)
        # A run that was cut off may have made a token for a stage that isn't written yet.
        if stages.environment is None and not tokens.is_ours():
            fail(f"There is no stage {stage} in {project}; nothing was touched.", USAGE)
        record = StageRecord(project, stages, twin.name, client=boto3.client)
        deployed = record.deployed
        InterCloudConnections(config / CONNECTIONS_FILE).load()
        if not (yes or dry_run):
            question = f"Take away everything of the twin {twin.name} in the stage {stage}?"
            click.confirm(question, abort=True)
        _deregister(
            Twin(twin.name, workspace or twin.name),
            deployed,
            console,
            delete_workspace=delete_workspace,
            dry_run=dry_run,
            needed=twin.layout.layer_4 == "aws" or record.has_twin_functions,
        )
        removal = "would remove" if dry_run else "removed"
        for each in _forget(config, None, deployed, dry_run=dry_run):
            console.print(f"{removal} the connection {each}", markup=False)
        _delete_function_url(deployed, console, dry_run=dry_run)
        _delete_deployed(record, stage, project, console, dry_run=dry_run)
        _delete_token(tokens, console, dry_run=dry_run)
    except (
        ConfigurationError,
        ConfigurationProblems,
        InterCloudError,
        RecordError,
        StageError,
        StageTokenError,
    ) as error:
        fail(str(error), USAGE)
    except (RegistrationError, BotoCoreError, ClientError) as error:
        fail(f"AWS refused: {error}", REFUSED)
    console.print("Dry run: nothing was changed." if dry_run else "Done.")


def _record(project: Path, stage: str, twin: TwinConfiguration) -> StageRecord:
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return StageRecord(project, Stage.load(project, stage), twin.name, client=boto3.client)
    except (ConfigurationError, RecordError, StageError) as error:
        fail(str(error), USAGE)
    except (BotoCoreError, ClientError) as error:
        fail(f"AWS refused: {error}", REFUSED)


def _before_chalice(
    twin: TwinConfiguration, record: StageRecord, console: Console, *, registered: Twin
) -> None:
    """Set right what a run left that was cut off, and take a twin that moved away out of TwinMaker.

    A REST API besides the recorded one is deleted if it was never deployed: then it has no URL.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        _show_record(record, console, dry_run=False)
        for api in record.spare_apis:
            if api.reachable:
                console.print(
                    f"[yellow]There is a second REST API that leads to this stage's function: {api.id}. "
                    "If nobody calls it any more, delete it: aws apigateway delete-rest-api "
                    f"--rest-api-id {api.id}[/yellow]",
                    soft_wrap=True,
                )
            else:
                record.delete_api(api)
                console.print(f"deleted the REST API {api.id}: a run that was cut off left it")
        # Only then is TwinMaker asked: not each region has one.
        if twin.layout.layer_4 != "aws" and record.has_twin_functions:
            console.rule("deregister", align="left")
            console.print(
                f"The twin moves to {twin.layout.layer_4}: what register made in the workspace "
                f"{registered.workspace_id} is taken out of TwinMaker.",
                soft_wrap=True,
            )
            _deregister(registered, record.deployed, console)
    except StageError as error:
        fail(str(error), USAGE)
    except (RegistrationError, BotoCoreError, ClientError) as error:
        fail(f"AWS refused: {error}", REFUSED)


def _delete_deployed(
    record: StageRecord, stage: str, project: Path, console: Console, *, dry_run: bool
) -> None:
    _show_record(record, console, dry_run=dry_run)
    for api in record.spare_apis:
        console.print(f"{'would delete' if dry_run else 'deleting'} the REST API {api.id}")
        if not dry_run:
            record.delete_api(api)
    if record.resources and dry_run:
        console.print(f"would run: chalice delete --stage {stage}")
    elif record.resources:
        chalice("delete", stage, project)


def _show_record(record: StageRecord, console: Console, *, dry_run: bool) -> None:
    if not dry_run:
        record.write()
    for change in record.changes:
        console.print(change, markup=False, soft_wrap=True)


def _delete_function_url(deployed: DeployedStage, console: Console, *, dry_run: bool) -> None:
    import boto3

    lambda_ = boto3.client("lambda")
    found = FunctionUrl.of_stage(lambda_, deployed)
    for each in found.remove(lambda_, dry_run=dry_run) if found else ():
        console.print(f"{'would delete' if dry_run else 'deleted'} {each}", markup=False)


def _token_of(twin_name: str, stage: str, project: Path) -> TokenStore | None:
    """Return where the token of a stage is kept; None if it has none, or none that we look after."""
    import boto3

    try:
        known = Stage.load(project, stage)
        if TOKEN_VARIABLE not in (known.environment or {}):
            return None
        return managed_store(known, twin_name, None, boto3.client)
    except (ConfigurationError, StageError, StageTokenError):
        return None


def _delete_token(tokens: TokenStore, console: Console, *, dry_run: bool) -> None:
    if tokens.get() is None:
        return
    if not tokens.is_ours():
        console.print(f"kept {tokens.reference}: it wasn't made for this stage")
    elif dry_run:
        console.print(f"would delete {tokens.reference}")
    else:
        tokens.delete()
        console.print(f"deleted {tokens.reference}")


def _forget(
    config: Path, layout: ProviderLayout | None, deployed: DeployedStage, *, dry_run: bool = False
) -> list[str]:
    import boto3

    return remove_others(
        layout,
        InterCloudConnections(config / CONNECTIONS_FILE),
        deployed=deployed,
        function_url=FunctionUrl.of_stage(boto3.client("lambda"), deployed),
        dry_run=dry_run,
    )


def _deregister(
    twin: Twin,
    deployed: DeployedStage,
    console: Console,
    *,
    delete_workspace: bool = False,
    dry_run: bool = False,
    needed: bool = True,
) -> None:
    """Take the twin out of TwinMaker, unless it is another stage's functions that it reads by.

    If it isn't `needed`, TwinMaker may be out of reach: not each region has one.
    """
    import boto3
    from botocore.exceptions import EndpointConnectionError

    lambda_ = boto3.client("lambda")
    report = step_printer(console, dry_run=dry_run)
    registration = Registration(
        twin, twinmaker_client(), lambda_, boto3.client("iam"), report=report
    )
    own = set(deployed.lambda_arns.values())
    try:
        in_use = registration.functions_in_use()
    except EndpointConnectionError:
        if needed:
            raise
        console.print("TwinMaker can't be reached, and this layout has nothing in it.")
        return
    others = sorted(arn for arn in in_use - own if _exists(lambda_, arn))
    if others:
        console.print(
            f"kept {twin.workspace_id}'s component types: they read by {', '.join(others)}, which "
            "isn't this stage's",
            markup=False,
        )
        return
    registration.deregister(delete_workspace=delete_workspace, dry_run=dry_run)


def _exists(lambda_: Any, arn: str) -> bool:
    from botocore.exceptions import ClientError

    try:
        lambda_.get_function_configuration(FunctionName=arn)
    except ClientError as error:
        if error.response["Error"]["Code"] == "ResourceNotFoundException":
            return False
        raise
    return True


def chalice(verb: str, stage: str, project: Path) -> None:
    """Run `chalice VERB --stage STAGE` in a project, showing what it prints.

    Its exit code is ours if it fails.
    """
    command = [str(Path(sys.executable).with_name("chalice")), verb, "--stage", stage]
    done = subprocess.run(command, cwd=project, check=False)  # noqa: S603 - our own command line
    if done.returncode:
        fail(f"`chalice {verb}` failed; see above.", REFUSED)
