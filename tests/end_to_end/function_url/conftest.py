"""The service under test: the app as a Lambda function behind a Function URL, of the local AWS."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from demo.stack import stage_environment
from deploy_scripts import PROJECT
from tests.end_to_end.http.conftest import aws
from tests.end_to_end.http.service import STAGE, Service
from tests.function_logs import function_logs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local_cloud.aws.account import LocalAws

__all__ = ["aws"]

FUNCTION: Final = "behind-a-function-url"


@pytest.fixture(scope="session")
def service(aws: LocalAws) -> Iterator[Service]:
    aws.create_function(
        FUNCTION,
        handler="app.app",
        source=PROJECT,
        include=["app.py", "chalicelib"],
        environment=stage_environment(STAGE) | {"POWERTOOLS_TRACE_DISABLED": "true"},
    )
    client = aws.client("lambda")
    url = client.create_function_url_config(FunctionName=FUNCTION, AuthType="NONE")["FunctionUrl"]
    everybody = {"FunctionName": FUNCTION, "Principal": "*"}
    client.add_permission(
        **everybody,
        StatementId="url",
        Action="lambda:InvokeFunctionUrl",
        FunctionUrlAuthType="NONE",
    )
    client.add_permission(
        **everybody,
        StatementId="function",
        Action="lambda:InvokeFunction",
        InvokedViaFunctionUrl=True,
    )
    with function_logs() as logs:
        yield Service(url.removesuffix("/"), lambda: logs[FUNCTION])
