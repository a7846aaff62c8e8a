"""The environment's proxies and certificates hold, and are looked up once; no time is exceeded."""

from __future__ import annotations

import socket
import threading
import time
from typing import TYPE_CHECKING

import pytest
from azure.core.exceptions import (
    AzureError,
    ServiceRequestError,
    ServiceResponseTimeoutError,
)
from azure.core.pipeline.transport import HttpRequest

from chalicelib.connections.answer_time import all_until
from chalicelib.model.errors import StoreUnavailableError
from chalicelib.settings.cosmos import CosmosSettings
from chalicelib.stores.cosmos import store as cosmos
from chalicelib.stores.cosmos.errors import explained
from chalicelib.stores.cosmos.transport import PooledTransport
from tests.unit.chalicelib.servers import (
    HANG,
    HOST,
    PATIENCE_SECONDS,
    RESET,
    Scripted,
    response,
)

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_httpserver import HTTPServer


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    return monkeypatch


def test_a_proxy_is_looked_up_once_for_each_host(environment, httpserver: HTTPServer):
    httpserver.expect_request("/").respond_with_data("by the proxy")
    environment.setenv("HTTP_PROXY", httpserver.url_for(""))
    environment.setenv("NO_PROXY", "localhost")
    transport = PooledTransport()
    request = HttpRequest("GET", "http://twin.example.com/")
    assert transport.send(request).body() == b"by the proxy"
    environment.delenv("HTTP_PROXY")
    assert transport.send(request).body() == b"by the proxy"
    # Another host, which the environment excepts.
    direct = httpserver.url_for("/").replace("127.0.0.1", "localhost")
    assert transport.send(HttpRequest("GET", direct)).body() == b"by the proxy"
    hosts = [request.host for request, _ in httpserver.log]
    assert hosts == ["twin.example.com", "twin.example.com", f"localhost:{httpserver.port}"]


def test_certificates_are_those_of_the_environment(environment):
    environment.setenv("REQUESTS_CA_BUNDLE", "/nowhere.pem")
    with pytest.raises(AzureError, match=r"/nowhere\.pem"):
        PooledTransport().send(HttpRequest("GET", "https://127.0.0.1:1/"))


def test_a_password_for_the_host_doesnt_replace_the_authorization(
    environment, httpserver: HTTPServer, tmp_path: Path
):
    passwords = tmp_path / "netrc"
    passwords.write_text(f"machine {httpserver.host} login somebody password secret")
    environment.setenv("NETRC", str(passwords))
    httpserver.expect_request("/").respond_with_data("")
    request = HttpRequest("GET", httpserver.url_for("/"), headers={"Authorization": "the SDK's"})
    PooledTransport().send(request)
    ((sent, _),) = httpserver.log
    assert sent.headers["Authorization"] == "the SDK's"


def test_headers_may_be_added_to_while_they_are_copied(environment, httpserver: HTTPServer):
    httpserver.expect_request("/").respond_with_data("")
    headers = PooledTransport().send(HttpRequest("GET", httpserver.url_for("/"))).headers
    names = list(headers)
    copied = iter(headers)
    headers["x-ms-throttle-retry-count"] = "0"  # by another thread, through the SDK's client
    assert list(copied) == names


def test_silence_is_told_from_a_connection_that_isnt_made():
    with socket.create_server(("127.0.0.1", 0)) as server:
        request = HttpRequest("GET", f"http://127.0.0.1:{server.getsockname()[1]}/")
        with pytest.raises(ServiceResponseTimeoutError):
            PooledTransport().send(request, read_timeout=0.01)
    with pytest.raises(ServiceRequestError):
        PooledTransport().send(request)


def test_an_account_that_does_not_answer_is_not_waited_for_beyond_the_time_of_a_read():
    with Scripted(HANG) as server:
        account = CosmosSettings(server.url, "twin", "hot-telemetry", "a2V5")
        with all_until(time.monotonic() + 0.2), pytest.raises(StoreUnavailableError):
            cosmos.LazyContainer(account, "device_id").open()
    assert len(server.requests) <= 1


@pytest.mark.parametrize(
    ("act", "seconds", "requests"),
    [(RESET, 10, 3), (response(503, b"{}"), 10, 3), (response(429, b"{}"), 10, 3), (HANG, 0.2, 1)],
    ids=["reset", "503", "429", "hang"],
)
def test_a_managed_identity_without_a_token_for_now_is_unavailable(
    environment, act, seconds, requests
):
    with Scripted(act) as server:
        environment.setenv("IDENTITY_ENDPOINT", server.url)
        environment.setenv("IDENTITY_HEADER", "header")
        with (
            all_until(time.monotonic() + seconds),
            pytest.raises(StoreUnavailableError, match="no token for Cosmos DB"),
            explained(),
        ):
            cosmos._identity().get_token("https://cosmos.azure.com/.default")
    assert len(server.requests) == requests


@pytest.mark.parametrize("named", [False, True], ids=["silent name server", "silent addresses"])
def test_a_connection_has_a_time_as_a_whole(environment, named):
    over = threading.Event()
    with socket.socket() as full, socket.socket() as first:
        full.bind((HOST, 0))
        full.listen(0)
        address = full.getsockname()
        first.connect(address)  # the only one in its queue: nobody else is answered

        def lookup(*_: object, **__: object) -> list[object]:
            if not named:
                over.wait(PATIENCE_SECONDS)
            return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", address)] * 5

        environment.setattr(socket, "getaddrinfo", lookup)
        with pytest.raises(ServiceRequestError, match="no connection with"):
            PooledTransport().send(
                HttpRequest("GET", "http://store.example.com/"), connection_timeout=0.2
            )
        over.set()
