"""The local cloud: AWS, its functions, HTTP endpoints and TwinMaker, with sample telemetry.

TwinMaker reads one device in several ways: through `hot-reader` directly; through the data connector,
which asks the HTTP endpoints of `chalice local` as it would ask another cloud; and through data
connectors that ask the Hot Readers on Azure and on Google Cloud, if these run, too.
"""

from __future__ import annotations

import fcntl
import json
import secrets
import shlex
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final, Self

from botocore.config import Config

from chalicelib.model.layout import APP_NAME
from chalicelib.model.reads import HISTORY, LAST_ENTRY, READS
from demo import sample_telemetry
from deploy_scripts import PROJECT, twin_configuration
from deploy_scripts.component_type import component_type
from deploy_scripts.plan import Stage
from deploy_scripts.providers.aws import DynamoDBWriter
from deploy_scripts.register.entities import COMPONENT_NAME
from deploy_scripts.whole_files import PRIVATE, write_whole
from local_cloud.aws.account import LocalAws
from local_cloud.aws.chalice_local import ChaliceLocal
from local_cloud.child_process import free_port
from local_cloud.twinmaker import LocalTwinMaker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path
    from types import TracebackType

    from demo.other_clouds import OtherCloud
    from deploy_scripts.providers.telemetry import Entry, Writer

STAGE: Final = "local"
ENDPOINTS_FILE: Final = "endpoints.json"
ENVIRONMENT_FILE: Final = "environment"

