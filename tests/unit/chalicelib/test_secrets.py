"""A token is planted wherever the read path has one, and looked for in all that it lets out."""

from __future__ import annotations

import base64
import json
import logging
import socket
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from chalicelib.contracts import wire_contract
from chalicelib.data_connector.data_connector import DataConnector
from chalicelib.data_connector.masking import masked
from chalicelib.hot_reader.service import HotReaderService
from chalicelib.http.endpoint import HttpEndpoint
from chalicelib.model.errors import HotReaderError
from chalicelib.model.reads import HISTORY
from chalicelib.observability.json_lines import JsonLogObservability
from chalicelib.observability.powertools import PowertoolsObservability
from chalicelib.settings.data_connector import DataConnectorSettings
from chalicelib.settings.endpoint import EndpointSettings
from chalicelib.settings.hot_reader import HotReaderSettings
from chalicelib.settings.logs import LogSettings
from chalicelib.tokens.inter_cloud_token import InterCloudToken
from tests.conformance.memory import MemoryStore
from tests.conformance.oracle import Stored
from tests.spellings import spelled
from tests.unit.chalicelib.data_connector.test_read_ahead import twin_info
from tests.unit.chalicelib.servers import (
    PATIENCE_SECONDS,
    RESET,
    Endpoint,
    Scripted,
    error_response,
    response,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local_cloud.aws.account import LocalAws

TOKEN = "planted/token+of~this=test-4d1c0f6c2e6b"
PREVIOUS = "previous/token+of~this=test-90cd4c1b8c"
LEVEL = LogSettings.load({"POWERTOOLS_LOG_LEVEL": "DEBUG"}).level
EVENT: dict[str, Any] = {
    "entityId": "machine-1",
    "componentName": "telemetry",
    "selectedProperties": ["a"],
    "properties": {
        "iotDeviceId": {"value": {"stringValue": "pump-1"}},
        "a": {"definition": {"dataType": {"type": "INTEGER"}}},
    },
    "startTime": "2026-01-30T17:00:00Z",
    "endTime": "2026-01-30T18:00:00Z",
    "maxResults": 1,
}


class Output:
    """All that is logged at any level, printed, traced and raised."""

    def __init__(self, caplog: Any, capsys: Any, daemon: socket.socket) -> None:
        self._caplog, self._capsys, self._daemon = caplog, capsys, daemon
        self.raised: list[str] = []
        self.emitted: list[str] = []

    def __call__(self) -> list[str | bytes]:
        printed = self._capsys.readouterr()
        traces = []
        while True:
            try:
                traces.append(self._daemon.recv(65_536))
            except BlockingIOError:
                break
        assert "urllib3.connectionpool" in self._caplog.text, "this isn't all that can be logged"
        assert traces, "nothing was traced"
        assert '"ValuesReturned"' in printed.out or self.raised, "there are no metrics"
        # With the arguments of each record, which a handler of somebody else's may write.
        arguments = [repr((record.args, vars(record))) for record in self._caplog.records]
        return [self._caplog.text, *arguments, printed.out, printed.err, *traces, *self.raised]


@pytest.fixture
def output(
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Output]:
    caplog.set_level(logging.DEBUG)
    for name in ("urllib3", "botocore", "boto3"):
        logging.getLogger(name).setLevel(logging.DEBUG)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as daemon:
        daemon.bind(("127.0.0.1", 0))
        daemon.setblocking(False)
        monkeypatch.setenv("AWS_XRAY_DAEMON_ADDRESS", f"127.0.0.1:{daemon.getsockname()[1]}")
        monkeypatch.setenv(
            "_X_AMZN_TRACE_ID",
            "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1",
        )
        yield Output(caplog, capsys, daemon)


@pytest.fixture(params=["ssm:/planted", "secretsmanager:planted", f"{TOKEN},{PREVIOUS}"])
def reference(request: pytest.FixtureRequest, aws_environment: LocalAws) -> str:
    """The setting that says where the token is."""
    value = f"{TOKEN},{PREVIOUS}"
    if request.param.startswith("ssm:"):
        ssm = aws_environment.client("ssm")
        ssm.put_parameter(Name="/planted", Value=value, Type="SecureString", Overwrite=True)
    if request.param.startswith("secretsmanager:"):
        secrets = aws_environment.client("secretsmanager")
        secrets.delete_secret(SecretId="planted", ForceDeleteWithoutRecovery=True)
        secrets.create_secret(Name="planted", SecretString=value)
    return str(request.param)


def connector_of(url: str, reference: str, **more: str) -> DataConnector:
    environment = {
        "DIGITAL_TWIN_INFO": twin_info("azure"),
        "INTER_CLOUD_TOKEN": reference,
        "REMOTE_READER_URL": url,
        **more,
    }
    return DataConnector(HISTORY, DataConnectorSettings.load(environment, HISTORY))


def ask(connector: DataConnector, output: Output, **changes: Any) -> dict[str, Any] | None:
    log = PowertoolsObservability("connector", level=LEVEL, tracing=True)
    try:
        with log.request("trace-1") as record:
            return connector.answer(EVENT | changes, PATIENCE_SECONDS, "trace-1", record)
    except HotReaderError as error:
        output.raised.append(repr((error, error.__cause__, error.__context__, vars(error))))
        return None


def endpoint_of(reference: str, output: Output, *, works: bool) -> HttpEndpoint:
    environment = {"DIGITAL_TWIN_INFO": twin_info("azure"), "INTER_CLOUD_TOKEN": reference}
    store = MemoryStore()
    store.put("pump-1", [Stored(f"2026-01-30T17:00:0{n}Z", {"a": n}) for n in range(3)], "S")
    service = HotReaderService(store, HotReaderSettings.load(environment))

    def read(payload: Any, record: Any, seconds: float) -> Any:
        if not works:
            raise ValueError("a bug")
        return service.answer(wire_contract.QUERY_PARSERS[HISTORY](payload), record, seconds)

    def emit(_level: int, line: str) -> None:
        output.raised.append(line)

    settings = EndpointSettings.load(environment)
    log = JsonLogObservability("hot-reader", level=LEVEL, emit=emit)
    return HttpEndpoint(read, settings, InterCloudToken(settings.token), log)


def seen(output: Output) -> list[str]:
    everything = output()
    return spelled(TOKEN, *everything) + spelled(PREVIOUS, *everything)


def test_no_token_is_let_out_by_reads_that_go_well(output, reference):
    with Endpoint(endpoint_of(f"{TOKEN},{PREVIOUS}", output, works=True)) as remote:
        connector = connector_of(remote.url, reference)
        page = ask(connector, output)
        assert page is not None
        assert ask(connector, output, nextToken=page["nextToken"])
        assert remote.requests[0].headers["x-inter-cloud-token"] == TOKEN
    assert seen(output) == []


@pytest.mark.parametrize("accepted", [TOKEN, PREVIOUS.replace("p", "q")])
def test_nor_by_reads_that_the_remote_refuses_or_fails_at(output, reference, accepted):
    with Endpoint(endpoint_of(accepted, output, works=False)) as remote:
        connector = connector_of(remote.url, reference, REMOTE_RETRIES="0")
        assert ask(connector, output) is None
    assert seen(output) == []


@pytest.mark.parametrize("status", [200, 302, 401, 500])
def test_nor_by_a_remote_that_sends_it_back(output, status):
    echo = error_response(status, "unauthorized", f"not {TOKEN}")
    with Scripted(echo) as remote:
        assert ask(connector_of(remote.url, TOKEN, REMOTE_RETRIES="1"), output) is None
    assert seen(output) == []


ECHOES = {
    **{f"Base64 {n}": base64.b64encode(b"x" * n + TOKEN.encode()).decode() for n in range(3)},
    "Base64 for URLs": base64.urlsafe_b64encode(b"Key: " + TOKEN.encode()).decode(),
    "URL": quote(TOKEN, safe=""),
    "URL, twice": quote(quote(TOKEN, safe=""), safe=""),
    "JSON": json.dumps({"token": TOKEN}).replace("/", "\\/"),
    "JSON, escaped": "".join(f"\\u{ord(each):04X}" for each in TOKEN),
    "HTML": "".join(f"&#{ord(each)};" for each in TOKEN),
    "HTML, hexadecimal": "".join(f"&#x{ord(each):02X};" for each in TOKEN),
    "hexadecimal": TOKEN.encode().hex(" "),
    "capitals": TOKEN.upper(),
}


@pytest.mark.parametrize("echo", ECHOES.values(), ids=ECHOES)
def test_what_is_sent_back_is_masked_in_every_spelling(echo):
    assert len(masked(f"[{echo}]", [TOKEN])) < 25
    assert masked(f"[{echo}]", ["another-secret"]) == f"[{echo}]"


@pytest.mark.parametrize(
    "act", [RESET, response(200, b"{"), b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000]
)
def test_nor_by_a_remote_that_breaks_off(output, act):
    with Scripted(act) as remote:
        assert ask(connector_of(remote.url, TOKEN, REMOTE_RETRIES="1"), output) is None
    assert seen(output) == []
