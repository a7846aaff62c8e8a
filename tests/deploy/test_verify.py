"""Verifying a deployed stage: all is well, and each hop broken in turn."""

from __future__ import annotations

import json
import re
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from chalice.deploy.deployer import ResultsRecorder
from chalice.utils import OSUtils
from click.testing import CliRunner
from werkzeug import Response

from chalicelib.model.data_value import DataType
from chalicelib.model.layout import APP_NAME, ProviderLayout
from chalicelib.model.reads import HISTORY, LAST_ENTRY, READS
from demo.stack import LocalCloud, Ports, create_hot_table
from demo.twin import until_active
from deploy_scripts import PROJECT
from deploy_scripts.__main__ import cli
from deploy_scripts.project_files.inter_cloud import InterCloudConnections
from deploy_scripts.project_files.twin_configuration import (
    Device,
    DeviceProperty,
    TwinConfiguration,
)
from deploy_scripts.publish.function_url import FunctionUrl
from deploy_scripts.register.component_types import component_type, component_type_ids
from deploy_scripts.register.registration import Registration
from deploy_scripts.register.twin import Twin
from deploy_scripts.verify.chart import Series
from deploy_scripts.verify.hop import BrokenHopError, HopResult, Verified, Walk, side_by_side
from deploy_scripts.verify.report import page
from deploy_scripts.verify.twinmaker import Readable, read_alarms, read_histories
from deploy_scripts.verify.verification import Verification
from local_cloud.child_process import free_port
from tests.deploy.configured import Configured
from tests.spellings import spelled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from click.testing import Result
    from pytest_httpserver import HTTPServer

HANDLERS = {
    "hot-reader": "chalicelib.aws.hot_reader_functions.hot_reader",
    "hot-reader-last-entry": "chalicelib.aws.hot_reader_functions.hot_reader_last_entry",
    "digital-twin-data-connector": (
        "chalicelib.aws.data_connector_functions.digital_twin_data_connector"
    ),
    "digital-twin-data-connector-last-entry": (
        "chalicelib.aws.data_connector_functions.digital_twin_data_connector_last_entry"
    ),
    "api_handler": "app.app",
}
FUNCTIONS = {
    ("azure", "aws"): tuple(HANDLERS)[2:4],
    ("aws", "aws"): tuple(HANDLERS)[:2],
    ("aws", "azure"): ("api_handler",),
}
API_URL = "https://a1b2.execute-api.eu-central-1.amazonaws.com/api/"
TOKEN_PARAMETER = "/verify/token"
STAGE = "verified"
TRUST = {
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "iottwinmaker.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ]
}
UNAUTHORIZED = {"error": {"code": "unauthorized", "message": "no"}, "trace_id": "t-401"}


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    directory = tmp_path_factory.mktemp("local-cloud")
    with LocalCloud(directory=directory, entries=60, ports=Ports(0, 0, 0)) as running:
        iam = running.aws.client("iam")
        iam.create_role(RoleName="twinmaker", AssumeRolePolicyDocument=json.dumps(TRUST))
        yield running


