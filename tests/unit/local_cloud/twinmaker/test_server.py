"""The HTTP side: the protocol, errors, the log, starting and stopping."""

from __future__ import annotations

import http.client
import json
import logging
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config
from click.testing import CliRunner

from local_cloud.twinmaker import LocalTwinMaker
from local_cloud.twinmaker.__main__ import main

from .twin import (
    ARN,
    ENTITY,
    TYPE,
    WORKSPACE,
    Client,
    Connector,
    client_of,
    entry,
    history,
    make_entity,
    make_twin,
    make_type,
)


def raw(url: str, method: str, path: str, body: Any = None) -> Any:
    """Send a request that boto3 would refuse to send."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc)
    text = body if body is None or isinstance(body, str) else json.dumps(body)
    connection.request(method, path, text, {"Content-Type": "application/json"})
    response = connection.getresponse()
    answer = json.loads(response.read())
    connection.close()
    return response.status, response.headers["x-amzn-ErrorType"], answer.get("message")


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/"), ("PATCH", "/workspaces/ab"), ("PUT", "/tags")]
)
def test_a_request_that_is_no_operation_is_refused(
    twinmaker: LocalTwinMaker, method: str, path: str
) -> None:
    status, code, _ = raw(twinmaker.url, method, path)
    assert (status, code) == (404, "UnknownOperationException")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"colour": "red"}, 'Unknown parameter in input: "colour"'),
        ({"workspaceId": "x"}, "workspaceId doesn't belong in the body"),
        ({"description": 5}, "Invalid type for parameter description"),
        (
            {"description": "x" * 2049},
            "description: 2049 characters are more than the 2048 allowed",
        ),
        ({"role": "arn:x"}, "role"),
        ({"role": "arn:aws:iam::12345678901:role/x"}, "doesn't match the pattern"),
        (
            {"tags": {f"t{n}": "x" for n in range(51)}},
            "tags: 51 items are more than the 50 allowed",
        ),
        ({"tags": {"a,b": "x"}}, "tags (key 'a,b')"),
        ([], "the body isn't a JSON object"),
        ("{", "the body isn't JSON"),
        ('{"description":' + "[" * 100_000, "the body isn't JSON"),
    ],
)
def test_a_request_that_breaks_the_model_is_a_validation_error(
    twinmaker: LocalTwinMaker, body: Any, message: str
) -> None:
    status, code, answered = raw(twinmaker.url, "POST", "/workspaces/factory", body)
    assert (status, code) == (400, "ValidationException")
    assert message in answered


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"startDateTime": "2026-01-30"}, "startDateTime must be a number of seconds"),
        ({"startDateTime": True}, "startDateTime must be a number of seconds"),
        ({"startDateTime": 1e300}, "is out of range"),
        ({"maxResults": True}, "maxResults: True is a Boolean"),
        ({"interpolation": {"intervalInSeconds": 2**63}}, "intervalInSeconds"),
        ({"startTime": "17:00"}, "startTime"),
        (
            {"propertyFilters": [{"value": {"doubleValue": float("inf")}}]},
            "propertyFilters[0].value.doubleValue: inf isn't a finite number",
        ),
        ({"selectedProperties": []}, "selectedProperties"),
        ({"selectedProperties": ["x"] * 11}, "11 items are more than the 10 allowed"),
    ],
)
def test_members_are_read_and_checked_by_their_shape(
    twinmaker: LocalTwinMaker, body: Any, message: str
) -> None:
    question = {"selectedProperties": ["x"]} | body
    path = "/workspaces/factory/entity-properties/history"
    status, code, answered = raw(twinmaker.url, "POST", path, question)
    assert (status, code) == (400, "ValidationException")
    assert message in answered


def test_a_null_member_counts_as_not_sent(twinmaker: LocalTwinMaker) -> None:
    assert raw(twinmaker.url, "POST", "/workspaces/factory", {"description": None})[0] == 200


def test_a_boolean_in_the_query_string_is_true_or_false(
    twin: Client, twinmaker: LocalTwinMaker
) -> None:
    path = f"/workspaces/{WORKSPACE}/entities/{ENTITY}?isRecursive=yes"
    assert raw(twinmaker.url, "DELETE", path)[2].endswith("must be true or false, not 'yes'")


def test_an_id_is_checked_in_the_path_too(twinmaker: LocalTwinMaker) -> None:
    status, code, message = raw(twinmaker.url, "GET", "/workspaces/a%20b")
    assert (status, code) == (400, "ValidationException")
    assert "workspaceId: 'a b' doesn't match the pattern" in message


def test_every_id_that_the_model_allows_works_in_a_path(workspace: Client) -> None:
    type_id, entity_id = "com.example:press-1.0_a", "a1:b.c-d_e"
    make_type(workspace, type_id)
    make_entity(workspace, entity_id, components={"c": {"componentTypeId": type_id}})
    found = workspace.get_entity(workspaceId=WORKSPACE, entityId=entity_id)
    assert found["components"]["c"]["componentTypeId"] == type_id


def test_letters_of_any_script_are_allowed_in_tags(client: Client) -> None:
    client.create_workspace(workspaceId=WORKSPACE, tags={"Größe ٣": "大"})
    arn = client.get_workspace(workspaceId=WORKSPACE)["arn"]
    assert client.list_tags_for_resource(resourceARN=arn)["tags"] == {"Größe ٣": "大"}


def test_the_endpoint_may_come_from_the_environment(
    twinmaker: LocalTwinMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_IOTTWINMAKER", twinmaker.url)
    client = boto3.Session().client(
        "iottwinmaker",
        region_name="eu-central-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",
        config=Config(inject_host_prefix=False),
    )
    assert client.list_workspaces()["workspaceSummaries"] == []


def test_an_answer_has_a_request_id(client: Client) -> None:
    assert client.list_workspaces()["ResponseMetadata"]["RequestId"]


def test_each_request_is_one_line_in_the_log_without_its_body(
    twin: Client, connector: Connector, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="local_cloud.twinmaker")
    connector.error = ValueError("secret")
    with pytest.raises(twin.exceptions.ConnectorFailureException):
        history(twin)
    (line,) = [record.getMessage() for record in caplog.records if "History" in record.getMessage()]
    operation, status, _, unit = line.split()
    assert (operation, status, unit) == ("GetPropertyValueHistory", "424", "ms")


def test_a_fault_of_its_own_is_an_internal_error_and_logged(
    twin: Client,
    twinmaker: LocalTwinMaker,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(*_: Any) -> None:
        raise KeyError("oops")

    monkeypatch.setattr("local_cloud.twinmaker.operations.dataplane.check_history", broken)
    with pytest.raises(twin.exceptions.InternalServerException):
        history(twin)
    assert "KeyError: 'oops'" in caplog.text


def test_an_answer_of_its_own_that_breaks_the_model_is_an_internal_error(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("local_cloud.twinmaker.server.DataPlane.history", lambda *_: {})
    with LocalTwinMaker(invoke=lambda *_: {}) as running:
        client = client_of(running.url)
        make_twin(client)
        with pytest.raises(client.exceptions.InternalServerException, match="propertyValues"):
            history(client)
    assert "The answer of GetPropertyValueHistory" in caplog.text


def test_many_callers_at_once_see_one_consistent_twin(twinmaker: LocalTwinMaker) -> None:
    def create(number: int) -> Any:
        client = client_of(twinmaker.url)
        try:
            client.create_workspace(workspaceId=f"shared-{number % 4}")
        except client.exceptions.ConflictException:
            return 0
        return 1

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(create, range(16))) == 4


def test_a_connector_may_ask_twinmaker_itself_while_it_runs() -> None:
    def asking(arn: str, event: dict[str, Any]) -> dict[str, Any]:
        asked = client_of(running.url).get_entity(workspaceId=WORKSPACE, entityId=ENTITY)
        return {"propertyValues": [entry()]} if asked["entityId"] == event["entityId"] else {}

    with LocalTwinMaker(invoke=asking) as running:
        client = client_of(running.url)
        make_twin(client)
        assert len(history(client)["propertyValues"]) == 1


def test_two_connectors_run_at_the_same_time() -> None:
    both = threading.Barrier(2, timeout=30)

    def meeting(arn: str, event: dict[str, Any]) -> dict[str, Any]:
        both.wait()
        return {"propertyValues": []}

    with LocalTwinMaker(invoke=meeting) as running:
        client = client_of(running.url)
        make_twin(client)
        with ThreadPoolExecutor(2) as pool:
            answers = list(pool.map(lambda _: history(client)["propertyValues"], range(2)))
    assert answers == [[], []]


def test_it_has_no_url_until_it_is_started_and_none_after_it_was_stopped() -> None:
    twinmaker = LocalTwinMaker(invoke=lambda *_: {})
    with pytest.raises(RuntimeError, match="isn't running"):
        _ = twinmaker.url
    assert twinmaker.start().url.startswith("http://127.0.0.1:")
    with pytest.raises(RuntimeError, match="is running already"):
        twinmaker.start()
    twinmaker.stop()
    twinmaker.stop()
    with pytest.raises(RuntimeError, match="isn't running"):
        _ = twinmaker.url


def test_what_was_created_outlives_a_stop() -> None:
    twinmaker = LocalTwinMaker(invoke=lambda *_: {})
    with twinmaker:
        client_of(twinmaker.url).create_workspace(workspaceId=WORKSPACE)
    with twinmaker:
        assert client_of(twinmaker.url).get_workspace(workspaceId=WORKSPACE)


def test_a_port_in_use_is_an_error_and_not_the_end_of_the_process(
    twinmaker: LocalTwinMaker,
) -> None:
    port = urlsplit(twinmaker.url).port
    with pytest.raises(OSError, match="in use"):
        LocalTwinMaker(port=port or 0, invoke=lambda *_: {}).start()


@pytest.mark.parametrize(
    "named",
    [{"lambda_endpoint_url": "http://127.0.0.1:1"}, {"functions": {ARN: "http://127.0.0.1:1"}}],
)
def test_invoke_and_connectors_by_name_exclude_each_other(named: Any) -> None:
    with pytest.raises(ValueError, match="not both"):
        LocalTwinMaker(invoke=lambda *_: {}, **named)


@pytest.mark.parametrize(
    ("region", "start"), [("cn-north-1", "arn:aws-cn:"), ("us-gov-west-1", "arn:aws-us-gov:")]
)
def test_arns_carry_the_partition_region_and_account(region: Any, start: Any) -> None:
    with LocalTwinMaker(region=region, account_id="210987654321", invoke=lambda *_: {}) as running:
        arn = client_of(running.url).create_workspace(workspaceId=WORKSPACE)["arn"]
    assert arn == f"{start}iottwinmaker:{region}:210987654321:workspace/{WORKSPACE}"


def test_an_ipv6_address_is_written_in_brackets() -> None:
    with LocalTwinMaker(host="::1", invoke=lambda *_: {}) as running:
        assert running.url.startswith("http://[::1]:")
        assert client_of(running.url).list_workspaces()["workspaceSummaries"] == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_prints_its_url_serves_and_stops_cleanly(number: int) -> None:
    command = [sys.executable, "-m", "local_cloud.twinmaker", "--port", "0"]
    command += ["--lambda-endpoint", "http://127.0.0.1:9", "--quiet"]
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        url = process.stdout.readline().removeprefix("Local TwinMaker: ").strip()
        client = client_of(url)
        client.create_workspace(workspaceId=WORKSPACE)
        make_type(client)
        assert client.get_component_type(workspaceId=WORKSPACE, componentTypeId=TYPE)
        process.send_signal(number)
        assert process.stdout.read().endswith("\nLocal TwinMaker: stopped\n")
    assert process.returncode == 0


def test_the_command_says_why_it_cannot_listen(twinmaker: LocalTwinMaker) -> None:
    result = CliRunner().invoke(main, ["--port", str(urlsplit(twinmaker.url).port)])
    assert result.exit_code == 1
    assert "Can't listen on 127.0.0.1" in result.output


def test_the_command_explains_itself() -> None:
    result = CliRunner().invoke(main, ["--help"])
    assert "--lambda-endpoint" in result.output
    assert "inject_host_prefix=False" in result.output
