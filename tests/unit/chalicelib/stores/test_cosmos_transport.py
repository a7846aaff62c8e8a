"""The environment's proxies and certificates hold, and are looked up once."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest
from azure.core.exceptions import (
    AzureError,
    ServiceRequestError,
    ServiceResponseTimeoutError,
)
from azure.core.pipeline.transport import HttpRequest

from chalicelib.stores.cosmos_transport import PooledTransport

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


def test_silence_is_told_from_a_connection_that_isnt_made():
    with socket.create_server(("127.0.0.1", 0)) as server:
        request = HttpRequest("GET", f"http://127.0.0.1:{server.getsockname()[1]}/")
        with pytest.raises(ServiceResponseTimeoutError):
            PooledTransport().send(request, read_timeout=0.01)
    with pytest.raises(ServiceRequestError):
        PooledTransport().send(request)