class Deployed(Configured):
    """A stage as it is after configure, deploy and register, without their seconds."""

    def __init__(self, directory: Path, cloud: LocalCloud, layer_3_hot: str, layer_4: str) -> None:
        self.directory = directory
        self.cloud = cloud
        self.layout = (layer_3_hot, layer_4)
        self.workspace = f"w-{layer_3_hot}-{layer_4}"
        self.config = directory / "config"
        self.config.mkdir(parents=True)
        (self.config / "config.json").write_bytes((PROJECT / "config" / "config.json").read_bytes())
        devices = json.loads((PROJECT / "config" / "config_iot_devices.json").read_bytes())
        devices[0]["alarm"] = {"source": "status"}  # "OK", which isn't one of an alarm's
        (self.config / "config_iot_devices.json").write_text(json.dumps(devices))
        self.providers(*self.layout)
        self.environment = {
            "DIGITAL_TWIN_INFO": json.dumps(
                {
                    "config": {"digital_twin_name": "factory-twin"},
                    "config_providers": {
                        "layer_3_hot_provider": layer_3_hot,
                        "layer_4_provider": layer_4,
                    },
                }
            ),
            "POWERTOOLS_TRACE_DISABLED": "true",
        }
        if layer_3_hot == "aws":
            self.environment["DYNAMODB_TABLE_NAME"] = cloud.table_name
        if layer_3_hot != layer_4:
            self.environment["INTER_CLOUD_TOKEN"] = f"ssm:{TOKEN_PARAMETER}"
            self.put_token(cloud.endpoints.token)
        if layer_3_hot == "azure":
            self.connect(cloud.endpoints.hot_reader_url, cloud.endpoints.hot_reader_last_entry_url)
        self.write_stage()
        self.arns = {name: self.create(name) for name in FUNCTIONS[self.layout]}
        self.record()

    def put_token(self, token: str) -> None:
        self.cloud.aws.client("ssm").put_parameter(
            Name=TOKEN_PARAMETER, Value=token, Type="SecureString", Overwrite=True
        )

    def connect(self, url: str, last_entry_url: str) -> None:
        """Save the connections, and configure the stage with them."""
        layout = TwinConfiguration.load(self.config).layout
        token = self.cloud.endpoints.token
        for read, each in ((HISTORY, url), (LAST_ENTRY, last_entry_url)):
            self.connections.put(layout, read, url=each, token=token)
        self.environment["REMOTE_READER_URL"] = url
        self.environment["REMOTE_READER_LAST_ENTRY_URL"] = last_entry_url

    def write_stage(self, **changes: str) -> None:
        stage = {"environment_variables": {**self.environment, **changes}}
        document = {"version": "2.0", "app_name": APP_NAME, "stages": {STAGE: stage}}
        (self.directory / ".chalice").mkdir(exist_ok=True)
        (self.directory / ".chalice" / "config.json").write_text(json.dumps(document))

    def create(self, name: str, **changes: str) -> str:
        return self.cloud.aws.create_function(
            f"{self.workspace}-{name}",
            handler=HANDLERS[name],
            source=PROJECT,
            include=("app.py", "chalicelib"),
            environment={**self.environment, **changes},
            timeout=29,
        )

    def record(self) -> None:
        resources: list[dict[str, str]] = [
            {"name": name, "resource_type": "lambda_function", "lambda_arn": arn}
            for name, arn in self.arns.items()
        ]
        if self.layout[1] != "aws":
            api = {"rest_api_id": "a1b2", "rest_api_url": API_URL}
            resources.append({"name": "rest_api", "resource_type": "rest_api", **api})
        results = {"resources": resources, "schema_version": "2.0", "backend": "api"}
        ResultsRecorder(OSUtils()).record_results(results, STAGE, str(self.directory))

    def register(self, *, entities: bool) -> None:
        aws = self.cloud.aws
        twin = Twin("factory-twin", self.workspace)
        clients = self.cloud.twinmaker(), aws.client("lambda"), aws.client("iam")
        Registration(twin, *clients).register(
            TwinConfiguration.load(self.config).devices,
            dict(zip(READS, self.arns.values(), strict=True)),
            role_arn=f"arn:aws:iam::{aws.account_id}:role/twinmaker",
            s3_location="arn:aws:s3:::twinmaker",
            create_workspace=True,
            entities=entities,
        )

    @property
    def endpoints(self) -> tuple[str, ...]:
        at = self.cloud.endpoints
        return ("--url", at.hot_reader_url, "--last-entry-url", at.hot_reader_last_entry_url)

    def verify(self, *options: str) -> Result:
        environment: dict[str, str | None] = {
            **self.cloud.aws.environment,
            "AWS_ENDPOINT_URL_IOTTWINMAKER": self.cloud.endpoints.twinmaker_url,
        }
        where = ["--config", str(self.config), "--project", str(self.directory)]
        result = CliRunner().invoke(
            cli,
            ["verify", "--stage", STAGE, *where, "--workspace", self.workspace, *options],
            env=environment,
        )
        assert not result.exception or isinstance(result.exception, SystemExit), result.exception
        assert self.cloud.endpoints.token not in result.output
        return result

    def broken(self, *options: str, code: int = 1) -> tuple[dict[str, Any], list[str]]:
        """Return the broken hop, and the titles of those before it."""
        result = self.verify("--format", "json", *options)
        document = json.loads(result.output)
        assert (result.exit_code, document["ok"]) == (code, False), result.output
        *before, last = document["hops"]
        assert all(hop["ok"] for hop in before)
        assert not last["ok"]
        assert last["advice"]
        return last, [hop["title"] for hop in before]

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Put the files back, whatever a test does with them."""
        files = {each: each.read_bytes() for each in self.directory.rglob("*") if each.is_file()}
        try:
            yield
        finally:
            for path, content in files.items():
                path.write_bytes(content)


def module_fixture(layer_3_hot: str, layer_4: str, *, entities: bool = True) -> Any:
    @pytest.fixture(scope="module")
    def deployed(cloud: LocalCloud, tmp_path_factory: pytest.TempPathFactory) -> Deployed:
        made = Deployed(tmp_path_factory.mktemp("project"), cloud, layer_3_hot, layer_4)
        if layer_4 == "aws":
            made.register(entities=entities)
        return made

    return deployed


azure_aws_once = module_fixture("azure", "aws")
aws_aws_once = module_fixture("aws", "aws", entities=False)
aws_azure_once = module_fixture("aws", "azure")


@pytest.fixture
def azure_aws(azure_aws_once: Deployed) -> Iterator[Deployed]:
    with azure_aws_once.kept():
        yield azure_aws_once


@pytest.fixture
def aws_aws(aws_aws_once: Deployed) -> Iterator[Deployed]:
    with aws_aws_once.kept():
        yield aws_aws_once


@pytest.fixture
def aws_azure(aws_azure_once: Deployed) -> Iterator[Deployed]:
    with aws_azure_once.kept():
        yield aws_azure_once


# --- all is well ------------------------------------------------------------------------------


def test_every_hop_of_a_twin_that_reads_another_cloud_is_well(azure_aws, tmp_path):
    file = tmp_path / "report.html"
    result = azure_aws.verify("--html", str(file))
    assert result.exit_code == 0, result.output
    titles = re.findall(r"^ok ([^:]+):.* \([\d,]+ ms\)$", result.output, re.MULTILINE)
    assert titles == [
        "configuration",
        "stage record",
        "Lambda function digital-twin-data-connector",
        "Lambda function digital-twin-data-connector-last-entry",
        "policies",
        "token",
        "endpoint hot-reader",
        "endpoint hot-reader-last-entry",
        "hot storage",
        "TwinMaker workspace",
        "TwinMaker component types",
        "TwinMaker entities",
        "TwinMaker GetPropertyValue",
        "TwinMaker GetPropertyValueHistory",
        "TwinMaker newest by history",
        "TwinMaker alarms",
    ]
    read = "temperature-sensor-1: 0 values, factory-twin-temperature-sensor-1-alarm: 0 values"
    assert f"newest status: {read}" in result.output
    assert "warning:" not in result.output
    text = file.read_text()
    assert all(title in text for title in titles)
    assert "<script" not in text
    assert not re.search(r"(src|href)=.(?!#)", text)
    assert text.count("<svg") == 1
    assert spelled(azure_aws.cloud.endpoints.token, text) == []


def test_every_hop_of_endpoints_on_aws_is_well(aws_azure, tmp_path):
    file = tmp_path / "report.html"
    result = aws_azure.verify(*aws_azure.endpoints, "--html", str(file))
    assert result.exit_code == 0, result.output
    assert "TwinMaker" not in result.output
    assert "temperature-sensor-1: 25 values of the last hour" in result.output
    assert "<svg" in file.read_text()


def test_a_twin_on_one_cloud_needs_no_token_and_is_read_by_type_without_entities(aws_aws):
    result = aws_aws.verify("--format", "json")
    assert result.exit_code == 0, result.output
    document = json.loads(result.output)
    titles = [hop["title"] for hop in document["hops"]]
    assert "token" not in titles
    assert document["ok"]
    history, newest, alarms = document["hops"][-3:]
    assert "factory-twin-pump-1: 25 values" in history["detail"]
    assert "factory-twin-pump-1: 1 values" in newest["detail"]
    type_id = "factory-twin-temperature-sensor-1-alarm"
    assert alarms["detail"] == f"newest status: {type_id}: 0 values"


# --- configuration and record -----------------------------------------------------------------


@pytest.mark.parametrize("option", ["--url", "--last-entry-url"])
def test_a_url_that_no_hop_would_ask_is_refused(aws_aws, option):
    done = aws_aws.verify(option, "https://reader.example.com/hot-reader")
    assert done.exit_code == 2
    assert "leave out --url" in " ".join(done.output.split())


def test_a_mistake_in_a_file_is_a_configuration_that_cannot_be_read(azure_aws):
    azure_aws.providers("azur", "aws")
    hop, before = azure_aws.broken(code=2)
    assert (hop["title"], before) == ("configuration", [])
    assert "layer_3_hot_provider" in hop["detail"]


def test_a_damaged_connections_file_is_a_configuration_that_cannot_be_read(azure_aws):
    (azure_aws.config / "config_inter_cloud.json").write_text("{")
    assert "isn't plain JSON" in azure_aws.broken(code=2)[0]["detail"]


def test_a_damaged_file_of_stages_is_a_configuration_that_cannot_be_read(azure_aws):
    (azure_aws.directory / ".chalice" / "config.json").write_text("{")
    assert "config.json isn't JSON" in azure_aws.broken(code=2)[0]["detail"]


def test_a_layout_with_nothing_on_aws_is_reported(azure_aws):
    azure_aws.providers("azure", "gcp")
    assert "nothing of it is on AWS" in azure_aws.broken()[0]["detail"]


def test_a_missing_stage_is_reported(azure_aws):
    hop, _ = azure_aws.broken("--stage", "other")
    assert hop["title"] == "configuration"
    assert "The stage other in .chalice/config.json isn't there yet" in hop["detail"]
    assert "run configure --stage other" in hop["advice"]


def test_a_stage_for_another_layout_is_reported(azure_aws):
    azure_aws.providers("aws", "aws")
    hop, _ = azure_aws.broken()
    assert hop["title"] == "configuration"
    assert "azure (hot storage) and aws (twin), the configuration for aws" in hop["detail"]


def test_a_stage_with_another_url_than_the_connection_is_reported(azure_aws):
    azure_aws.write_stage(REMOTE_READER_URL="https://old.example.com/hot-reader")
    assert "REMOTE_READER_URL isn't the URL" in azure_aws.broken()[0]["detail"]


def test_a_stage_that_was_never_deployed_is_reported(azure_aws):
    (azure_aws.directory / ".chalice" / "deployed" / f"{STAGE}.json").unlink()
    hop, before = azure_aws.broken()
    assert (hop["title"], before) == ("stage record", ["configuration"])
    assert hop["advice"] == "Deploy it: python -m deploy_scripts deploy --stage verified"


# --- Lambda functions and token ---------------------------------------------------------------


def test_a_function_that_was_deleted_is_reported(azure_aws):
    name = "digital-twin-data-connector-last-entry"
    client = azure_aws.cloud.aws.client("lambda")
    client.delete_function(FunctionName=azure_aws.arns[name])
    try:
        hop, _ = azure_aws.broken()
    finally:
        azure_aws.create(name)
    assert hop["title"] == f"Lambda function {name}"
    assert "isn't there any more" in hop["detail"]


def test_a_function_with_another_environment_is_reported_by_names_alone(azure_aws):
    name = "digital-twin-data-connector"
    azure_aws.create(name, REMOTE_READER_URL="https://x.example.com/hot-reader?code=key")
    try:
        hop, _ = azure_aws.broken()
    finally:
        azure_aws.create(name)
    assert hop["title"] == f"Lambda function {name}"
    assert hop["detail"] == "Its environment isn't the stage's: REMOTE_READER_URL."


def test_a_missing_token_is_reported(azure_aws):
    azure_aws.cloud.aws.client("ssm").delete_parameter(Name=TOKEN_PARAMETER)
    try:
        hop, before = azure_aws.broken()
    finally:
        azure_aws.put_token(azure_aws.cloud.endpoints.token)
    assert (hop["title"], before[-1]) == ("token", "policies")
    assert f"ssm:{TOKEN_PARAMETER} holds no token" in hop["detail"]


def test_a_token_that_is_being_changed_is_well(aws_azure):
    token = aws_azure.cloud.endpoints.token
    aws_azure.put_token(f"{token},the-previous-token-of-it")
    try:
        result = aws_azure.verify(*aws_azure.endpoints)
    finally:
        aws_azure.put_token(token)
    assert result.exit_code == 0, result.output
    assert "two tokens, current and previous" in result.output
    assert "the-previous-token-of-it" not in result.output


def test_an_unusable_token_is_reported_without_it(azure_aws):
    azure_aws.put_token("too short")
    try:
        hop, _ = azure_aws.broken()
    finally:
        azure_aws.put_token(azure_aws.cloud.endpoints.token)
    assert hop["title"] == "token"
    assert "too short" not in json.dumps(hop)


# --- endpoints and hot storage ----------------------------------------------------------------


def endpoint_fault(deployed: Deployed, url: str) -> dict[str, Any]:
    hop, before = deployed.broken("--url", url)
    assert before[-1] == "token"
    assert hop["title"] == "endpoint hot-reader"
    return hop


def test_an_endpoint_that_is_down_is_reported(aws_azure):
    hop = endpoint_fault(aws_azure, f"http://127.0.0.1:{free_port()}/hot-reader")
    assert hop["detail"].startswith("Connect: nothing listens at 127.0.0.1:")


def test_a_host_that_is_not_there_is_reported_without_the_key_in_the_url(aws_azure):
    hop = endpoint_fault(aws_azure, "https://reader.invalid/hot-reader?code=secret-key")
    assert hop["detail"].startswith("DNS: there is no host reader.invalid")
    assert "secret-key" not in json.dumps(hop)


def test_an_endpoint_without_tls_is_reported(aws_azure):
    url = aws_azure.cloud.endpoints.hot_reader_url.replace("http:", "https:")
    assert endpoint_fault(aws_azure, url)["detail"].startswith("TLS:")


def test_a_token_is_not_sent_in_the_clear(aws_azure):
    hop = endpoint_fault(aws_azure, "http://reader.example.com/hot-reader")
    assert "must use https" in hop["detail"]


def test_a_path_that_api_gateway_does_not_have_is_reported(aws_azure):
    hop = endpoint_fault(aws_azure, f"{aws_azure.cloud.endpoints.hot_reader_url}-s")
    assert "403" in hop["detail"]
    assert "path that isn't there" in hop["advice"]


def test_an_endpoint_that_does_not_answer_in_time_is_reported(
    aws_azure, httpserver: HTTPServer, monkeypatch
):
    given_up = threading.Event()

    def keep_silent(_request: object) -> Response:
        given_up.wait()
        return Response("")

    monkeypatch.setattr("deploy_scripts.verify.endpoint._ANSWER_SECONDS", 0.2)
    httpserver.expect_request("/hot-reader").respond_with_handler(keep_silent)
    try:
        hop = endpoint_fault(aws_azure, httpserver.url_for("/hot-reader"))
    finally:
        given_up.set()
    assert hop["detail"].startswith("Time-out:")


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        (302, "redirects"),
        (403, "access restriction"),
        (404, "There is no such path"),
        (429, "throttled"),
        (502, "can't reach it"),
    ],
)
def test_each_refusal_has_its_own_advice(aws_azure, httpserver: HTTPServer, status, advice):
    httpserver.expect_request("/hot-reader").respond_with_data("no", status=status)
    hop = endpoint_fault(aws_azure, httpserver.url_for("/hot-reader"))
    assert str(status) in hop["detail"]
    assert advice in hop["advice"]
    assert aws_azure.cloud.endpoints.token not in {
        request.headers["X-Inter-Cloud-Token"] for request, _ in httpserver.log
    }


def test_a_token_that_the_endpoint_does_not_have_is_reported(aws_azure):
    aws_azure.put_token("another-token-of-good-length")
    try:
        hop, _ = aws_azure.broken(*aws_azure.endpoints)
    finally:
        aws_azure.put_token(aws_azure.cloud.endpoints.token)
    assert hop["title"] == "endpoint hot-reader"
    assert "401 unauthorized" in hop["detail"]
    assert "another one" in hop["advice"]


def test_an_endpoint_that_takes_any_token_is_reported(aws_azure, httpserver: HTTPServer):
    httpserver.expect_request("/hot-reader").respond_with_json({"propertyValues": []})
    hop = endpoint_fault(aws_azure, httpserver.url_for("/hot-reader"))
    assert "anyone can read" in hop["detail"]


def test_swapped_urls_are_reported(aws_azure):
    at = aws_azure.cloud.endpoints
    hop = endpoint_fault(aws_azure, at.hot_reader_last_entry_url)
    assert "swapped" in hop["advice"]


@pytest.mark.parametrize("status", [500, 503])
@pytest.mark.parametrize("checks_tokens", [True, False])
def test_a_store_that_cannot_be_read_is_no_fault_of_the_endpoint(
    aws_azure, httpserver: HTTPServer, status, checks_tokens
):
    answer = {"error": {"code": "store_unavailable", "message": "away"}, "trace_id": "t-42"}
    for path in ("/hot-reader", "/hot-reader-last-entry"):
        if checks_tokens:
            token = {"X-Inter-Cloud-Token": aws_azure.cloud.endpoints.token}
            expected = httpserver.expect_request(path, headers=token)
            expected.respond_with_json(answer, status=status)
        any_request = httpserver.expect_request(path)
        any_request.respond_with_json(
            UNAUTHORIZED if checks_tokens else answer, status=401 if checks_tokens else status
        )
    urls = [httpserver.url_for(path) for path in ("/hot-reader", "/hot-reader-last-entry")]
    hop, before = aws_azure.broken("--url", urls[0], "--last-entry-url", urls[1])
    assert (hop["title"], before[-1]) == ("hot storage", "endpoint hot-reader-last-entry")
    assert f"{status} store_unavailable: away (trace id t-42)" in hop["detail"]


def test_an_endpoint_that_repeats_the_token_does_not_get_it_shown(
    aws_azure, httpserver: HTTPServer
):
    token = aws_azure.cloud.endpoints.token
    # Shown are 400 characters, of which the last would be half of the token.
    message = f"{'planted-key':.<350} you sent {token}"
    answer = {"error": {"code": "odd", "message": message}, "trace_id": "t"}
    known = {"X-Inter-Cloud-Token": token}
    httpserver.expect_request("/hot-reader", headers=known).respond_with_json(answer, status=400)
    httpserver.expect_request("/hot-reader").respond_with_json(UNAUTHORIZED, status=401)
    hop = endpoint_fault(aws_azure, f"{httpserver.url_for('/hot-reader')}?code=planted-key&v=1")
    assert "you sent ***" in hop["detail"]
    assert "planted-key" not in hop["detail"]
    assert token[:8] not in hop["detail"]


PLATFORM_PAGES = [
    (503, "Function host is not running.", "host doesn't start"),
    (503, "upstream connect error or disconnect/reset before headers", "no instance that listens"),
    (429, "<html><title>429</title><h1>Rate exceeded.</h1></html>", "--max-instances"),
    (500, '{"message": "Internal server error"}', "may fail at its start"),
    (502, '{"message": "Internal server error"}', "may fail at its start"),
    (504, '{"message": "Endpoint request timed out"}', "29 s"),
    (429, '{"message": "Too Many Requests"}', "publish --rate"),
    (503, "<h1>Service Unavailable</h1>", "What is before the Hot Reader"),
]


@pytest.mark.parametrize(("status", "page", "advice"), PLATFORM_PAGES)
def test_a_page_of_the_platform_is_not_taken_for_the_hot_readers_answer(
    aws_azure, httpserver: HTTPServer, status, page, advice
):
    httpserver.expect_request("/hot-reader").respond_with_data(page, status=status)
    hop = endpoint_fault(aws_azure, httpserver.url_for("/hot-reader"))
    shown = " ".join(re.sub("<[^>]*>", " ", page).split())
    assert f"{status} without the contract's error answer: {shown} (" in hop["detail"]
    assert advice in hop["advice"]


def readers_that_answer(server: HTTPServer, token: str, **headers: str) -> tuple[str, ...]:
    """Return options for two Hot Readers that have nothing of any device."""
    options: list[str] = []
    for option, path, empty in (
        ("--url", "/hot-reader", "[]"),
        ("--last-entry-url", "/hot-reader-last-entry", "{}"),
    ):
        answer = {"response_data": f'{{"propertyValues": {empty}}}', "headers": headers}
        known = {"X-Inter-Cloud-Token": token}
        server.expect_request(path, headers=known).respond_with_data(**answer)  # type: ignore[arg-type]
        server.expect_request(path).respond_with_json(UNAUTHORIZED, status=401)
        options += (option, server.url_for(path))
    return tuple(options)


@pytest.fixture
def aws_azure_without_telemetry(aws_azure: Deployed) -> Iterator[Deployed]:
    table = {"DYNAMODB_TABLE_NAME": "no-telemetry-yet"}
    create_hot_table(aws_azure.cloud.aws.client("dynamodb"), table["DYNAMODB_TABLE_NAME"])
    aws_azure.write_stage(**table)
    aws_azure.create("api_handler", **table)
    yield aws_azure
    aws_azure.cloud.aws.client("dynamodb").delete_table(TableName=table["DYNAMODB_TABLE_NAME"])
    aws_azure.create("api_handler")


def test_a_walk_without_any_value_is_a_warning_and_an_exit_code_if_that_is_wanted(
    aws_azure_without_telemetry, httpserver: HTTPServer
):
    deployed, token = aws_azure_without_telemetry, aws_azure_without_telemetry.cloud.endpoints.token
    readers = readers_that_answer(httpserver, token)
    done = deployed.verify(*readers)
    assert done.exit_code == 0, done.output
    assert "nothing of temperature-sensor-1, pump-1, " in done.output
    assert "  warning: No value of any device came" in done.output
    assert "All is well with the stage verified, but for the warnings (1)." in done.output
    assert deployed.verify(*readers, "--strict").exit_code == 1
    assert deployed.verify("--help").output.count("--strict") == 2


def test_what_a_reader_left_out_is_a_warning(aws_azure, httpserver: HTTPServer):
    token = aws_azure.cloud.endpoints.token
    readers = readers_that_answer(httpserver, token, **{"X-Left-Out": "timestamps=600"})
    document = json.loads(aws_azure.verify(*readers, "--format", "json").output)
    assert document["ok"]
    store = document["hops"][-1]
    assert store["title"] == "hot storage"
    assert "hot-reader left out timestamps=600" in store["warnings"][0]
    assert "hot-reader-last-entry left out timestamps=600" in store["warnings"][1]


# --- Function URL -----------------------------------------------------------------------------


@pytest.fixture
def function_url(aws_azure: Deployed) -> Iterator[str]:
    """Publish by a Function URL; it and the connections go with the test."""
    lambda_ = aws_azure.cloud.aws.client("lambda")
    arn = aws_azure.arns["api_handler"]
    url, _ = FunctionUrl.find(lambda_, arn).make(lambda_)
    file = aws_azure.config / "config_inter_cloud.json"
    connections = InterCloudConnections(file)
    for read, name in ((HISTORY, "hot-reader"), (LAST_ENTRY, "hot-reader-last-entry")):
        connections.put(
            ProviderLayout("aws", "azure"),
            read,
            url=f"{url}{name}",
            token=aws_azure.cloud.endpoints.token,
        )
    assert url is not None
    yield url
    FunctionUrl.find(lambda_, arn).remove(lambda_)
    file.unlink()


def test_every_hop_of_a_function_url_is_well(aws_azure, function_url):
    result = aws_azure.verify()
    assert result.exit_code == 0, result.output
    titles = re.findall(r"^ok ([^:]+):.* \([\d,]+ ms\)$", result.output, re.MULTILINE)
    assert titles[-4:] == [
        "Function URL",
        "endpoint hot-reader",
        "endpoint hot-reader-last-entry",
        "hot storage",
    ]
    assert f"{function_url}hot-reader: a wrong token is refused" in result.output
    assert "temperature-sensor-1: 25 values of the last hour" in result.output


def function_url_fault(deployed: Deployed) -> dict[str, Any]:
    hop, before = deployed.broken()
    assert (hop["title"], before[-1]) == ("Function URL", "token")
    assert "publish --stage verified --endpoint function-url" in hop["advice"]
    return hop


def test_a_function_url_that_was_deleted_is_reported(aws_azure, function_url):
    client = aws_azure.cloud.aws.client("lambda")
    client.delete_function_url_config(FunctionName=aws_azure.arns["api_handler"])
    assert "has none" in function_url_fault(aws_azure)["detail"]


def test_a_function_url_in_place_of_the_saved_one_is_reported(aws_azure, function_url):
    client = aws_azure.cloud.aws.client("lambda")
    name = {"FunctionName": aws_azure.arns["api_handler"]}
    client.delete_function_url_config(**name)
    other = client.create_function_url_config(**name, AuthType="NONE")["FunctionUrl"]
    assert other in function_url_fault(aws_azure)["detail"]


def test_one_connection_to_another_place_is_reported(aws_azure, function_url):
    connections = aws_azure.connections
    layout = ProviderLayout("aws", "azure")
    token = aws_azure.cloud.endpoints.token
    connections.put(layout, LAST_ENTRY, url="https://other.example.com/x", token=token)
    assert "lead neither to the stage's API" in function_url_fault(aws_azure)["detail"]


def test_a_function_url_that_wants_signed_requests_is_reported(aws_azure, function_url):
    aws_azure.cloud.aws.client("lambda").update_function_url_config(
        FunctionName=aws_azure.arns["api_handler"], AuthType="AWS_IAM"
    )
    assert "AuthType is AWS_IAM" in function_url_fault(aws_azure)["detail"]


@pytest.mark.parametrize(
    ("sid", "action"),
    [
        ("hot-reader-function-url", "lambda:InvokeFunctionUrl"),
        ("hot-reader-function-url-invoke", "lambda:InvokeFunction"),
    ],
)
def test_a_function_url_without_a_permission_is_reported(aws_azure, function_url, sid, action):
    aws_azure.cloud.aws.client("lambda").remove_permission(
        FunctionName=aws_azure.arns["api_handler"], StatementId=sid
    )
    assert f"doesn't let everyone {action} by its" in function_url_fault(aws_azure)["detail"]


def test_a_token_that_the_function_url_does_not_accept_is_reported(aws_azure, function_url):
    arn = aws_azure.arns["api_handler"]
    client = aws_azure.cloud.aws.client("lambda")
    aws_azure.put_token("another-token-of-good-length")
    # Its workers start anew, and have the other token; then the stage's changes again.
    client.update_function_configuration(FunctionName=arn, Timeout=28)
    assert aws_azure.verify().exit_code == 0
    aws_azure.put_token(aws_azure.cloud.endpoints.token)
    try:
        hop, before = aws_azure.broken()
    finally:
        client.update_function_configuration(FunctionName=arn, Timeout=29)
    assert (hop["title"], before[-1]) == ("endpoint hot-reader", "Function URL")
    assert "401 unauthorized" in hop["detail"]


def test_where_a_person_says_the_endpoints_are_the_function_url_does_not_matter(
    aws_azure, function_url
):
    aws_azure.cloud.aws.client("lambda").delete_function_url_config(
        FunctionName=aws_azure.arns["api_handler"]
    )
    assert aws_azure.verify(*aws_azure.endpoints).exit_code == 0


# --- TwinMaker --------------------------------------------------------------------------------


def test_a_missing_workspace_is_reported(azure_aws):
    hop, before = azure_aws.broken("--workspace", "nowhere")
    assert (hop["title"], before[-1]) == ("TwinMaker workspace", "hot storage")
    assert "--create-workspace" in hop["advice"]


def until_gone(look: Callable[[], Any]) -> None:
    """Look until it isn't there; the local TwinMaker gets on with each look."""

    def look_again() -> None:
        for _ in range(10):
            look()

    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        look_again()


