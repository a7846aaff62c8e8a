"""The service under test: functions-framework over a local Firestore with telemetry."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from deploy_scripts.providers.gcp import FirestoreWriter
from local_cloud.gcp.firestore import LocalFirestore
from local_cloud.gcp.functions import LocalCloudFunction
from tests.end_to_end.http.queries import entries
from tests.end_to_end.http.service import CloudLogService
from tests.firestore_client import client_of
from tests.unit.chalicelib.servers import Cutting

from .service import COLLECTION, SETTINGS, SOURCE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.end_to_end.http.conftest import Start


@pytest.fixture(scope="session")
def firestore(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalFirestore]:
    with LocalFirestore(tmp_path_factory.mktemp("firestore") / "log") as firestore:
        FirestoreWriter(client_of(firestore), COLLECTION).write(entries())
        yield firestore


@pytest.fixture(scope="session")
def writer(firestore: LocalFirestore) -> FirestoreWriter:
    return FirestoreWriter(client_of(firestore), COLLECTION)


@pytest.fixture(scope="session")
def to_storage(firestore: LocalFirestore) -> Iterator[Cutting]:
    """The way from the services to the storage, which a test may cut."""
    with Cutting(firestore.host) as cutting:
        yield cutting


@pytest.fixture(scope="session")
def start(
    firestore: LocalFirestore, to_storage: Cutting, tmp_path_factory: pytest.TempPathFactory
) -> Start:
    @contextmanager
    def start(
        *,
        stage: Mapping[str, str | None] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Iterator[CloudLogService]:
        way = {"FIRESTORE_EMULATOR_HOST": to_storage.address}
        changed = (
            firestore.environment | way | SETTINGS | dict(stage or {}) | dict(environment or {})
        )
        variables = {name: value for name, value in changed.items() if value is not None}
        log = tmp_path_factory.mktemp("functions") / "functions-framework.log"
        with LocalCloudFunction("hot_readers", variables, source=SOURCE, log=log) as function:
            yield CloudLogService(function.url, log.read_text)

    return start


@pytest.fixture(scope="session")
def service(start: Start) -> Iterator[CloudLogService]:
    """Both Hot Readers in one service, told apart by the path."""
    with start() as service:
        assert isinstance(service, CloudLogService)
        yield service
