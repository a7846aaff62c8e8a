"""The service under test: `chalice local` over a local AWS with telemetry and a token."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Protocol

import pytest

from demo.stack import create_hot_table, stage_environment
from deploy_scripts.providers.aws import DynamoDBWriter
from local_cloud.aws.account import LocalAws
from tests.unit.chalicelib.servers import Cutting

from .queries import entries
from .service import STAGE, TOKEN, TOKEN_PARAMETER, Service, running

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from contextlib import AbstractContextManager


class Start(Protocol):
    """Starts a further service, with variables of its own."""

    def __call__(
        self,
        *,
        stage: Mapping[str, str | None] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> AbstractContextManager[Service]: ...


@pytest.fixture(scope="session")
def aws() -> Iterator[LocalAws]:
    with LocalAws() as aws:
        client = aws.client("dynamodb")
        table_name = stage_environment(STAGE)["DYNAMODB_TABLE_NAME"]
        create_hot_table(client, table_name)
        DynamoDBWriter(client, table_name).write(entries())
        aws.client("ssm").put_parameter(Name=TOKEN_PARAMETER, Value=TOKEN, Type="SecureString")
        yield aws


@pytest.fixture(scope="session")
def writer(aws: LocalAws) -> DynamoDBWriter:
    return DynamoDBWriter(aws.client("dynamodb"), stage_environment(STAGE)["DYNAMODB_TABLE_NAME"])


@pytest.fixture(scope="session")
def to_storage(aws: LocalAws) -> Iterator[Cutting]:
    """The way from the services to the storage, which a test may cut."""
    with Cutting(aws.endpoint_url) as cutting:
        yield cutting


@pytest.fixture(scope="session")
def start(aws: LocalAws, to_storage: Cutting, tmp_path_factory: pytest.TempPathFactory) -> Start:
    def start(
        *,
        stage: Mapping[str, str | None] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> AbstractContextManager[Service]:
        run = partial(running, tmp_path_factory.mktemp("service"))
        way = {"AWS_ENDPOINT_URL_DYNAMODB": f"http://{to_storage.address}"}
        return run(aws.environment | way | dict(environment or {}), stage)

    return start


@pytest.fixture(scope="session")
def service(start: Start) -> Iterator[Service]:
    """The project as it is, at its stage `multicloud`."""
    with start() as service:
        yield service
