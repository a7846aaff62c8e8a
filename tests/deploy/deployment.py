"""A copy of the project that is deployed to an AWS account of its own, by the command line."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from botocore.config import Config

from chalicelib.model.reads import HISTORY, LAST_ENTRY
from demo.checks import only
from demo.stack import create_hot_table
from deploy_scripts import PROJECT
from deploy_scripts.project_files.twin_configuration import TwinConfiguration
from deploy_scripts.providers.aws import DynamoDBWriter
from local_cloud.aws.account import LocalAws
from local_cloud.twinmaker import LocalTwinMaker
from tests import forked
from tests.conformance import oracle
from tests.conformance.oracle import by_property, plain, read_back
from tests.deploy.configured import Configured, copy_project
from tests.deploy.verbs import chalice, command_line
from tests.end_to_end.read_path.reading import by_twinmaker, stored

if TYPE_CHECKING:
    from collections.abc import Callable

    from demo.stack import LocalCloud

WORKSPACE: Final = "deployed"
TOKEN: Final = ("--token-name", "/factory-twin/deployed")
AWAY: Final = ("--workspace", WORKSPACE, "--delete-workspace", "--yes")
_EVER: Final = ("2000-01-01T00:00:00Z", "2100-01-01T00:00:00Z")

_TRUST: Final = {
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "iottwinmaker.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ]
}


class Account:
    """An AWS account with a TwinMaker: nothing is in it but what somebody else has made.

    Whoever deploys and destroys here mustn't touch those things.
    """

    def __init__(self) -> None:
        self.aws = LocalAws()
        self._exit = ExitStack()

    def __enter__(self) -> Self:
        with self._exit:
            self._exit.enter_context(self.aws)
            twinmaker = LocalTwinMaker(
                region=self.aws.region,
                account_id=self.aws.account_id,
                lambda_endpoint_url=self.aws.endpoint_url,
            )
            self._exit.enter_context(twinmaker)
            self.aws.redirect("iottwinmaker", twinmaker.url)
            self._make_what_is_somebody_elses()
            self._exit = self._exit.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._exit.close()

    @property
    def environment(self) -> dict[str, str]:
        """The environment of a command, with nothing of the engineer's own AWS."""
        own = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        return own | self.aws.environment

    @property
    def workspace(self) -> tuple[str, ...]:
        """The options that create TwinMaker's workspace, and entities in it."""
        return (
            *("--workspace", WORKSPACE, "--create-workspace", "--entities"),
            *("--role-arn", self._role, "--s3-location", "arn:aws:s3:::twinmaker"),
        )

    def twinmaker(self) -> Any:
        """Return a boto3 client of the TwinMaker."""
        return self.aws.client(
            "iottwinmaker",
            config=Config(inject_host_prefix=False, retries={"total_max_attempts": 1}),
        )

    def _make_what_is_somebody_elses(self) -> None:
        iam = self.aws.client("iam")
        iam.create_role(RoleName="workspace", AssumeRolePolicyDocument=json.dumps(_TRUST))
        self._role = iam.get_role(RoleName="workspace")["Role"]["Arn"]
        self.aws.create_function(
            "somebody-elses", handler="app.app", source=PROJECT, include=["app.py"], environment={}
        )
        self.aws.client("apigateway").create_rest_api(name="somebody-elses")
        self.aws.client("ssm").put_parameter(Name="/somebody/elses", Value="x", Type="String")
        twinmaker, workspace = self.twinmaker(), {"workspaceId": "somebody-elses"}
        twinmaker.create_workspace(
            **workspace, role=self._role, s3Location="arn:aws:s3:::twinmaker"
        )
        made = workspace | {"componentTypeId": "somebody.elses"}
        twinmaker.create_component_type(**made)
        while twinmaker.get_component_type(**made)["status"]["state"] != "ACTIVE":
            pass  # each look lets the local TwinMaker get on with it

    def listing(self) -> dict[str, Any]:
        """List everything that a deployment could leave behind."""
        client, twinmaker = self.aws.client, self.twinmaker()
        workspaces = twinmaker.list_workspaces()["workspaceSummaries"]
        return {
            "functions": self.functions(),
            "function urls": self.function_urls(),
            "roles": self.roles(),
            "apis": self.apis(),
            "parameters": [
                each["Name"] for each in client("ssm").describe_parameters()["Parameters"]
            ],
            "role policies": client("iam").list_role_policies(RoleName="workspace")["PolicyNames"],
            "twinmaker": {
                each["workspaceId"]: (
                    twinmaker.list_component_types(workspaceId=each["workspaceId"])[
                        "componentTypeSummaries"
                    ],
                    twinmaker.list_entities(workspaceId=each["workspaceId"])["entitySummaries"],
                )
                for each in workspaces
            },
        }

    def functions(self) -> set[str]:
        listed = self.aws.client("lambda").list_functions()["Functions"]
        return {each["FunctionName"] for each in listed}

    def function_urls(self) -> list[str]:
        client = self.aws.client("lambda")
        found = []
        for name in self.functions():
            with contextlib.suppress(client.exceptions.ResourceNotFoundException):
                found.append(client.get_function_url_config(FunctionName=name)["FunctionUrl"])
        return found

    def roles(self) -> set[str]:
        return {each["RoleName"] for each in self.aws.client("iam").list_roles()["Roles"]}

    def apis(self) -> list[str]:
        return [each["id"] for each in self.aws.client("apigateway").get_rest_apis()["items"]]


