"""405, 413, 415, 429, 500 and 503: each status of the contract, reached from outside."""

from __future__ import annotations

import itertools
import json
import socket
import time
from typing import TYPE_CHECKING, Any

import pytest
from werkzeug import Response

from chalicelib.model.limits import LARGEST_PAYLOAD
from demo.stack import stage_environment

from .queries import HISTORY, LAST_ENTRY, payload_for
from .service import PATIENCE_SECONDS, STAGE, TOKEN, Service, error_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    import requests
    from pytest_httpserver import HTTPServer

    from .conftest import Start

BOTH = [HISTORY, LAST_ENTRY]
JSON = {"Content-Type": "application/json"}
TABLE = stage_environment(STAGE)["DYNAMODB_TABLE_NAME"]
ANOTHER_TABLE = "a-table-that-nobody-made"


def ask(service: Service, path: str, **envelope: Any) -> requests.Response:
    return service.post(path, payload_for(path), **envelope)


def body_of(path: str, size: int) -> bytes:
    """Make a query of so many bytes, with a key that isn't known."""
    body = json.dumps({"payload": payload_for(path), "filler": ""}).encode()
    return body[:-2] + b"x" * (size - len(body)) + body[-2:]


@pytest.mark.parametrize("path", BOTH)
@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS"])
def test_another_method_is_refused_with_those_that_work(
    service: Service, path: str, method: str
) -> None:
    response = service.request(method, path)

    message = f"The method {method} isn't allowed here. Use POST or GET."
    assert error_of(response) == (405, "method_not_allowed", message)
    assert response.headers["Allow"] == "GET, POST"


@pytest.mark.parametrize("path", BOTH)
def test_a_body_of_one_byte_too_many_is_refused(service: Service, path: str) -> None:
    body = body_of(path, LARGEST_PAYLOAD + 1)
    status, code, message = error_of(service.request("POST", path, data=body, headers=JSON))

    assert (status, code) == (413, "payload_too_large")
    assert str(LARGEST_PAYLOAD) in message


@pytest.mark.parametrize("path", BOTH)
def test_a_body_of_the_most_bytes_is_answered(service: Service, path: str) -> None:
    body = body_of(path, LARGEST_PAYLOAD)
    assert len(body) == LARGEST_PAYLOAD

    assert service.request("POST", path, data=body, headers=JSON).status_code == 200


@pytest.mark.parametrize("path", BOTH)
@pytest.mark.parametrize(
    "content_type",
    ["application/x-www-form-urlencoded", "text/plain", "application/jsonx", "multipart/form-data"],
)
def test_another_content_type_is_refused(service: Service, path: str, content_type: str) -> None:
    headers = {"Content-Type": content_type}
    body = json.dumps({"payload": payload_for(path)})
    status, code, message = error_of(service.request("POST", path, data=body, headers=headers))

    assert (status, code) == (415, "unsupported_media_type")
    assert content_type in message


@pytest.mark.parametrize("path", BOTH)
@pytest.mark.parametrize(
    "content_type",
    [
        "application/json; charset=utf-8",
        "Application/JSON",
        "application/json ;charset=UTF-8",
        None,
    ],
)
def test_json_is_json_however_it_is_declared(
    service: Service, path: str, content_type: str | None
) -> None:
    headers = {"Content-Type": content_type}
    body = json.dumps({"payload": payload_for(path)}).encode()

    assert service.request("POST", path, data=body, headers=headers).status_code == 200


@pytest.fixture(scope="module")
def limited(start: Start) -> Iterator[Service]:
    with start(stage={"REQUESTS_PER_SECOND": "1"}) as service:
        yield service


def throttled(service: Service, path: str) -> requests.Response:
    """Ask faster than the limit until that is said."""
    for _ in range(100):
        response = ask(service, path)
        if response.status_code != 200:
            return response
    pytest.fail("100 requests in a row were answered")


@pytest.mark.parametrize("path", BOTH)
def test_a_request_too_many_is_told_when_to_try_again(limited: Service, path: str) -> None:
    response = throttled(limited, path)

    message = "More than 1 requests per second. Wait and try again."
    assert error_of(response) == (429, "throttled", message)
    assert int(response.headers["Retry-After"]) >= 1


