"""The local Azure Functions: what is told to a function, and what becomes of its answer."""

from __future__ import annotations

import azure.functions as func
import pytest

from local_cloud.azure.functions import Answer, FunctionHost


@pytest.fixture
def seen() -> list[func.HttpRequest]:
    return []


@pytest.fixture
def app(seen: list[func.HttpRequest]) -> func.FunctionApp:
    app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

    @app.route("things/{kind}", methods=["GET", "POST"])
    def things(req: func.HttpRequest) -> func.HttpResponse:
        seen.append(req)
        return func.HttpResponse(b"\x00\xff", status_code=201, headers={"X-Kind": "a"})

    @app.route("broken", trigger_arg_name="request")
    def broken(request: func.HttpRequest) -> func.HttpResponse:
        raise ValueError("something inside")

    return app


def test_a_request_is_told_as_azure_tells_it(app, seen):
    host = FunctionHost(app, "api")
    target = "/api/things/warm%20ones?n=1&n=2&empty=&x=%26"
    host.answer("POST", target, {"X-Token": "t"}, b"body")
    (request,) = seen
    assert (request.method, request.get_body()) == ("POST", b"body")
    assert (request.headers["x-token"], request.route_params) == ("t", {"kind": "warm ones"})
    assert request.params == {"n": "1,2", "x": "&"}
    assert request.url.endswith(target)


def test_an_answer_is_sent_as_it_is(app):
    answer = FunctionHost(app, "").answer("GET", "/things/a", {}, b"")
    assert (answer.status, answer.body) == (201, b"\x00\xff")
    assert answer.headers == {"X-Kind": "a", "content-type": "text/plain; charset=utf-8"}


@pytest.mark.parametrize(
    ("method", "target"),
    [("GET", "/"), ("GET", "/things"), ("GET", "/api/things/a"), ("DELETE", "/things/a")],
)
def test_what_no_function_takes_isnt_found(app, method, target):
    assert FunctionHost(app, "").answer(method, target, {}, b"") == Answer(404)


def test_a_function_that_fails_is_an_error_and_logged(app, caplog):
    assert FunctionHost(app, "").answer("GET", "/broken", {}, b"") == Answer(500)
    assert "something inside" in caplog.text