def types_of(deployed: Deployed) -> tuple[Any, dict[str, str], dict[str, Any]]:
    device = TwinConfiguration.load(deployed.config).devices[0]
    key = {
        "workspaceId": deployed.workspace,
        "componentTypeId": component_type_ids("factory-twin", device)["telemetry"],
    }
    wanted = component_type(device, dict(zip(READS, deployed.arns.values(), strict=True)))
    return deployed.cloud.twinmaker(), key, wanted


def test_a_missing_component_type_is_reported(aws_aws):
    client, key, _ = types_of(aws_aws)
    client.delete_component_type(**key)
    until_gone(lambda: client.get_component_type(**key))
    try:
        hop, before = aws_aws.broken()
    finally:
        aws_aws.register(entities=False)
    assert (hop["title"], before[-1]) == ("TwinMaker component types", "TwinMaker workspace")
    assert "There is no component type factory-twin-temperature-sensor-1" in hop["detail"]


def test_a_component_type_that_points_elsewhere_is_reported(aws_aws, cloud):
    client, key, wanted = types_of(aws_aws)
    own = aws_aws.arns["hot-reader"]
    elsewhere = f"{own.rpartition(':')[0]}:{APP_NAME}-local-hot-reader"
    reader = {"dataReader": {"implementedBy": {"lambda": {"arn": elsewhere}, "isNative": False}}}
    client.update_component_type(**key, functions=wanted["functions"] | reader)
    until_active(lambda: client.get_component_type(**key))
    try:
        hop, _ = aws_aws.broken()
    finally:
        aws_aws.register(entities=False)
    assert hop["title"] == "TwinMaker component types"
    assert f"The component type {key['componentTypeId']} isn't what" in hop["detail"]
    assert f'function dataReader changed (points at "{own}", was "{elsewhere}")' in hop["detail"]


