"""Connectors that are named one by one: URLs that take the event, and Python handlers."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from local_cloud.twinmaker import LocalTwinMaker
from local_cloud.twinmaker.__main__ import main

from .twin import (
    ARN,
    START,
    TYPE,
    WORKSPACE,
    Client,
    client_of,
    entry,
    history,
    latest,
    make_twin,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_httpserver import HTTPServer

ANSWER = {"propertyValues": [entry((START, {"doubleValue": 1.5}))]}


@pytest.fixture
def twin(httpserver: HTTPServer) -> Iterator[Client]:
    with LocalTwinMaker(functions={ARN: httpserver.url_for("/read?x=1")}) as running:
        client = client_of(running.url)
        make_twin(client)
        yield client


def test_a_url_gets_the_event_and_its_body_is_the_answer(
    twin: Client, httpserver: HTTPServer
) -> None:
    asked = httpserver.expect_request("/read", "POST", query_string="x=1")
    asked.respond_with_json(ANSWER)
    assert history(twin)["propertyValues"][0]["values"][0]["value"] == {"doubleValue": 1.5}
    ((request, _),) = httpserver.log
    assert request.get_json()["selectedProperties"] == ["temperature"]


@pytest.mark.parametrize(
    ("answered", "message"),
    [
        ({"response_data": "out of order", "status": 503}, "/read.* answered 503: out of order"),
        ({"response_data": "<html>"}, "isn't JSON"),
        (
            {
                "response_data": '{"errorType": "KeyError", "errorMessage": "url"}',
                "headers": {"X-Amz-Function-Error": "Unhandled"},
            },
            "failed: KeyError: url",
        ),
        (
            {"response_data": '{"errorType": "KeyError", "errorMessage": "url", "requestId": "1"}'},
            "failed: KeyError: url",
        ),
    ],
)
def test_a_url_that_fails_is_a_failure_with_its_reason(
    twin: Client, httpserver: HTTPServer, answered: Any, message: str
) -> None:
    httpserver.expect_request("/read").respond_with_data(**answered)
    with pytest.raises(twin.exceptions.ConnectorFailureException, match=message):
        history(twin)


def test_a_url_that_says_that_the_time_is_over_is_a_timeout(
    twin: Client, httpserver: HTTPServer
) -> None:
    said = "Task timed out after 1.00 seconds"
    httpserver.expect_request("/read").respond_with_data(said)
    with pytest.raises(twin.exceptions.ConnectorTimeoutException, match=said):
        history(twin)


def test_a_url_where_nothing_listens_is_a_failure_and_a_silent_one_a_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # accepts and never answers
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with LocalTwinMaker(functions={ARN: url}, lambda_timeout=0.05) as running:
            client = client_of(running.url)
            make_twin(client)
            with pytest.raises(client.exceptions.ConnectorTimeoutException, match=r"0\.05 s at"):
                history(client)
            silent.close()
            with pytest.raises(client.exceptions.ConnectorFailureException, match="reachable at"):
                history(client)


def test_a_python_handler_gets_an_event_and_a_context_as_in_lambda() -> None:
    def handler(event: Any, context: Any) -> Any:
        assert event["selectedProperties"] == ["temperature"]
        seen.append(context)
        left.append(context.get_remaining_time_in_millis())
        return ANSWER

    seen: list[Any] = []
    left: list[int] = []
    with LocalTwinMaker(functions={ARN: handler}, lambda_timeout=30) as running:
        client = client_of(running.url)
        make_twin(client)
        assert history(client)["propertyValues"]
        assert history(client)["propertyValues"]
    assert (seen[0].function_name, seen[0].invoked_function_arn) == ("reader", ARN)
    assert (seen[0].log_group_name, seen[0].client_context) == ("/aws/lambda/reader", None)
    assert seen[0].aws_request_id != seen[1].aws_request_id
    assert 0 < left[0] <= 30_000


def test_the_exception_of_a_handler_is_its_failure_and_its_traceback_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def handler(event: Any, context: Any) -> Any:
        return {"propertyValues": event["none"]}

    with LocalTwinMaker(functions={ARN: handler}) as running:
        client = client_of(running.url)
        make_twin(client)
        with pytest.raises(client.exceptions.ConnectorFailureException, match="KeyError: 'none'"):
            latest(client, "level")
    assert 'return {"propertyValues": event["none"]}' in caplog.text


def test_a_function_that_was_not_given_does_not_exist() -> None:
    other = f"{ARN}-2"
    with LocalTwinMaker(functions={ARN: "http://127.0.0.1:9"}) as running:
        client = client_of(running.url)
        client.create_workspace(workspaceId=WORKSPACE)
        where = {"workspaceId": WORKSPACE, "componentTypeId": TYPE}
        functions = {"dataReader": {"implementedBy": {"lambda": {"arn": other}}}}
        client.create_component_type(**where, functions=functions)
        client.get_component_type(**where)
        status = client.get_component_type(**where)["status"]
    assert status["state"] == "ERROR"
    assert (
        f"there is no function {other}; those that were given are {ARN}"
        in (status["error"]["message"])
    )


def test_with_a_lambda_endpoint_the_other_functions_are_there(httpserver: HTTPServer) -> None:
    httpserver.expect_request(f"/2015-03-31/functions/{ARN}").respond_with_json({})
    invoked = httpserver.expect_request(f"/2015-03-31/functions/{ARN}/invocations")
    invoked.respond_with_json(ANSWER)
    with LocalTwinMaker(
        functions={f"{ARN}-2": "http://127.0.0.1:9"}, lambda_endpoint_url=httpserver.url_for("/")
    ) as running:
        client = client_of(running.url)
        make_twin(client)
        assert history(client)["propertyValues"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("reader=http://127.0.0.1:9", "must be the ARN of a Lambda function"),
        (ARN, "must be the ARN of a Lambda function"),
        (f"{ARN}=connector", "must be a URL, such as"),
        (f"{ARN}=http://", "must be a URL, such as"),
        (f"{ARN}=ftp://127.0.0.1", "must be a URL, such as"),
        (f"{ARN}=localhost:9001", "must be a URL, such as"),
        (f"{ARN}=json:__version__", "'json:__version__' is no function, but '"),
        (f"{ARN}=no_such_module:handler", "No module named 'no_such_module'"),
        (f"{ARN}=json:no_such_handler", "has no attribute 'no_such_handler'"),
    ],
)
def test_the_command_says_what_is_wrong_with_a_function(given: str, message: str) -> None:
    result = CliRunner().invoke(main, ["--function", given])
    assert result.exit_code != 0
    assert message in " ".join(result.output.split())


def test_the_command_says_what_a_module_did_when_it_was_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "connector_without_region.py").write_text('raise ValueError("no region")')
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)  # and takes it off the path afterwards
    target = "connector_without_region:handler"
    result = CliRunner().invoke(main, ["--function", f"{ARN}={target}"])
    assert f"{target!r} can't be imported: ValueError: no region" in result.output


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--lambda-endpoint", "localhost:5000", "must be the URL of a Lambda API, such as"),
        ("--region", "", "The region '' and the account '123456789012' must be as in ARNs"),
        ("--account-id", "1234", "the account '1234' must be as in ARNs"),
    ],
)
def test_the_command_says_what_is_wrong_with_an_option(
    option: str, value: str, message: str
) -> None:
    result = CliRunner().invoke(main, [option, value])
    assert result.exit_code == 1
    assert message in result.output
