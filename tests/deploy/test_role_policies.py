"""Looking at the policies of roles: what they lack is a warning, what can't be seen is told."""

from __future__ import annotations

import functools
import json
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from chalicelib.model.reads import HISTORY, LAST_ENTRY
from deploy_scripts.stage.stage import Stage
from deploy_scripts.verify.policies import check_readers, check_workspace_role
from local_cloud.aws.account import LocalAws

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ARN = "arn:aws:lambda:eu-central-1:123456789012:function:"
READERS = {HISTORY: f"{ARN}connector", LAST_ENTRY: f"{ARN}connector-last-entry"}
QUERY = {
    "Effect": "Allow",
    "Action": ["dynamodb:Query"],
    "Resource": "arn:*:dynamodb:*:*:table/hot",
}
TRACES = {"Effect": "Allow", "Action": ["xray:PutTraceSegments"], "Resource": "*"}


def allow(action: Any, resource: Any, **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    with LocalAws() as running:
        yield functools.cache(running.client)


class Roles:
    """Makes roles; each goes with its test."""

    def __init__(self, iam: Any) -> None:
        self._iam = iam
        self._made: list[str] = []

    def make(self, *statements: Any, service: str = "iottwinmaker.amazonaws.com") -> str:
        name = f"role-{len(self._made)}"
        trust = allow("sts:AssumeRole", []) | {"Principal": {"Service": service}}
        role = self._iam.create_role(
            RoleName=name, Path="/of/", AssumeRolePolicyDocument=json.dumps({"Statement": trust})
        )
        self._made.append(name)
        if statements:
            document = json.dumps({"Version": "2012-10-17", "Statement": [*statements]})
            self._iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=document)
        return str(role["Role"]["Arn"])

    def attach(self, statement: Any) -> str:
        arn = self.make()
        document = json.dumps({"Version": "2012-10-17", "Statement": statement})
        policy = self._iam.create_policy(PolicyName="shared", PolicyDocument=document)["Policy"]
        self._iam.attach_role_policy(RoleName=self._made[-1], PolicyArn=policy["Arn"])
        return arn

    def remove(self) -> None:
        for name in self._made:
            for policy in self._iam.list_role_policies(RoleName=name)["PolicyNames"]:
                self._iam.delete_role_policy(RoleName=name, PolicyName=policy)
            attached = self._iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
            for each in attached:
                self._iam.detach_role_policy(RoleName=name, PolicyArn=each["PolicyArn"])
                self._iam.delete_policy(PolicyArn=each["PolicyArn"])
            self._iam.delete_role(RoleName=name)


@pytest.fixture
def roles(client: Any) -> Iterator[Roles]:
    made = Roles(client("iam"))
    yield made
    made.remove()


# --- the workspace's role ---------------------------------------------------------------------


def workspace_role(client: Any, arn: str) -> tuple[str, tuple[str, ...]]:
    return check_workspace_role(client, arn, READERS, "dev")


@pytest.mark.parametrize(
    "statement",
    [
        allow("lambda:InvokeFunction", [*READERS.values()]),
        allow("lambda:*", "*"),
        allow(["lambda:Invoke*"], f"{ARN}connecto?*"),
    ],
)
def test_a_role_that_may_invoke_the_readers_is_well(client, roles, statement):
    arn = roles.make(statement)
    assert workspace_role(client, arn) == (f"role {arn}: as it should be", ())


def test_an_attached_policy_counts(client, roles):
    arn = roles.attach(allow("lambda:InvokeFunction", f"{ARN}*"))
    assert workspace_role(client, arn)[1] == ()


@pytest.mark.parametrize(
    "statements",
    [
        [],
        [allow("lambda:GetFunction", "*")],
        [allow("lambda:InvokeFunction", f"{ARN}connector")],
        [
            allow("lambda:*", "*"),
            {**allow("lambda:*", READERS[LAST_ENTRY]), "Effect": "Deny"},
        ],
    ],
)
def test_a_role_that_may_not_invoke_a_reader_is_a_warning(client, roles, statements):
    (warning,) = workspace_role(client, roles.make(*statements))[1]
    assert f"lambda:InvokeFunction on {READERS[LAST_ENTRY]}" in warning
    assert warning.endswith("Run register --stage dev.")


def test_a_role_that_twinmaker_may_not_assume_is_a_warning(client, roles):
    arn = roles.make(allow("lambda:*", "*"), service="lambda.amazonaws.com")
    (warning,) = workspace_role(client, arn)[1]
    assert "doesn't let iottwinmaker.amazonaws.com assume it" in warning


def test_a_role_that_is_gone_is_a_warning(client):
    (warning,) = workspace_role(client, "arn:aws:iam::123456789012:role/gone")[1]
    assert "there is no such role" in warning


def test_a_role_that_may_not_be_looked_at_is_told(client, roles, monkeypatch):
    def denied(_client: object, operation: str, _request: object) -> None:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, operation)

    arn = roles.make()
    with monkeypatch.context() as patched:
        patched.setattr("botocore.client.BaseClient._make_api_call", denied)
        seen, warnings = workspace_role(client, arn)
    assert (seen, warnings) == (f"role {arn}: not looked at (GetRole: AccessDenied)", ())


# --- the readers' roles -----------------------------------------------------------------------


@pytest.fixture
def project(tmp_path: Path) -> Path:
    directory = tmp_path / ".chalice"
    directory.mkdir()
    policy = {"Version": "2012-10-17", "Statement": [QUERY, TRACES]}
    (directory / "policy-dev-hot-reader.json").write_text(json.dumps(policy))
    return tmp_path


@pytest.fixture
def table(client: Any) -> str:
    account = client("sts").get_caller_identity()["Account"]
    return f"arn:aws:dynamodb:eu-central-1:{account}:table/hot"


def test_a_reader_with_the_stages_policy_or_a_narrower_one_is_well(client, roles, project, table):
    narrower = allow("dynamodb:Query", table)
    for statement in (QUERY, narrower):
        arns = {"hot-reader": roles.make(statement, TRACES)}
        found = check_readers(client, project, Stage("dev"), arns)
        assert (found.detail, found.warnings) == ("hot-reader: as it should be", ())


def test_a_reader_that_lacks_what_the_stages_policy_says_is_a_warning(
    client, roles, project, table
):
    arns = {"hot-reader": roles.make(TRACES), "hot-reader-last-entry": roles.make()}
    found = check_readers(client, project, Stage("dev"), arns)
    assert found.warnings == (
        f"hot-reader may not dynamodb:Query on {table}. Run deploy --stage dev.",
    )
    assert "there is no policy-dev-hot-reader-last-entry.json to compare with" in found.detail
