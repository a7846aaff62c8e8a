"""The caller's permissions are looked at before anything is written."""

from __future__ import annotations

import functools
import json
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from deploy_scripts.deployment.permissions import Permissions
from deploy_scripts.errors import RefusedError
from tests.deploy.killing import is_write

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.deploy.killing import World

_ALL = {"Effect": "Allow", "Action": "*", "Resource": "*"}


def without(action: str, resource: str = "*") -> str:
    denied = {"Effect": "Deny", "Action": action, "Resource": resource}
    return json.dumps({"Version": "2012-10-17", "Statement": [_ALL, denied]})


def client_of(world: World, keys: dict[str, Any]) -> Callable[..., Any]:
    session = boto3.Session(
        keys["AccessKeyId"], keys["SecretAccessKey"], keys.get("SessionToken"), "eu-central-1"
    )
    return functools.partial(session.client, endpoint_url=world.aws.endpoint_url)


def user_with(world: World, policy: str) -> dict[str, Any]:
    iam = world.aws.client("iam")
    iam.create_user(UserName="deployer")
    iam.put_user_policy(UserName="deployer", PolicyName="own", PolicyDocument=policy)
    key: dict[str, Any] = iam.create_access_key(UserName="deployer")["AccessKey"]
    return key


@pytest.mark.parametrize(
    ("action", "what"),
    [
        ("lambda:CreateFunction", ":function:hot-reader-multicloud"),
        ("iottwinmaker:CreateEntity", ":workspace/killed"),
    ],
)
def test_what_may_not_be_done_ends_a_deployment_before_anything_is_written(
    world: World, action: str, what: str
) -> None:
    key = user_with(world, without(action))
    world.credentials = {
        "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
    }
    world.providers("aws", "aws")
    before = world.everything()
    refused = world.try_to("deploy", *world.new_workspace, "--entities")
    assert refused.code == 1
    assert "user/deployer" in refused.output
    assert f"{action} on " in refused.output
    assert what in refused.output
    assert not any(map(is_write, refused.requests))
    assert world.everything() == before


def test_a_role_may_do_what_its_own_policies_allow(world: World) -> None:
    iam, name = world.aws.client("iam"), "function:mine"
    iam.create_role(RoleName="deployer", Path="/teams/", AssumeRolePolicyDocument="{}")
    policy = {"RoleName": "deployer", "PolicyName": "own"}
    iam.put_role_policy(
        **policy, PolicyDocument=without("lambda:Update*", f"arn:aws:lambda:*:*:{name}")
    )
    role = iam.get_role(RoleName="deployer")["Role"]["Arn"]
    assumed = world.aws.client("sts").assume_role(RoleArn=role, RoleSessionName="a-person")
    client = client_of(world, assumed["Credentials"])
    said: list[str] = []

    def asked(function: str) -> None:
        permissions = Permissions(client)
        permissions.need_call("update_function", {"function_name": function})
        permissions.check(said.append)

    asked("another")
    with pytest.raises(RefusedError, match=r"lambda:UpdateFunctionCode on .*function:mine"):
        asked("mine")
    assert said == []
    iam.delete_role_policy(**policy)
    iam.delete_role(RoleName="deployer")
    asked("mine")
    (line,) = said
    assert "Not checked is what arn:aws:sts::" in line
