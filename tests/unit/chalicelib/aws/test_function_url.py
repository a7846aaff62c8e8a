"""A Function URL's events. What its callers get is in tests/end_to_end/function_url."""

from __future__ import annotations

import base64
import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.aws.function_url import HotReaderApp
from chalicelib.http.endpoint import HttpEndpoint
from chalicelib.model.errors import StoreUnavailableError
from chalicelib.model.limits import LARGEST_PAYLOAD
from chalicelib.model.results import Flaws
from chalicelib.observability.powertools import PowertoolsObservability
from chalicelib.settings.endpoint import EndpointSettings
from chalicelib.settings.token_reference import TokenReference
from chalicelib.tokens.inter_cloud_token import InterCloudToken
from tests.unit.chalicelib.answer import StatedAnswer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

TOKEN = "token-of-the-function-url"
PATH = "/hot-reader"
CONTEXT = SimpleNamespace(get_remaining_time_in_millis=lambda: 7_000)
"""The context of an invocation, as far as it is looked at."""


class Reader:
    """An endpoint that keeps the request, and answers what a test says."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.document: dict[str, Any] = {"propertyValues": []}
        self.error: Exception | None = None
        self.seconds = 0.0

    def __call__(self, payload: Mapping[str, Any], _record: object, seconds: float) -> StatedAnswer:
        self.seconds = seconds
        self.asked.append(dict(payload))
        if self.error:
            raise self.error
        return StatedAnswer(self.document, 0, Flaws())


@pytest.fixture
def reader() -> Reader:
    return Reader()


@pytest.fixture
def app(reader: Reader) -> HotReaderApp:
    app = HotReaderApp(app_name="function-url-app")
    token = TokenReference.parse("INTER_CLOUD_TOKEN", TOKEN, max_age=60)
    settings = EndpointSettings(token, requests_per_second=None, compress=False)
    endpoint = HttpEndpoint(
        reader,
        settings,
        InterCloudToken(token),
        PowertoolsObservability("function-url-endpoint", tracing=False),
    )
    app.serve_function_url({PATH: endpoint})
    app.route("/by-chalice")(lambda: {"by": "Chalice"})
    return app


class Response:
    """The HTTP response that Lambda makes of the function's answer."""

    def __init__(self, answer: dict[str, Any]) -> None:
        json.dumps(answer)  # it has to travel
        self.status = answer["statusCode"]
        self.headers = answer["headers"]
        assert not answer["isBase64Encoded"]
        self.content = answer["body"].encode()

    @property
    def error(self) -> tuple[int, str]:
        document = json.loads(self.content)
        assert document["trace_id"]
        assert document["error"]["message"]
        return self.status, document["error"]["code"]


@pytest.fixture
def ask(app: HotReaderApp) -> Callable[..., Response]:
    def ask(
        method: str = "GET",
        path: str = PATH,
        *,
        body: str | None = None,
        encoded: bool = False,
    ) -> Response:
        event = {
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": path,
            "rawQueryString": "",
            "headers": {"x-inter-cloud-token": TOKEN, "content-type": "application/json"},
            "requestContext": {"stage": "$default", "http": {"method": method, "path": path}},
            "isBase64Encoded": encoded,
        }
        if body is not None:
            event["body"] = body
        return Response(app(event, CONTEXT))

    return ask


@pytest.mark.parametrize("encoded", [False, True])
def test_a_body_reaches_the_reader_as_text_or_in_base64(ask, reader, encoded):
    body = json.dumps({"payload": {"iot_device_id": "pümp"}}, ensure_ascii=False)
    sent = base64.b64encode(body.encode()).decode() if encoded else body
    response = ask("POST", body=sent, encoded=encoded)
    assert response.status == 200
    assert reader.asked == [{"iot_device_id": "pümp"}]


@pytest.mark.parametrize(
    "path", ["/", "/hot-reader/x", "/hot-reader//", "/HOT-READER", "//hot-reader"]
)
def test_another_path_is_not_found(ask, reader, path):
    response = ask(path=path)
    assert response.error == (404, "not_found")
    assert PATH in response.content.decode()
    assert reader.asked == []


def test_a_slash_at_the_end_makes_no_difference(ask):
    assert ask(path=f"{PATH}/").status == 200


def test_a_body_that_is_too_large_is_refused(ask):
    response = ask("POST", body=" " * (LARGEST_PAYLOAD + 1))
    assert response.error == (413, "payload_too_large")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (KeyError("a bug"), (500, "internal_error")),
        (StoreUnavailableError("away", retry_after=7), (503, "store_unavailable")),
    ],
)
def test_a_failure_behind_the_endpoint_has_the_contracts_answer(ask, reader, error, expected):
    reader.error = error
    response = ask()
    assert response.error == expected
    assert "a bug" not in response.content.decode()
    assert response.headers.get("Retry-After") == ("7" if expected[0] == 503 else None)


def test_an_event_of_api_gateway_is_for_chalice(app):
    event = {
        "headers": {},
        "body": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": None,
        "stageVariables": None,
        "isBase64Encoded": False,
        "requestContext": {"httpMethod": "GET", "resourcePath": "/by-chalice"},
    }
    answer = app(event, CONTEXT)
    assert json.loads(answer["body"]) == {"by": "Chalice"}


def test_the_function_has_its_own_time(ask, reader):
    ask()
    assert 6 < reader.seconds <= 7


def test_a_log_of_the_apps_name_has_each_line_once(capsys):
    app = HotReaderApp(app_name="once")
    PowertoolsObservability("once", tracing=False).logger.warning("told")
    app.log.warning("told by Chalice")
    printed = capsys.readouterr()
    lines = (printed.out + printed.err).splitlines()
    assert [json.loads(line)["message"] for line in lines] == ["told", "told by Chalice"]
