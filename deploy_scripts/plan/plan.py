"""What a provider layout deploys, cloud by cloud, and what is still missing for it.

A plan is made from the configuration alone: it asks no cloud and changes nothing.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from chalicelib.model.errors import ConfigurationError
from chalicelib.model.layout import ProviderLayout, aws_surface, component_type_function
from chalicelib.model.reads import HISTORY, READS
from chalicelib.settings.data_connector import DataConnectorSettings
from chalicelib.settings.digital_twin_info import DigitalTwinInfo
from chalicelib.settings.dynamodb import DynamoDBSettings
from chalicelib.settings.endpoint import EndpointSettings
from chalicelib.settings.hot_reader import HotReaderSettings
from deploy_scripts.project_files.inter_cloud import connection_id
from deploy_scripts.providers import PROVIDERS
from deploy_scripts.stage.stage import API_HANDLER, STAGES_FILE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from deploy_scripts.project_files.inter_cloud import InterCloudConnections
    from deploy_scripts.project_files.twin_configuration import TwinConfiguration
    from deploy_scripts.stage.stage import Stage

API_GATEWAY: Final = "api-gateway"
FUNCTION_URL: Final = "function-url"
ENDPOINT_KINDS: Final = {API_GATEWAY: "API Gateway", FUNCTION_URL: "Function URL"}
"""What can be in front of that function."""

_LONGEST_NAME: Final = 64
"""Characters of a Lambda function's name, and of its role's (IAM's service model, `roleNameType`)."""


@dataclass(frozen=True, slots=True)
class Function:
    """A function.

    Attributes
    ----------
    name
        What it is called here.
    deployed_name
        What it is called on its cloud, if that is known before it is there.
    """

    name: str
    deployed_name: str | None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An HTTP endpoint.

    Attributes
    ----------
    path
        Its path.
    reads
        `history` or `newest entry`.
    function
        The name of the function behind it.
    kind
        On AWS, what is in front of it: `api-gateway` or `function-url`.
    """

    path: str
    reads: str
    function: str
    kind: str | None = None


@dataclass(frozen=True, slots=True)
class PlannedConnection:
    """A connection that this cloud's readers use to ask another cloud.

    Attributes
    ----------
    id
        Its id.
    reads
        `history` or `newest entry`.
    saved_as
        The id that it is saved under, perhaps an old one; None if it isn't saved.
    url
        Where it leads, without what may be secret in it.
    """

    id: str
    reads: str
    saved_as: str | None
    url: str | None


@dataclass(frozen=True, slots=True)
class ComponentType:
    """A TwinMaker component type.

    Attributes
    ----------
    id
        Its id.
    device_id
        The device that it describes.
    history_function, last_entry_function
        The names of the functions that its `dataReader` and its
        `attributePropertyValueReaderByEntity` point at.
    """

    id: str
    device_id: str
    history_function: str
    last_entry_function: str


@dataclass(frozen=True, slots=True)
class Cloud:
    """What is on one cloud.

    Attributes
    ----------
    provider
        `aws`, `azure` or `gcp`.
    store
        The hot storage, if it is there.
    has_twin
        True if the twin is there.
    functions, endpoints, connections, component_types
        What is deployed, saved and registered for it.
    """

    provider: str
    store: str | None
    has_twin: bool
    functions: tuple[Function, ...] = ()
    endpoints: tuple[Endpoint, ...] = ()
    connections: tuple[PlannedConnection, ...] = ()
    component_types: tuple[ComponentType, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be deployed.

    Attributes
    ----------
    twin_name
        The twin.
    stage
        The Chalice stage's name.
    layout
        The providers.
    clouds
        The hot storage's cloud, then the twin's if that is another one.
    missing
        What has to be done before the stage can be deployed, in sentences; empty if nothing.
    """

    twin_name: str
    stage: str
    layout: ProviderLayout
    clouds: tuple[Cloud, ...]
    missing: tuple[str, ...]

    @classmethod
    def make(
        cls,
        configuration: TwinConfiguration,
        stage: Stage,
        connections: InterCloudConnections,
        endpoint: str | None = None,
    ) -> Plan:
        """Make a plan.

        Parameters
        ----------
        configuration
            The twin's.
        stage
            The Chalice stage.
        connections
            Those that are saved.
        endpoint
            What is chosen to be in front of endpoints on AWS; None for what the connections lead to,
            or else `api-gateway`.

        Raises
        ------
        InterCloudError
            The connections can't be read.
        """
        layout = configuration.layout
        names = dict.fromkeys((layout.layer_3_hot, layout.layer_4))
        planned = _connections(layout, connections)
        kind = endpoint or _endpoint_kind(planned)
        clouds = tuple(_cloud(name, configuration, stage, planned, kind) for name in names)
        missing = dict.fromkeys(_missing(configuration, stage, clouds, planned))
        return cls(configuration.name, stage.name, layout, clouds, tuple(missing))

    def to_json(self) -> dict[str, Any]:
        """Return the plan as a JSON document."""
        document = asdict(self)
        for cloud in document["clouds"]:
            for each in cloud["component_types"]:
                each["functions"] = {
                    "dataReader": each.pop("history_function"),
                    "attributePropertyValueReaderByEntity": each.pop("last_entry_function"),
                }
        return document


def _connections(
    layout: ProviderLayout, connections: InterCloudConnections
) -> tuple[PlannedConnection, ...]:
    if not layout.crosses_clouds:
        return ()
    planned = []
    for read in READS:
        saved = connections.get(layout, read)
        planned.append(
            PlannedConnection(
                connection_id(layout, read),
                read.title,
                saved.id if saved else None,
                saved.public_url if saved else None,
            )
        )
    return tuple(planned)


def _endpoint_kind(connections: tuple[PlannedConnection, ...]) -> str:
    # The host of a Function URL has this part (AWS Lambda developer guide, "Invoking Lambda function
    # URLs").
    leads_to_one = any(".lambda-url." in (each.url or "") for each in connections)
    return FUNCTION_URL if leads_to_one else API_GATEWAY


def _cloud(
    provider: str,
    configuration: TwinConfiguration,
    stage: Stage,
    connections: tuple[PlannedConnection, ...],
    kind: str,
) -> Cloud:
    layout = configuration.layout
    has_twin = layout.layer_4 == provider
    if provider == "aws":
        functions, endpoints = _on_aws(layout, stage, kind)
    else:
        functions, endpoints = _elsewhere(provider, layout)
    return Cloud(
        provider,
        PROVIDERS[provider].store if layout.layer_3_hot == provider else None,
        has_twin,
        functions,
        endpoints,
        connections if has_twin else (),
        _component_types(configuration) if has_twin else (),
    )


_Deployed = tuple[tuple[Function, ...], tuple[Endpoint, ...]]


def _on_aws(layout: ProviderLayout, stage: Stage, kind: str) -> _Deployed:
    surface = aws_surface(layout, local_connectors=_has_local_connectors(stage))
    prefix = f"{stage.app_name}-{stage.name}"
    functions = tuple(Function(name, f"{prefix}-{name}") for name in surface.functions)
    if surface.endpoints:
        functions += (Function(API_HANDLER, prefix),)
    reads = READS if surface.endpoints else ()
    return functions, tuple(Endpoint(read.path, read.title, API_HANDLER, kind) for read in reads)


def _elsewhere(provider: str, layout: ProviderLayout) -> _Deployed:
    if layout.layer_3_hot != provider or not layout.crosses_clouds:
        return (), ()
    functions = tuple(Function(read.hot_reader, None) for read in READS)
    return functions, tuple(Endpoint(read.path, read.title, read.hot_reader) for read in READS)


def _component_types(configuration: TwinConfiguration) -> tuple[ComponentType, ...]:
    if configuration.layout.layer_4 != "aws":  # no TwinMaker
        return ()
    functions = [component_type_function(configuration.layout, read) for read in READS]
    return tuple(
        ComponentType(f"{configuration.name}-{device.id}", device.id, *functions)
        for device in configuration.devices
    )


def _has_local_connectors(stage: Stage) -> bool:
    return HISTORY.local_function_setting in (stage.environment or {})


def _missing(
    configuration: TwinConfiguration,
    stage: Stage,
    clouds: tuple[Cloud, ...],
    connections: tuple[PlannedConnection, ...],
) -> Iterator[str]:
    layout = configuration.layout
    if layout.layer_4 == "aws":
        for each in connections:
            if each.saved_as is None:
                yield (
                    f"No connection {each.id} yet: deploy the Hot Readers on "
                    f"{PROVIDERS[layout.layer_3_hot].title}, then save the URL and the token that read the "
                    f"{each.reads}."
                )
    aws = next((cloud for cloud in clouds if cloud.provider == "aws"), None)
    if aws is None or not aws.functions:
        return
    for function in aws.functions:
        name = function.deployed_name or ""
        if len(name) > _LONGEST_NAME:
            yield (
                f"The name {name} has {len(name)} characters, and Lambda takes {_LONGEST_NAME}: "
                f"choose a shorter stage, or a shorter app_name in {STAGES_FILE}."
            )
    yield from _missing_settings(configuration, stage, aws)


def _missing_settings(configuration: TwinConfiguration, stage: Stage, aws: Cloud) -> Iterator[str]:
    """Say what the stage's environment lacks, as the functions themselves would at their start."""
    where = f"The stage {stage.name} in {STAGES_FILE}"
    if stage.environment is None:
        yield f"{where} isn't there yet: deploy writes it."
        return
    try:
        twin = DigitalTwinInfo.load(stage.environment)
    except ConfigurationError as error:
        yield f"{where}: {error}"
        return
    for what, stated, configured in (
        ("the twin", twin.name, configuration.name),
        ("the layout", _spelled(twin.layout), _spelled(configuration.layout)),
    ):
        if stated != configured:
            yield (
                f"{where} is for {what} {stated}, the configuration for {configured}: deploy "
                "changes that. If the stage is still needed as it is, choose another one."
            )
    if twin.layout == configuration.layout:
        environment = stage.endpoints_environment if aws.endpoints else stage.environment
        yield from (f"{where}: {flaw}" for flaw in _flaws(environment, aws))


def _flaws(environment: Mapping[str, str], aws: Cloud) -> Iterator[str]:
    names = {function.name for function in aws.functions}
    loads: list[Callable[[], object]] = []
    if names & {API_HANDLER, *(read.hot_reader for read in READS)}:
        loads += [partial(each.load, environment) for each in (HotReaderSettings, DynamoDBSettings)]
    if aws.endpoints:
        loads.append(partial(EndpointSettings.load, environment))
    loads += [
        partial(DataConnectorSettings.load, environment, read)
        for read in READS
        if read.data_connector in names
    ]
    for load in loads:
        try:
            load()
        except ConfigurationError as error:
            yield str(error)


def _spelled(layout: ProviderLayout) -> str:
    return f"{layout.layer_3_hot} (hot storage) and {layout.layer_4} (twin)"
