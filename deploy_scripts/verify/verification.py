"""The walk over the read path of a stage, as far as it belongs to the provider layout."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.data_connector.masking import secrets_in
from chalicelib.model.reads import HISTORY, READS
from deploy_scripts.project_files.inter_cloud import (
    CONNECTIONS_FILE,
    InterCloudConnections,
    connection_id,
)
from deploy_scripts.register.twin import Twin, reader_functions
from deploy_scripts.stage.hot_storage import storage_environment
from deploy_scripts.stage.stage import API_HANDLER
from deploy_scripts.tokens.stores import TOKEN_VARIABLE
from deploy_scripts.verify import endpoint, stage, twinmaker
from deploy_scripts.verify.chart import MOST_PANELS, numeric_names, series_of
from deploy_scripts.verify.hop import BrokenHopError, Finding, Verified, side_by_side
from deploy_scripts.verify.hot_storage import Storage, check_hot_storage
from deploy_scripts.verify.policies import check_readers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from chalicelib.model.reads import Read
    from deploy_scripts import MakeClient
    from deploy_scripts.project_files.twin_configuration import Device
    from deploy_scripts.stage.deployed import DeployedStage
    from deploy_scripts.verify.chart import Series
    from deploy_scripts.verify.endpoint import EndpointAnswer
    from deploy_scripts.verify.hop import Walk
    from deploy_scripts.verify.stage import Subject

    _Read = Callable[[Device, Sequence[str]], Iterable[Mapping[str, Any]]]

_CHART_RESULTS: Final = 200
"""The most values that TwinMaker has on a page."""


@dataclass(slots=True)
class Verification:
    """A walk over the read path of a stage."""

    stage: str
    config: Path
    project: Path
    workspace_id: str | None  # TwinMaker's workspace; None for the one with the twin's name
    # The endpoints, as far as they aren't where the record or the connections say.
    urls: Mapping[Read, str]
    walk: Walk
    _client: MakeClient = field(default_factory=lambda: cache(boto3.client))
    _devices: Sequence[Device] = ()
    _read: _Read | None = None

    def run(self, *, chart: bool) -> Verified:
        """Walk until the end or the first broken hop; read telemetry for a chart, too."""
        unreadable = False
        try:
            self._walk_path()
        except BrokenHopError as error:
            unreadable = error.unreadable
        series = tuple(self._series()) if chart else ()
        devices = len(self._chartable)
        return Verified(self.stage, tuple(self.walk.results), series, unreadable, devices)

    def _walk_path(self) -> None:
        walk = self.walk
        subject = walk.take(
            "configuration", stage.check_configuration, self.config, self.project, self.stage
        )
        self._devices, layout = subject.twin.devices, subject.twin.layout
        connections = [*subject.connections.values()]
        walk.keep_secret(*(each.token for each in connections))
        known_urls = (*(each.url for each in connections), *self.urls.values())
        walk.keep_secret(*(secret for each in known_urls for secret in secrets_in(each)))
        deployed = walk.take("stage record", stage.check_record, self.project, subject)
        roles = {}
        for name in subject.functions:
            what = deployed.lambda_arns[name], self.project, subject.stage, name
            title = f"Lambda function {name}"
            roles[name] = walk.take(title, stage.check_function, self._client, *what)
        walk.take("policies", check_readers, self._client, self.project, subject.stage, roles)
        answers: Sequence[EndpointAnswer] = ()
        if layout.crosses_clouds:
            reference = subject.environment[TOKEN_VARIABLE]
            tokens = walk.take("token", stage.check_token, self._client, reference, connections)
            walk.keep_secret(*tokens)
            answers = self._walk_endpoints(subject, deployed, tokens[0])
        values = 0
        if self._asked is not None:
            storage = Storage(layout.layer_3_hot, self._settings(subject), self._devices)
            asked = self._asked.id
            values = walk.take("hot storage", check_hot_storage, storage, answers, asked)
        if layout.layer_4 == "aws":
            values += self._walk_twinmaker(subject, deployed)
        if not values:
            walk.take("values", _no_values)

    @property
    def _asked(self) -> Device | None:
        """The device that endpoints are asked for."""
        return next((each for each in self._devices if each.properties), None)

    def _settings(self, subject: Subject) -> dict[str, str]:
        """Return the Hot Readers' settings: the stage's; on another cloud the file's and this shell's."""
        if subject.twin.layout.layer_3_hot == "aws":
            return subject.stage.environment_of(subject.functions[0])
        own = {"DIGITAL_TWIN_INFO": subject.environment["DIGITAL_TWIN_INFO"]}
        return storage_environment(subject.twin) | os.environ | own

    def _walk_endpoints(
        self, subject: Subject, deployed: DeployedStage, token: str
    ) -> list[EndpointAnswer]:
        urls = {read: each.url for read, each in subject.connections.items()}
        urls = {**(urls or self._urls_on_aws(subject, deployed)), **self.urls}
        if self._asked is None:
            return []
        endpoints = {
            read: endpoint.Endpoint(read, url, subject.twin.layout.layer_4)
            for read, url in urls.items()
        }
        answers = [
            self.walk.take(
                f"endpoint {read.hot_reader}", endpoint.check_endpoint, each, self._asked, token
            )
            for read, each in endpoints.items()
        ]

        def read(charted: Device, names: Sequence[str]) -> Iterable[Mapping[str, Any]]:
            query = endpoint.last_hour(charted, names, max_results=_CHART_RESULTS, descending=True)
            answer = endpoints[HISTORY].ask(query, token)
            return answer.document["propertyValues"] if answer.status == 200 else ()

        self._read = read
        return answers

    def _urls_on_aws(self, subject: Subject, deployed: DeployedStage) -> dict[Read, str]:
        """Return the URLs of the stage's own endpoints: as published, or else its API's."""
        api = deployed.rest_api.url.rstrip("/") if deployed.rest_api else ""
        urls = {read: api + read.path for read in READS}
        connections = InterCloudConnections(self.config / CONNECTIONS_FILE).load()
        for read in READS:
            saved = connections.get(connection_id(subject.twin.layout, read))
            if saved is not None:
                urls[read] = saved.url
                self.walk.keep_secret(*secrets_in(saved.url))
        others = [each for each in urls.values() if not each.startswith(f"{api}/")]
        if others and len(self.urls) < len(READS):
            what = deployed.lambda_arn(API_HANDLER), others, self.stage
            self.walk.take("Function URL", endpoint.check_function_url, self._client, *what)
        return urls

    def _walk_twinmaker(self, subject: Subject, deployed: DeployedStage) -> int:
        walk, devices, name = self.walk, self._devices, subject.twin.name
        twin = Twin(name, self.workspace_id or name)
        functions = reader_functions(subject.twin.layout)
        readers = {read: deployed.lambda_arn(function) for read, function in functions.items()}
        client = walk.take(
            "TwinMaker workspace",
            twinmaker.check_workspace,
            *(self._client, twin.workspace_id, readers, self.stage),
        )
        walk.take(
            "TwinMaker component types",
            twinmaker.check_component_types,
            *(client, twin, devices, readers, self.stage),
        )
        readables = walk.take(
            "TwinMaker entities", twinmaker.find_entities, client, twin, devices, self.stage
        )
        what = client, twin.workspace_id, readables
        values = walk.take("TwinMaker GetPropertyValue", twinmaker.read_last_entries, *what)
        values += walk.take("TwinMaker GetPropertyValueHistory", twinmaker.read_histories, *what)
        values += walk.take("TwinMaker newest by history", twinmaker.read_newest, *what)
        if any(each.alarms for each in readables):
            values += walk.take("TwinMaker alarms", twinmaker.read_alarms, *what)
        by_device = {each.device.id: each for each in readables}

        def read(charted: Device, names: Sequence[str]) -> Iterable[Mapping[str, Any]]:
            page = {"maxResults": _CHART_RESULTS, "orderByTime": "DESCENDING"}
            readable = by_device[charted.id]
            return twinmaker.last_hour(client, twin.workspace_id, readable, names, **page)

        self._read = read
        return values

    @property
    def _chartable(self) -> list[Device]:
        return [each for each in self._devices if numeric_names(each)]

    def _series(self) -> Iterator[Series]:
        """Read recent telemetry of a few devices, as far as the path is open."""
        charted = self._chartable[:MOST_PANELS]
        for device, found in zip(charted, side_by_side(self._recent, charted), strict=True):
            yield from series_of(device, found)

    def _recent(self, device: Device) -> Sequence[Mapping[str, Any]]:
        try:
            return [*self._read(device, numeric_names(device))] if self._read else ()
        except (BrokenHopError, BotoCoreError, ClientError, KeyError, TypeError):
            return ()  # the hops say what is wrong


def _no_values() -> Finding[None]:
    warning = (
        "No value of any device came, neither of the last hour nor the newest: there is nothing to "
        "chart. See the hop 'hot storage'; compare the devices' ids with those that are stored."
    )
    return Finding("none", None, (warning,))
