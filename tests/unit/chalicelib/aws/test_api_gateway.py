"""API Gateway's events. What its callers get is in tests/end_to_end/http."""

from __future__ import annotations

import importlib
import json
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from chalice import Chalice

from chalicelib.http.endpoint import HttpRequest, HttpResponse
from chalicelib.model.reads import HISTORY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

INFO = {
    "config": {"digital_twin_name": "my-twin"},
    "config_providers": {"layer_3_hot_provider": "aws", "layer_4_provider": "azure"},
}
ENVIRONMENT = {
    "DIGITAL_TWIN_INFO": json.dumps(INFO),
    "DYNAMODB_TABLE_NAME": "hot-table",
    "INTER_CLOUD_TOKEN": "token-of-the-api-gateway-tests",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "POWERTOOLS_TRACE_DISABLED": "true",
}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., HttpRequest]]:
    """Hand an event to the function, and return what the endpoint of the history is asked."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    module = importlib.import_module("chalicelib.aws.api_gateway")
    requests: list[HttpRequest] = []

    def answer(request: HttpRequest) -> HttpResponse:
        requests.append(request)
        return HttpResponse(200, {"Content-Type": "application/json"}, b"{}")

    monkeypatch.setitem(module._by_read, HISTORY, SimpleNamespace(answer=answer))
    app = Chalice("api-gateway-app", configure_logs=False)
    app.register_blueprint(module.endpoints)

    def asked(milliseconds: int = 29_000, **event: Any) -> HttpRequest:
        usual = {
            "body": None,
            "headers": {},
            "multiValueHeaders": {},
            "multiValueQueryStringParameters": None,
            "pathParameters": None,
            "stageVariables": None,
            "isBase64Encoded": False,
            "requestContext": {"httpMethod": "GET", "resourcePath": HISTORY.path},
        }
        context = SimpleNamespace(get_remaining_time_in_millis=lambda: milliseconds)
        assert app(usual | event, context)["statusCode"] == 200
        return requests[-1]

    yield asked
    del sys.modules[module.__name__]


def test_headers_of_one_name_are_joined_however_they_are_spelled(asked):
    sent = {"X-Inter-Cloud-Token": ["a", "b"], "x-inter-cloud-token": ["c"], "Accept": ["d"]}
    request = asked(headers={"X-Inter-Cloud-Token": "b"}, multiValueHeaders=sent)
    assert request.headers == {"x-inter-cloud-token": "a,b,c", "accept": "d"}


def test_without_a_list_of_them_they_are_as_they_are(asked):
    request = asked(headers={"Accept": "a"}, multiValueHeaders=None)
    assert request.headers == {"accept": "a"}


@pytest.mark.parametrize(("milliseconds", "seconds"), [(60_000, 29), (7_000, 7)])
def test_a_request_has_29_seconds_or_what_is_left_of_the_functions_time(
    asked, milliseconds, seconds
):
    assert asked(milliseconds).seconds == seconds
