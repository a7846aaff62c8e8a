"""`LocalAws` as a server: its life, its neighbours, and what it leaves alone."""

from __future__ import annotations

import http.client
import io
import json
import logging
import os
import socket
import subprocess
import sys
import textwrap
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config
from moto.apigateway.models import APIGatewayBackend
from moto.awslambda.models import LambdaFunction, lambda_backends
from moto.awslambda.responses import LambdaResponse

from local_cloud.aws.account import LocalAws
from local_cloud.aws.dynalite import Dynalite

if TYPE_CHECKING:
    from pathlib import Path


def create_table(aws: LocalAws, name: str) -> None:
    aws.client("dynamodb").create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
    )


def tables(aws: LocalAws) -> list[str]:
    names: list[str] = aws.client("dynamodb").list_tables()["TableNames"]
    return names


def test_it_listens_on_loopback_only(aws: LocalAws) -> None:
    address = urlsplit(aws.endpoint_url)
    assert address.hostname == "127.0.0.1"
    # every 127.x address is loopback, so a server on 0.0.0.0 would take this one
    with socket.socket() as other:
        other.bind(("127.0.0.2", address.port or 0))


def test_another_server_may_answer_for_a_service(tmp_path: Path) -> None:
    source = "import os\ndef handler(event, _): return os.environ['AWS_ENDPOINT_URL_DYNAMODB']"
    (tmp_path / "app.py").write_text(source)
    with Dynalite(tmp_path / "log") as dynalite, LocalAws() as aws:
        aws.redirect("dynamodb", dynalite.url)
        create_table(aws, "elsewhere")
        assert dynalite.client().list_tables()["TableNames"] == ["elsewhere"]
        assert aws.environment["AWS_ENDPOINT_URL_DYNAMODB"] == dynalite.url
        aws.create_function(
            "probe", handler="app.handler", source=tmp_path, include=["app.py"], environment={}
        )
        answer = aws.client("lambda").invoke(FunctionName="probe")["Payload"].read()
        assert json.loads(answer) == dynalite.url


def test_a_port_can_be_asked_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with LocalAws(port=port) as aws:
        assert aws.endpoint_url == f"http://127.0.0.1:{port}"


def test_a_port_that_is_taken_is_an_error_and_no_exit() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
        LocalAws(port=taken.getsockname()[1]).start()


def test_it_can_be_started_again_and_is_empty_then() -> None:
    aws = LocalAws()
    for _ in range(2):
        aws.start()
        assert tables(aws) == []
        create_table(aws, "left-behind")
        aws.stop()
    aws.stop()


def test_starting_twice_is_an_error(aws: LocalAws) -> None:
    with pytest.raises(RuntimeError, match="running already"):
        aws.start()


def test_before_the_start_it_says_what_to_do() -> None:
    with pytest.raises(RuntimeError, match="start"):
        _ = LocalAws().endpoint_url


def test_two_at_once_share_nothing(aws: LocalAws) -> None:
    create_table(aws, "mine")
    with LocalAws() as other:
        create_table(other, "theirs")
        assert (tables(aws), tables(other)) == (["mine"], ["theirs"])
        assert aws.account_id != other.account_id
    assert tables(aws) == ["mine"]


def test_the_account_is_the_one_that_aws_names(aws: LocalAws) -> None:
    assert aws.client("sts").get_caller_identity()["Account"] == aws.account_id


def test_stop_drops_everything(tmp_path: Path) -> None:
    (tmp_path / "probe.py").write_text("import os\ndef handler(event, context): return os.getpid()")
    aws = LocalAws()
    with aws:
        create_table(aws, "gone")
        aws.client("s3").create_bucket(
            Bucket="gone", CreateBucketConfiguration={"LocationConstraint": aws.region}
        )
        aws.create_function(
            "probe", handler="probe.handler", source=tmp_path, include=["probe.py"], environment={}
        )
        answer = aws.client("lambda").invoke(FunctionName="probe")
        pid, account_id = json.loads(answer["Payload"].read()), aws.account_id
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    with aws:
        assert aws.account_id == account_id
        assert tables(aws) == []
        assert aws.client("s3").list_buckets()["Buckets"] == []
        assert aws.client("lambda").list_functions()["Functions"] == []


