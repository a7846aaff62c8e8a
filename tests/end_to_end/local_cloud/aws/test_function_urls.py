"""Function URLs of the local AWS: they answer, and only where AWS would."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import requests
from botocore.exceptions import ClientError

from .conftest import PATIENCE_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from local_cloud.aws.account import LocalAws

ECHO = """
    import json
    def handler(event, context):
        if event["rawPath"] == "/raise": raise ValueError("a bug")
        if event["rawPath"] == "/plain": return {"a": 1}
        if event["rawPath"] == "/binary":
            return {"statusCode": 201, "body": "AAH/", "isBase64Encoded": True,
                    "headers": {"content-type": "application/octet-stream"}}
        return {"statusCode": 200, "headers": {"x-from": "probe"}, "body": json.dumps(event)}
"""
STATEMENTS: dict[str, dict[str, Any]] = {
    "url": {"Action": "lambda:InvokeFunctionUrl", "FunctionUrlAuthType": "NONE"},
    "invoke": {"Action": "lambda:InvokeFunction", "InvokedViaFunctionUrl": True},
}


def permit(aws: LocalAws, *names: str) -> None:
    for name in names:
        aws.client("lambda").add_permission(
            FunctionName="probe", StatementId=name, Principal="*", **STATEMENTS[name]
        )


@pytest.fixture
def url(aws: LocalAws, deploy: Callable[..., str]) -> str:
    deploy(ECHO)
    made = aws.client("lambda").create_function_url_config(FunctionName="probe", AuthType="NONE")
    return str(made["FunctionUrl"])


def send(method: str, url: str, **options: Any) -> requests.Response:
    with requests.Session() as session:
        session.trust_env = False
        return session.request(method, url, timeout=PATIENCE_SECONDS, **options)


def test_a_request_becomes_an_event_of_format_2(aws, url):
    permit(aws, *STATEMENTS)
    answer = send(
        "POST",
        f"{url}a%20b/c?x=1&x=2&y=%2C",
        data='{"ä": 1}'.encode(),
        headers={"Content-Type": "application/json", "X-Some": "Thing"},
    )
    assert (answer.status_code, answer.headers["x-from"]) == (200, "probe")
    event = answer.json()
    assert event["version"] == "2.0"
    assert event["rawPath"] == event["requestContext"]["http"]["path"] == "/a%20b/c"
    assert event["rawQueryString"] == "x=1&x=2&y=%2C"
    assert event["queryStringParameters"] == {"x": "1,2", "y": ","}
    assert event["requestContext"]["http"]["method"] == "POST"
    assert event["headers"]["x-some"] == "Thing"
    assert event["headers"]["host"] in url
    assert (event["body"], event["isBase64Encoded"]) == ('{"ä": 1}', False)


@pytest.mark.parametrize("content_type", ["application/octet-stream", "application/json"])
def test_a_body_that_is_no_text_is_sent_in_base64(aws, url, content_type):
    permit(aws, *STATEMENTS)
    event = send("POST", url, data=b"\xff\x00", headers={"Content-Type": content_type}).json()
    assert (event["body"], event["isBase64Encoded"]) == ("/wA=", True)
    assert event["rawPath"] == "/"


def test_a_binary_answer_and_an_answer_without_a_status(aws, url):
    permit(aws, *STATEMENTS)
    binary = send("GET", f"{url}binary")
    assert (binary.status_code, binary.content) == (201, b"\x00\x01\xff")
    plain = send("GET", f"{url}plain")
    assert (plain.status_code, plain.json()) == (200, {"a": 1})


def test_a_function_that_fails_is_a_bad_gateway(aws, url):
    permit(aws, *STATEMENTS)
    answer = send("GET", f"{url}raise")
    assert (answer.status_code, answer.text) == (502, "Internal Server Error")


def test_a_request_that_is_too_large_never_reaches_the_function(aws, url, logs):
    permit(aws, *STATEMENTS)
    assert send("POST", url, data=b"\xff" * 6_000_000).status_code == 413
    assert logs["probe"] == ""


@pytest.mark.parametrize("permitted", [(), ("url",), ("invoke",)])
def test_without_both_permissions_it_is_forbidden(aws, url, permitted):
    permit(aws, *permitted)
    answer = send("GET", url)
    assert answer.status_code == 403
    assert "Forbidden" in answer.json()["Message"]
    permit(aws, *(STATEMENTS.keys() - set(permitted)))
    assert send("GET", url).status_code == 200


def test_a_permission_that_is_for_others_does_not_count(aws, url):
    client = aws.client("lambda")
    permit(aws, "invoke")
    other = STATEMENTS["url"] | {"FunctionUrlAuthType": "AWS_IAM"}
    client.add_permission(FunctionName="probe", StatementId="iam", Principal="*", **other)
    client.add_permission(
        FunctionName="probe", StatementId="account", Principal="210987654321", **STATEMENTS["url"]
    )
    assert send("GET", url).status_code == 403


def test_a_url_that_wants_signed_requests_refuses_others(aws, url):
    permit(aws, *STATEMENTS)
    aws.client("lambda").update_function_url_config(FunctionName="probe", AuthType="AWS_IAM")
    assert send("GET", url).status_code == 403


def test_permissions_are_shown_as_lambda_does(aws, url):
    permit(aws, *STATEMENTS)
    policy = json.loads(aws.client("lambda").get_policy(FunctionName="probe")["Policy"])
    conditions = {each["Sid"]: each["Condition"] for each in policy["Statement"]}
    assert conditions == {
        "url": {"StringEquals": {"lambda:FunctionUrlAuthType": "NONE"}},
        "invoke": {"Bool": {"lambda:InvokedViaFunctionUrl": "true"}},
    }


def test_what_is_there_is_not_made_again(aws, url):
    client = aws.client("lambda")
    permit(aws, "url")
    with pytest.raises(ClientError, match="ResourceConflictException"):
        permit(aws, "url")
    with pytest.raises(ClientError, match="ResourceConflictException"):
        client.create_function_url_config(FunctionName="probe", AuthType="NONE")
    assert client.get_function_url_config(FunctionName="probe")["FunctionUrl"] == url


def test_a_deleted_one_is_gone(aws, url):
    permit(aws, *STATEMENTS)
    client = aws.client("lambda")
    client.delete_function_url_config(FunctionName="probe")
    assert send("GET", url).status_code == 404
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        client.delete_function_url_config(FunctionName="probe")
    again = client.create_function_url_config(FunctionName="probe", AuthType="NONE")
    assert again["FunctionUrl"] != url
    client.delete_function(FunctionName="probe")
    assert send("GET", again["FunctionUrl"]).status_code == 404