def test_a_caller_who_waited_is_answered_again(limited: Service) -> None:
    throttled(limited, HISTORY)

    give_up = time.monotonic() + PATIENCE_SECONDS
    for _ in itertools.takewhile(lambda _: time.monotonic() < give_up, itertools.count()):
        if ask(limited, HISTORY).status_code == 200:
            return
        time.sleep(0.1)
    pytest.fail("the limit was never lifted")


def test_a_refused_token_doesnt_count_against_the_limit(limited: Service) -> None:
    throttled(limited, HISTORY)

    assert limited.request("GET", HISTORY, token=None).status_code == 401


@pytest.fixture(scope="module")
def broken(start: Start) -> Iterator[Service]:
    """A service that was pointed at a table that doesn't exist."""
    with start(stage={"DYNAMODB_TABLE_NAME": ANOTHER_TABLE}) as service:
        yield service


@pytest.mark.parametrize("path", BOTH)
def test_a_refused_token_reads_no_storage(broken: Service, path: str) -> None:
    body = {"payload": payload_for(path)}

    assert broken.request("POST", path, token=None, json=body).status_code == 401


@pytest.mark.parametrize("path", BOTH)
def test_a_fault_of_ours_tells_nothing_of_the_inside(broken: Service, path: str) -> None:
    response = ask(broken, path)

    assert error_of(response)[:2] == (500, "store_misconfigured")
    for inside in (ANOTHER_TABLE, "Traceback", "File", "botocore", "DynamoDB", "ResourceNotFound"):
        assert inside not in response.text


@pytest.mark.parametrize("path", BOTH)
def test_a_fault_of_ours_is_logged_whole_under_its_trace_id(broken: Service, path: str) -> None:
    before = broken.output()
    trace_id = ask(broken, path).json()["trace_id"]

    (record,) = broken.records(since=before)
    assert (record["level"], record["trace_id"]) == ("ERROR", trace_id)
    for inside in (ANOTHER_TABLE, "Traceback", "ResourceNotFoundException", "DYNAMODB_TABLE_NAME"):
        assert inside in record["exception"]


@pytest.mark.parametrize("reference", ["ssm:/nothing/here", "secretsmanager:nothing/here"])
def test_a_token_that_was_never_stored_is_a_fault_of_ours(start: Start, reference: str) -> None:
    with start(stage={"INTER_CLOUD_TOKEN": reference}) as service:
        response = ask(service, LAST_ENTRY)

        assert error_of(response)[:2] == (500, "store_misconfigured")
        assert "nothing/here" not in response.text
        assert "nothing/here" in service.records()[-1]["exception"]


@pytest.fixture
def closed_port() -> Iterator[str]:
    """An endpoint where nobody listens, and nobody else can begin to."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


def dynamodb_error(code: str, status: int) -> Response:
    document = {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": TABLE}
    return Response(json.dumps(document), status, content_type="application/x-amz-json-1.0")


def assert_store_unavailable(response: requests.Response, *inside: str) -> None:
    assert error_of(response)[:2] == (503, "store_unavailable")
    assert int(response.headers["Retry-After"]) >= 1
    assert not [
        each for each in ("DynamoDB", "SSM", TABLE, TOKEN, *inside) if each in response.text
    ]


@pytest.mark.parametrize(
    ("code", "status"),
    [("ProvisionedThroughputExceededException", 400), ("InternalServerError", 500)],
)
def test_a_table_that_throttles_or_fails_is_worth_a_retry(
    start: Start, httpserver: HTTPServer, code: str, status: int
) -> None:
    httpserver.expect_request("/").respond_with_response(dynamodb_error(code, status))
    endpoint = {"AWS_ENDPOINT_URL_DYNAMODB": httpserver.url_for("")}
    with start(environment=endpoint) as service:
        assert_store_unavailable(ask(service, HISTORY))
        assert len(httpserver.log) > 1, "the SDK's own retries come first"


@pytest.mark.parametrize("path", BOTH)
def test_a_table_that_cant_be_reached_is_worth_a_retry(
    start: Start, closed_port: str, path: str
) -> None:
    with start(environment={"AWS_ENDPOINT_URL_DYNAMODB": closed_port}) as service:
        assert_store_unavailable(ask(service, path), closed_port)


def test_a_token_store_that_cant_be_reached_is_worth_a_retry(
    start: Start, closed_port: str
) -> None:
    with start(environment={"AWS_ENDPOINT_URL_SSM": closed_port}) as service:
        assert_store_unavailable(ask(service, LAST_ENTRY), closed_port)
