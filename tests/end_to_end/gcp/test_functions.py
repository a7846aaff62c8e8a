"""Google Cloud's own: two functions, Firestore, a package."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from http.client import HTTPResponse
from typing import TYPE_CHECKING, Any, Final

import pytest
import requests
from flask import Request

from chalicelib.model.errors import InvalidQueryError
from deploy_scripts import PROJECT
from local_cloud.gcp.functions import LocalCloudFunction
from tests.end_to_end.http.queries import HISTORY, LAST_ENTRY, history, last_entry, payload_for
from tests.end_to_end.http.service import (
    PATIENCE_SECONDS,
    TOKEN,
    TOKEN_HEADER,
    CloudLogService,
    error_of,
)
from tests.end_to_end.http.test_slow_clients import dripping, unfinished
from tests.firestore_server import FirestoreServer, Page

from .service import COLLECTION, SETTINGS, SOURCE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from local_cloud.gcp.firestore import LocalFirestore
    from tests.end_to_end.http.conftest import Start

BOTH = [HISTORY, LAST_ENTRY]
NOT_OURS: Final = ("aws_", "azure", "boto3", "botocore", "chalice.", "moto", "s3transfer")


def post(url: str, payload: Any) -> requests.Response:
    with requests.Session() as session:
        session.trust_env = False
        return session.post(
            url, json={"payload": payload}, headers={TOKEN_HEADER: TOKEN}, timeout=PATIENCE_SECONDS
        )


@pytest.fixture(scope="module")
def cloud(
    firestore: LocalFirestore, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[LocalCloudFunction, LocalCloudFunction]]:
    """Each Hot Reader as a function of its own: the history's, the newest entry's."""
    logs = tmp_path_factory.mktemp("functions")
    settings = firestore.environment | SETTINGS
    with (
        LocalCloudFunction(
            "hot_reader", settings, source=SOURCE, log=logs / "history.log"
        ) as history,
        LocalCloudFunction(
            "hot_reader_last_entry", settings, source=SOURCE, log=logs / "last.log"
        ) as last,
    ):
        yield history, last


class TestTwoFunctions:
    def test_answer_each_its_own_kind_of_query(self, cloud) -> None:
        of_history, of_last_entry = cloud
        found = post(of_history.url, history()).json()["propertyValues"]
        assert isinstance(found, list)
        found = post(of_last_entry.url, last_entry()).json()["propertyValues"]
        assert found["temperature"]["propertyValue"] == {"doubleValue": 22.25}

    @pytest.mark.parametrize("path", ["/", "/hot-reader-last-entry", "/any/path?a=b"])
    def test_answer_on_every_path_of_their_url(self, cloud, path: str) -> None:
        url = cloud[0].url
        assert post(url + path, history()).json() == post(url, history()).json()

    def test_log_each_under_its_own_name(self, cloud) -> None:
        post(cloud[0].url, history())
        log = cloud[0].output()
        services = {json.loads(line)["service"] for line in log.splitlines() if line[:1] == "{"}
        assert services == {"hot-reader"}


def test_another_path_of_the_service_for_both_is_not_found(service: CloudLogService) -> None:
    answer = post(f"{service.url}/hot-reader/{'x' * 10_000}", history())
    status, code, message = error_of(answer)
    assert (status, code) == (404, "not_found")
    assert answer.headers["Content-Type"] == "application/json"
    assert "only /hot-reader and /hot-reader-last-entry" in message
    assert len(answer.content) < 500
    assert post(f"{service.url}/hot-reader/", history()).status_code == 200


def test_requests_at_once_are_answered_as_one_by_one(service: CloudLogService) -> None:
    expected = post(service.url + HISTORY, history()).json()
    with ThreadPoolExecutor(8) as threads:
        answers = threads.map(lambda _: post(service.url + HISTORY, history()).json(), range(32))
        assert [answer == expected for answer in answers] == [True] * 32


def test_who_has_no_token_holds_up_nobody_by_bodies_that_never_end(
    service: CloudLogService,
) -> None:
    """There are many more of them than the server has threads, and each is there to stay."""
    framings = ["Content-Length: 1000", "Transfer-Encoding: chunked"] * 100
    with ExitStack() as stack:
        waiting = [
            stack.enter_context(unfinished(service, framing, "a wrong one")) for framing in framings
        ]
        with dripping(waiting[:20]):
            assert post(service.url + HISTORY, history()).status_code == 200
        for connection in waiting[20:]:
            with connection.makefile("rb") as answer:
                assert b" 401 " in answer.readline()
                assert answer.read().rpartition(b"\r\n")[2]  # the connection ends behind it


def test_who_has_the_token_and_sends_a_body_too_slowly_is_told(
    firestore: LocalFirestore, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (SETTINGS | firestore.environment).items():
        monkeypatch.setenv(name, value)
    specification = importlib.util.spec_from_file_location("functions_gcp_main", SOURCE)
    assert specification
    assert specification.loader
    main: Any = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(main)
    main._BODY_SECONDS = 0.1
    ours, theirs = socket.socketpair()
    with ours, theirs, dripping([theirs]), ours.makefile("rb") as stream:
        request = Request(
            {"CONTENT_LENGTH": "100000", "gunicorn.socket": ours, "wsgi.input": stream}
            | {"REQUEST_METHOD": "POST", "wsgi.url_scheme": "http", "SERVER_NAME": "here"}
        )
        with pytest.raises(InvalidQueryError, match="can't be read to its end"):
            main._Body(request).read()


def test_a_body_whose_chunks_are_broken_is_a_wrong_query(service: CloudLogService) -> None:
    with unfinished(service, "Transfer-Encoding: chunked", TOKEN) as connection:
        connection.sendall(b'"a"}\r\nno number\r\n')
        answer = HTTPResponse(connection)
        answer.begin()
        error = json.loads(answer.read())["error"]
    assert (answer.status, error["code"]) == (400, "invalid_query")
    assert "can't be read to its end" in error["message"]


class TestAStart:
    @contextmanager
    def started(self, start: Start, **changes: str | None) -> Iterator[None]:
        with start(stage=changes):
            yield

    @pytest.mark.parametrize("missing", SETTINGS)
    @pytest.mark.parametrize("value", [None, " "])
    def test_without_a_setting_names_it(
        self, start: Start, missing: str, value: str | None
    ) -> None:
        with (
            pytest.raises(RuntimeError, match=f"ConfigurationError: {missing} is not set"),
            self.started(start, **{missing: value}),
        ):
            pytest.fail("it started")

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("FIRESTORE_COLLECTION", "twins/my-twin"),
            ("FIRESTORE_EMULATOR_HOST", "firestore.example.com:80"),
            ("TIMESTAMP_FORMAT", "rfc822"),
            ("INTER_CLOUD_TOKEN", "hunter2"),
            ("POWERTOOLS_LOG_LEVEL", "loud"),
        ],
    )
    def test_with_a_malformed_setting_names_it_and_tells_no_token(
        self, start: Start, name: str, value: str
    ) -> None:
        with (
            pytest.raises(RuntimeError, match=f"ConfigurationError: {name}") as raised,
            self.started(start, **{name: value}),
        ):
            pytest.fail("it started")
        assert "hunter2" not in str(raised.value)

    def test_without_credentials_says_how_to_get_them(self, start: Start, tmp_path: Path) -> None:
        nobody = {"NO_GCE_CHECK": "true", "CLOUDSDK_CONFIG": str(tmp_path)}
        with (
            pytest.raises(RuntimeError, match="gcloud auth application-default login"),
            self.started(start, FIRESTORE_EMULATOR_HOST=None, **nobody),
        ):
            pytest.fail("it started")


class TestAStore:
    @contextmanager
    def reading(self, start: Start, page: Page) -> Iterator[CloudLogService]:
        """A service at a Firestore that answers every query so."""
        with (
            FirestoreServer(page) as server,
            start(environment={"FIRESTORE_EMULATOR_HOST": server.host}) as service,
        ):
            assert isinstance(service, CloudLogService)
            yield service

    @pytest.mark.parametrize("path", BOTH)
    @pytest.mark.parametrize("code", ["RESOURCE_EXHAUSTED", "UNAVAILABLE"])
    def test_that_throttles_or_is_away_is_worth_a_retry(
        self, start: Start, path: str, code: str
    ) -> None:
        with self.reading(start, Page(failure=code, message=COLLECTION)) as service:
            response = service.post(path, payload_for(path))
        assert error_of(response)[:2] == (503, "store_unavailable")
        assert int(response.headers["Retry-After"]) >= 1
        assert COLLECTION not in response.text
        assert "Firestore" not in response.text

    def test_that_cannot_be_reached_is_worth_a_retry(self, start: Start) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            host = f"127.0.0.1:{taken.getsockname()[1]}"
            with start(environment={"FIRESTORE_EMULATOR_HOST": host}) as service:
                response = service.post(HISTORY, history())
        assert error_of(response)[:2] == (503, "store_unavailable")
        assert host not in response.text

    def test_without_an_index_is_a_fault_of_ours_that_the_log_tells_how_to_mend(
        self, start: Start
    ) -> None:
        failed = Page(failure="FAILED_PRECONDITION", message="requires an index")
        with self.reading(start, failed) as service:
            response = service.post(HISTORY, history())
            (record,) = service.records()
        assert error_of(response)[:2] == (500, "store_misconfigured")
        assert "index" not in response.text
        assert record["trace_id"] == response.json()["trace_id"]
        assert f"--collection-group='{COLLECTION}'" in record["exception"]


class TestTheOutput:
    def test_begins_at_the_log_level_and_always_has_metrics(self, start: Start) -> None:
        with start(stage={"POWERTOOLS_LOG_LEVEL": "WARNING"}) as service:
            assert isinstance(service, CloudLogService)
            service.post(LAST_ENTRY, last_entry())
            service.get(LAST_ENTRY, {})
            assert [record["message"] for record in service.records()] == ["Refused"]
            assert service.output().count('"metrics":{"Requests":1') == 2

    @pytest.mark.parametrize("given", [TOKEN, "refused-53a1f4f7a6d84b1c"])
    def test_holds_no_token_at_any_level_of_logging(
        self, start: Start, tmp_path: Path, given: str
    ) -> None:
        (tmp_path / "sitecustomize.py").write_text(
            "import logging\nlogging.basicConfig(level=logging.DEBUG)\nlogging.debug('talkative')\n"
        )
        talkative = {"PYTHONPATH": str(tmp_path), "GOOGLE_SDK_PYTHON_LOGGING_SCOPE": "google"}
        with start(environment=talkative) as service:
            for path in BOTH:
                service.request("POST", path, token=given, json={"payload": payload_for(path)})
                service.request("DELETE", path, token=given)
            output = service.output()
        assert "DEBUG:root:talkative" in output
        assert given not in output


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """The files of the package as they are deployed, with nothing else of the project."""
    shutil.copy(PROJECT / "functions" / "gcp" / "main.py", tmp_path)
    shutil.copytree(PROJECT / "chalicelib", tmp_path / "chalicelib")
    return tmp_path


def test_the_package_answers_without_a_module_of_another_cloud(
    firestore: LocalFirestore, package: Path
) -> None:
    program = (
        "import json, sys\n"
        "import functions_framework\n"
        "app = functions_framework.create_app('hot_readers', sys.argv[1] + '/main.py')\n"
        "body, headers = json.loads(sys.argv[2])\n"
        "answers = [app.test_client().post(path, json=body, headers=headers)\n"
        "           for path in ('/hot-reader', '/hot-reader-last-entry')]\n"
        "modules = {name: getattr(m, '__file__', None) for name, m in sys.modules.items()}\n"
        "print(json.dumps([[each.status_code for each in answers], modules]))\n"
    )
    sent = [{"payload": history()}, {TOKEN_HEADER: TOKEN}]
    ended = subprocess.run(
        [sys.executable, "-c", program, str(package), json.dumps(sent)],
        cwd=package.parent,
        env={"PATH": os.environ["PATH"], **firestore.environment, **SETTINGS},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    statuses, modules = json.loads(ended.stdout.splitlines()[-1])
    assert statuses == [200, 200]
    assert modules["chalicelib.stores.firestore.store"] == str(
        package / "chalicelib" / "stores" / "firestore" / "store.py"
    )
    assert [name for name in modules if name.startswith(NOT_OURS)] == []


def test_a_function_ends_when_the_process_that_started_it_is_killed(
    firestore: LocalFirestore, tmp_path: Path
) -> None:
    program = (
        "import json, os, pathlib, signal, sys\n"
        "from local_cloud.gcp.functions import LocalCloudFunction\n"
        "log, source = map(pathlib.Path, sys.argv[1:])\n"
        "function = LocalCloudFunction('hot_reader', dict(os.environ), source=source, log=log)\n"
        "function.start()\n"
        "print(function.url, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "log"), str(SOURCE)],
        cwd=PROJECT,
        env=dict(os.environ) | firestore.environment | SETTINGS,
        stdout=subprocess.PIPE,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    host, _, port = killed.stdout.strip().removeprefix("http://").partition(":")
    give_up = time.monotonic() + PATIENCE_SECONDS
    with suppress(ConnectionRefusedError):
        while time.monotonic() < give_up:
            socket.create_connection((host, int(port)), timeout=PATIENCE_SECONDS).close()
            time.sleep(0.05)
        pytest.fail("somebody still listens")


def test_a_function_that_does_not_exist_is_told(tmp_path: Path, firestore: LocalFirestore) -> None:
    function = LocalCloudFunction(
        "nothing", firestore.environment | SETTINGS, source=SOURCE, log=tmp_path / "log"
    )
    with pytest.raises(RuntimeError, match="nothing"), function:
        pytest.fail("it started")
