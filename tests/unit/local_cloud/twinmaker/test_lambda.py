"""Connectors behind a real boto3 Lambda client, against a small Lambda over HTTP."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING, Any

import pytest
from werkzeug.wrappers import Request, Response

from local_cloud.twinmaker import LocalTwinMaker

from .twin import (
    ARN,
    FUNCTIONS,
    PROPERTIES,
    TYPE,
    WORKSPACE,
    Client,
    client_of,
    entry,
    history,
    make_entity,
    make_twin,
    make_type,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_httpserver import HTTPServer

PATH = f"/2015-03-31/functions/{ARN}"


class FakeLambda:
    """Answers GetFunction and Invoke; what it says can be changed while it runs."""

    def __init__(self) -> None:
        self.known = True
        self.status = 200
        self.headers: dict[str, str] = {}
        self.payload: Any = {"propertyValues": []}
        self.requests: list[Request] = []

    def __call__(self, request: Request) -> Response:
        self.requests.append(request)
        if not self.known:
            error = {"Type": "User", "Message": f"Function not found: {ARN}"}
            headers = {"x-amzn-ErrorType": "ResourceNotFoundException"}
            return Response(json.dumps(error), 404, headers)
        if request.method == "GET":
            return Response(json.dumps({"Configuration": {}}))
        body = self.payload if isinstance(self.payload, str) else json.dumps(self.payload)
        return Response(body, self.status, self.headers)

    def fail(self, **report: str) -> None:
        self.headers, self.payload = {"X-Amz-Function-Error": "Unhandled"}, report


@pytest.fixture
def fake(httpserver: HTTPServer) -> FakeLambda:
    answering = FakeLambda()
    httpserver.expect_request(PATH).respond_with_handler(answering)
    httpserver.expect_request(f"{PATH}/invocations").respond_with_handler(answering)
    return answering


@pytest.fixture
def twinmaker(fake: FakeLambda, httpserver: HTTPServer) -> Iterator[LocalTwinMaker]:
    with LocalTwinMaker(lambda_endpoint_url=httpserver.url_for("/")) as running:
        yield running


def test_the_lambda_is_invoked_with_the_event_and_its_answer_is_given(
    twin: Client, fake: FakeLambda
) -> None:
    value = {"doubleValue": 21.5}
    fake.payload = {"propertyValues": [entry(("2026-01-30T17:10:00Z", value))]}
    answer = history(twin)
    assert answer["propertyValues"][0]["values"][0]["value"] == value
    sent = fake.requests[-1]
    assert sent.get_json(force=True)["selectedProperties"] == ["temperature"]
    assert "Credential=local/" in sent.headers["Authorization"]


@pytest.mark.parametrize(
    ("report", "message"),
    [
        ({"errorType": "KeyError", "errorMessage": "'url'"}, "failed: KeyError: 'url'"),
        ({"errorMessage": "exit 1"}, "failed: exit 1"),
    ],
)
def test_a_function_error_is_a_failure_with_the_lambdas_type_and_message(
    twin: Client, fake: FakeLambda, report: Any, message: str
) -> None:
    fake.fail(**report)
    with pytest.raises(twin.exceptions.ConnectorFailureException, match=message):
        history(twin)


def test_a_function_error_that_is_not_json_is_shown_as_it_is(
    twin: Client, fake: FakeLambda
) -> None:
    fake.headers, fake.payload = {"X-Amz-Function-Error": "Unhandled"}, "segmentation fault"
    with pytest.raises(twin.exceptions.ConnectorFailureException, match="segmentation fault"):
        history(twin)


@pytest.mark.parametrize(
    "report",
    [
        {"errorMessage": "2026-01-30T17:00:00.000Z 6f3a Task timed out after 3.00 seconds"},
        {"errorType": "Sandbox.Timedout", "errorMessage": "RequestId: 6f3a Error: Task ended"},
    ],
)
def test_a_lambda_that_ran_out_of_its_time_is_a_timeout(
    twin: Client, fake: FakeLambda, report: Any
) -> None:
    fake.fail(**report)
    with pytest.raises(twin.exceptions.ConnectorTimeoutException, match="ran out of time"):
        history(twin)


def test_a_lambda_that_was_removed_is_a_failure_naming_it(twin: Client, fake: FakeLambda) -> None:
    fake.known = False
    with pytest.raises(
        twin.exceptions.ConnectorFailureException, match=f"no Lambda function {ARN}"
    ):
        history(twin)


def test_another_error_of_the_lambda_api_is_a_failure_and_not_retried(
    twin: Client, fake: FakeLambda
) -> None:
    fake.status, fake.payload = 500, {"Type": "Service", "Message": "out of order"}
    fake.headers = {"x-amzn-ErrorType": "ServiceException"}
    before = len(fake.requests)
    with pytest.raises(
        twin.exceptions.ConnectorFailureException, match="ServiceException: out of order"
    ):
        history(twin)
    assert len(fake.requests) == before + 1


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        ("", "isn't JSON"),
        ("<html>", "isn't JSON"),
        ('{"propertyValues": NaN}', "NaN isn't a JSON number"),
        ("null", "must be an object"),
        (
            json.dumps({"propertyValues": [entry() | {"values": [{"timestamp": 0}]}]}).replace(
                ": 0", ": 1e999"
            ),
            "timestamp must be a number",
        ),
    ],
)
def test_a_payload_that_is_not_a_json_object_is_a_failure(
    twin: Client, fake: FakeLambda, payload: Any, message: str
) -> None:
    fake.payload = payload
    with pytest.raises(twin.exceptions.ConnectorFailureException, match=message):
        history(twin)


def test_a_lambda_that_says_nothing_is_a_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # accepts and never answers
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with LocalTwinMaker(lambda_endpoint_url=url, lambda_timeout=0.05) as running:
            client = client_of(running.url)
            make_twin(client)
            with pytest.raises(
                client.exceptions.ConnectorTimeoutException, match=r"no answer within 0\.05 s"
            ):
                history(client)


def test_a_lambda_endpoint_that_is_down_is_a_failure() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    with LocalTwinMaker(lambda_endpoint_url=url) as running:
        client = client_of(running.url)
        make_twin(client)
        with pytest.raises(client.exceptions.ConnectorFailureException, match="isn't reachable"):
            history(client)


def test_a_component_type_whose_lambda_does_not_exist_ends_in_error(
    workspace: Client, fake: FakeLambda
) -> None:
    fake.known = False
    make_type(workspace, propertyDefinitions=PROPERTIES, functions=FUNCTIONS)
    found = workspace.get_component_type(workspaceId=WORKSPACE, componentTypeId=TYPE)
    assert found["status"]["state"] == "ERROR"
    assert found["status"]["error"]["code"] == "VALIDATION_ERROR"
    assert f"there is no Lambda function {ARN}" in found["status"]["error"]["message"]
    with pytest.raises(workspace.exceptions.ValidationException, match="is in ERROR"):
        make_entity(workspace)


def test_a_component_type_in_error_is_repaired_by_an_update(
    workspace: Client, fake: FakeLambda
) -> None:
    fake.known = False
    make_type(workspace, propertyDefinitions=PROPERTIES, functions=FUNCTIONS)
    workspace.update_component_type(workspaceId=WORKSPACE, componentTypeId=TYPE, description="x")
    states = [
        workspace.get_component_type(workspaceId=WORKSPACE, componentTypeId=TYPE)["status"]["state"]
        for _ in range(2)
    ]
    assert states == ["UPDATING", "ERROR"]
    fake.known = True
    workspace.update_component_type(
        workspaceId=WORKSPACE, componentTypeId=TYPE, functions=FUNCTIONS
    )
    workspace.get_component_type(workspaceId=WORKSPACE, componentTypeId=TYPE)
    make_entity(workspace)


def test_a_component_type_in_error_can_be_deleted(workspace: Client, fake: FakeLambda) -> None:
    fake.known = False
    make_type(workspace, functions=FUNCTIONS)
    deleted = workspace.delete_component_type(workspaceId=WORKSPACE, componentTypeId=TYPE)
    assert deleted["state"] == "DELETING"


def test_a_lambda_that_can_only_be_invoked_is_good_enough(
    httpserver: HTTPServer, caplog: pytest.LogCaptureFixture
) -> None:
    fake = FakeLambda()
    httpserver.expect_request(f"{PATH}/invocations").respond_with_handler(fake)
    httpserver.expect_request(PATH).respond_with_data("no such page", status=404)
    with LocalTwinMaker(lambda_endpoint_url=httpserver.url_for("/")) as running:
        client = client_of(running.url)
        make_twin(client)
        assert history(client)["propertyValues"] == []
    assert "Couldn't ask Lambda whether" in caplog.text


def test_without_an_endpoint_the_lambda_client_is_boto3s_own(
    httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = FakeLambda()
    httpserver.expect_request(PATH).respond_with_handler(fake)
    httpserver.expect_request(f"{PATH}/invocations").respond_with_handler(fake)
    monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", httpserver.url_for("/"))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "own")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "own")
    with LocalTwinMaker(region="eu-west-1") as running:
        client = client_of(running.url)
        make_twin(client)
        history(client)
    authorization = fake.requests[-1].headers["Authorization"]
    assert "Credential=own/" in authorization
    assert "/eu-west-1/lambda/" in authorization
