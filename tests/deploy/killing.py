"""Deploy verbs in processes of their own that are killed at a request to AWS.

A verb talks to AWS and TwinMaker through a proxy, which counts its requests; at the one that is asked
for, the whole process group gets SIGKILL, before AWS has seen the request or before the verb sees the
answer. `chalice`, which `deploy` and `destroy` start, is in that group, too (see `verbs`).
"""

from __future__ import annotations

import contextlib
import functools
import http.client
import json
import os
import re
import shutil
import signal
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import urlsplit

from botocore.config import Config

from chalicelib.model.reads import READS
from deploy_scripts import PROJECT
from deploy_scripts.deployment.comparison import MARK
from deploy_scripts.project_files.twin_configuration import TwinConfiguration
from tests import forked
from tests.deploy.configured import Configured, copy_project
from tests.deploy.snapshots import Snapshot, files_of
from tests.deploy.verbs import command_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from local_cloud.aws.account import LocalAws
    from local_cloud.twinmaker import LocalTwinMaker

STAGE: Final = "multicloud"
TOKEN_NAME: Final = "/factory-twin/killed"
WORKSPACE: Final = "killed"
NOWHERE: Final = "http://127.0.0.1:1"
REMOTE_TOKEN: Final = "r" * 43

_READS: Final = re.compile(r"^GET |^(\w+\.)?(Get|List|Describe|Simulate)[A-Z]\w+$|-list$")

Moment = Literal["before", "after"]

_VOLATILE: Final = frozenset(
    {
        *("CodeSha256", "CodeSize", "CreateDate", "LastModified", "LastModifiedDate", "RevisionId"),
        *("RoleId", "Sid", "createdDate", "creationDateTime", "deploymentId", "id", "parentId"),
        *("ResponseMetadata", "rootResourceId", "updateDateTime", "Version", "lastUpdatedDate"),
        *("createdBy", "version", "LastModifiedUser", MARK),
    }
)


def is_write(request: str) -> bool:
    """Tell whether a request to AWS changes something."""
    return _READS.search(request) is None


@dataclass(frozen=True)
class Kill:
    """The request that a verb dies at, counted from 1, and whether AWS carries it out."""

    number: int
    moment: Moment


@dataclass
class Run:
    """The outcome of a verb."""

    code: int | None
    output: str
    requests: list[str] = field(default_factory=list)
    left: dict[Kill, Snapshot] = field(default_factory=dict)
    """What a kill would have left, by where it is, if that was to be kept.

    Nothing that a kill can leave is missing. A request that changes nothing leaves what the one before it
    left. A kill before a request leaves what one after the request before it leaves, except for files that
    were written between the two. (That looking at something in TwinMaker gets on with it is
    test_register's business.)
    """


