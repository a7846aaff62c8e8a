"""The product on the local cloud: functions, HTTP endpoints, TwinMaker, and sample telemetry.

TwinMaker reads one device in several ways: through `hot-reader` directly; through the data connector,
which asks the HTTP endpoints of `chalice local` as it would ask another cloud; and through data
connectors that ask the Hot Readers on Azure and on Google Cloud, if these run, too.
"""

from __future__ import annotations

import fcntl
import secrets
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Self

from botocore.config import Config

from chalicelib.contracts.component_types import LATEST, TELEMETRY
from chalicelib.model.layout import ProviderLayout
from chalicelib.model.reads import HISTORY, LAST_ENTRY
from demo import sample_telemetry
from demo.endpoints import CloudEndpoints, Endpoints, remove_files, write_files
from demo.twin import STAGE, Route, Twin
from deploy_scripts import PROJECT
from deploy_scripts.project_files.twin_configuration import TwinConfiguration
from deploy_scripts.providers import PACKAGED
from deploy_scripts.providers.aws import DynamoDBWriter
from deploy_scripts.stage.stage import Stage
from deploy_scripts.stage.twin_info import digital_twin_info
from local_cloud.aws.account import LocalAws
from local_cloud.aws.chalice_local import ChaliceLocal
from local_cloud.aws.dynalite import Dynalite
from local_cloud.child_process import free_port
from local_cloud.twinmaker import LocalTwinMaker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from types import TracebackType

    from demo.other_clouds import OtherCloud
    from deploy_scripts.project_files.twin_configuration import Device
    from deploy_scripts.providers.telemetry import Entry, Writer

_DATA_CONNECTOR: Final = "chalicelib.aws.data_connector_functions.digital_twin_data_connector"
_SOME_CLOUD: Final = next(iter(PACKAGED))
"""The cloud that `chalice local` plays: any but the twin's."""
_TOKEN_PARAMETER: Final = "ssm:/local-cloud/inter-cloud-token"  # noqa: S105 - a name


@dataclass(frozen=True, slots=True)
class Ports:
    """The preferred ports; a busy one is replaced by a free one."""

    http: int = 8000
    aws: int = 4566
    twinmaker: int = 4567


