"""The local cloud with all three clouds, for TwinMaker's own clients to read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from demo.stack import LocalCloud, Ports

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    directory = tmp_path_factory.mktemp("local-cloud")
    with LocalCloud(
        directory=directory, entries=150, seed=7, other_clouds=True, ports=Ports(0, 0, 0)
    ) as running:
        yield running