def test_a_component_type_in_error_is_reported_with_the_reason(aws_aws, cloud):
    client, key, wanted = types_of(aws_aws)
    gone = aws_aws.create("hot-reader-last-entry").replace("hot-reader-last-entry", "gone")
    reader = {"dataReader": {"implementedBy": {"lambda": {"arn": gone}, "isNative": False}}}
    client.update_component_type(**key, functions=wanted["functions"] | reader)
    with pytest.raises(RuntimeError, match="there is no Lambda function"):
        until_active(lambda: client.get_component_type(**key))
    try:
        hop, _ = aws_aws.broken()
    finally:
        aws_aws.register(entities=False)
    assert "is ERROR: Function dataReader: there is no Lambda function" in hop["detail"]


def test_a_component_type_of_another_configuration_is_reported(aws_aws):
    devices = json.loads((aws_aws.config / "config_iot_devices.json").read_text())
    devices[0]["properties"].append({"name": "vibration", "dataType": "DOUBLE"})
    (aws_aws.config / "config_iot_devices.json").write_text(json.dumps(devices))
    hop, _ = aws_aws.broken()
    assert hop["title"] == "TwinMaker component types"
    assert "property vibration added" in hop["detail"]


def test_one_device_without_an_entity_is_reported(azure_aws):
    key = {"workspaceId": azure_aws.workspace, "entityId": "pump-1"}
    client = azure_aws.cloud.twinmaker()
    client.delete_entity(**key)
    until_gone(lambda: client.get_entity(**key))
    try:
        hop, before = azure_aws.broken()
    finally:
        azure_aws.register(entities=True)
    assert (hop["title"], before[-1]) == ("TwinMaker entities", "TwinMaker component types")
    assert "not pump-1" in hop["detail"]