class LocalCloud:
    """The whole product on the local cloud. A context manager: it runs from entry to exit.

    Parameters
    ----------
    directory
        The directory for endpoints, environment and logs.
    config
        The directory of the twin's configuration files.
    entries
        The number of entries of sample telemetry per device.
    seed
        The seed of the sample telemetry.
    other_clouds
        True to run Azure and Google Cloud, too, with the same telemetry.
    ports
        Preferred ports.
    report
        Gets a line for each step that was done.
    progress
        Gets the number of all entries to load, and of those loaded since the last call.

    Attributes
    ----------
    aws
        The AWS account.
    http
        The HTTP endpoints of the Hot Readers on AWS, once started.
    clouds
        The other clouds, by provider.
    fleet
        With other clouds, the first device and another one like it: on each cloud they share a component
        type, `fleet_type`.
    endpoints
        The URLs and names of everything, once started.
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
        twin = TwinConfiguration.load(config)
        self.devices, self.twin_name = twin.devices, twin.name
        first = self.devices[0]
        second = replace(first, id=f"{first.id}-spare")
        self.fleet = (first, second) if other_clouds else ()
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
        """Stop everything and remove the files with its endpoints."""
        self._exit.close()

    def telemetry(self) -> Iterator[Entry]:
        """Yield what was put into the hot table."""
        for device in self._with_telemetry:
            yield from sample_telemetry.generate(
                device, self._entries, end=self.telemetry_end, seed=self._seed
            )

    @property
    def _with_telemetry(self) -> tuple[Device, ...]:
        return (*self.devices, *self.fleet[1:])

    def fleet_type(self, provider: str) -> str:
        """Return the `componentType` of the fleet on a cloud."""
        return f"fleet-{provider}"

    def twinmaker(self) -> Any:
        """Return a boto3 TwinMaker client at the local TwinMaker."""
        config = Config(
            inject_host_prefix=False, read_timeout=60, retries={"total_max_attempts": 1}
        )
        return self.aws.client("iottwinmaker", config=config)

    def connector_environment(
        self, history_url: str, last_entry_url: str, *, provider: str = _SOME_CLOUD
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
        # The token of the local cloud is in there.
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock()
        # One that was killed left them; nobody may take them for ours.
        remove_files(self._directory)
        self._start_storage()
        self._load_telemetry()
        token = self._create_token()
        self._start_http()
        twinmaker_url = self._start_twinmaker()
        for cloud in self.clouds.values():
            self.serve(cloud, token)
            url = cloud.urls[HISTORY.hot_reader]
            self._report(f"Hot Reader endpoints on {cloud.title} at {url}")
        self.endpoints = self._endpoints(token, twinmaker_url)
        twin = Twin(self.aws, self.twinmaker(), self.twin_name, self._report)
        for route in self._routes():
            twin.register(self.devices[0], route)
        self._exit.callback(remove_files, self._directory)
        write_files(self._directory, self.endpoints, self._sdk_environment())

    def _lock(self) -> None:
        """Keep another local cloud out of the directory."""
        lock = self._exit.enter_context((self._directory / ".lock").open("w"))
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RuntimeError(
                f"Another local cloud runs in {self._directory}; stop it, or use --directory."
            ) from None

    def _start_storage(self) -> None:
        self._exit.enter_context(self.aws)
        self._report(f"AWS (Lambda, SSM, IAM, API Gateway) at {self.aws.endpoint_url}")
        dynamodb = self._exit.enter_context(Dynalite(self._directory / "dynalite.log"))
        self.aws.redirect("dynamodb", dynamodb.url)
        self._report(f"AWS (DynamoDB) at {dynamodb.url}")
        for cloud in self.clouds.values():
            self._exit.enter_context(cloud)

    def _load_telemetry(self) -> None:
        client = self.aws.client("dynamodb")
        create_hot_table(client, self.table_name)
        self.telemetry_end = sample_telemetry.latest_round_minute()
        writers: dict[str, Writer] = {"AWS (DynamoDB)": DynamoDBWriter(client, self.table_name)}
        writers |= {cloud.title: cloud.writer() for cloud in self.clouds.values()}
        devices = self._with_telemetry
        each = self._entries * len(devices)
        total = each * len(writers)
        self._progress(total, 0)
        for title, writer in writers.items():
            stored = sample_telemetry.as_stored(self.telemetry(), devices)
            writer.write(stored, progress=lambda more: self._progress(total, more))
            self._report(f"{each:,} entries of {len(devices)} devices in {title}")

    def _create_token(self) -> str:
        token = secrets.token_urlsafe(32)
        name = self.token_parameter.removeprefix("ssm:")
        self.aws.client("ssm").put_parameter(Name=name, Value=token, Type="SecureString")
        self._report(f"Inter-cloud token in the SSM parameter {name}")
        return token

    def _start_http(self) -> None:
        self.http = ChaliceLocal(
            self.aws.environment | {"INTER_CLOUD_TOKEN": self.token_parameter},
            project=PROJECT,
            stage=STAGE,
            port=free_port(self._ports.http),
            log=self._directory / "chalice-local.log",
        )
        # First, so that an interruption of the start stops it, too.
        self._exit.callback(self.http.stop)
        self.http.start()
        self._report(f"Hot Reader endpoints (chalice local) at {self.http.url}")

    def _start_twinmaker(self) -> str:
        twinmaker = LocalTwinMaker(
            port=free_port(self._ports.twinmaker),
            region=self.aws.region,
            lambda_endpoint_url=self.aws.endpoint_url,
        )
        self._exit.enter_context(twinmaker)
        self.aws.redirect("iottwinmaker", twinmaker.url)
        self._report(f"AWS IoT TwinMaker at {twinmaker.url}")
        return twinmaker.url

    def _endpoints(self, token: str, twinmaker_url: str) -> Endpoints:
        device_id = self.devices[0].id
        type_id = f"{self.twin_name}-{device_id}"
        return Endpoints(
            hot_reader_url=self.http.url + HISTORY.path,
            hot_reader_last_entry_url=self.http.url + LAST_ENTRY.path,
            token=token,
            twinmaker_url=twinmaker_url,
            aws_url=self.aws.endpoint_url,
            region=self.aws.region,
            table_name=self.table_name,
            workspace_id=self.twin_name,
            entity_id=f"{device_id}-across-clouds",
            component_name=TELEMETRY,
            latest_component_name=LATEST,
            component_type_id=type_id,
            direct_entity_id=f"{device_id}-direct",
            direct_component_type_id=f"{type_id}-direct",
            device_id=device_id,
            clouds={
                provider: CloudEndpoints(
                    hot_reader_url=cloud.urls[HISTORY.hot_reader],
                    hot_reader_last_entry_url=cloud.urls[LAST_ENTRY.hot_reader],
                    entity_id=f"{device_id}-{provider}",
                    component_type_id=f"{type_id}-{provider}",
                )
                for provider, cloud in self.clouds.items()
            },
        )

    def _routes(self) -> Iterator[Route]:
        """Yield each way to read the device: directly, over HTTP, and on each other cloud."""
        at = self.endpoints
        yield Route(
            at.direct_component_type_id,
            at.direct_entity_id,
            (HISTORY.hot_reader, LAST_ENTRY.hot_reader),
            "chalicelib.aws.hot_reader_functions.hot_reader",
            {
                "DIGITAL_TWIN_INFO": self._twin_info("aws"),
                "DYNAMODB_TABLE_NAME": self.table_name,
                "POWERTOOLS_TRACE_DISABLED": "true",
            },
            self.fleet_type("aws") if self.fleet else None,
        )
        yield Route(
            at.component_type_id,
            at.entity_id,
            (HISTORY.data_connector, LAST_ENTRY.data_connector),
            _DATA_CONNECTOR,
            self.connector_environment(at.hot_reader_url, at.hot_reader_last_entry_url),
        )
        for provider, cloud in at.clouds.items():
            yield Route(
                cloud.component_type_id,
                cloud.entity_id,
                (f"{HISTORY.data_connector}-{provider}", f"{LAST_ENTRY.data_connector}-{provider}"),
                _DATA_CONNECTOR,
                self.connector_environment(
                    cloud.hot_reader_url, cloud.hot_reader_last_entry_url, provider=provider
                ),
                self.fleet_type(provider),
            )

    def _twin_info(self, layer_3_hot: str) -> str:
        fleet_type = self.fleet_type(layer_3_hot)
        fleet = tuple(replace(each, component_type=fleet_type) for each in self.fleet)
        layout = ProviderLayout(layer_3_hot, "aws")
        return digital_twin_info(TwinConfiguration(self.twin_name, layout, fleet), fleet)

    def _sdk_environment(self) -> dict[str, str]:
        """Return what SDKs and the command line need to use this cloud."""
        environment = self.aws.environment | {
            # 127.0.0.1 has no name with `api.` or `data.` in front of it.
            "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
        }
        for cloud in self.clouds.values():
            environment |= cloud.environment
        return environment


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