class Deployment(Configured):
    """A copy of the project, and the commands run in it.

    Parameters
    ----------
    directory
        Where the copy is made.
    account
        Where to deploy to.
    cloud
        The Hot Readers on the other clouds, and the twin's devices and telemetry; None if a test has
        its own.

    Attributes
    ----------
    environment
        What the commands have in their environment besides the account's.
    """

    def __init__(self, directory: Path, account: Account, cloud: LocalCloud | None = None) -> None:
        self.directory = directory
        self.config = directory / "config"
        self.account = account
        self._cloud = cloud
        self.environment: dict[str, str] = {}
        copy_project(directory, "chalicelib", ".chalice", "config")
        shutil.copy(PROJECT / "app.py", directory)
        # The workers of the local Lambda find the libraries where these tests do.
        (directory / "requirements.txt").touch()

    @property
    def cloud(self) -> LocalCloud:
        assert self._cloud is not None
        return self._cloud

    def package_the_libraries(self) -> None:
        """Deploy the whole package from now on, as it is deployed to AWS."""
        shutil.copy(PROJECT / "requirements.txt", self.directory)

    def connect(self) -> None:
        """Save what whoever deployed the other cloud's reader would save."""
        layout = TwinConfiguration.load(self.directory / "config").layout
        at = self.cloud.endpoints.clouds[layout.layer_3_hot]
        for read, url in ((HISTORY, at.hot_reader_url), (LAST_ENTRY, at.hot_reader_last_entry_url)):
            self.connections.put(layout, read, url=url, token=self.cloud.endpoints.token)

    def load_telemetry(self) -> None:
        """Make the hot table on AWS, with the telemetry of the other clouds."""
        client = self.account.aws.client("dynamodb")
        create_hot_table(client, self.cloud.table_name)
        DynamoDBWriter(client, self.cloud.table_name).write(self.cloud.telemetry())

    def scripts(self, verb: str, stage: str, *options: str, code: int = 0) -> str:
        """Run a verb in a fork, which ends with an exit code; return what it printed."""
        return self._forked(command_line, verb, *self._where(stage), *options, code=code)

    def refused(self, verb: str, stage: str, *options: str) -> str:
        """Run a verb that must end with exit code 2."""
        return self.scripts(verb, stage, *options, code=2)

    def typed(self, verb: str, stage: str, *options: str) -> str:
        """Run a verb as people do, in a process that starts from nothing."""
        where = self._where(stage)
        return self._run(sys.executable, "-m", "deploy_scripts", verb, *where, *options)

    def typed_chalice(self, verb: str, stage: str) -> str:
        """Run a command of Chalice's as people do, in a process that starts from nothing."""
        return self._run(str(Path(sys.executable).with_name("chalice")), verb, "--stage", stage)

    def chalice(self, verb: str, stage: str) -> None:
        """Run a command of Chalice's in a fork."""
        self._forked(chalice, verb, "--stage", stage)

    def plan(self, stage: str) -> dict[str, Any]:
        where = ("--config", "config", "--stage", stage, "--format", "json")
        planned: dict[str, Any] = json.loads(self._forked(command_line, "plan", *where))
        return planned

    def listing(self) -> dict[str, Any]:
        """List everything that a deployment could leave behind, in the project, too."""
        return self.account.listing() | {"connections": set(self.connections.load())}

    def read_by_twinmaker(self) -> None:
        """Read every entity's history and newest entry, which must be what is in the hot storage."""
        twinmaker = self.account.twinmaker()
        components = [
            (entity["entityId"], component["componentName"], component["componentTypeId"])
            for entity in twinmaker.list_entities(workspaceId=WORKSPACE)["entitySummaries"]
            for component in twinmaker.get_entity(
                workspaceId=WORKSPACE, entityId=entity["entityId"]
            )["components"].values()
        ]
        devices = {f"factory-twin-{device.id}": device for device in self.cloud.devices}
        assert {type_id for _, _, type_id in components} == {
            f"{type_id}{suffix}" for type_id in devices for suffix in ("", "-latest")
        }
        for entity_id, component_name, type_id in components:
            device = devices[type_id.removesuffix("-latest")]
            names = [each.name for each in device.properties]
            asked = {
                "workspaceId": WORKSPACE,
                "entityId": entity_id,
                "componentName": component_name,
                "selectedProperties": names,
            }
            entries = stored(self.cloud, device.id)
            if component_name == "telemetry":
                pages = by_twinmaker(twinmaker, **asked, startTime=_EVER[0], endTime=_EVER[1])
                expected = by_property(oracle.history(entries, names, *_EVER), names)
                assert read_back(pages) == expected
                continue
            answer = twinmaker.get_property_value(**asked)["propertyValues"]
            assert {name: plain(only(each["propertyValue"])) for name, each in answer.items()} == {
                name: plain(value) for name, value in oracle.newest(entries).items()
            }

    def pointed_at(self, device_id: str) -> set[str]:
        """Return the functions that a device's component type points at."""
        found = self.account.twinmaker().get_component_type(
            workspaceId=WORKSPACE, componentTypeId=f"factory-twin-{device_id}"
        )
        arns = [each["implementedBy"]["lambda"]["arn"] for each in found["functions"].values()]
        return {arn.rpartition(":")[2] for arn in arns}

    def _where(self, stage: str) -> tuple[str, ...]:
        return ("--config", "config", "--project", str(self.directory), "--stage", stage)

    def _forked(self, function: Callable[..., object], *arguments: str, code: int = 0) -> str:
        done = forked.run(
            function,
            *arguments,
            environment=self.account.environment | self.environment,
            directory=self.directory,
        )
        assert done.returncode == code, done.stdout
        return done.stdout

    def _run(self, *command: str) -> str:
        done = subprocess.run(
            command,
            cwd=self.directory,
            env=self.account.environment | {"PYTHONPATH": str(PROJECT)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr
