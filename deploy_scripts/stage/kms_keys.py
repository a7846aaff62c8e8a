"""The customer-managed KMS keys of what a stage's functions read, and the permission to use just those.

Parameter Store, Secrets Manager and DynamoDB decrypt on behalf of whoever reads. Keys that AWS manages let
every principal of the account do so through their service; one that a customer manages has to be granted
(AWS KMS developer guide, 'How Amazon DynamoDB uses AWS KMS' and the pages on the other two).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from deploy_scripts.stage.policies import QUERY_SID
from deploy_scripts.tokens.stores import READ_TOKEN_SID

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from deploy_scripts.stage.policies import Statement
    from deploy_scripts.tokens.stores import TokenStore

    Policies = Mapping[str, dict[str, Any]]

_KEY_ID: Final = re.compile(r"(mrk-)?[0-9a-f-]{32,36}")


class _Encrypted(NamedTuple):
    """Something that functions read: its name, its service, and the statement that lets them read it."""

    name: str
    service: str
    read_sid: str
    sid: str
    key: Callable[[], str | None]


class KmsKeys:
    """Finds the keys of a stage's token and hot table.

    `client`: makes a client of an AWS service, as `boto3.client` does.
    `chosen`: the ARN of the key of what can't be looked at.
    """

    def __init__(
        self, client: Callable[..., Any], chosen: str | None, report: Callable[[str], None]
    ) -> None:
        self._client = client
        self._chosen = chosen
        self._report = report

    def grant(
        self, policies: Policies, before: Policies, *, tokens: TokenStore, table: str
    ) -> None:
        """Add the permission to decrypt to each policy that lets a function read the token or the table.

        `before`: the policies as they were. Where a key can't be found, they keep what they granted.
        """
        for each in (
            _Encrypted(
                tokens.reference, tokens.service, READ_TOKEN_SID, "DecryptTheToken", tokens.key_id
            ),
            _Encrypted(
                f"the table {table}",
                "dynamodb",
                QUERY_SID,
                "DecryptTheHotTable",
                lambda: self._key_of_table(table),
            ),
        ):
            readers = [name for name in policies if _statement(policies[name], each.read_sid)]
            if not readers:
                continue
            for name, statement in self._statements(each, readers, before).items():
                if statement is not None:
                    policies[name]["Statement"].append(statement)

    def _statements(
        self, each: _Encrypted, readers: list[str], before: Policies
    ) -> dict[str, Statement | None]:
        try:
            key = self._arn(each.key())
        except (BotoCoreError, ClientError) as error:
            if self._chosen is None:
                return self._kept(each, readers, before, error)
            key = self._chosen
        return dict.fromkeys(readers, None if key is None else _decrypt(each, key))

    def _key_of_table(self, table: str) -> str | None:
        description = self._client("dynamodb").describe_table(TableName=table)["Table"]
        key: str | None = description.get("SSEDescription", {}).get("KMSMasterKeyArn")
        return key

    def _arn(self, key: str | None) -> str | None:
        """Return the ARN of a key that a customer manages; None for one of AWS's."""
        if key is None or "alias/aws/" in key:
            return None
        try:
            found = self._client("kms").describe_key(KeyId=key)["KeyMetadata"]
        except ClientError:
            # A policy takes no alias (AWS KMS developer guide, 'Specifying KMS keys in IAM policies').
            if ":key/" in key:
                return key
            if _KEY_ID.fullmatch(key):
                return f"arn:*:kms:*:*:key/{key}"
            raise
        return str(found["Arn"]) if found["KeyManager"] == "CUSTOMER" else None

    def _kept(
        self, each: _Encrypted, readers: list[str], before: Policies, error: Exception
    ) -> dict[str, Statement | None]:
        kept = {name: _statement(before.get(name), each.sid) for name in readers}
        keys = sorted({str(found.get("Resource")) for found in kept.values() if found})
        self._report(
            f"the key of {each.name} isn't known: {str(error).rstrip('.')}. "
            + (f"The permission for {', '.join(keys)} stays. " if keys else "")
            + "If you manage its KMS key yourself, name it with --kms-key; or run configure again when "
            "it can be looked at."
        )
        return kept


def _decrypt(each: _Encrypted, key: str) -> Statement:
    return {
        "Sid": each.sid,
        "Effect": "Allow",
        "Action": ["kms:Decrypt"],
        "Resource": key,
        # By that service only; its host's last part differs between partitions.
        "Condition": {"StringLike": {"kms:ViaService": f"{each.service}.*"}},
    }


def _statement(policy: Any, sid: str) -> Statement | None:
    """Return the statement of an id; None if a file that anybody may edit has none."""
    statements = policy.get("Statement") if isinstance(policy, dict) else None
    found = [each for each in statements or () if isinstance(each, dict) and each.get("Sid") == sid]
    return found[0] if found else None
