"""The workspace's role: its choice, and the inline policy by which it may invoke the readers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from chalicelib.model.errors import ConfigurationError
from deploy_scripts.register.calls import call, call_if_there
from deploy_scripts.register.summary import Change, Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chalicelib.model.reads import Read
    from deploy_scripts.register.calls import Json
    from deploy_scripts.register.twin import Twin


class RolePolicy:
    """The inline policy by which the workspace's role may invoke the readers."""

    def __init__(self, iam: Any, twin: Twin, role_arn: str) -> None:
        self._iam = iam
        # The last part of a role's ARN is its name, behind its path (IAM guide, 'IAM ARNs').
        self._role = {"RoleName": role_arn.rpartition("/")[2]}
        self._key = {**self._role, "PolicyName": twin.policy_name}
        self._subject = f"role {self._role['RoleName']}"

    def compare(self, readers: Mapping[Read, str]) -> Change:
        """Return the change that `put` would make."""
        found = self._look()
        if found is None:
            call(self._subject, self._iam.get_role, **self._role)
            return self._change(Outcome.CREATED)
        agrees = found["PolicyDocument"] == _invoke_only(readers)
        return self._change(Outcome.UNCHANGED if agrees else Outcome.UPDATED)

    def put(self, readers: Mapping[Read, str]) -> None:
        """Let the role invoke the readers, and nothing else by this policy."""
        document = json.dumps(_invoke_only(readers))
        call(self._subject, self._iam.put_role_policy, **self._key, PolicyDocument=document)

    def remove(self, *, dry_run: bool) -> Change:
        """Take the policy from the role, if it is there."""
        if self._look() is None:
            return self._change(Outcome.ABSENT)
        delete = self._iam.delete_role_policy
        if dry_run or call_if_there(self._subject, delete, **self._key):
            return self._change(Outcome.REMOVED)
        return self._change(Outcome.ABSENT)

    def _look(self) -> Json | None:
        return call_if_there(self._subject, self._iam.get_role_policy, **self._key)

    def _change(self, outcome: Outcome) -> Change:
        return Change("role policy", self._key["PolicyName"], outcome)


def _invoke_only(readers: Mapping[Read, str]) -> Json:
    statement = {
        "Effect": "Allow",
        "Action": "lambda:InvokeFunction",
        "Resource": list(dict.fromkeys(readers.values())),
    }
    return {"Version": "2012-10-17", "Statement": [statement]}


def role_of(
    twin: Twin,
    workspace: Json | None,
    *,
    role_arn: str | None,
    s3_location: str | None,
    create: bool,
) -> str:
    """Return the role of a workspace, or of the one that is to be created."""
    name = twin.workspace_id
    if workspace is None and not create:
        raise ConfigurationError(
            f"There is no workspace {name}. Name another one with --workspace, or let it be created: "
            "--create-workspace --role-arn ARN --s3-location ARN"
        )
    if workspace is None:
        if role_arn and s3_location:
            return role_arn
        raise ConfigurationError(
            f"To create the workspace {name}, --role-arn and --s3-location are needed: a role that "
            "TwinMaker may assume, and the ARN of a bucket that the role may use"
        )
    role: str | None = workspace.get("role")
    if not role:
        raise ConfigurationError(
            f"The workspace {name} has no role, so TwinMaker can't invoke anything in it. Give it "
            f"one: aws iottwinmaker update-workspace --workspace-id {name} --role ARN"
        )
    if role_arn and role_arn != role:
        raise ConfigurationError(
            f"The workspace {name} is there and has the role {role}, not {role_arn}. Leave out "
            "--role-arn, or change the workspace's role first."
        )
    return role