_PACKAGED: Final = ("app.py", "chalicelib")
_HTTP_LOG: Final = "chalice-local.log"
_TOKEN_PARAMETER: Final = "ssm:/local-cloud/inter-cloud-token"  # noqa: S105 - a name


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where everything is; `.local/endpoints.json` holds these.

    Attributes
    ----------
    hot_reader_url, hot_reader_last_entry_url
        The HTTP endpoints.
    token
        What they accept in `X-Inter-Cloud-Token`.
    twinmaker_url, aws_url
        Endpoints for AWS SDKs; TwinMaker wants host prefixes off.
    region, table_name, workspace_id
        What SDK calls need.
    entity_id, component_name, component_type_id
        The entity that is read through the data connector, over HTTP.
    direct_entity_id, direct_component_type_id
        The entity that is read through `hot-reader` directly, the same device's.
    device_id
        That device.
    clouds
        The other clouds that run, `azure` and `gcp`.
    """

    hot_reader_url: str
    hot_reader_last_entry_url: str
    token: str = field(repr=False)
    twinmaker_url: str
    aws_url: str
    region: str
    table_name: str
    workspace_id: str
    entity_id: str
    component_name: str
    component_type_id: str
    direct_entity_id: str
    direct_component_type_id: str
    device_id: str
    clouds: dict[str, CloudEndpoints] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CloudEndpoints:
    """Where another cloud is, and what reads it.

    Attributes
    ----------
    hot_reader_url, hot_reader_last_entry_url
        Its HTTP endpoints; they accept the same token.
    entity_id, component_type_id
        The entity of the same device that TwinMaker reads through a data connector to this cloud.
    """

    hot_reader_url: str
    hot_reader_last_entry_url: str
    entity_id: str
    component_type_id: str


@dataclass(frozen=True, slots=True)
class Ports:
    """Which ports to use; a busy one is replaced by a free one."""

    http: int = 8000
    aws: int = 4566
    twinmaker: int = 4567


class LocalCloud:
    """A context manager: started on entry, stopped on exit.

    Parameters
    ----------
    directory
        Where endpoints, environment and logs are written.
    config
        The twin's configuration files.
    entries
        How many entries of sample telemetry each device gets.
    seed
        Of the sample telemetry.
    other_clouds
        True to run Azure and Google Cloud, too, with the same telemetry.
    ports
        Preferred ports.
    report
        Is told each step that was done.
    progress
        Is told how many entries will be loaded, and then how many more have been.
    """

    def __init__(
        self,
        *,
        directory: Path = PROJECT / ".local",
        config: Path = PROJECT / "config",
        entries: int = 2_880,
        seed: int = 1,
        other_clouds: bool = False,
        ports: Ports | None = None,
        report: Callable[[str], None] = lambda _step: None,
        progress: Callable[[int, int], None] = lambda _total, _more: None,
    ) -> None:
        self._directory = directory
        self._entries = entries
        self._seed = seed
        self._ports = ports or Ports()
        self._report = report
        self._progress = progress
        self._exit = ExitStack()
        self._chalice: ChaliceLocal | None = None
        self.devices = twin_configuration.devices(config)
        self.twin_name = twin_configuration.twin_name(config)
        self.clouds: dict[str, OtherCloud] = {}
        if other_clouds:
            from demo.other_clouds import OTHER_CLOUDS  # loads their SDKs

            made = [cloud(directory, twin_name=self.twin_name) for cloud in OTHER_CLOUDS]
            self.clouds = {cloud.provider: cloud for cloud in made}
        stage = stage_environment(STAGE)
        self.table_name = stage["DYNAMODB_TABLE_NAME"]
        # Where `chalice local --stage multicloud` by hand looks for it, if it can be had there.
        reference = stage_environment("multicloud").get("INTER_CLOUD_TOKEN", "")
        self.token_parameter = reference if reference.startswith("ssm:/") else _TOKEN_PARAMETER
        self.aws = LocalAws(port=free_port(self._ports.aws))
        self.endpoints: Endpoints

    def __enter__(self) -> Self:
        """Start everything; what has been started is stopped again if a step fails."""
        with self._exit:
            self._start()
            self._exit = self._exit.pop_all()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        """Stop everything and remove the files that say where it was."""
        self._exit.close()

    def telemetry(self) -> Iterator[Entry]:
        """Yield what was put into the hot table."""
        for device in self.devices:
            yield from sample_telemetry.generate(
                device, self._entries, end=self.telemetry_end, seed=self._seed
            )

    def stop_http(self) -> None:
        """Stop the HTTP endpoints, as if the other cloud were down."""
        if self._chalice is not None:
            self._chalice.stop()

    def start_http(self) -> None:
        """Start the HTTP endpoints again, where they were."""
        if self._chalice is not None:
            self._chalice.start()

    def http_log(self) -> str:
        """Return what the HTTP endpoints have printed."""
        return (self._directory / _HTTP_LOG).read_text(errors="replace")

    def twinmaker(self) -> Any:
        """Return a boto3 TwinMaker client at the local TwinMaker."""
        config = Config(
            inject_host_prefix=False, read_timeout=60, retries={"total_max_attempts": 1}
        )
        return self.aws.client(
            "iottwinmaker", endpoint_url=self.endpoints.twinmaker_url, config=config
        )

    def connector_environment(
        self, history_url: str, last_entry_url: str, *, provider: str = "azure"
    ) -> dict[str, str]:
        """Return the environment of a data connector that reads by the endpoints at two URLs."""
        return {
            "DIGITAL_TWIN_INFO": self._twin_info(provider),
            "INTER_CLOUD_TOKEN": self.token_parameter,
            HISTORY.remote_url_setting: history_url,
            LAST_ENTRY.remote_url_setting: last_entry_url,
            "POWERTOOLS_TRACE_DISABLED": "true",
        }

    def serve(self, cloud: OtherCloud, token: str) -> None:
        """Start another cloud's Hot Readers, or start them again where they were."""
        cloud.serve(
            {"DIGITAL_TWIN_INFO": self._twin_info(cloud.provider), "INTER_CLOUD_TOKEN": token}
        )

    def _start(self) -> None:
        self._directory.mkdir(parents=True, exist_ok=True)
        self._lock()
        for name in (ENDPOINTS_FILE, ENVIRONMENT_FILE):
            # One that was killed left them; nobody may take them for ours.
            (self._directory / name).unlink(missing_ok=True)
        self._exit.enter_context(self.aws)
        self._report(f"AWS (DynamoDB, Lambda, SSM, IAM, API Gateway) at {self.aws.endpoint_url}")
        for cloud in self.clouds.values():
            self._exit.enter_context(cloud)
        self._load_telemetry()
        token = secrets.token_urlsafe(32)
        name = self.token_parameter.removeprefix("ssm:")
        self.aws.client("ssm").put_parameter(Name=name, Value=token, Type="SecureString")
        self._report(f"Inter-cloud token in the SSM parameter {name}")

        self._chalice = ChaliceLocal(
            self.aws.environment | {"INTER_CLOUD_TOKEN": self.token_parameter},
            port=free_port(self._ports.http),
            log=self._directory / _HTTP_LOG,
        )
        self._exit.callback(self._chalice.stop)
        self._chalice.start()
        self._report(f"Hot Reader endpoints (chalice local) at {self._chalice.url}")

        twinmaker = LocalTwinMaker(
            port=free_port(self._ports.twinmaker),
            region=self.aws.region,
            lambda_endpoint_url=self.aws.endpoint_url,
        )
        self._exit.enter_context(twinmaker)
        self.aws.set_extra_environment({"AWS_ENDPOINT_URL_IOTTWINMAKER": twinmaker.url})
        self._report(f"AWS IoT TwinMaker at {twinmaker.url}")
        for cloud in self.clouds.values():
            self.serve(cloud, token)
            self._report(
                f"Hot Reader endpoints on {cloud.title} at {cloud.urls[HISTORY.hot_reader]}"
            )
        device = self.devices[0]
        self.endpoints = Endpoints(
            hot_reader_url=f"{self._chalice.url}/{HISTORY.hot_reader}",
            hot_reader_last_entry_url=f"{self._chalice.url}/{LAST_ENTRY.hot_reader}",
            token=token,
            twinmaker_url=twinmaker.url,
            aws_url=self.aws.endpoint_url,
            region=self.aws.region,
            table_name=self.table_name,
            workspace_id=self.twin_name,
            entity_id=f"{device.id}-across-clouds",
            component_name=COMPONENT_NAME,
            component_type_id=f"{self.twin_name}-{device.id}",
            direct_entity_id=f"{device.id}-direct",
            direct_component_type_id=f"{self.twin_name}-{device.id}-direct",
            device_id=device.id,
            clouds={
                provider: CloudEndpoints(
                    hot_reader_url=cloud.urls[HISTORY.hot_reader],
                    hot_reader_last_entry_url=cloud.urls[LAST_ENTRY.hot_reader],
                    entity_id=f"{device.id}-{provider}",
                    component_type_id=f"{self.twin_name}-{device.id}-{provider}",
                )
                for provider, cloud in self.clouds.items()
            },
        )
        self._create_workspace()
        for type_id, entity_id, functions in self._readers():
            self._register(device, type_id, entity_id, functions)
        self._write_files()

    def _lock(self) -> None:
        """Keep another local cloud out of the directory."""
        lock = self._exit.enter_context((self._directory / ".lock").open("w"))
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RuntimeError(
                f"Another local cloud runs in {self._directory}; stop it, or use --directory."
            ) from None

    def _load_telemetry(self) -> None:
        client = self.aws.client("dynamodb")
        create_hot_table(client, self.table_name)
        self.telemetry_end = sample_telemetry.latest_round_minute()
        writers: dict[str, Writer] = {"AWS (DynamoDB)": DynamoDBWriter(client, self.table_name)}
        writers |= {cloud.title: cloud.writer() for cloud in self.clouds.values()}
        each = self._entries * len(self.devices)
        total = each * len(writers)
        self._progress(total, 0)
        for title, writer in writers.items():
            writer.write(self.telemetry(), progress=lambda more: self._progress(total, more))
            self._report(f"{each:,} entries of {len(self.devices)} devices in {title}")

    def _readers(self) -> Iterator[tuple[str, str, tuple[str, str]]]:
        """Create the Lambda functions; yield what reads by them: component type, entity, functions."""
        at = self.endpoints
        direct = {
            "DIGITAL_TWIN_INFO": self._twin_info("aws"),
            "DYNAMODB_TABLE_NAME": self.table_name,
            "POWERTOOLS_TRACE_DISABLED": "true",
        }
        handler = "chalicelib.aws.hot_reader_functions.hot_reader"
        functions = self._create_pair(tuple(read.hot_reader for read in READS), handler, direct)
        yield at.direct_component_type_id, at.direct_entity_id, functions

        handler = "chalicelib.aws.data_connector_functions.digital_twin_data_connector"
        environment = self.connector_environment(at.hot_reader_url, at.hot_reader_last_entry_url)
        functions = self._create_pair(
            tuple(read.data_connector for read in READS), handler, environment
        )
        yield at.component_type_id, at.entity_id, functions

        for provider, cloud in at.clouds.items():
            names = tuple(f"{read.data_connector}-{provider}" for read in READS)
            environment = self.connector_environment(
                cloud.hot_reader_url, cloud.hot_reader_last_entry_url, provider=provider
            )
            functions = self._create_pair(names, handler, environment)
            yield cloud.component_type_id, cloud.entity_id, functions

    def _create_pair(
        self, names: tuple[str, ...], handler: str, environment: Mapping[str, str]
    ) -> tuple[str, str]:
        """Create the functions of both reads, and return their ARNs."""
        history, last_entry = names
        return (
            self._create_function(history, handler, environment),
            self._create_function(last_entry, f"{handler}_last_entry", environment),
        )

    def _create_function(self, name: str, handler: str, environment: Mapping[str, str]) -> str:
        arn = self.aws.create_function(
            f"{APP_NAME}-{STAGE}-{name}",
            handler=handler,
            source=PROJECT,
            include=_PACKAGED,
            environment=environment,
            timeout=29,
        )
        self._report(f"Lambda function {name}")
        return arn

    def _twin_info(self, layer_3_hot: str) -> str:
        return json.dumps(
            {
                "config": {"digital_twin_name": self.twin_name},
                "config_providers": {
                    "layer_3_hot_provider": layer_3_hot,
                    "layer_4_provider": "aws",
                },
            }
        )

    def _create_workspace(self) -> None:
        self.twinmaker().create_workspace(
            workspaceId=self.endpoints.workspace_id,
            role=f"arn:aws:iam::{self.aws.account_id}:role/twinmaker",
            s3Location="arn:aws:s3:::twinmaker",
        )

    def _register(
        self,
        device: twin_configuration.Device,
        type_id: str,
        entity_id: str,
        functions: tuple[str, str],
    ) -> None:
        client, workspace = self.twinmaker(), self.endpoints.workspace_id
        history_arn, last_entry_arn = functions
        client.create_component_type(
            workspaceId=workspace,
            componentTypeId=type_id,
            **component_type(device, history_arn=history_arn, last_entry_arn=last_entry_arn),
        )
        self.until_active(
            lambda: client.get_component_type(workspaceId=workspace, componentTypeId=type_id)
        )
        client.create_entity(
            workspaceId=workspace,
            entityId=entity_id,
            entityName=entity_id,
            components={COMPONENT_NAME: {"componentTypeId": type_id}},
        )
        self.until_active(lambda: client.get_entity(workspaceId=workspace, entityId=entity_id))
        self._report(f"Entity {entity_id}, read by {history_arn.rpartition(':')[2]}")

    def until_active(self, describe: Callable[[], dict[str, Any]]) -> None:
        """Ask until a thing is ACTIVE; the local TwinMaker gets on with each look."""
        for _ in range(10):
            status = describe()["status"]
            if status["state"] == "ACTIVE":
                return
            if status["state"] == "ERROR":
                raise RuntimeError(f"TwinMaker reports: {status['error']}")
        raise RuntimeError(f"TwinMaker is still {status['state']}")

    def _write_files(self) -> None:
        endpoints = self._directory / ENDPOINTS_FILE
        environment = self._directory / ENVIRONMENT_FILE
        self._exit.callback(endpoints.unlink, missing_ok=True)
        self._exit.callback(environment.unlink, missing_ok=True)
        exports = self.aws.environment | {
            "AWS_ENDPOINT_URL_IOTTWINMAKER": self.endpoints.twinmaker_url,
            # 127.0.0.1 has no name with `api.` or `data.` in front of it.
            "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
        }
        for cloud in self.clouds.values():
            exports |= cloud.environment
        lines = [f"export {name}={shlex.quote(value)}" for name, value in exports.items()]
        _write_private(environment, "\n".join(lines) + "\n")
        # Last: whoever waits for this file finds everything ready.
        _write_private(endpoints, json.dumps(asdict(self.endpoints), indent=2) + "\n")


def stage_environment(stage: str) -> dict[str, str]:
    """Return the environment variables of one of this project's Chalice stages."""
    return dict(Stage.load(PROJECT, stage).environment or {})


def create_hot_table(client: Any, table_name: str) -> None:
    """Create a hot table with the default key names, on a DynamoDB endpoint."""
    client.create_table(
        TableName=table_name,
        KeySchema=[
            {"AttributeName": "device_id", "KeyType": "HASH"},
            {"AttributeName": "timestamp", "KeyType": "RANGE"},
        ],
        AttributeDefinitions=[
            {"AttributeName": "device_id", "AttributeType": "S"},
            {"AttributeName": "timestamp", "AttributeType": "S"},
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    client.get_waiter("table_exists").wait(TableName=table_name, WaiterConfig={"Delay": 1})


def _write_private(path: Path, text: str) -> None:
    write_whole(path, text.encode(), mode=PRIVATE, locked=True)
