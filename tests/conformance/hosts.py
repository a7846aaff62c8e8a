"""The hosts that the conformance suite asks, each started when a test first needs it."""

from __future__ import annotations

import itertools
import json
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from chalicelib.model.reads import HISTORY, LAST_ENTRY, READS, Read
from deploy_scripts import PROJECT
from tests.conformance.asking import TOKEN, Asker, ConnectorAsker, HttpAsker, LambdaAsker
from tests.end_to_end.http.service import running

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import ExitStack
    from pathlib import Path

    from local_cloud.aws.account import LocalAws


class Host(Protocol):
    """Something that hosts Hot Readers."""

    def asker(self, settings: Mapping[str, str]) -> Asker:
        """Return how to ask readers of these settings; the same settings, the same readers."""


_NUMBERS = itertools.count()
AskerT = TypeVar("AskerT")


def twin_info(layer_3_hot: str, layer_4: str) -> str:
    providers = {"layer_3_hot_provider": layer_3_hot, "layer_4_provider": layer_4}
    return json.dumps({"config": {"digital_twin_name": "my-twin"}, "config_providers": providers})


class Started(ABC, Generic[AskerT]):
    """Hosts of one kind by their settings: started when first asked for, and kept for later tests."""

    def __init__(self) -> None:
        self._started: dict[str, AskerT] = {}

    def asker(self, settings: Mapping[str, str]) -> AskerT:
        key = json.dumps(settings, sort_keys=True)
        if key not in self._started:
            self._started[key] = self.start(settings)
        return self._started[key]

    @abstractmethod
    def start(self, settings: Mapping[str, str]) -> AskerT: ...


class HttpHost(Started[HttpAsker]):
    """Hosts that answer over HTTP, with their files in a directory, until a stack is closed."""

    def __init__(self, directory: Path, stack: ExitStack) -> None:
        super().__init__()
        self._directory = directory
        self._stack = stack

    def place(self) -> Path:
        """Return where the next one may write."""
        return self._directory / str(len(self._started))


class Chalice(HttpHost):
    """`chalice local`."""

    def __init__(self, directory: Path, stack: ExitStack, aws: LocalAws) -> None:
        super().__init__(directory, stack)
        self._aws = aws

    def start(self, settings: Mapping[str, str]) -> HttpAsker:
        stage: dict[str, str | None] = {
            "DIGITAL_TWIN_INFO": twin_info("aws", "azure"),
            "INTER_CLOUD_TOKEN": TOKEN,
            **settings,
        }
        directory = self.place()
        directory.mkdir()
        service = self._stack.enter_context(running(directory, self._aws.environment, stage))
        return HttpAsker({read: service.url + read.path for read in READS}, service.output)


class Connector:
    """A data connector in front of another host."""

    def __init__(self, remote: HttpHost) -> None:
        self._remote = remote
        self._connectors: dict[HttpAsker, ConnectorAsker] = {}

    def asker(self, settings: Mapping[str, str]) -> ConnectorAsker:
        remote = self._remote.asker(settings)
        if remote not in self._connectors:
            self._connectors[remote] = ConnectorAsker(remote)
        return self._connectors[remote]


class Lambda(Started[LambdaAsker]):
    """Lambda functions: the Hot Readers, invoked directly."""

    def __init__(self, aws: LocalAws) -> None:
        super().__init__()
        self._aws = aws

    def start(self, settings: Mapping[str, str]) -> LambdaAsker:
        return LambdaAsker(self._aws, self.create("hot_reader_functions.hot_reader", settings))

    def create(self, handler: str, settings: Mapping[str, str]) -> dict[Read, str]:
        """Create the functions of both reads, and return their names."""
        suffixes = {HISTORY: "", LAST_ENTRY: "_last_entry"}
        functions = {read: f"conformance-{next(_NUMBERS)}" for read in READS}
        for read, function in functions.items():
            self._aws.create_function(
                function,
                handler=f"chalicelib.aws.{handler}{suffixes[read]}",
                source=PROJECT,
                include=("app.py", "chalicelib"),
                environment={
                    "DIGITAL_TWIN_INFO": twin_info("aws", "aws"),
                    "POWERTOOLS_TRACE_DISABLED": "true",
                    **settings,
                },
            )
        return functions


class LambdaConnector(Lambda):
    """Data connectors that invoke the Hot Readers in the same account."""

    def start(self, settings: Mapping[str, str]) -> LambdaAsker:
        readers = super().start(settings).functions
        variables = (HISTORY.local_function_setting, LAST_ENTRY.local_function_setting)
        local = dict(zip(variables, readers.values(), strict=True))
        connectors = self.create("data_connector_functions.digital_twin_data_connector", local)
        return LambdaAsker(self._aws, connectors, readers)
