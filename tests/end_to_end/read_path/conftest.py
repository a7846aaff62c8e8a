"""One local cloud for the whole module tree: TwinMaker, Lambda functions and HTTP endpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from demo.stack import LocalCloud, Ports
from tests.function_logs import FunctionLogs, function_logs

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def logs() -> Iterator[FunctionLogs]:
    """The log lines of the Lambda functions."""
    with function_logs() as logs:
        yield logs


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory, logs: FunctionLogs) -> Iterator[LocalCloud]:
    directory = tmp_path_factory.mktemp("local-cloud")
    with LocalCloud(directory=directory, entries=150, seed=7, ports=Ports(0, 0, 0)) as running:
        yield running