def test_an_entity_without_a_component_for_newest_values_is_a_warning(azure_aws):
    key = {"workspaceId": azure_aws.workspace, "entityId": "pump-1"}
    client = azure_aws.cloud.twinmaker()
    client.update_entity(**key, componentUpdates={"latest": {"updateType": "DELETE"}})
    until_active(lambda: client.get_entity(**key))
    try:
        done = azure_aws.verify("--format", "json")
    finally:
        azure_aws.register(entities=True)
    assert done.exit_code == 0, done.output
    hops = {hop["title"]: hop for hop in json.loads(done.output)["hops"]}
    (warning,) = hops["TwinMaker GetPropertyValue"]["warnings"]
    assert "The entity of pump-1 has no component of the type for newest values" in warning


def test_a_connector_that_fails_is_reported_with_its_message_and_the_chart_is_still_drawn(
    azure_aws, tmp_path
):
    arn = azure_aws.arns["digital-twin-data-connector-last-entry"]
    client = azure_aws.cloud.aws.client("lambda")
    file = tmp_path / "report.html"
    client.update_function_configuration(FunctionName=arn, Handler="chalicelib.nowhere.nothing")
    try:
        hop, before = azure_aws.broken("--html", str(file))
    finally:
        azure_aws.create("digital-twin-data-connector-last-entry")
    assert (hop["title"], before[-1]) == ("TwinMaker GetPropertyValue", "TwinMaker entities")
    assert "ConnectorFailureException" in hop["detail"]
    assert "chalicelib.nowhere" in hop["detail"]
    text = file.read_text()
    assert "Broken at: TwinMaker GetPropertyValue" in text
    assert "<svg" in text


