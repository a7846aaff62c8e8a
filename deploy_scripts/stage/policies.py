"""The policies of a stage's functions: each may do its own work, and nothing else.

docs/architecture.md, 'Credential isolation'.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from chalicelib.model.reads import READS
from deploy_scripts.errors import VerbError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from chalicelib.model.layout import ProviderLayout
    from chalicelib.model.reads import Read
    from deploy_scripts.stage.stage import Stage

Statement = dict[str, Any]

QUERY_SID: Final = "QueryTheHotTable"
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
            yield _allow(QUERY_SID, resource, "dynamodb:Query")
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