def test_the_repairs_of_moto_are_made_once_and_taken_back_by_the_last_stop() -> None:
    """In a process of its own, because here another `LocalAws` may run."""
    script = """
        from moto.apigateway.models import APIGatewayBackend as Api
        from moto.awslambda.models import LambdaBackend as Backend, LambdaFunction as Function
        from moto.awslambda.responses import LambdaResponse as Response
        from local_cloud.aws.account import LocalAws

        def methods():
            return [Api.import_rest_api, Api.put_rest_api, Api.create_deployment,
                    Backend.delete_function,
                    Backend.add_permission, Backend.create_function_url_config,
                    Backend.delete_function_url_config, Function.invoke, Response.invoke]

        before = methods()
        with LocalAws():
            during = methods()
            with LocalAws():
                assert methods() == during
            assert methods() == during
        assert not set(before) & set(during)
        assert methods() == before
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=True)


def test_the_environment_is_enough_for_a_subprocess(aws: LocalAws) -> None:
    create_table(aws, "seen")
    script = "import boto3; print(boto3.client('dynamodb').list_tables()['TableNames'])"
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=aws.environment,
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout == "['seen']\n"


def test_its_credentials_are_dummies_and_cover_a_session_token(aws: LocalAws) -> None:
    assert set(aws.credentials) == {
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
    }
    assert aws.credentials.items() <= aws.environment.items()


def test_its_clients_ignore_the_engineers_profile_and_proxy(
    aws: LocalAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "no-such-profile")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    assert tables(aws) == []


def test_a_client_takes_what_boto3_takes(aws: LocalAws) -> None:
    config = Config(user_agent_extra="mine")
    client = aws.client("dynamodb", region_name="us-west-2", config=config)
    assert client.meta.region_name == "us-west-2"
    assert client.meta.config.user_agent_extra == "mine"


class _Elsewhere(BaseHTTPRequestHandler):
    """Some other endpoint that a client of this process talks to."""

    def do_POST(self) -> None:
        body = json.dumps({"TableNames": ["elsewhere"]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's signature
        pass


def test_clients_of_this_process_that_point_elsewhere_get_there(aws: LocalAws) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Elsewhere) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            client: Any = boto3.client(
                "dynamodb",
                endpoint_url=f"http://127.0.0.1:{server.server_address[1]}",
                region_name=aws.region,
                aws_access_key_id="x",
                aws_secret_access_key="x",
            )
            assert client.list_tables()["TableNames"] == ["elsewhere"]
        finally:
            server.shutdown()
            thread.join()


def test_the_environment_of_this_process_is_left_alone() -> None:
    before = dict(os.environ)
    with LocalAws() as aws:
        create_table(aws, "any")
        assert dict(os.environ) == before
    assert dict(os.environ) == before


def test_a_connection_serves_several_requests(aws: LocalAws) -> None:
    address = urlsplit(aws.endpoint_url)
    connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=60)
    headers = {
        "Authorization": f"AWS4-HMAC-SHA256 Credential=X/20260101/{aws.region}/dynamodb/aws4_request",
        "X-Amz-Target": "DynamoDB_20120810.ListTables",
        "Content-Type": "application/x-amz-json-1.0",
    }
    connection.request("POST", "/", b"{}", headers)
    connection.getresponse().read()
    first = connection.sock
    connection.request("POST", "/", b"{}", headers)
    assert json.loads(connection.getresponse().read()) == {"TableNames": []}
    assert connection.sock is first
    connection.close()


def test_requests_are_logged_quietly(aws: LocalAws, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    create_table(aws, "any")
    assert [record for record in caplog.records if "POST" in record.getMessage()] == []


def test_a_fault_of_moto_is_shown_and_answered_with_500(
    aws: LocalAws, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_: object) -> None:
        message = "moto is broken"
        raise ZeroDivisionError(message)

    monkeypatch.setattr(LambdaResponse, "list_functions", broken)
    client = aws.client("lambda", config=Config(retries={"total_max_attempts": 1}))
    with pytest.raises(client.exceptions.ClientError, match="500"):
        client.list_functions()
    assert "moto is broken" in caplog.text


def test_objects_of_s3_pass_unharmed(aws: LocalAws) -> None:
    """Bodies that are chunked, large or missing must not leave the connection out of step."""
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="objects", CreateBucketConfiguration={"LocationConstraint": aws.region})
    data = os.urandom(3_000_000)
    s3.upload_fileobj(io.BytesIO(data), "objects", "large")
    s3.put_object(Bucket="objects", Key="empty")
    assert s3.head_object(Bucket="objects", Key="large")["ContentLength"] == len(data)
    assert s3.get_object(Bucket="objects", Key="large")["Body"].read() == data
    s3.delete_object(Bucket="objects", Key="large")
    assert [entry["Key"] for entry in s3.list_objects_v2(Bucket="objects")["Contents"]] == ["empty"]


def test_a_package_holds_what_was_named_and_no_caches(aws: LocalAws, tmp_path: Path) -> None:
    for name in ("app.py", "other.py", "lib/a.py", "lib/deep/b.py", "lib/data.json"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x = 1")
    for name in ("lib/__pycache__/a.pyc", "lib/.hidden/c.py", "lib/stray.pyc"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x = 1")
    arn = aws.create_function(
        "packed", handler="app.h", source=tmp_path, include=["app.py", "lib"], environment={}
    )
    assert arn == f"arn:aws:lambda:{aws.region}:{aws.account_id}:function:packed"
    configuration = aws.client("lambda").get_function_configuration(FunctionName="packed")
    assert (configuration["Timeout"], configuration["MemorySize"]) == (30, 256)
    function = lambda_backends[aws.account_id][aws.region].get_function("packed")
    assert isinstance(function, LambdaFunction)
    with zipfile.ZipFile(io.BytesIO(function.code_bytes)) as package:
        assert package.namelist() == ["app.py", "lib/a.py", "lib/data.json", "lib/deep/b.py"]


def test_the_same_files_make_the_same_package(aws: LocalAws, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("x = 1")

    def deployed_sha() -> str:
        aws.create_function(
            "same", handler="app.h", source=tmp_path, include=["app.py"], environment={}
        )
        configuration = aws.client("lambda").get_function_configuration(FunctionName="same")
        return str(configuration["CodeSha256"])

    first = deployed_sha()
    os.utime(tmp_path / "app.py", (0, 0))
    assert deployed_sha() == first


def test_a_missing_file_is_named(aws: LocalAws, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="absent"):
        aws.create_function(
            "f", handler="a.h", source=tmp_path, include=["absent.py"], environment={}
        )


def test_the_repairs_are_in_place_while_it_runs(aws: LocalAws) -> None:
    assert APIGatewayBackend.put_rest_api.__module__ == "local_cloud.aws.moto_chalice"