class World(Configured):
    """An account, a TwinMaker, a proxy in front of both, and a project."""

    def __init__(self, directory: Path, aws: LocalAws, twinmaker: LocalTwinMaker) -> None:
        self.directory = directory
        self.config = directory / "config"
        self.aws = aws
        self._client = functools.cache(aws.client)
        self._twinmaker = aws.client(
            "iottwinmaker",
            endpoint_url=twinmaker.url,
            config=Config(inject_host_prefix=False),
        )
        self._proxies = [_Proxy(url, self._at_request) for url in (aws.endpoint_url, twinmaker.url)]
        self._local_twinmaker = twinmaker
        self.has_twinmaker = True
        self.credentials: dict[str, str] = {}
        self.command_line: Callable[..., None] = command_line
        self._kill: Kill | None = None
        self._process: Any = None
        self._keep = False
        self._run = Run(None, "")
        self._files: object = None
        copy_project(directory, "chalicelib", ".chalice", "config")
        shutil.copy(PROJECT / "app.py", directory)
        # Nothing is run, so the packages may be without the libraries, and small.
        (directory / "requirements.txt").write_text("")
        devices = self.config / "config_iot_devices.json"
        devices.write_text(json.dumps(json.loads(devices.read_text())[:1]))
        iam = aws.client("iam")
        iam.create_role(RoleName="workspace", AssumeRolePolicyDocument="{}")
        self._role = iam.get_role(RoleName="workspace")["Role"]["Arn"]

    def close(self) -> None:
        for proxy in self._proxies:
            proxy.close()

    def providers(self, layer_3_hot: str, layer_4: str) -> None:
        """Choose a layout; another cloud's readers are known."""
        super().providers(layer_3_hot, layer_4)
        if layer_3_hot != "aws":
            layout = TwinConfiguration.load(self.config).layout
            for read in READS:
                url = f"https://reader.example.com/{read.hot_reader}"
                self.connections.put(layout, read, url=url, token=REMOTE_TOKEN)

    def deploy(self, *options: str, kill: Kill | None = None, keep: bool = False) -> Run:
        every = (*self.new_workspace, "--entities", *options)
        return self.run("deploy", *every, kill=kill, keep=keep)

    @property
    def new_workspace(self) -> tuple[str, ...]:
        """The options that create TwinMaker's workspace."""
        return ("--create-workspace", "--role-arn", self._role, "--s3-location", "arn:aws:s3:::t")

    def destroy(self, *options: str, kill: Kill | None = None, keep: bool = False) -> Run:
        return self.run("destroy", "--yes", "--delete-workspace", *options, kill=kill, keep=keep)

    def run(self, verb: str, *options: str, kill: Kill | None = None, keep: bool = False) -> Run:
        """Run a verb; it must end well, or at the request that it is killed at.

        Parameters
        ----------
        verb, *options
            The verb, with its options.
        kill
            Where to kill it, if it isn't to end well.
        keep
            True to keep what a kill would have left.
        """
        self._keep = keep
        run = self.try_to(verb, *options, kill=kill)
        self._keep = False
        wanted = 0 if kill is None else -signal.SIGKILL
        assert run.code == wanted, f"{verb} ended with {run.code}: {run.output}"
        return run

    def try_to(self, verb: str, *options: str, kill: Kill | None = None) -> Run:
        """Run a verb that may fail."""
        where = ["--config", "config", "--project", str(self.directory), "--stage", STAGE]
        place = ["--token-name", TOKEN_NAME, "--workspace", WORKSPACE]
        return self.process(verb, *where, *place, *options, kill=kill)

    def process(self, *arguments: str, kill: Kill | None = None) -> Run:
        """Run a command line as it is."""
        aws, twinmaker = (proxy.url for proxy in self._proxies)
        twinmaker = twinmaker if self.has_twinmaker else NOWHERE
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
            **self.aws.environment,
            **self.credentials,
            "AWS_ENDPOINT_URL": aws,
            "AWS_ENDPOINT_URL_IOTTWINMAKER": twinmaker,
            "AWS_MAX_ATTEMPTS": "1",
            "COLUMNS": "300",
        }
        output = self.directory / "output"
        self._run = Run(None, "")
        self._kill = kill
        self._files = self._json_files()
        self._process = forked.start(
            self.command_line,
            *arguments,
            environment=environment,
            directory=self.directory,
            output=output,
        )
        self._process.join()
        self._run.code = self._process.exitcode
        self._run.output = output.read_text()
        self._process.close()
        return self._run

    def _at_request(self, what: str, carry_out: Callable[[], None]) -> bool:
        """Count a request, and say whether its answer is still wanted."""
        run, kill = self._run, self._kill
        run.requests.append(what)
        number = len(run.requests)
        if self._keep:
            files = self._json_files()
            if files != self._files:
                run.left[Kill(number, "before")] = self.snapshot()
                self._files = files
        if kill is None or number != kill.number:
            carry_out()
            if self._keep and is_write(what):
                run.left[Kill(number, "after")] = self.snapshot()
            return True
        if kill.moment == "after":
            carry_out()
        os.killpg(self._process.pid, signal.SIGKILL)
        return False

    def snapshot(self) -> Snapshot:
        """Keep what there is."""
        folders = (self.directory / ".chalice", self.config)
        return Snapshot(self.aws, self._local_twinmaker, *folders)

    def _json_files(self) -> dict[Path, bytes]:
        found = files_of(self.directory / ".chalice", self.config)
        return {path: content for path, content in found.items() if path.suffix == ".json"}

    def everything(self) -> dict[str, Any]:
        """List all that deployments make, without what is random or a date."""
        client = self._client
        apis = client("apigateway").get_rest_apis()["items"]
        listed = {
            "functions": list(self._functions()),
            "roles": list(self._roles()),
            "apis": [self._api(each) for each in apis],
            "parameters": list(self._parameters()),
            "twinmaker": list(self._workspaces()),
            "log groups": client("logs").describe_log_groups()["logGroups"],
            "files": self._files_left(),
        }
        text = json.dumps(listed, default=str, sort_keys=True)
        for number, each in enumerate(apis):
            text = text.replace(each["id"], f"API-{number}")
        plain: dict[str, Any] = _plain(json.loads(text))
        return plain

    def token(self) -> str | None:
        ssm = self._client("ssm")
        with contextlib.suppress(ssm.exceptions.ParameterNotFound):
            found = ssm.get_parameter(Name=TOKEN_NAME, WithDecryption=True)
            return str(found["Parameter"]["Value"])
        return None

    def _functions(self) -> Iterator[Any]:
        lambda_ = self._client("lambda")
        for each in sorted(lambda_.list_functions()["Functions"], key=lambda f: f["FunctionName"]):
            arn = each["FunctionArn"]
            policy = None
            with contextlib.suppress(lambda_.exceptions.ResourceNotFoundException):
                policy = json.loads(lambda_.get_policy(FunctionName=arn)["Policy"])
            yield each, lambda_.list_tags(Resource=arn)["Tags"], policy

    def _roles(self) -> Iterator[Any]:
        iam = self._client("iam")
        for each in sorted(iam.list_roles()["Roles"], key=lambda role: role["RoleName"]):
            name = each["RoleName"]
            names = iam.list_role_policies(RoleName=name)["PolicyNames"]
            documents = {
                policy: iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
                for policy in names
            }
            yield (
                each,
                documents,
                iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"],
            )

    def _api(self, api: dict[str, Any]) -> Any:
        gateway = self._client("apigateway")
        resources = gateway.get_resources(restApiId=api["id"], embed=["methods"])["items"]
        stages = gateway.get_stages(restApiId=api["id"])["item"]
        return api, sorted(resources, key=lambda each: str(each["path"])), stages

    def _parameters(self) -> Iterator[Any]:
        ssm = self._client("ssm")
        for each in ssm.describe_parameters()["Parameters"]:
            tags = ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=each["Name"])
            yield each, tags["TagList"]

    def twinmaker(self) -> Any:
        return self._twinmaker

    def settle(self) -> None:
        """Let everything that TwinMaker is changing come to rest."""
        for workspace in self._twinmaker.list_workspaces()["workspaceSummaries"] * 2:
            where = {"workspaceId": workspace["workspaceId"]}
            self._twinmaker.list_component_types(**where)
            self._twinmaker.list_entities(**where)

    def _workspaces(self) -> Iterator[Any]:
        client = self.twinmaker()
        for workspace in client.list_workspaces()["workspaceSummaries"]:
            where = {"workspaceId": workspace["workspaceId"]}
            things = [
                *(
                    client.get_component_type(**where, componentTypeId=each["componentTypeId"])
                    for each in client.list_component_types(**where)["componentTypeSummaries"]
                    if not each["componentTypeId"].startswith("com.amazon.")
                ),
                *(
                    client.get_entity(**where, entityId=each["entityId"])
                    for each in client.list_entities(**where)["entitySummaries"]
                ),
            ]
            for each in (client.get_workspace(**where), *things):
                yield each, client.list_tags_for_resource(resourceARN=each["arn"])["tags"]

    def _files_left(self) -> dict[str, Any]:
        found = {}
        for path in sorted((self.directory / ".chalice").glob("*.json")):
            found[path.name] = json.loads(path.read_text())
        record = self.directory / ".chalice" / "deployed" / f"{STAGE}.json"
        # Nothing recorded, and a record of nothing, are the same.
        found["record"] = json.loads(record.read_text())["resources"] if record.exists() else []
        token = self.token()
        connections = self.connections.load()
        found["connections"] = {
            each.id: (each.url, "the token" if each.token == token else each.token)
            for each in connections.values()
        }
        found["token"] = "random" if token not in (None, REMOTE_TOKEN) else token
        return found


