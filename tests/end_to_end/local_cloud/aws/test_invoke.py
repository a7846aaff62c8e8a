"""Invoke, as an unmodified boto3 client sees it."""

from __future__ import annotations

import base64
import json
import os
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Callable

    from local_cloud.aws.account import LocalAws
    from tests.function_logs import FunctionLogs

    from .conftest import Meeting, Reply

ECHO = "def handler(event, context): return event"
COUNTER = """
    calls = 0

    def handler(event, context):
        global calls
        calls += 1
        return calls
"""
MAX_ANSWER = 6_291_556
MAX_PAYLOAD = 6 * 1024 * 1024


def test_the_answer_is_the_functions(
    deploy: Callable[..., str], invoke: Callable[..., Reply]
) -> None:
    deploy(ECHO)
    reply = invoke({"größe": [1, 2.5, None]})
    assert (reply.status, reply.error) == (200, None)
    assert reply.value == {"größe": [1, 2.5, None]}


def test_the_worker_stays_warm(deploy: Callable[..., str], invoke: Callable[..., Reply]) -> None:
    deploy(COUNTER)
    assert [invoke().value, invoke().value] == [1, 2]


def test_a_function_can_be_named_by_arn_and_qualifier(
    aws: LocalAws, deploy: Callable[..., str]
) -> None:
    arn = deploy("def handler(event, context): return context.function_version")
    client = aws.client("lambda")
    version = client.publish_version(FunctionName="probe")["Version"]
    answers = [
        client.invoke(FunctionName=arn),
        client.invoke(FunctionName=arn, Qualifier=version),
        client.invoke(FunctionName=f"probe:{version}"),
    ]
    assert [a["ExecutedVersion"] for a in answers] == ["$LATEST", version, version]
    assert [json.loads(a["Payload"].read()) for a in answers] == ["$LATEST", version, version]


def test_no_payload_is_an_empty_event(aws: LocalAws, deploy: Callable[..., str]) -> None:
    deploy(ECHO)
    assert aws.client("lambda").invoke(FunctionName="probe")["Payload"].read() == b"{}"


def test_nothing_of_the_engineers_environment_is_seen(
    deploy: Callable[..., str],
    invoke: Callable[..., Reply],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("INTER_CLOUD_TOKEN", "the engineer's")
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "real")
    deploy(
        "import os\ndef handler(event, context): return dict(os.environ)",
        environment={"OWN": "variable"},
    )
    seen = invoke().value
    assert "INTER_CLOUD_TOKEN" not in seen
    assert "AWS_PROFILE" not in seen
    assert seen["AWS_SECRET_ACCESS_KEY"] == "local-secret-access-key"
    assert seen["OWN"] == "variable"
    # what an interpreter and the runtime client add by themselves
    own = {"OWN", "LC_CTYPE", "_X_AMZN_TRACE_ID"}
    lambdas = {"PATH", "LANG", "TZ", "PYTHONPATH", "LAMBDA_TASK_ROOT", "_HANDLER"}
    assert {name for name in seen if not name.startswith("AWS_")} <= own | lambdas


def test_the_region_and_the_endpoint_are_set(
    aws: LocalAws, deploy: Callable[..., str], invoke: Callable[..., Reply]
) -> None:
    deploy("import os\ndef handler(event, context): return dict(os.environ)")
    seen = invoke().value
    assert seen["AWS_REGION"] == seen["AWS_DEFAULT_REGION"] == aws.region
    assert seen["AWS_ENDPOINT_URL"] == aws.endpoint_url


def test_an_exception_is_an_unhandled_error_with_a_trace(
    deploy: Callable[..., str], invoke: Callable[..., Reply], logs: FunctionLogs
) -> None:
    deploy("def handler(event, context): raise LookupError('no such device')")
    reply = invoke()
    assert (reply.status, reply.error) == (200, "Unhandled")
    error = reply.value
    assert error["errorMessage"] == "no such device"
    assert error["errorType"] == "LookupError"
    assert f"END RequestId: {error['requestId']}" in logs["probe"]
    assert "in handler" in error["stackTrace"][0]


def test_the_worker_survives_an_exception(
    deploy: Callable[..., str], invoke: Callable[..., Reply]
) -> None:
    deploy("""
        calls = 0

        def handler(event, context):
            global calls
            calls += 1
            return calls / event
    """)
    assert invoke(0).error == "Unhandled"
    assert invoke(1).value == 2


