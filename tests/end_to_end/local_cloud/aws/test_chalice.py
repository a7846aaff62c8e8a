"""Chalice's command line against the local AWS."""

from __future__ import annotations

import json
import subprocess
import sysconfig
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from local_cloud.aws.account import LocalAws

APP = """
    from chalice import Chalice

    app = Chalice(app_name="tiny")

    @app.route("/")
    def index():
        return {}

    @app.route("/readings/{device}", methods=["GET", "POST"], cors=True,
               content_types=["application/json", "text/plain"])
    def readings(device):
        "Read a device."
        return {"device": device}

    @app.lambda_function()
    def double(event, context):
        return 2 * event["n"]
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "app.py").write_text(textwrap.dedent(APP))
    (tmp_path / "requirements.txt").touch()
    (tmp_path / ".chalice").mkdir()
    config = {"version": "2.0", "app_name": "tiny", "stages": {"dev": {"lambda_timeout": 20}}}
    (tmp_path / ".chalice" / "config.json").write_text(json.dumps(config))
    return tmp_path


@pytest.fixture
def chalice(aws: LocalAws, project: Path) -> Callable[..., None]:
    command = str(Path(sysconfig.get_path("scripts")) / "chalice")
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(project), **aws.environment}

    def chalice(*arguments: str) -> None:
        done = subprocess.run(
            [command, *arguments, "--stage", "dev"],
            cwd=project,
            env=environment,
            check=False,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    return chalice


def test_chalice_deploys_twice_and_deletes(
    aws: LocalAws, project: Path, chalice: Callable[..., None]
) -> None:
    functions, gateway, iam = aws.client("lambda"), aws.client("apigateway"), aws.client("iam")

    def deployed() -> list[tuple[str, list[str]]]:
        (api,) = gateway.get_rest_apis()["items"]
        resources = gateway.get_resources(restApiId=api["id"])["items"]
        return sorted((r["path"], sorted(r.get("resourceMethods", {}))) for r in resources)

    def double(number: int) -> Any:
        event = json.dumps({"n": number})
        answer = functions.invoke(FunctionName="tiny-dev-double", Payload=event)
        return json.load(answer["Payload"])

    chalice("deploy")
    routes = [
        ("/", ["GET"]),
        ("/readings", []),
        ("/readings/{device}", ["GET", "OPTIONS", "POST"]),
    ]
    assert deployed() == routes
    assert double(4) == 8

    app = (project / "app.py").read_text()
    (project / "app.py").write_text(app.replace("2 * event", "3 * event"))
    chalice("deploy")
    assert deployed() == routes
    assert double(4) == 12

    chalice("delete")
    assert functions.list_functions()["Functions"] == []
    assert gateway.get_rest_apis()["items"] == []
    assert iam.list_roles()["Roles"] == []


def test_the_route_handler_of_a_real_package_answers(
    aws: LocalAws, chalice: Callable[..., None]
) -> None:
    """The whole way of API Gateway's proxy event through Chalice, in a worker."""
    chalice("deploy")
    event = {
        "resource": "/readings/{device}",
        "httpMethod": "GET",
        "path": "/readings/pump",
        "pathParameters": {"device": "pump"},
        "multiValueQueryStringParameters": None,
        "headers": {},
        "stageVariables": None,
        "requestContext": {
            "resourcePath": "/readings/{device}",
            "httpMethod": "GET",
            "path": "/api/readings/pump",
        },
        "body": None,
        "isBase64Encoded": False,
    }
    answer = aws.client("lambda").invoke(FunctionName="tiny-dev", Payload=json.dumps(event))
    response = json.load(answer["Payload"])
    assert response["statusCode"] == 200
    assert json.loads(response["body"]) == {"device": "pump"}
