"""The policies of roles: what can't be tried, as only AWS itself acts in their name.

IAM simulates them, with a boundary and those of the organization, but not what a condition on unknown values
says. So what is missing here is a warning, not a broken hop.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from chalicelib.model.reads import READS
from deploy_scripts.deployment.permissions import denied_actions
from deploy_scripts.errors import code_of, not_there
from deploy_scripts.stage.policies import policy_file
from deploy_scripts.stage.stage import STAGES_FILE, read_stage_file
from deploy_scripts.verify.hop import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from chalicelib.model.reads import Read
    from deploy_scripts import MakeClient
    from deploy_scripts.stage.policies import Statement
    from deploy_scripts.stage.stage import Stage

TWINMAKER: Final = "iottwinmaker.amazonaws.com"
"""The service that assumes a workspace's role (AWS IoT TwinMaker user guide, 'Create and manage a service
role')."""


def check_readers(
    client: MakeClient, project: Path, stage: Stage, roles: Mapping[str, str]
) -> Finding[None]:
    """Compare the policies of functions with those that `configure` wrote for the stage."""
    details, warnings = [], []
    for function, arn in roles.items():
        file = (project / STAGES_FILE).with_name(policy_file(stage.name, function))
        if not file.exists():
            details.append(f"{function}: there is no {file.name} to compare with")
            continue
        wanted = _list(read_stage_file(file).get("Statement", []))
        detail, lacking = _compare(client, function, arn, wanted)
        details.append(detail)
        warnings += [f"{each}. Run deploy --stage {stage.name}." for each in lacking]
    return Finding("; ".join(details), None, tuple(warnings))


def check_workspace_role(
    client: MakeClient, arn: str, readers: Mapping[Read, str], stage: str
) -> tuple[str, tuple[str, ...]]:
    """Check that TwinMaker may assume a workspace's role, and the role invoke the readers.

    What was seen is returned in words, and what is wrong as warnings.
    """
    invoke = {"Action": "lambda:InvokeFunction", "Resource": [readers[read] for read in READS]}
    detail, lacking = _compare(client, f"role {arn}", arn, [invoke], TWINMAKER)
    return detail, tuple(f"{each}. Run register --stage {stage}." for each in lacking)


def _compare(
    client: MakeClient,
    subject: str,
    arn: str,
    wanted: Sequence[Statement],
    service: str | None = None,
) -> tuple[str, list[str]]:
    """Say what a role was found to be, and what it lacks."""
    iam, region = client("iam"), client("lambda").meta.region_name
    try:
        trust = iam.get_role(RoleName=arn.rpartition("/")[2])["Role"]["AssumeRolePolicyDocument"]
        lacking = [*_lacking(iam, arn, wanted, region)]
    except ClientError as error:
        if not_there(error):
            return f"{subject}: not there", [f"{subject}: there is no such role as {arn}"]
        return f"{subject}: not looked at ({error.operation_name}: {code_of(error)})", []
    problems = [f"{subject} may not {', '.join(lacking)}"] if lacking else []
    if service is not None and service not in _services(trust):
        problems.append(f"{subject} doesn't let {service} assume it: add that to its trust policy")
    return f"{subject}: {'differs' if problems else 'as it should be'}", problems


def _lacking(iam: Any, role: str, wanted: Sequence[Statement], region: str) -> Iterator[str]:
    """Yield each action on a resource that statements allow and a role's policies don't."""
    _, partition, _, _, account, _ = role.split(":", 5)
    here = ("arn", partition, "", region, account)
    for statement in wanted:
        tests = statement.get("Condition", {}).values()
        context = {key: value for test in tests for key, value in test.items()}
        for pattern in _list(statement["Resource"]):
            # IAM simulates the use of resources that are somewhere: here.
            parts = [
                own if each == "*" and own else each
                for each, own in zip(pattern.split(":", 5), (*here, ""), strict=False)
            ]
            arn = ":".join(parts) if len(parts) > 1 else pattern
            for action in denied_actions(iam, role, _list(statement["Action"]), arn, context):
                yield f"{action} on {arn}"


def _services(trust: Mapping[str, Any]) -> set[str]:
    """Return the services that may assume a role."""
    allowed = [each for each in _list(trust.get("Statement", [])) if each["Effect"] == "Allow"]
    principals = [each.get("Principal") for each in allowed]
    of_services = [_list(each.get("Service", [])) for each in principals if isinstance(each, dict)]
    return {service for services in of_services for service in services}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