def test_aws_that_cannot_be_reached_is_reported(azure_aws, monkeypatch):
    monkeypatch.setitem(azure_aws.cloud.aws.credentials, "AWS_MAX_ATTEMPTS", "1")
    url = f"http://127.0.0.1:{free_port()}"
    monkeypatch.setitem(azure_aws.cloud.aws.credentials, "AWS_ENDPOINT_URL_LAMBDA", url)
    hop, _ = azure_aws.broken()
    assert hop["title"] == "Lambda function digital-twin-data-connector"
    assert "AWS can't be reached" in hop["detail"]


# --- the page ---------------------------------------------------------------------------------


def test_the_page_escapes_everything():
    evil = "<script>alert('1')</script> & $x^"
    hop = HopResult(evil, evil, 1.0, evil, (evil,))
    series = Series("pump <script> $x_$ \ud800 \x1b", "<b> $x_$", [("2026-01-30T17:00:00Z", 1.0)])
    text = page(Verified(evil, (hop,), (series,)))
    assert "<script" not in text
    assert "<b>alert" not in text
    assert text.count("&lt;script&gt;alert(&#x27;1&#x27;)&lt;/script&gt; &amp; $x^") >= 5
    assert "What to do" in text


@pytest.mark.parametrize(
    "values", [(1e308, -1e308), (1e308,), (1.7e308, 1.7e308), (2**63 - 1, -(2**63)), (5e-324, 0.0)]
)
def test_every_finite_value_can_be_drawn(values):
    text = page(
        Verified("s", (), (Series("p", "K", [("2026-01-30T17:00:00Z", v) for v in values]),))
    )
    assert text.count('<g id="axes_') == 1


