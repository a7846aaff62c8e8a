"""A plan: the resources of a provider layout, cloud by cloud, and what is still missing for them.

A plan is made from the configuration alone: it asks no cloud and changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from chalicelib.model.layout import ProviderLayout, component_type_function
from chalicelib.model.reads import READS
from deploy_scripts.plan.missing import missing, refused
from deploy_scripts.project_files.inter_cloud import connection_id
from deploy_scripts.providers import PROVIDERS
from deploy_scripts.register.component_types import component_type_ids, component_types
from deploy_scripts.stage.hot_storage import AFTER_THE_TWIN, in_stage, storage_settings
from deploy_scripts.stage.stage import API_HANDLER
from deploy_scripts.tokens.stage_token import default_references, followed_reference
from deploy_scripts.tokens.stores import STORES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from deploy_scripts.project_files.inter_cloud import InterCloudConnections
    from deploy_scripts.project_files.twin_configuration import TwinConfiguration
    from deploy_scripts.stage.stage import Stage

API_GATEWAY: Final = "api-gateway"
FUNCTION_URL: Final = "function-url"
ENDPOINT_KINDS: Final = {API_GATEWAY: "API Gateway", FUNCTION_URL: "Function URL"}
"""The kinds of endpoints on AWS, with their titles."""


@dataclass(frozen=True, slots=True)
class Function:
    """A function: its name here, and on its cloud if that is known before it is there."""

    name: str
    deployed_name: str | None


@dataclass(frozen=True, slots=True)
class Name:
    """A name on a cloud that isn't a function's."""

    what: str  # such as `table`
    value: str  # the name; a token's is where it is kept
    origin: str  # where it comes from: `config_storage.json`, the stage, or the twin's name


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An HTTP endpoint."""

    path: str
    reads: str  # `history` or `newest entry`
    function: str
    kind: str | None  # on AWS, `api-gateway` or `function-url`


@dataclass(frozen=True, slots=True)
class PlannedConnection:
    """A connection that this cloud's readers use to ask another cloud."""

    id: str
    reads: str  # `history` or `newest entry`
    # The id that it is saved under, perhaps an old one; None if it isn't saved.
    saved_as: str | None
    url: str | None  # the endpoint, without what may be secret in it


@dataclass(frozen=True, slots=True)
class ComponentType:
    """A TwinMaker component type."""

    id: str
    devices: tuple[str, ...]
    functions: Mapping[str, str]  # by TwinMaker's names, the functions that it points at


