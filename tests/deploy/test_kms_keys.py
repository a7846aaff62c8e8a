"""A stage's functions may use just the KMS keys of what they read, if a customer manages them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest
from botocore.exceptions import ClientError

from deploy_scripts.stage.policies import KmsKeys
from deploy_scripts.tokens.stores import ParameterStore, SecretsManager
from deploy_scripts.verify.diagnosis import aws_problem
from local_cloud.aws.account import LocalAws

if TYPE_CHECKING:
    from collections.abc import Iterator

TABLE: Final = "factory-twin-hot"
NAME: Final = "/factory-twin/token"
ELSEWHERE: Final = "arn:aws:kms:eu-central-1:210987654321:key/1111"


class Account:
    """An account with a key that is managed by its owner, and with a client of it that may be refused."""

    def __init__(self, aws: LocalAws) -> None:
        self.aws = aws
        self.refused: set[str] = set()
        self.managed_by_aws = False
        kms = aws.client("kms")
        metadata = kms.create_key()["KeyMetadata"]
        self.key_id, self.key = metadata["KeyId"], metadata["Arn"]
        kms.create_alias(AliasName="alias/mine", TargetKeyId=self.key_id)
        self.notes: list[str] = []

    def client(self, service: str) -> Any:
        made = self.aws.client(service)
        made.meta.events.register("before-call", self._before_call)
        return made

    def _before_call(self, model: Any, **_: Any) -> Any:
        if model.name in self.refused:
            raise ClientError({"Error": {"Code": "AccessDeniedException"}}, model.name)
        if model.name == "DescribeKey" and self.managed_by_aws:  # moto says so of none
            metadata = {"Arn": self.key, "KeyManager": "AWS"}
            return type("Answer", (), {"status_code": 200}), {"KeyMetadata": metadata}
        return None

    def parameter(self, **options: Any) -> ParameterStore:
        self.aws.client("ssm").put_parameter(
            Name=NAME, Value="o" * 43, Type="SecureString", **options
        )
        return ParameterStore(self.client("ssm"), NAME)

    def secret(self, **options: Any) -> SecretsManager:
        client = self.aws.client("secretsmanager")
        client.create_secret(Name=NAME, SecretString="o" * 43, **options)
        return SecretsManager(self.client("secretsmanager"), NAME)

    def table(self, **encryption: Any) -> None:
        self.aws.client("dynamodb").create_table(
            TableName=TABLE,
            KeySchema=[{"AttributeName": "device_id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "device_id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
            **({"SSESpecification": {"Enabled": True, **encryption}} if encryption else {}),
        )

    def granted(
        self, *reads: str, tokens: Any = None, before: Any = None, chosen: str | None = None
    ) -> dict[str, Any]:
        """Return what is granted to a function that reads, by the id of the statement."""
        policies: dict[str, Any] = {"reader": {"Statement": [{"Sid": each} for each in reads]}}
        KmsKeys(self.client, chosen, self.notes.append).grant(
            policies,
            before or {},
            tokens=tokens or ParameterStore(self.client("ssm"), NAME),
            table=TABLE,
        )
        return {each["Sid"]: each for each in policies["reader"]["Statement"] if len(each) > 1}


@pytest.fixture
def account() -> Iterator[Account]:
    with LocalAws() as aws:
        yield Account(aws)


def permission(sid: str, service: str, key: str) -> dict[str, Any]:
    return {
        sid: {
            "Sid": sid,
            "Effect": "Allow",
            "Action": ["kms:Decrypt"],
            "Resource": key,
            "Condition": {"StringLike": {"kms:ViaService": f"{service}.*"}},
        }
    }


@pytest.mark.parametrize("spelling", ["key", "key_id", "alias"])
def test_the_key_of_a_parameter_is_granted_however_it_was_named(account, spelling):
    named = "alias/mine" if spelling == "alias" else getattr(account, spelling)
    found = account.granted("ReadTheToken", tokens=account.parameter(KeyId=named))
    assert found == permission("DecryptTheToken", "ssm", account.key)


def test_the_key_of_a_secret_is_granted(account):
    found = account.granted("ReadTheToken", tokens=account.secret(KmsKeyId="alias/mine"))
    assert found == permission("DecryptTheToken", "secretsmanager", account.key)


def test_the_key_of_the_table_is_granted(account):
    account.table(KMSMasterKeyId=account.key)
    found = account.granted("QueryTheHotTable")
    assert found == permission("DecryptTheHotTable", "dynamodb", account.key)


def test_a_function_may_use_no_key_of_what_it_doesnt_read(account):
    account.table(KMSMasterKeyId=account.key)
    assert account.granted("ReadTheToken", tokens=account.parameter()) == {}


@pytest.mark.parametrize("encryption", [{}, {"SSEType": "KMS"}])
def test_keys_of_awss_own_need_no_permission(account, encryption):
    account.table(**encryption)
    account.managed_by_aws = True
    read = ("QueryTheHotTable", "ReadTheToken")
    assert account.granted(*read, tokens=account.parameter()) == {}
    assert account.granted(*read, tokens=account.secret()) == {}
    assert account.notes == []


@pytest.mark.parametrize(
    ("refused", "named", "key"),
    [
        ("DescribeParameters", "key", None),
        ("DescribeKey", "alias/mine", None),
        ("DescribeKey", "key", "{key}"),
        ("DescribeKey", "key_id", "arn:*:kms:*:*:key/{key_id}"),
    ],
)
def test_what_cant_be_looked_at_is_granted_as_far_as_it_is_named_and_else_said(
    account, refused, named, key
):
    tokens = account.parameter(KeyId=getattr(account, named, named))
    account.refused.add(refused)
    found = account.granted("ReadTheToken", tokens=tokens)
    if key is not None:
        expected = key.format(key=account.key, key_id=account.key_id)
        assert found == permission("DecryptTheToken", "ssm", expected)
        return
    assert found == {}
    (note,) = account.notes
    assert note.startswith(f"the key of ssm:{NAME} isn't known: ")
    assert refused in note
    assert "--kms-key" in note


def test_a_table_that_isnt_there_is_said(account):
    assert account.granted("QueryTheHotTable") == {}
    (note,) = account.notes
    assert f"the key of the table {TABLE} isn't known" in note
    assert "ResourceNotFoundException" in note


def test_what_cant_be_looked_at_any_more_keeps_its_permission(account):
    account.table(KMSMasterKeyId=account.key)
    before = {"reader": {"Statement": [*account.granted("QueryTheHotTable").values()]}}
    account.refused.add("DescribeTable")
    found = account.granted("QueryTheHotTable", before=before)
    assert found == permission("DecryptTheHotTable", "dynamodb", account.key)
    assert f"The permission for {account.key} stays." in account.notes[0]


def test_a_table_that_leaves_its_key_takes_the_permission_with_it(account):
    account.table()
    before = {
        "reader": {"Statement": [*permission("DecryptTheHotTable", "dynamodb", "k").values()]}
    }
    assert account.granted("QueryTheHotTable", before=before) == {}


def test_a_key_that_is_named_is_granted_where_none_can_be_found(account):
    account.table()
    account.refused.add("DescribeParameters")
    read = ("QueryTheHotTable", "ReadTheToken")
    found = account.granted(*read, tokens=account.parameter(), chosen=ELSEWHERE)
    assert found == permission("DecryptTheToken", "ssm", ELSEWHERE)
    assert account.notes == []


def test_verify_says_that_its_own_credentials_may_not_use_a_key():
    message = "Access to KMS is not allowed"
    refusal = ClientError(
        {"Error": {"Code": "AccessDeniedException", "Message": message}}, "GetSecretValue"
    )
    _, advice = aws_problem(refusal)
    assert "kms:Decrypt" in advice


def test_a_policy_that_somebody_broke_is_no_hindrance(account):
    assert account.granted("QueryTheHotTable", before={"reader": ["?"]}) == {}