def test_a_chart_that_cannot_be_drawn_leaves_the_rest_of_the_page():
    hop = HopResult("token", "is there", 1.0)
    text = page(Verified("s", (hop,), (Series("p", "K", [("9999-12-31T23:59:59Z", 1.0)] * 2),)))
    assert "All of 1 hops are well" in text
    assert "The telemetry can't be drawn: Date ordinal" in text


def test_the_page_of_a_large_twin_has_a_chart_that_can_be_drawn():
    points = [("2026-01-30T17:00:00Z", 1.0), ("2026-01-30T17:00:30Z", 2.0)]
    few, many = (
        page(
            Verified(
                "s",
                (),
                tuple(Series(f"d{number} p", "", points) for number in range(count)),
                devices=count,
            )
        )
        for count in (2, 800)
    )
    assert "Shown:" not in few
    assert "Shown: the first 24 of 800 properties of the first 24 of 800 devices." in many
    assert many.count('<g id="axes_') == 24


def test_only_as_many_devices_are_read_for_a_chart_as_it_shows(tmp_path):
    asked: list[str] = []
    verification = Verification("s", tmp_path, tmp_path, None, {}, Walk(lambda _: None))
    power = DeviceProperty("power", DataType("DOUBLE"))
    verification._devices = [Device(f"d{number}", (power,)) for number in range(300)]

    def read(device: Device, _names: object) -> tuple[()]:
        asked.append(device.id)
        return ()

    verification._read = read
    assert [*verification._series()] == []
    assert len(asked) == 24


