"""The policies of roles: what can't be tried, as only AWS itself acts in their name.

They are read as IAM evaluates them (IAM user guide, 'Policy evaluation logic'), as far as a role's own
policies go: a permissions boundary, an organization's policy or a condition may still forbid something.
So what is missing here is a warning, not a broken hop.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from chalicelib.model.reads import READS
from deploy_scripts.stage.policies import policy_file
from deploy_scripts.stage.stage import STAGES_FILE, read_stage_file
from deploy_scripts.verify.hop import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from chalicelib.model.reads import Read
    from deploy_scripts.stage.stage import Stage

Statement = dict[str, Any]

TWINMAKER: Final = "iottwinmaker.amazonaws.com"
"""The service that assumes a workspace's role (AWS IoT TwinMaker user guide, 'Create and manage a service
role')."""


@dataclass(frozen=True, slots=True)
class Role:
    """A role as IAM shows it."""

    name: str
    services: frozenset[str]
    statements: Sequence[Statement]

    @classmethod
    def look(cls, iam: Any, arn: str) -> Role:
        """Read a role, by its ARN, and its policies; raises botocore's `ClientError`."""
        name = arn.rpartition("/")[2]
        trust = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
        allowed = [each for each in _statements(trust) if each["Effect"] == "Allow"]
        principals = [each.get("Principal", {}) for each in allowed]
        services = {
            service
            for each in principals
            if isinstance(each, dict)
            for service in _list(each.get("Service", []))
        }
        documents = [
            iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
            for page in iam.get_paginator("list_role_policies").paginate(RoleName=name)
            for policy in page["PolicyNames"]
        ]
        for page in iam.get_paginator("list_attached_role_policies").paginate(RoleName=name):
            for each in page["AttachedPolicies"]:
                policy = {"PolicyArn": each["PolicyArn"]}
                version = iam.get_policy(**policy)["Policy"]["DefaultVersionId"]
                found = iam.get_policy_version(**policy, VersionId=version)["PolicyVersion"]
                documents.append(found["Document"])
        return cls(name, frozenset(services), [s for each in documents for s in _statements(each)])

    def lacks(self, wanted: Iterable[Statement]) -> Iterator[str]:
        """Yield each action on a resource that statements allow and this role's policies don't."""
        for statement in wanted:
            for action in _list(statement["Action"]):
                for resource in _list(statement["Resource"]):
                    if not self._may(action, resource):
                        yield f"{action} on {resource}"

    def _may(self, action: str, resource: str) -> bool:
        effects = {
            each["Effect"]
            for each in self.statements
            if _concerns(each, "Action", action.lower())
            and _concerns(each, "Resource", resource)
            # A condition may or may not hold: the benefit of the doubt.
            and not (each["Effect"] == "Deny" and each.get("Condition"))
        }
        return effects == {"Allow"}


def _concerns(statement: Statement, member: str, name: str) -> bool:
    """Tell whether a statement is about an action or a resource, which may itself be a pattern."""
    if f"Not{member}" in statement:
        return not any(_like(each, name) for each in _list(statement[f"Not{member}"]))
    stated = _list(statement.get(member, []))
    return any(_like(each, name) or _like(name, each) for each in stated)


def _like(pattern: str, name: str) -> bool:
    """Compare by IAM's wildcards (IAM user guide, 'IAM JSON policy elements: Resource')."""
    regular = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(regular, name, re.IGNORECASE | re.DOTALL) is not None


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _statements(document: Mapping[str, Any]) -> list[Statement]:
    return _list(document.get("Statement", []))


def check_readers(iam: Any, project: Path, stage: Stage, roles: Mapping[str, str]) -> Finding[None]:
    """Compare the policies of functions with those that `configure` wrote for the stage."""
    details, warnings = [], []
    for function, arn in roles.items():
        file = (project / STAGES_FILE).with_name(policy_file(stage.name, function))
        if not file.exists():
            details.append(f"{function}: there is no {file.name} to compare with")
            continue
        wanted = _statements(read_stage_file(file))
        detail, lacking = _compare(iam, function, arn, wanted)
        details.append(detail)
        warnings += [f"{each}. Run deploy --stage {stage.name}." for each in lacking]
    return Finding("; ".join(details), None, tuple(warnings))


def check_workspace_role(
    iam: Any, arn: str, readers: Mapping[Read, str], stage: str
) -> tuple[str, tuple[str, ...]]:
    """Check that TwinMaker may assume a workspace's role, and the role invoke the readers.

    Returns
    -------
    tuple
        What was seen, in words, and warnings.
    """
    invoke = {"Action": "lambda:InvokeFunction", "Resource": [readers[read] for read in READS]}
    detail, lacking = _compare(iam, f"role {arn}", arn, [invoke], TWINMAKER)
    return detail, tuple(f"{each}. Run register --stage {stage}." for each in lacking)


def _compare(
    iam: Any, subject: str, arn: str, wanted: Sequence[Statement], service: str | None = None
) -> tuple[str, list[str]]:
    """Say what a role was found to be, and what it lacks."""
    try:
        role = Role.look(iam, arn)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code == "NoSuchEntity":
            return f"{subject}: not there", [
                f"{subject}: there is no such role, or policy, as {arn}"
            ]
        return f"{subject}: not looked at ({error.operation_name}: {code})", []
    lacking = [*role.lacks(wanted)]
    problems = [f"{subject} may not {', '.join(lacking)}"] if lacking else []
    if service is not None and service not in role.services:
        problems.append(f"{subject} doesn't let {service} assume it: add that to its trust policy")
    return f"{subject}: {'differs' if problems else 'as it should be'}", problems
