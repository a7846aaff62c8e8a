"""Walks the path of one stage, as far as it belongs to the provider layout."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from chalicelib.model.reads import READS
from deploy_scripts.project_files.inter_cloud import (
    CONNECTIONS_FILE,
    InterCloudConnections,
    connection_id,
)
from deploy_scripts.register.registration import Registration
from deploy_scripts.register.resources import Polling
from deploy_scripts.register.twin import Twin, reader_functions
from deploy_scripts.stage.stage import API_HANDLER
from deploy_scripts.tokens.stores import TOKEN_VARIABLE
from deploy_scripts.verify.endpoint import Endpoint, history_query, last_entry_query
from deploy_scripts.verify.endpoint_hops import EndpointHop, StoreHop
from deploy_scripts.verify.function_url import FunctionUrlHop
from deploy_scripts.verify.hop import BrokenHopError, Verified
from deploy_scripts.verify.stage import (
    ConfigurationHop,
    FunctionHop,
    RecordHop,
    function_environment,
)
from deploy_scripts.verify.stage_token import TokenHop
from deploy_scripts.verify.twinmaker import ComponentTypesHop, EntitiesHop, WorkspaceHop
from deploy_scripts.verify.twinmaker_reads import HistoryHop, LastEntriesHop, twinmaker_history
from deploy_scripts.verify.walk import Walk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from deploy_scripts.project_files.twin_configuration import Device
    from deploy_scripts.stage.deployed import DeployedStage
    from deploy_scripts.verify.hop import HopResult
    from deploy_scripts.verify.stage import Subject

CHART_RESULTS: Final = 200
"""The most values that TwinMaker has on a page."""


@dataclass(frozen=True, slots=True)
class Options:
    """What a person chose.

    Attributes
    ----------
    stage
        The Chalice stage.
    config, project
        Directories of the twin's configuration and of the Chalice project.
    workspace_id
        TwinMaker's workspace; None for the one with the twin's name.
    url, last_entry_url
        Where the endpoints are; None for where the record or the connections say.
    chart
        True to read telemetry for a chart, too.
    """

    stage: str
    config: Path
    project: Path
    workspace_id: str | None = None
    url: str | None = None
    last_entry_url: str | None = None
    chart: bool = False


class Verification:
    """Walks the path of one stage.

    Parameters
    ----------
    options
        What to verify.
    client
        Makes a client of an AWS service, as `boto3.client` does.
    twinmaker
        Makes a client of TwinMaker.
    report
        Is told each hop as it is done.
    clock
        Tells the time in seconds.
    """

    def __init__(
        self,
        options: Options,
        *,
        client: Callable[..., Any],
        twinmaker: Callable[[], Any],
        report: Callable[[HopResult], None] = lambda _hop: None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._options = options
        self._client = client
        self._twinmaker = twinmaker
        self._report = report
        self._clock = clock

    def run(self) -> Verified:
        """Walk until the end or the first broken hop."""
        walk = Walk(self._report, self._clock)
        unreadable = False
        try:
            self._walk(walk)
        except BrokenHopError as error:
            unreadable = error.unreadable
        series = tuple(walk.series()) if self._options.chart else ()
        return Verified(self._options.stage, tuple(walk.results), series, unreadable)

    def _walk(self, walk: Walk) -> None:
        options = self._options
        subject = walk.take(ConfigurationHop(options.config, options.project, options.stage))
        walk.devices = subject.twin.devices
        for connection in subject.connections:
            walk.keep_secret(connection.token, urlsplit(connection.url).query)
        for url in (options.url, options.last_entry_url):
            walk.keep_secret(urlsplit(url or "").query)
        deployed = walk.take(RecordHop(options.project, subject))
        lambda_ = walk.make(lambda: self._client("lambda"))
        for name in subject.functions:
            environment = function_environment(options.project, subject.stage, name)
            arn = deployed.lambda_arns[name]
            walk.take(FunctionHop(lambda_, name, arn, options.stage, environment))
        if subject.twin.layout.crosses_clouds:
            reference = subject.environment[TOKEN_VARIABLE]
            tokens = walk.take(TokenHop(self._client, reference, subject.connections))
            walk.keep_secret(*tokens)
            self._walk_endpoints(walk, subject, deployed, tokens[0])
        if subject.twin.layout.layer_4 == "aws":
            self._walk_twinmaker(walk, subject, deployed)

    def _walk_endpoints(
        self, walk: Walk, subject: Subject, deployed: DeployedStage, token: str
    ) -> None:
        chosen = (self._options.url, self._options.last_entry_url)
        urls = [each.url for each in subject.connections]
        if not urls:
            urls = self._urls_on_aws(walk, subject, deployed, check=not all(chosen))
        history, last_entry = (
            Endpoint(read, override or url, subject.twin.layout.layer_4)
            for read, override, url in zip(READS, chosen, urls, strict=True)
        )
        device = next((each for each in subject.twin.devices if each.properties), None)
        if device is None:
            return
        answers = (
            walk.take(EndpointHop(history, history_query(device), token)),
            walk.take(EndpointHop(last_entry, last_entry_query(device), token)),
        )
        walk.take(StoreHop(answers, device.id))

        def read(charted: Device, names: Sequence[str]) -> Iterable[Mapping[str, Any]]:
            query = history_query(charted, names, max_results=CHART_RESULTS, descending=True)
            answer = history.ask(query, token)
            return answer.document["propertyValues"] if answer.status == 200 else ()

        walk.charted = read

    def _urls_on_aws(
        self, walk: Walk, subject: Subject, deployed: DeployedStage, *, check: bool
    ) -> list[str]:
        """Return where the stage's own endpoints are: as published, or else its API."""
        api = deployed.rest_api.url.rstrip("/") if deployed.rest_api else ""
        urls = {read: api + read.path for read in READS}
        connections = InterCloudConnections(self._options.config / CONNECTIONS_FILE).load()
        for read in READS:
            saved = connections.get(connection_id(subject.twin.layout, read))
            if saved is not None:
                urls[read] = saved.url
                walk.keep_secret(urlsplit(saved.url).query)
        others = tuple(each for each in urls.values() if not each.startswith(f"{api}/"))
        if others and check:
            lambda_ = self._client("lambda")
            arn = deployed.lambda_arn(API_HANDLER)
            walk.take(FunctionUrlHop(lambda_, arn, others, self._options.stage))
        return [*urls.values()]

    def _walk_twinmaker(self, walk: Walk, subject: Subject, deployed: DeployedStage) -> None:
        configured, stage = subject.twin, self._options.stage
        client = walk.make(self._twinmaker)
        twin = Twin(configured.name, self._options.workspace_id or configured.name)
        functions = reader_functions(configured.layout)
        readers = {read: deployed.lambda_arn(name) for read, name in functions.items()}
        walk.take(WorkspaceHop(client, twin.workspace_id, stage))
        registration = Registration(
            twin, client, self._client("lambda"), self._client("iam"), polling=Polling(pauses=0)
        )
        walk.take(ComponentTypesHop(client, twin, configured.devices, readers, registration, stage))
        readables = walk.take(EntitiesHop(client, twin, configured.devices, stage))
        walk.take(LastEntriesHop(client, twin.workspace_id, readables))
        walk.take(HistoryHop(client, twin.workspace_id, readables))
        by_device = {each.device.id: each for each in readables}

        def read(charted: Device, names: Sequence[str]) -> Iterable[Mapping[str, Any]]:
            answer = twinmaker_history(
                client,
                twin.workspace_id,
                by_device[charted.id],
                names,
                max_results=CHART_RESULTS,
                descending=True,
            )
            return answer["propertyValues"]  # type: ignore[no-any-return]

        walk.charted = read
