"""Fixtures: a local AWS, functions made from source text, and sockets to meet a function at."""

from __future__ import annotations

import io
import json
import socket
import textwrap
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from local_cloud.aws import moto_accounts
from local_cloud.aws.account import LocalAws
from local_cloud.aws.lambda_runtime import FunctionSpec, LambdaRuntime
from tests.function_logs import FunctionLogs, function_logs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

# Only how long a broken test hangs: nothing waits this long when all is well.
PATIENCE_SECONDS = 60


@dataclass(frozen=True)
class Meeting:
    """A listening socket of the test that a function's code connects to.

    Who holds a connection can be told to go on, and is known to be gone when it is closed. That
    orders test and worker by events, so that no test has to sleep.
    """

    listener: socket.socket

    @property
    def port(self) -> int:
        return int(self.listener.getsockname()[1])

    def accept(self) -> socket.socket:
        connection, _ = self.listener.accept()
        connection.settimeout(PATIENCE_SECONDS)
        return connection


@pytest.fixture
def meeting() -> Iterator[Meeting]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(PATIENCE_SECONDS)
        yield Meeting(listener)


@pytest.fixture(scope="package")
def running_aws() -> Iterator[LocalAws]:
    with LocalAws() as aws:
        yield aws


@pytest.fixture
def aws(running_aws: LocalAws) -> LocalAws:
    functions = running_aws.client("lambda")
    for function in functions.list_functions()["Functions"]:
        functions.delete_function(FunctionName=function["FunctionName"])
    moto_accounts.drop(running_aws.account_id)
    return running_aws


@pytest.fixture
def logs() -> Iterator[FunctionLogs]:
    with function_logs() as logs:
        yield logs


@pytest.fixture
def deploy(aws: LocalAws, tmp_path: Path) -> Callable[..., str]:
    """Deploy source text as the function ``probe``."""

    def deploy(source: str, **options: Any) -> str:
        folder = tmp_path / "source"
        folder.mkdir(exist_ok=True)
        (folder / "probe.py").write_text(textwrap.dedent(source))
        arguments = {"handler": "probe.handler", "environment": {}, **options}
        return aws.create_function("probe", source=folder, include=["probe.py"], **arguments)

    return deploy


@dataclass(frozen=True)
class Reply:
    """The answer of Invoke."""

    status: int
    error: str | None
    payload: bytes
    headers: dict[str, str]

    @property
    def value(self) -> Any:
        return json.loads(self.payload)


@pytest.fixture
def invoke(aws: LocalAws) -> Callable[..., Reply]:
    """Invoke ``probe`` through an unmodified boto3 client."""
    client = aws.client("lambda")

    def invoke(event: Any = None, **options: Any) -> Reply:
        answer = client.invoke(FunctionName="probe", Payload=json.dumps(event), **options)
        return Reply(
            answer["StatusCode"],
            answer.get("FunctionError"),
            answer["Payload"].read(),
            answer["ResponseMetadata"]["HTTPHeaders"],
        )

    return invoke


@pytest.fixture
def runtime() -> Iterator[LambdaRuntime]:
    with LambdaRuntime() as runtime:
        yield runtime


@pytest.fixture
def make_spec() -> Callable[..., FunctionSpec]:
    """Make a spec of source text, for a runtime without any AWS around it."""

    def make(source: str, **options: Any) -> FunctionSpec:
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as package:
            # Without a time of its own, so that the same source makes the same package.
            package.writestr(zipfile.ZipInfo("probe.py"), textwrap.dedent(source))
        arguments = {"name": "probe", "handler": "probe.handler", "timeout": 30.0, **options}
        return FunctionSpec(code=packed.getvalue(), **arguments)

    return make