def test_things_are_looked_at_side_by_side_and_told_in_their_order():
    at_once = threading.Barrier(8, timeout=30)

    def look(number: int) -> int:
        at_once.wait()
        return -number

    assert side_by_side(look, range(16)) == [-number for number in range(16)]


def test_many_devices_are_told_all_together():
    class Client:
        def get_property_value_history(self, **asked: Any) -> Any:
            count = 0 if asked["entityId"] == "d7" else 25
            return {"propertyValues": [{"values": [{}] * count}]}

    power = DeviceProperty("power", DataType("DOUBLE"))
    readables = [Readable(Device(f"d{n}", (power,)), {"entityId": f"d{n}"}) for n in range(300)]
    found = read_histories(Client(), "w", readables)
    assert found.detail == "last hour, at most 25: 7,475 values of 299 devices, none of d7"
    assert found.value == 7475


def test_an_alarm_whose_key_is_not_in_the_answer_is_reported():
    class Client:
        def get_property_value_history(self, **_asked: Any) -> Any:
            reference = {"externalIdProperty": {"iotDeviceId": "pump-1"}}
            return {"propertyValues": [{"entityPropertyReference": reference, "values": [{}]}]}

    by_type = {"componentTypeId": "t-alarm"}
    readable = Readable(Device("pump-1", ()), by_type, alarms=(by_type,))
    with pytest.raises(BrokenHopError, match="t-alarm: the answer has no alarm_key"):
        read_alarms(Client(), "w", [readable])


def test_the_page_of_nothing_can_be_written():
    assert "No telemetry could be read" in page(Verified("s", ()))