def _plain(document: Any) -> Any:
    if isinstance(document, dict):
        return {k: _plain(v) for k, v in document.items() if k not in _VOLATILE}
    if isinstance(document, list):
        return [_plain(each) for each in document]
    return document


class _Proxy:
    """Hands requests on to a server, if whoever is asked says so."""

    def __init__(self, url: str, ask: Callable[[str, Callable[[], None]], bool]) -> None:
        parts = urlsplit(url)

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1
            disable_nagle_algorithm = True

            def setup(self) -> None:
                super().setup()
                self.upstream = http.client.HTTPConnection(str(parts.hostname), parts.port)

            def finish(self) -> None:
                self.upstream.close()
                super().finish()

            def hand_on(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                answers: list[tuple[http.client.HTTPResponse, bytes]] = []

                def carry_out() -> None:
                    headers = dict(self.headers.items())
                    self.upstream.request(self.command, self.path, body=body, headers=headers)
                    answer = self.upstream.getresponse()
                    answers.append((answer, answer.read()))

                what = self.headers.get("X-Amz-Target") or f"{self.command} {self.path}"
                if not ask(what if not body.startswith(b"Action=") else _action(body), carry_out):
                    self.close_connection = True
                    return
                answer, content = answers[0]
                self.send_response_only(answer.status, answer.reason)
                for name, value in answer.getheaders():
                    if name.lower() not in ("content-length", "connection", "transfer-encoding"):
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = hand_on  # noqa: N815

            def log_message(self, *_: object) -> None:
                """Keep quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _action(body: bytes) -> str:
    return body.partition(b"&")[0].decode().removeprefix("Action=")