def test_a_timeout_names_the_seconds(
    deploy: Callable[..., str], invoke: Callable[..., Reply], meeting: Meeting
) -> None:
    source = """
        import socket

        def handler(event, context):
            socket.create_connection(("127.0.0.1", event)).recv(1)
    """
    deploy(source, timeout=1)
    reply = invoke(meeting.port)
    assert reply.error == "Unhandled"
    assert reply.value["errorType"] == "Sandbox.Timedout"
    assert reply.value["errorMessage"].endswith("Task timed out after 1.00 seconds")


def test_a_broken_import_is_reported(
    deploy: Callable[..., str], invoke: Callable[..., Reply]
) -> None:
    deploy("import not_packaged")
    reply = invoke()
    assert reply.error == "Unhandled"
    assert reply.value["errorType"] == "Runtime.ImportModuleError"
    assert "No module named 'not_packaged'" in reply.value["errorMessage"]


def test_a_crash_is_reported_and_the_next_invocation_works(
    deploy: Callable[..., str], invoke: Callable[..., Reply]
) -> None:
    deploy("import os\ndef handler(event, context): return event or os._exit(1)")
    assert invoke(0).value["errorType"] == "Runtime.ExitError"
    assert invoke(5).value == 5


def test_the_largest_answer_passes(
    deploy: Callable[..., str], invoke: Callable[..., Reply]
) -> None:
    deploy("def handler(event, context): return 'x' * event")
    reply = invoke(MAX_ANSWER - len('""'))
    assert reply.error is None
    assert len(reply.payload) == MAX_ANSWER


def test_a_byte_more_is_too_large(deploy: Callable[..., str], invoke: Callable[..., Reply]) -> None:
    deploy("def handler(event, context): return 'x' * event")
    reply = invoke(MAX_ANSWER - len('""') + 1)
    assert reply.error == "Unhandled"
    assert reply.value == {
        "errorType": "Function.ResponseSizeTooLarge",
        "errorMessage": "Response payload size exceeded maximum allowed payload size "
        "(6291556 bytes).",
    }


def test_the_largest_payload_passes(
    deploy: Callable[..., str], invoke: Callable[..., Reply]
) -> None:
    deploy("def handler(event, context): return len(event)")
    assert invoke("x" * (MAX_PAYLOAD - len('""'))).value == MAX_PAYLOAD - len('""')


@pytest.mark.parametrize(
    ("kind", "limit"), [("RequestResponse", MAX_PAYLOAD), ("Event", 1024 * 1024)]
)
def test_a_payload_over_the_limit_is_refused(
    deploy: Callable[..., str],
    invoke: Callable[..., Reply],
    logs: FunctionLogs,
    kind: str,
    limit: int,
) -> None:
    deploy(ECHO)
    with pytest.raises(ClientError) as caught:
        invoke("x" * (limit - len('""') + 1), InvocationType=kind)
    assert caught.value.response["Error"]["Code"] == "RequestTooLargeException"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 413
    assert str(limit) in str(caught.value)
    assert logs["probe"] == ""  # nothing ran


def test_a_payload_that_is_no_json_is_refused(aws: LocalAws, deploy: Callable[..., str]) -> None:
    deploy(ECHO)
    client = aws.client("lambda")
    with pytest.raises(client.exceptions.InvalidRequestContentException):
        client.invoke(FunctionName="probe", Payload=b"{device}")


def test_an_unknown_function_is_not_found(aws: LocalAws) -> None:
    client = aws.client("lambda")
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.invoke(FunctionName="nobody")


def test_another_runtime_than_python_is_refused(aws: LocalAws, deploy: Callable[..., str]) -> None:
    deploy(ECHO)
    client = aws.client("lambda")
    client.update_function_configuration(FunctionName="probe", Runtime="nodejs20.x")
    with pytest.raises(client.exceptions.InvalidParameterValueException, match="nodejs20"):
        client.invoke(FunctionName="probe")


def test_an_event_is_accepted_before_it_has_run(
    deploy: Callable[..., str], invoke: Callable[..., Reply], meeting: Meeting
) -> None:
    deploy("""
        import socket

        def handler(event, context):
            with socket.create_connection(("127.0.0.1", event)) as connection:
                connection.recv(1)
                connection.send(b"done")
    """)
    reply = invoke(meeting.port, InvocationType="Event")
    assert (reply.status, reply.payload) == (202, b"")
    with meeting.accept() as connection:
        connection.send(b".")
        assert connection.recv(4) == b"done"


def test_a_dry_run_runs_nothing(
    deploy: Callable[..., str], invoke: Callable[..., Reply], logs: FunctionLogs
) -> None:
    deploy(ECHO)
    reply = invoke(InvocationType="DryRun")
    assert (reply.status, reply.payload) == (204, b"")
    assert logs["probe"] == ""


