"""Everything that is still missing before a stage can be deployed."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from chalicelib.model.errors import ConfigurationError
from chalicelib.model.reads import READS
from chalicelib.settings.data_connector import DataConnectorSettings
from chalicelib.settings.digital_twin_info import DigitalTwinInfo
from chalicelib.settings.endpoint import EndpointSettings
from chalicelib.settings.hot_reader import HotReaderSettings
from chalicelib.settings.logs import LogSettings
from deploy_scripts.project_files.inter_cloud import connection_id
from deploy_scripts.project_files.storage import STORAGE_FILE
from deploy_scripts.providers import PROVIDERS
from deploy_scripts.stage.hot_storage import storage_environment
from deploy_scripts.stage.stage import API_HANDLER, STAGES_FILE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from chalicelib.model.layout import ProviderLayout
    from chalicelib.model.reads import Read
    from deploy_scripts.project_files.twin_configuration import TwinConfiguration
    from deploy_scripts.stage.stage import Stage


def missing(
    configuration: TwinConfiguration, stage: Stage, unsaved: Iterable[Read]
) -> Iterator[str]:
    """Yield in sentences what has to be done before a stage can be deployed.

    `unsaved` are the reads whose connection isn't saved.
    """
    layout = configuration.layout
    if layout.layer_4 == "aws":
        for read in unsaved:
            yield (
                f"No connection {connection_id(layout, read)} yet: deploy the Hot Readers on "
                f"{PROVIDERS[layout.layer_3_hot].title}, then save the URL and the token that read "
                f"the {read.title}."
            )
    if layout.layer_3_hot in configuration.storage:
        try:
            PROVIDERS[layout.layer_3_hot].load_settings(storage_environment(configuration))
        except ConfigurationError as error:
            yield f"{STORAGE_FILE}: {error}"
    if stage.functions(layout):
        yield from _of_stage(configuration, stage)


def _of_stage(configuration: TwinConfiguration, stage: Stage) -> Iterator[str]:
    """Yield what the stage's environment lacks, as the functions themselves would at their start."""
    subject = f"The stage {stage.name} in {STAGES_FILE}"
    if stage.environment is None:
        yield f"{subject} isn't there yet: deploy writes it."
        return
    try:
        twin = DigitalTwinInfo.load(stage.environment)
    except ConfigurationError as error:
        yield f"{subject}: {error}"
        return
    for what, stated, configured in (
        ("the twin", twin.name, configuration.name),
        ("the layout", _spelled(twin.layout), _spelled(configuration.layout)),
    ):
        if stated != configured:
            yield (
                f"{subject} is for {what} {stated}, the configuration for {configured}: deploy "
                "changes that. If the stage is still needed as it is, choose another one."
            )
    if twin.layout == configuration.layout:
        yield from (f"{subject}: {flaw}" for flaw in _flaws(twin.layout, stage))


def _flaws(layout: ProviderLayout, stage: Stage) -> Iterator[str]:
    functions = stage.functions(layout)
    environment = stage.environment_of(functions[-1])  # the endpoints' handler, if there is one
    loads: list[Callable[..., object]] = [LogSettings.load]
    if layout.layer_3_hot == "aws":
        loads += [HotReaderSettings.load, PROVIDERS["aws"].load_settings]
    if API_HANDLER in functions:
        loads.append(EndpointSettings.load)
    loads += [
        partial(DataConnectorSettings.load, read=read)
        for read in READS
        if read.data_connector in functions
    ]
    for load in loads:
        try:
            load(environment)
        except ConfigurationError as error:
            yield str(error)


def _spelled(layout: ProviderLayout) -> str:
    return f"{layout.layer_3_hot} (hot storage) and {layout.layer_4} (twin)"
