"""`chalice local` as a stranger meets it: over a socket, and by its log."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import requests

from demo.stack import stage_environment
from deploy_scripts import PROJECT
from local_cloud.aws.chalice_local import ChaliceLocal
from local_cloud.child_process import free_port

from .contract import the_contract

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

STAGE: Final = "multicloud"
TOKEN: Final = "token-of-the-end-to-end-tests"
TOKEN_PARAMETER: Final = stage_environment(STAGE)["INTER_CLOUD_TOKEN"].removeprefix("ssm:")
TOKEN_HEADER: Final = "X-Inter-Cloud-Token"

PATIENCE_SECONDS: Final = 60
"""Only how long a broken service holds a test up: nothing takes this long when all is well."""


class Service:
    """Sends requests, and holds every answer against the OpenAPI document.

    Parameters
    ----------
    url
        What comes before the paths.
    output
        Returns everything that the service has printed.
    """

    def __init__(self, url: str, output: Callable[[], str] = str) -> None:
        self.url = url
        self.output = output

    @property
    def address(self) -> tuple[str, int]:
        at = urlsplit(self.url)
        return str(at.hostname), int(at.port or 80)

    @property
    def root(self) -> str:
        """The prefix of every path."""
        return urlsplit(self.url).path

    def request(
        self,
        method: str,
        path: str,
        *,
        token: str | None = TOKEN,
        headers: Mapping[str, str | None] | None = None,
        **options: Any,
    ) -> requests.Response:
        token_header = {} if token is None else {TOKEN_HEADER: token}
        # A connection for each request: on a kept one, Nagle's algorithm and delayed acknowledgements
        # hold every answer up for 40 ms, as `chalice local` sends head and body apart.
        with requests.Session() as session:
            session.trust_env = False
            response = session.request(
                method,
                self.url + path,
                headers={**token_header, **(headers or {})},  # None isn't sent
                timeout=PATIENCE_SECONDS,
                **options,
            )
        the_contract().check_answer(
            method, path, response.status_code, response.headers, response.content
        )
        return response

    def post(self, path: str, payload: Any, **envelope: Any) -> requests.Response:
        """Send a query in an envelope."""
        return self.request("POST", path, json={"payload": payload, **envelope})

    def get(self, path: str, parameters: Any) -> requests.Response:
        """Send a query as parameters."""
        return self.request("GET", path, params=parameters)

    def records(self, *, since: str = "") -> list[dict[str, Any]]:
        """Return the service's own log lines, those after an earlier `output`."""
        lines = self.output().removeprefix(since).splitlines()
        documents = [json.loads(line) for line in lines if line.startswith("{")]
        return [document for document in documents if "level" in document]


class CloudLogService(Service):
    """A service that logs for Azure's or Google Cloud's collectors."""

    def records(self, *, since: str = "") -> list[dict[str, Any]]:
        """Return its own log lines but the metrics, as the tests of all hosts know them."""
        lines = self.output().removeprefix(since).splitlines()
        documents = [json.loads(line) for line in lines if line.startswith("{")]
        return [
            {**document, "level": document["severity"], "exception": document.get("stack_trace")}
            for document in documents
            if "severity" in document and "metrics" not in document
        ]


def error_of(response: requests.Response) -> tuple[int, str, str]:
    """Return an error's status, code and message."""
    error = response.json()["error"]
    return response.status_code, error["code"], error["message"]


def copy_project(directory: Path, changes: Mapping[str, str | None]) -> None:
    """Make a Chalice project of the same code, whose stage has other variables; None leaves one out."""
    directory.mkdir(exist_ok=True)
    for name in ("app.py", "chalicelib"):
        (directory / name).symlink_to(PROJECT / name)
    (directory / ".chalice").mkdir()
    for policy in (PROJECT / ".chalice").glob("policy-*.json"):
        (directory / ".chalice" / policy.name).symlink_to(policy)
    config = json.loads((PROJECT / ".chalice" / "config.json").read_text())
    variables = config["stages"][STAGE]["environment_variables"] | changes
    config["stages"][STAGE]["environment_variables"] = {
        name: value for name, value in variables.items() if value is not None
    }
    (directory / ".chalice" / "config.json").write_text(json.dumps(config))


@contextmanager
def running(
    directory: Path,
    environment: Mapping[str, str],
    stage: Mapping[str, str | None] | None = None,
) -> Iterator[Service]:
    """Run `chalice local`: of the project itself, or of a copy whose stage has other variables."""
    project = PROJECT
    if stage is not None:
        project = directory / "project"
        copy_project(project, stage)
    log = directory / "chalice-local.log"
    chalice = ChaliceLocal(
        {"PYTHONUNBUFFERED": "1", **environment},
        port=free_port(),
        log=log,
        stage=STAGE,
        project=project,
    )
    with chalice:
        yield Service(chalice.url, log.read_text)
