"""Chalice's record of a stage is made to agree with AWS, and only what is ours comes into it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import pytest

from deploy_scripts.errors import VerbError
from deploy_scripts.stage.deployed import DeployedStage, load_resources
from deploy_scripts.stage.stage import Stage
from deploy_scripts.stage.stage_record import StageRecord
from local_cloud.aws.account import LocalAws

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

STAGE: Final = Stage("prod")
HANDLER: Final = "hot-reader-prod"
READER: Final = "hot-reader-prod-hot-reader"
ROLE: Final = "hot-reader-prod-api_handler"
TAGS: Final = {"aws-chalice": "version=1.34.0:stage=prod:app=hot-reader"}
TRUST: Final[dict[str, Any]] = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Sid": "",
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}
POLICY: Final = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "xray:PutTraceSegments", "Resource": "*"}],
}


class Account:
    """An account with what a run left that was cut off, and with what somebody else made."""

    def __init__(self, aws: LocalAws, project: Path) -> None:
        self.aws = aws
        self.project = project
        (project / ".chalice").mkdir()
        self.path = project / ".chalice" / "deployed" / "prod.json"

    def role(self, name: str = ROLE, trust: Any = TRUST, **options: Any) -> str:
        iam = self.aws.client("iam")
        made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust), **options)
        return str(made["Role"]["Arn"])

    def function(
        self,
        name: str = HANDLER,
        *,
        twin: str = "factory-twin",
        tags: dict[str, str] = TAGS,
        role: str | None = None,
    ) -> str:
        info = {"config": {"digital_twin_name": twin}}
        made = self.aws.client("lambda").create_function(
            FunctionName=name,
            Runtime="python3.11",
            Role=role or self.role(ROLE if name == HANDLER else name),
            Handler="app.app",
            Code={"ZipFile": b"PK\x05\x06" + bytes(18)},
            Environment={"Variables": {"DIGITAL_TWIN_INFO": json.dumps(info)}},
            Tags=tags,
        )
        return str(made["FunctionArn"])

    def api(
        self,
        target: str,
        *,
        name: str = "hot-reader",
        path: str = "hot-reader",
        stage: str | None = None,
        tags: dict[str, str] | None = None,
    ) -> str:
        gateway = self.aws.client("apigateway")
        api_id = str(gateway.create_rest_api(name=name, tags=tags or {})["id"])
        root = gateway.get_resources(restApiId=api_id)["items"][0]["id"]
        resource = gateway.create_resource(restApiId=api_id, parentId=root, pathPart=path)["id"]
        where = {"restApiId": api_id, "resourceId": resource, "httpMethod": "POST"}
        gateway.put_method(**where, authorizationType="NONE")
        gateway.put_integration(
            **where,
            type="AWS_PROXY",
            integrationHttpMethod="POST",
            uri="arn:aws:apigateway:eu-central-1:lambda:path/2015-03-31/functions/"
            f"{target}/invocations",
        )
        if stage:
            gateway.create_deployment(restApiId=api_id, stageName=stage)
        return api_id

    def recorded(self) -> list[str]:
        return [each["name"] for each in load_resources(self.project, "prod")]

    def record(self, twin: str = "factory-twin") -> StageRecord:
        return StageRecord(self.project, STAGE, twin, client=self.aws.client)


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Account]:
    with LocalAws() as aws:
        yield Account(aws, tmp_path)


def test_an_empty_account_needs_no_record(account):
    record = account.record()
    record.write()
    assert (record.changes, record.resources, account.path.exists()) == ([], [], False)


def test_what_a_deployment_left_is_recorded_and_then_agrees(account):
    arn = account.function()
    api = account.api(arn, stage="api")
    record = account.record()
    assert not account.path.exists()
    record.write()
    assert account.recorded() == ["api_handler_role", "api_handler", "rest_api"]
    deployed = DeployedStage.load(account.project, "prod")
    assert deployed.lambda_arns == {"api_handler": arn}
    assert deployed.rest_api is not None
    assert deployed.rest_api.url == f"https://{api}.execute-api.eu-central-1.amazonaws.com/api/"
    assert account.record().changes == []


@pytest.mark.parametrize("policy", [None, ROLE])
def test_a_role_that_no_function_has_yet_is_recorded(account, policy):
    account.role()
    if policy:
        account.aws.client("iam").put_role_policy(
            RoleName=ROLE, PolicyName=policy, PolicyDocument=json.dumps(POLICY)
        )
    record = account.record()
    record.write()
    assert account.recorded() == ["api_handler_role"]


def test_what_is_gone_is_taken_out_of_the_record(account):
    account.api(account.function())
    account.function(READER)
    account.record().write()
    assert account.recorded() == [
        *("hot-reader_role", "hot-reader", "api_handler_role", "api_handler", "rest_api")
    ]
    gateway = account.aws.client("apigateway")
    gateway.delete_rest_api(restApiId=gateway.get_rest_apis()["items"][0]["id"])
    account.aws.client("lambda").delete_function(FunctionName=HANDLER)
    account.aws.client("iam").delete_role(RoleName=ROLE)
    record = account.record()
    record.write()
    assert len(record.changes) == 3
    assert account.recorded() == ["hot-reader_role", "hot-reader"]


@pytest.mark.parametrize(
    "somebody_elses",
    [
        {"twin": "another-twin"},
        {"tags": {}},
        {"tags": {"aws-chalice": "version=1.34.0:stage=prod:app=another"}},
        {"tags": {"aws-chalice": "version=1.34.0:stage=production:app=hot-reader"}},
    ],
)
def test_a_function_that_is_not_shown_to_be_ours_is_refused(account, somebody_elses):
    account.function(**somebody_elses)
    with pytest.raises(VerbError, match=f"a function {HANDLER}, which .* choose another stage"):
        account.record()
    assert not account.path.exists()


@pytest.mark.parametrize("what", ["trust", "tags", "inline policy", "attached policy"])
def test_a_role_that_chalice_did_not_make_alone_is_refused(account, what):
    trust: Any = TRUST
    if what == "trust":
        principal = {"Service": "ec2.amazonaws.com"}
        trust = {"Statement": [{**TRUST["Statement"][0], "Principal": principal}]}
    account.role(trust=trust, Tags=[{"Key": "owner", "Value": "x"}] if what == "tags" else [])
    iam = account.aws.client("iam")
    if what == "inline policy":
        iam.put_role_policy(RoleName=ROLE, PolicyName="other", PolicyDocument=json.dumps(POLICY))
    if what == "attached policy":
        policy = iam.create_policy(PolicyName="p", PolicyDocument=json.dumps(POLICY))
        iam.attach_role_policy(RoleName=ROLE, PolicyArn=policy["Policy"]["Arn"])
    with pytest.raises(VerbError, match=f"a role {ROLE}, which"):
        account.record()


@pytest.mark.parametrize(
    "somebody_elses", [{"name": "another"}, {"path": "orders"}, {"tags": {"owner": "x"}}]
)
def test_an_api_that_is_not_ours_is_left_alone(account, somebody_elses):
    account.api(account.function(), **somebody_elses)
    record = account.record()
    assert (record.deployed.rest_api, record.spare_apis) == (None, [])


def test_an_api_of_the_same_name_that_leads_elsewhere_is_left_alone(account):
    account.function()
    account.api(account.function(READER))
    record = account.record()
    assert (record.deployed.rest_api, record.spare_apis) == (None, [])


def test_of_several_apis_the_deployed_one_is_recorded_and_the_others_are_spare(account):
    arn = account.function()
    never_deployed, deployed = account.api(arn), account.api(arn, stage="api")
    record = account.record()
    assert record.deployed.rest_api is not None
    assert record.deployed.rest_api.id == deployed
    assert [(each.id, each.reachable) for each in record.spare_apis] == [(never_deployed, False)]
    record.write()
    second = account.api(arn, stage="api")
    assert {(each.id, each.reachable) for each in account.record().spare_apis} == {
        (never_deployed, False),
        (second, True),
    }
    for each in account.record().spare_apis:
        record.delete_api(each)
    assert account.record().spare_apis == []
    assert account.record().changes == []


def test_a_record_of_another_region_is_refused_and_kept(account):
    account.function()
    account.record().write()
    before = account.path.read_bytes()

    def elsewhere(service: str) -> Any:
        return account.aws.client(service, region_name="us-east-1")

    with pytest.raises(VerbError, match="in the region eu-central-1 of the account"):
        StageRecord(account.project, STAGE, "factory-twin", client=elsewhere)
    assert account.path.read_bytes() == before


def test_what_is_recorded_is_ours_whatever_its_tags_say(account):
    account.function()
    account.record().write()
    assert account.record(twin="renamed").changes == []
