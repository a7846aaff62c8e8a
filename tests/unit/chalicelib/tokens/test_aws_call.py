"""A call of an AWS service without the SDK, held against the SDK."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as TheirCredentials

from chalicelib.tokens import aws_call
from chalicelib.tokens.aws_call import Credentials, Operation
from tests.unit.chalicelib.servers import CLOSE, RESET, Drip, Scripted, response

OPERATION = Operation("ssm", "SSM", "AmazonSSM.GetParameter")
ROLE = {
    "AWS_LAMBDA_FUNCTION_NAME": "a-function",
    "AWS_REGION": "eu-central-1",
    "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
    "AWS_SESSION_TOKEN": "a-session-token",
}
ANSWER = response(200, b'{"Parameter": {"Value": "x"}}')


@pytest.fixture(autouse=True)
def _environment(monkeypatch):
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SSM", "AWS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in ROLE.items():
        monkeypatch.setenv(name, value)


def ask(url: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SSM", url)
    return aws_call.call(OPERATION, {"Name": "/twin/tökén"})


def their_signature(url: str, region: str, body: bytes, headers: dict[str, str]) -> str:
    """Sign by botocore what was signed by us."""
    credentials = TheirCredentials(ROLE["AWS_ACCESS_KEY_ID"], ROLE["AWS_SECRET_ACCESS_KEY"])
    signer = SigV4Auth(credentials, "ssm", region)
    names = re.search("SignedHeaders=([^,]+)", headers["authorization"])
    assert names
    signed = {name: headers[name] for name in names[1].split(";")}
    request = AWSRequest("POST", url, signed, body)
    request.context["timestamp"] = headers["x-amz-date"]
    canonical = signer.canonical_request(request)
    signature: str = signer.signature(signer.string_to_sign(request, canonical), request)
    return signature


@pytest.mark.parametrize("token", [None, "a-session-token"])
@pytest.mark.parametrize(
    ("url", "region"),
    [
        ("https://ssm.eu-central-1.amazonaws.com/", "eu-central-1"),
        ("https://ssm.cn-north-1.amazonaws.com.cn/", "cn-north-1"),
        ("http://127.0.0.1:4566/", "us-east-1"),
    ],
)
def test_the_signature_is_the_sdks(url, region, token):
    body = json.dumps({"Name": "/twin/tökén"}).encode()
    credentials = Credentials(ROLE["AWS_ACCESS_KEY_ID"], ROLE["AWS_SECRET_ACCESS_KEY"], token)
    now = datetime(2026, 1, 30, 17, 0, 5, tzinfo=UTC)
    headers = aws_call.signed_headers(OPERATION, url, region, body, credentials, now)
    ours = headers["authorization"].rpartition("Signature=")[2]
    assert ours == their_signature(url, region, body, headers)
    assert ("x-amz-security-token" in headers) is (token is not None)


def test_what_is_sent_is_what_was_signed(monkeypatch):
    with Scripted(ANSWER) as server:
        url = f"http://127.0.0.1:{server.port}/"
        assert ask(url, monkeypatch) == {"Parameter": {"Value": "x"}}
        (request,) = server.requests
    assert request.line == "POST / HTTP/1.1"
    assert request.document == {"Name": "/twin/tökén"}
    assert request.headers["x-amz-target"] == "AmazonSSM.GetParameter"
    assert request.headers["x-amz-security-token"] == "a-session-token"
    theirs = their_signature(url, "eu-central-1", request.body, request.headers)
    assert request.headers["authorization"].endswith(f"Signature={theirs}")


def test_a_login_of_another_kind_takes_no_signatures_place(monkeypatch, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else")
    monkeypatch.setenv("NETRC", str(netrc))
    with Scripted(ANSWER) as server:
        ask(f"http://127.0.0.1:{server.port}/", monkeypatch)
        assert server.requests[0].headers["authorization"].startswith("AWS4-HMAC-SHA256")


@pytest.mark.parametrize(
    "act",
    [
        response(400, b'{"__type": "ParameterNotFound"}'),
        response(500, b"{}"),
        response(301, b"{}", {"Location": "http://127.0.0.1:1/"}),
        response(200, b"not JSON"),
        response(200, b"[]"),
        RESET,
        CLOSE,
        Drip(b"HTTP/1.1 200 OK\r\nX-Slow: "),
    ],
)
def test_without_a_good_answer_there_is_none(monkeypatch, act):
    monkeypatch.setattr(aws_call, "TIMEOUTS", (1, 0.2 if isinstance(act, Drip) else 10))
    with Scripted(act) as server:
        assert ask(f"http://127.0.0.1:{server.port}/", monkeypatch) is None
        assert len(server.requests) == 1


def test_a_proxy_that_drips_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(aws_call, "TIMEOUTS", (1, 0.5))
    monkeypatch.delenv("no_proxy", raising=False)
    with Scripted(Drip(b"HTTP/1.1 200 OK\r\nX-Slow: ")) as proxy:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
        assert ask("http://ssm.example.com/", monkeypatch) is None
        assert len(proxy.requests) == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AWS_LAMBDA_FUNCTION_NAME", None),
        ("AWS_ACCESS_KEY_ID", None),
        ("AWS_SECRET_ACCESS_KEY", None),
        ("AWS_REGION", None),
        ("AWS_REGION", "us-iso-east-1"),
        ("AWS_REGION", "eu-isoe-west-1"),
        ("AWS_REGION", "eusc-de-east-1"),
        ("AWS_PROFILE", "mine"),
        ("AWS_USE_FIPS_ENDPOINT", "true"),
        ("AWS_USE_DUALSTACK_ENDPOINT", "true"),
        ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true"),
        ("AWS_ENDPOINT_URL_SSM", "http://127.0.0.1:1/a/path"),
    ],
)
def test_what_is_out_of_the_ordinary_is_left_to_the_sdk(monkeypatch, name, value):
    with Scripted(ANSWER) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SSM", f"http://127.0.0.1:{server.port}/")
        if value is None:
            monkeypatch.delenv(name)
        else:
            monkeypatch.setenv(name, value)
        assert aws_call.call(OPERATION, {}) is None
        assert server.connections == 0


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("eu-central-1", "ssm.eu-central-1.amazonaws.com"),
        ("us-gov-west-1", "ssm.us-gov-west-1.amazonaws.com"),
        ("cn-north-1", "ssm.cn-north-1.amazonaws.com.cn"),
    ],
)
def test_an_endpoint_is_the_sdks(monkeypatch, region, host):
    asked = []

    def post(_: object, url: str, **__: Any) -> Any:
        asked.append(url)
        raise ConnectionError

    monkeypatch.setattr("requests.Session.post", post)
    monkeypatch.setenv("AWS_REGION", region)
    assert aws_call.call(OPERATION, {}) is None
    assert asked == [f"https://{host}/"]


def test_one_endpoint_may_stand_for_all_services(monkeypatch):
    with Scripted(ANSWER) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.port}")
        assert aws_call.call(OPERATION, {}) == {"Parameter": {"Value": "x"}}
