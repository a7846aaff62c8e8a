"""The service under test: the Azure functions over a local Cosmos DB with telemetry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import pytest

from deploy_scripts.providers.azure import CosmosWriter
from local_cloud.azure.cosmos import LocalCosmos
from tests.end_to_end.http.queries import entries
from tests.unit.chalicelib.servers import Cutting

from .service import CONTAINER, DATABASE, running, settings_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from contextlib import AbstractContextManager

    from tests.end_to_end.http.service import CloudLogService


class Start(Protocol):
    """Starts a further service, with other settings; None leaves one out."""

    def __call__(
        self, *, stage: Mapping[str, str | None]
    ) -> AbstractContextManager[CloudLogService]: ...


@pytest.fixture(scope="session")
def cosmos(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCosmos]:
    with LocalCosmos(tmp_path_factory.mktemp("cosmos") / "log") as cosmos:
        CosmosWriter(cosmos.create_container(DATABASE, CONTAINER)).write(entries())
        yield cosmos


@pytest.fixture(scope="session")
def writer(cosmos: LocalCosmos) -> CosmosWriter:
    database = cosmos.client().get_database_client(DATABASE)
    return CosmosWriter(database.get_container_client(CONTAINER))


@pytest.fixture(scope="session")
def to_storage(cosmos: LocalCosmos) -> Iterator[Cutting]:
    """The way from the services to the storage, which a test may cut."""
    with Cutting(cosmos.endpoint) as cutting:
        yield cutting


@pytest.fixture(scope="session")
def start(
    cosmos: LocalCosmos, to_storage: Cutting, tmp_path_factory: pytest.TempPathFactory
) -> Start:
    def start(*, stage: Mapping[str, str | None]) -> AbstractContextManager[CloudLogService]:
        way = {"COSMOS_ENDPOINT": f"https://{to_storage.address}"}
        settings = {**settings_for(cosmos), **way, **stage}
        given = {name: value for name, value in settings.items() if value is not None}
        return running(tmp_path_factory.mktemp("service"), given)

    return start


@pytest.fixture(scope="session")
def service(start: Start) -> Iterator[CloudLogService]:
    with start(stage={}) as service:
        yield service