def test_the_log_tail_comes_when_asked_for(
    deploy: Callable[..., str], invoke: Callable[..., Reply]
) -> None:
    deploy("def handler(event, context): print('reading', event)")
    assert "x-amz-log-result" not in invoke("one").headers
    tail = base64.b64decode(invoke("two", LogType="Tail").headers["x-amz-log-result"]).decode()
    assert tail.splitlines()[1] == "reading two"
    assert "reading one" not in tail


def test_the_client_context_is_passed_on(
    deploy: Callable[..., str], invoke: Callable[..., Reply]
) -> None:
    deploy("def handler(event, context): return context.client_context.custom")
    context = base64.b64encode(json.dumps({"custom": {"twin": "factory"}}).encode()).decode()
    assert invoke(ClientContext=context).value == {"twin": "factory"}


def test_new_code_takes_effect(deploy: Callable[..., str], invoke: Callable[..., Reply]) -> None:
    deploy("def handler(event, context): return 'old'")
    assert invoke().value == "old"
    deploy("def handler(event, context): return 'new'")
    assert invoke().value == "new"


def test_a_new_configuration_takes_effect(
    aws: LocalAws, deploy: Callable[..., str], invoke: Callable[..., Reply]
) -> None:
    deploy(
        "import os\ndef handler(event, context): return os.environ['WHO']", environment={"WHO": "a"}
    )
    assert invoke().value == "a"
    aws.client("lambda").update_function_configuration(
        FunctionName="probe", Environment={"Variables": {"WHO": "b"}}
    )
    assert invoke().value == "b"


def test_a_function_deployed_again_starts_cold_even_if_it_is_the_same(
    deploy: Callable[..., str], invoke: Callable[..., Reply]
) -> None:
    deploy(COUNTER)
    invoke()
    deploy(COUNTER)
    assert invoke().value == 1


def test_deleting_a_function_ends_its_worker(
    aws: LocalAws, deploy: Callable[..., str], invoke: Callable[..., Reply]
) -> None:
    deploy("import os\ndef handler(event, context): return os.getpid()")
    pid = invoke().value
    aws.client("lambda").delete_function(FunctionName="probe")
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_function_reads_dynamodb_and_ssm_by_its_default_environment(
    aws: LocalAws, deploy: Callable[..., str], invoke: Callable[..., Reply]
) -> None:
    table = {"TableName": "hot", "BillingMode": "PAY_PER_REQUEST"}
    aws.client("dynamodb").create_table(
        **table,
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
    )
    aws.client("dynamodb").put_item(TableName="hot", Item={"id": {"S": "device"}, "n": {"N": "7"}})
    aws.client("ssm").put_parameter(Name="/token", Value="secret", Type="SecureString")
    deploy("""
        import boto3

        def handler(event, context):
            item = boto3.client("dynamodb").get_item(TableName="hot", Key={"id": {"S": "device"}})
            token = boto3.client("ssm").get_parameter(Name="/token", WithDecryption=True)
            return [item["Item"]["n"]["N"], token["Parameter"]["Value"]]
    """)
    assert invoke().value == ["7", "secret"]


def test_a_function_can_invoke_another(aws: LocalAws, deploy: Callable[..., str]) -> None:
    arn = deploy("""
        import boto3

        def handler(event, context):
            if event["depth"] == 0:
                return "bottom"
            import json
            deeper = json.dumps({"depth": event["depth"] - 1})
            answer = boto3.client("lambda").invoke(
                FunctionName=context.invoked_function_arn, Payload=deeper)
            return json.load(answer["Payload"])
    """)
    answer = aws.client("lambda").invoke(FunctionName=arn, Payload=b'{"depth": 2}')
    assert json.load(answer["Payload"]) == "bottom"


def test_a_queue_runs_its_function(
    aws: LocalAws, deploy: Callable[..., str], meeting: Meeting
) -> None:
    """Moto's other services invoke functions too, not by way of a request."""
    arn = deploy("""
        import json, socket

        def handler(event, context):
            message = json.loads(event["Records"][0]["body"])
            with socket.create_connection(("127.0.0.1", message["port"])) as connection:
                connection.send(b"seen")
    """)
    queue = aws.client("sqs").create_queue(QueueName="work")["QueueUrl"]
    queue_arn = f"arn:aws:sqs:{aws.region}:{aws.account_id}:work"
    aws.client("lambda").create_event_source_mapping(FunctionName=arn, EventSourceArn=queue_arn)
    body = json.dumps({"port": meeting.port})
    aws.client("sqs").send_message(QueueUrl=queue, MessageBody=body)
    with meeting.accept() as connection:
        assert connection.recv(4) == b"seen"
