from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from local_cloud.twinmaker import LocalTwinMaker

from .twin import WORKSPACE, Client, Connector, Shared, client_of, make_twin

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[Shared, Client]]:
    one = Shared()
    with one.twinmaker as running:
        client = client_of(running.url)
        make_twin(client)
        yield one, client


@pytest.fixture
def connector() -> Connector:
    return Connector()


@pytest.fixture
def twinmaker(connector: Connector) -> Iterator[LocalTwinMaker]:
    with LocalTwinMaker(invoke=connector) as running:
        yield running


@pytest.fixture
def client(twinmaker: LocalTwinMaker) -> Client:
    return client_of(twinmaker.url)


@pytest.fixture
def unchanged_twin(shared: tuple[Shared, Client], connector: Connector) -> Client:
    """Give the twin that the tests of a module share: they change nothing but the connector."""
    shared[0].connector = connector
    return shared[1]


@pytest.fixture
def workspace(client: Client) -> Client:
    """Give a client with an empty workspace."""
    client.create_workspace(workspaceId=WORKSPACE)
    return client


@pytest.fixture
def twin(client: Client) -> Client:
    """Give a client with a workspace, a component type and an entity."""
    make_twin(client)
    return client
