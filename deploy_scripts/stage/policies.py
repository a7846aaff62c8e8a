"""The policies of a stage's functions: each may do its own work, and nothing else.

docs/architecture.md, 'Credential isolation'.

Parameter Store, Secrets Manager and DynamoDB decrypt on behalf of whoever reads. Keys that AWS manages let
every principal of the account do so through their service; one that a customer manages has to be granted
(AWS KMS developer guide, 'How Amazon DynamoDB uses AWS KMS' and the pages on the other two).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.model.reads import READS
from deploy_scripts.errors import VerbError
from deploy_scripts.tokens.stores import READ_TOKEN_SID

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from chalicelib.model.layout import ProviderLayout
    from chalicelib.model.reads import Read
    from deploy_scripts import MakeClient
    from deploy_scripts.stage.stage import Stage
    from deploy_scripts.tokens.stores import TokenStore

    Policies = Mapping[str, dict[str, Any]]

Statement = dict[str, Any]

_KEY_ID: Final = re.compile(r"(mrk-)?[0-9a-f-]{32,36}")
_QUERY_SID: Final = "QueryTheHotTable"
"""The id of the statement that lets a function read the hot table."""


def policies(
    stage: Stage, layout: ProviderLayout, *, table: str, index: str | None, token: Statement
) -> dict[str, dict[str, Any]]:
    """Return the policy document of each function.

    `index`: the secondary index that is read in place of the table itself; None if it is the table.
    """

    def statements(function: str) -> Iterator[Statement]:
        connector = next((read for read in READS if read.data_connector == function), None)
        if connector is None:
            resource = f"arn:*:dynamodb:*:*:table/{table}"
            if index is not None:
                resource += f"/index/{index}"
            yield _allow(_QUERY_SID, resource, "dynamodb:Query")
        elif not layout.crosses_clouds:
            resource = _local_reader(connector, stage.environment or {})
            yield _allow("InvokeTheLocalHotReader", resource, "lambda:InvokeFunction")
        if layout.crosses_clouds:
            yield token
        if connector is not None and layout.crosses_clouds:
            sid = "TellTheDeviceOfAnOldComponentType"
            yield _allow(sid, "arn:*:iottwinmaker:*:*:workspace/*", "iottwinmaker:GetEntity")
        group = f"arn:*:logs:*:*:log-group:{stage.log_group(function)}"
        log = ("logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents")
        yield _allow("WriteItsLog", [group, f"{group}:*"], *log)
        yield _allow("SendTraces", "*", "xray:PutTraceSegments", "xray:PutTelemetryRecords")

    return {
        name: {"Version": "2012-10-17", "Statement": [*statements(name)]}
        for name in stage.functions(layout)
    }


def policy_file(stage: str, function: str) -> str:
    """Return the name of a policy's file in `.chalice`."""
    return f"policy-{stage}-{function.replace('_', '-')}.json"


def _allow(sid: str, resource: str | list[str], *actions: str) -> Statement:
    return {"Sid": sid, "Effect": "Allow", "Action": [*actions], "Resource": resource}


def _local_reader(read: Read, environment: Mapping[str, str]) -> str:
    """Return the ARN (or its pattern) of the Hot Reader that a connector on one cloud invokes."""
    name = environment.get(read.local_function_setting, "").strip()
    if not name:
        raise VerbError(
            f"{read.local_function_setting} is not set in the stage; {read.data_connector} needs it."
        )
    return name if name.startswith("arn:") else f"arn:*:lambda:*:*:function:{name}"


@dataclass(frozen=True, slots=True)
class KmsKeys:
    """Finds the keys of a stage's token and hot table, and grants just those."""

    client: MakeClient
    chosen: str | None  # the ARN of the key of what can't be looked at
    report: Callable[[str], None]  # gets a sentence for each thing whose key can't be found

    def grant(
        self, policies: Policies, before: Policies, *, tokens: TokenStore, table: str
    ) -> None:
        """Add the permission to decrypt to each policy that lets a function read the token or the table.

        `before`: the policies as they were. Where a key can't be found, they keep what they granted.
        """
        of_token = READ_TOKEN_SID, "DecryptTheToken", tokens.service, tokens.reference
        self._grant(policies, before, tokens.key_id, *of_token)
        of_table = _QUERY_SID, "DecryptTheHotTable", "dynamodb", f"the table {table}"
        self._grant(policies, before, partial(self._key_of_table, table), *of_table)

    def _grant(
        self,
        policies: Policies,
        before: Policies,
        find_key: Callable[[], str | None],
        read_sid: str,
        sid: str,
        service: str,
        name: str,
    ) -> None:
        readers = [each for each, policy in policies.items() if _statement(policy, read_sid)]
        if not readers:
            return
        statements = {each: _statement(before.get(each), sid) for each in readers}
        key: str | None = ""
        try:
            key = self._arn(find_key()) or ""
        except (BotoCoreError, ClientError) as error:
            key = self.chosen
            if key is None:
                self._tell_unknown(name, statements, error)
        if key is not None:
            statements = dict.fromkeys(readers, _decrypt(sid, key, service) if key else None)
        for reader, statement in statements.items():
            if statement is not None:
                policies[reader]["Statement"].append(statement)

    def _key_of_table(self, table: str) -> str | None:
        description = self.client("dynamodb").describe_table(TableName=table)["Table"]
        key: str | None = description.get("SSEDescription", {}).get("KMSMasterKeyArn")
        return key

    def _arn(self, key: str | None) -> str | None:
        """Return the ARN of a key that a customer manages; None for one of AWS's."""
        if key is None or "alias/aws/" in key:
            return None
        try:
            found = self.client("kms").describe_key(KeyId=key)["KeyMetadata"]
        except ClientError:
            # A policy takes no alias (AWS KMS developer guide, 'Specifying KMS keys in IAM policies').
            if ":key/" in key:
                return key
            if _KEY_ID.fullmatch(key):
                return f"arn:*:kms:*:*:key/{key}"
            raise
        return str(found["Arn"]) if found["KeyManager"] == "CUSTOMER" else None

    def _tell_unknown(
        self, name: str, kept: Mapping[str, Statement | None], error: Exception
    ) -> None:
        keys = sorted({str(found.get("Resource")) for found in kept.values() if found})
        self.report(
            f"the key of {name} isn't known: {str(error).rstrip('.')}. "
            + (f"The permission for {', '.join(keys)} stays. " if keys else "")
            + "If you manage its KMS key yourself, name it with --kms-key; or run configure again when "
            "it can be looked at."
        )


def _decrypt(sid: str, key: str, service: str) -> Statement:
    # By that service only; its host's last part differs between partitions.
    condition = {"StringLike": {"kms:ViaService": f"{service}.*"}}
    return _allow(sid, key, "kms:Decrypt") | {"Condition": condition}


def _statement(policy: Any, sid: str) -> Statement | None:
    """Return the statement of an id; None if a file that anybody may edit has none."""
    statements = policy.get("Statement") if isinstance(policy, dict) else None
    found = [each for each in statements or () if isinstance(each, dict) and each.get("Sid") == sid]
    return found[0] if found else None