@dataclass(frozen=True, slots=True)
class Cloud:
    """The resources on one cloud."""

    provider: str
    store: str | None  # the hot storage, if it is there
    has_twin: bool
    # The names by which its functions find the hot storage and the token.
    names: tuple[Name, ...] = ()
    functions: tuple[Function, ...] = ()
    endpoints: tuple[Endpoint, ...] = ()
    connections: tuple[PlannedConnection, ...] = ()
    component_types: tuple[ComponentType, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan."""

    twin_name: str
    stage: str
    layout: ProviderLayout
    clouds: tuple[Cloud, ...]  # the hot storage's cloud, then the twin's if that is another one
    # What has to be done before the stage can be deployed, in sentences; empty if nothing.
    missing: tuple[str, ...]

    @classmethod
    def make(
        cls,
        configuration: TwinConfiguration,
        stage: Stage,
        connections: InterCloudConnections,
        endpoint: str | None = None,
        region: str | None = None,
    ) -> Plan:
        """Make a plan.

        `endpoint` is the chosen kind of endpoints on AWS; None for that of the saved connections, or
        else `api-gateway`.
        """
        layout = configuration.layout
        planned = _connections(layout, connections)
        # The host of a Function URL has this part (AWS Lambda developer guide, "Invoking Lambda
        # function URLs").
        function_url = any(".lambda-url." in (each.url or "") for each in planned)
        kind = endpoint or (FUNCTION_URL if function_url else API_GATEWAY)
        clouds = tuple(
            Cloud(
                provider,
                PROVIDERS[provider].store if layout.layer_3_hot == provider else None,
                layout.layer_4 == provider,
                _names(provider, configuration, stage),
                _functions(provider, layout, stage),
                _endpoints(provider, layout, kind),
                planned if layout.layer_4 == provider else (),
                _component_types(configuration) if provider == "aws" else (),
            )
            for provider in dict.fromkeys((layout.layer_3_hot, layout.layer_4))
        )
        unsaved = [read for read, each in zip(READS, planned, strict=False) if not each.saved_as]
        endpoint_kinds = {each.kind for cloud in clouds for each in cloud.endpoints}
        too_much = refused(
            configuration,
            stage,
            token=next((name.value for name in _token(configuration, stage)), None),
            function_url=FUNCTION_URL in endpoint_kinds,
            region=region,
        )
        found = dict.fromkeys([*too_much, *missing(configuration, stage, unsaved)])
        return cls(configuration.name, stage.name, layout, clouds, tuple(found))


def _connections(
    layout: ProviderLayout, connections: InterCloudConnections
) -> tuple[PlannedConnection, ...]:
    if not layout.crosses_clouds:
        return ()
    saved = connections.of(layout)
    return tuple(
        PlannedConnection(
            connection_id(layout, read),
            read.title,
            saved[read].id if read in saved else None,
            saved[read].public_url if read in saved else None,
        )
        for read in READS
    )


def _names(provider: str, twin: TwinConfiguration, stage: Stage) -> tuple[Name, ...]:
    if not _functions(provider, twin.layout, stage):
        return ()
    names: list[Name] = []
    if provider == twin.layout.layer_3_hot:
        on_aws = provider == "aws"
        names += (
            Name(each.key.name.replace("_", " "), each.value, each.origin)
            for each in storage_settings(twin, stage if on_aws else None)
        )
    if provider == "aws":
        names += _token(twin, stage)
    return tuple(names)


def _token(twin: TwinConfiguration, stage: Stage) -> Iterator[Name]:
    """Yield where the token is kept on AWS, if the layout has one there."""
    if not twin.layout.crosses_clouds or not stage.functions(twin.layout):
        return
    defaults = default_references(twin.name, stage.name)
    reference = followed_reference(stage, twin.name) or defaults[0]
    if reference.partition(":")[0] in STORES:  # else it may be a token itself
        yield Name("token", reference, AFTER_THE_TWIN if reference in defaults else in_stage(stage))


def _functions(provider: str, layout: ProviderLayout, stage: Stage) -> tuple[Function, ...]:
    if provider == "aws":
        names = stage.functions(layout)
        return tuple(Function(name, stage.deployed_name(name)) for name in names)
    if layout.layer_3_hot != provider or not layout.crosses_clouds:
        return ()
    return tuple(Function(read.hot_reader, None) for read in READS)


def _endpoints(provider: str, layout: ProviderLayout, kind: str) -> tuple[Endpoint, ...]:
    if layout.layer_3_hot != provider or not layout.crosses_clouds:
        return ()
    if provider == "aws":
        return tuple(Endpoint(read.path, read.title, API_HANDLER, kind) for read in READS)
    return tuple(Endpoint(read.path, read.title, read.hot_reader, None) for read in READS)


def _component_types(configuration: TwinConfiguration) -> tuple[ComponentType, ...]:
    layout = configuration.layout
    if layout.layer_4 != "aws":  # no TwinMaker
        return ()
    described = component_types(configuration.name, configuration.devices, dict.fromkeys(READS, ""))
    users: dict[str, list[str]] = {type_id: [] for type_id in described}
    for device in configuration.devices:
        for type_id in component_type_ids(configuration.name, device).values():
            users[type_id].append(device.id)
    functions = {read.twinmaker_function: component_type_function(layout, read) for read in READS}
    return tuple(
        ComponentType(
            type_id,
            tuple(users[type_id]),
            {name: functions[name] for name in members["functions"]},
        )
        for type_id, members in described.items()
    )
