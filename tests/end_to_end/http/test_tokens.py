"""The inter-cloud token: who gets in, and how it is changed without downtime."""

from __future__ import annotations

import itertools
import time
from typing import TYPE_CHECKING

import pytest

from .queries import HISTORY, LAST_ENTRY, payload_for
from .service import PATIENCE_SECONDS, TOKEN, TOKEN_HEADER, Service, error_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_httpserver import HTTPServer

    from local_cloud.aws.account import LocalAws

    from .conftest import Start

BOTH = [HISTORY, LAST_ENTRY]
CURRENT = "the-current-token-of-two"
PREVIOUS = "the-previous-token-of-two"
WRONG = {
    "missing": None,
    "empty": "",
    "wrong": "a-token-of-somebody-else",
    "shorter": TOKEN[:-1],
    "longer": TOKEN + "x",
    "in capitals": TOKEN.upper(),
    "both of a list": f"{TOKEN},{TOKEN}",
    "the reference": "ssm:/factory-twin/inter-cloud-token",
}


def accepted(service: Service, token: str) -> bool:
    response = service.request(
        "POST", LAST_ENTRY, token=token, json={"payload": payload_for(LAST_ENTRY)}
    )
    assert response.status_code in (200, 401)
    return response.status_code == 200


@pytest.mark.parametrize("path", BOTH)
def test_the_token_lets_a_caller_in(service: Service, path: str) -> None:
    assert service.post(path, payload_for(path)).status_code == 200


@pytest.mark.parametrize("path", BOTH)
@pytest.mark.parametrize("token", WRONG.values(), ids=WRONG)
def test_any_other_token_gets_the_same_answer_as_none(
    service: Service, path: str, token: str | None
) -> None:
    envelope = {"payload": payload_for(path), "trace_id": "the-same"}
    none = service.request("POST", path, token=None, json=envelope)
    other = service.request("POST", path, token=token, json=envelope)

    assert (other.status_code, other.json()["error"]) == (401, none.json()["error"])
    assert len(other.content) == len(none.content)


@pytest.mark.parametrize("path", BOTH)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_every_method_needs_the_token(service: Service, path: str, method: str) -> None:
    message = "Send a valid token in the X-Inter-Cloud-Token header."
    response = service.request(method, path, token="a-token-of-somebody-else")

    assert error_of(response) == (401, "unauthorized", message)


@pytest.mark.parametrize("path", BOTH)
def test_head_needs_the_token(service: Service, path: str) -> None:
    assert service.request("HEAD", path, token=None).status_code == 401


@pytest.mark.parametrize(
    "body", [b"no json", b'{"payload": 5}', b'{"trace_id": "has a blank"}'], ids=repr
)
def test_a_caller_without_the_token_learns_nothing_about_its_query(
    service: Service, body: bytes
) -> None:
    response = service.request("POST", HISTORY, token=None, data=body)

    assert response.status_code == 401


def test_a_token_in_the_url_doesnt_count(service: Service) -> None:
    query = {"iot_device_id": "a", "selected_properties": "b", TOKEN_HEADER: TOKEN}
    response = service.request("GET", LAST_ENTRY, token=None, params=query)

    assert response.status_code == 401


@pytest.fixture(scope="module")
def rotating(aws: LocalAws, start: Start) -> Iterator[Service]:
    """A service whose parameter holds two tokens."""
    ssm = aws.client("ssm")
    ssm.put_parameter(Name="/two", Value=f"{CURRENT},{PREVIOUS}", Type="SecureString")
    with start(stage={"INTER_CLOUD_TOKEN": "ssm:/two"}) as service:
        yield service


@pytest.mark.parametrize("token", [CURRENT, PREVIOUS])
def test_the_current_and_the_previous_token_are_accepted(rotating: Service, token: str) -> None:
    assert accepted(rotating, token)


@pytest.mark.parametrize("token", [f"{CURRENT},{PREVIOUS}", "the-oldest-token-of-three", TOKEN])
def test_no_third_token_is_accepted(rotating: Service, token: str) -> None:
    assert not accepted(rotating, token)


def test_a_changed_token_is_accepted_without_a_restart(aws: LocalAws, start: Start) -> None:
    ssm = aws.client("ssm")
    ssm.put_parameter(Name="/changing", Value=PREVIOUS, Type="SecureString")
    stage = {"INTER_CLOUD_TOKEN": "ssm:/changing", "INTER_CLOUD_TOKEN_MAX_AGE_SECONDS": "1"}
    with start(stage=stage) as service:
        assert accepted(service, PREVIOUS)
        ssm.put_parameter(Name="/changing", Value=f"{CURRENT},{PREVIOUS}", Overwrite=True)

        give_up = time.monotonic() + PATIENCE_SECONDS
        for _ in itertools.takewhile(lambda _: time.monotonic() < give_up, itertools.count()):
            assert accepted(service, PREVIOUS), "downtime for who has the previous token"
            if accepted(service, CURRENT):
                return
            time.sleep(0.05)
        pytest.fail("the new token was never accepted")


def test_a_fetched_token_is_kept_for_its_age(aws: LocalAws, start: Start) -> None:
    ssm = aws.client("ssm")
    ssm.put_parameter(Name="/kept", Value=PREVIOUS, Type="SecureString")
    stage = {"INTER_CLOUD_TOKEN": "ssm:/kept", "INTER_CLOUD_TOKEN_MAX_AGE_SECONDS": "3600"}
    with start(stage=stage) as service:
        assert accepted(service, PREVIOUS)
        ssm.put_parameter(Name="/kept", Value=CURRENT, Overwrite=True)

        assert accepted(service, PREVIOUS)


def test_a_store_that_goes_away_locks_nobody_out(start: Start, httpserver: HTTPServer) -> None:
    answer = {"Parameter": {"Name": "/away", "Type": "SecureString", "Value": CURRENT}}
    httpserver.expect_oneshot_request("/").respond_with_json(answer)
    httpserver.expect_request("/").respond_with_json({"message": "away"}, status=500)
    stage = {"INTER_CLOUD_TOKEN": "ssm:/away", "INTER_CLOUD_TOKEN_MAX_AGE_SECONDS": "1"}
    with start(
        stage=stage, environment={"AWS_ENDPOINT_URL_SSM": httpserver.url_for("")}
    ) as service:
        give_up = time.monotonic() + PATIENCE_SECONDS
        for _ in itertools.takewhile(lambda _: time.monotonic() < give_up, itertools.count()):
            asked_again = len(httpserver.log) > 1
            assert accepted(service, CURRENT)
            assert not accepted(service, PREVIOUS)
            if asked_again:
                return
            time.sleep(0.05)
        pytest.fail("the token was never fetched again")


def test_the_token_may_be_kept_in_secrets_manager(aws: LocalAws, start: Start) -> None:
    aws.client("secretsmanager").create_secret(Name="kept/here", SecretString=CURRENT)
    with start(stage={"INTER_CLOUD_TOKEN": "secretsmanager:kept/here"}) as service:
        assert accepted(service, CURRENT)
        assert not accepted(service, PREVIOUS)


def test_the_token_may_stand_in_the_stage_itself(start: Start) -> None:
    with start(stage={"INTER_CLOUD_TOKEN": CURRENT}) as service:
        assert accepted(service, CURRENT)
        assert not accepted(service, TOKEN)
