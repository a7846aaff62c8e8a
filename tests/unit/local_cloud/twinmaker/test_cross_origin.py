"""Browsers: which pages may talk to the server, and clients that put a prefix before its name."""

from __future__ import annotations

import http.client
import socket
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
import pytest

from local_cloud.twinmaker import LocalTwinMaker

from .twin import ENTITY, WORKSPACE, make_twin

if TYPE_CHECKING:
    from collections.abc import Iterator

OTHERS = "https://dashboard.example.com"
PAGE = "http://localhost:5173"
SDK_HEADERS = (
    "amz-sdk-invocation-id,amz-sdk-request,authorization,content-type,x-amz-content-sha256,"
    "x-amz-date,x-amz-user-agent"
)
"""What the AWS SDK for JavaScript sends from a browser, apart from what needs no permission."""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with LocalTwinMaker(invoke=lambda *_: {}, allowed_origins=[OTHERS]) as running:
        yield running.url


def ask(url: str, method: str, path: str, **headers: str) -> Any:
    connection = http.client.HTTPConnection(urlsplit(url).netloc)
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, headers=sent)
    response = connection.getresponse()
    response.read()
    connection.close()
    return response


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_a_preflight_of_the_javascript_sdk_is_granted(url: str, method: str) -> None:
    answer = ask(
        url,
        "OPTIONS",
        "/workspaces/factory/entity-properties/history",
        Origin=PAGE,
        Access_Control_Request_Method=method,
        Access_Control_Request_Headers=SDK_HEADERS,
        Access_Control_Request_Private_Network="true",
    )
    assert answer.status == 204
    assert answer.headers["Access-Control-Allow-Origin"] == PAGE
    assert method in answer.headers["Access-Control-Allow-Methods"].split(", ")
    assert answer.headers["Access-Control-Allow-Headers"] == SDK_HEADERS
    assert answer.headers["Access-Control-Allow-Private-Network"] == "true"


@pytest.mark.parametrize(("path", "status"), [("/workspaces-list", 200), ("/workspaces/none", 404)])
def test_a_page_may_read_an_answer_and_the_exception_in_it(
    url: str, path: str, status: int
) -> None:
    method = "POST" if status == 200 else "GET"
    answer = ask(url, method, path, Origin=PAGE)
    assert answer.status == status
    assert answer.headers["Access-Control-Allow-Origin"] == PAGE
    assert "x-amzn-ErrorType" in answer.headers["Access-Control-Expose-Headers"]
    assert answer.headers["Vary"] == "Origin"


@pytest.mark.parametrize(
    "origin",
    [
        "http://localhost",
        "http://grafana.localhost:3000",
        "http://127.0.0.1:80",
        "http://[::1]:9",
        OTHERS,
    ],
)
def test_pages_of_this_machine_and_those_that_were_named_may_ask(url: str, origin: str) -> None:
    assert ask(url, "POST", "/workspaces-list", Origin=origin).status == 200


@pytest.mark.parametrize(
    "origin",
    ["https://example.com", "https://localhost.example.com", "null", "http://[::1", "http://"],
)
@pytest.mark.parametrize("method", ["OPTIONS", "POST"])
def test_a_page_of_another_site_changes_nothing(url: str, method: str, origin: str) -> None:
    answer = ask(url, method, "/workspaces/theirs", Origin=origin)
    assert (answer.status, answer.headers["x-amzn-ErrorType"]) == (403, "AccessDeniedException")
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert ask(url, "GET", "/workspaces/theirs").status == 404


def test_any_page_may_ask_if_that_was_said() -> None:
    with LocalTwinMaker(invoke=lambda *_: {}, allowed_origins=["*"]) as running:
        answer = ask(running.url, "POST", "/workspaces-list", Origin="https://example.com")
    assert answer.headers["Access-Control-Allow-Origin"] == "https://example.com"


def test_a_client_that_is_no_browser_gets_no_headers_for_one(url: str) -> None:
    assert "Access-Control-Allow-Origin" not in ask(url, "POST", "/workspaces-list").headers


def test_a_client_that_keeps_its_host_prefixes_is_answered_at_localhost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    resolve = socket.getaddrinfo

    def resolving(host: Any, *arguments: Any, **named: Any) -> Any:
        """Resolve names below localhost, as RFC 6761 wants it and browsers do."""
        asked.append(host)
        return resolve("127.0.0.1" if host.endswith(".localhost") else host, *arguments, **named)

    asked: list[str] = []
    monkeypatch.setattr(socket, "getaddrinfo", resolving)
    with LocalTwinMaker(invoke=lambda *_: {"propertyValues": []}) as running:
        client = boto3.client(
            "iottwinmaker",
            endpoint_url=running.url.replace("127.0.0.1", "localhost"),
            region_name="eu-central-1",
            aws_access_key_id="local",
            aws_secret_access_key="local",
        )
        make_twin(client)
        found = client.get_property_value_history(
            workspaceId=WORKSPACE,
            entityId=ENTITY,
            componentName="telemetry",
            selectedProperties=["temperature"],
            startTime="2026-01-30T17:00:00Z",
            endTime="2026-01-30T18:00:00Z",
        )
    assert found["propertyValues"] == []
    assert {"api.localhost", "data.localhost"} <= set(asked)
