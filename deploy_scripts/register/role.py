"""The workspace's role: which one it is, and the inline policy by which it may invoke the readers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from chalicelib.model.errors import ConfigurationError
from deploy_scripts.register.errors import calling
from deploy_scripts.register.summary import Change, Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chalicelib.model.reads import Read
    from deploy_scripts.register.twin import Twin
    from deploy_scripts.register.twinmaker import Json


class RolePolicy:
    """The inline policy by which the workspace's role may invoke the readers."""

    def __init__(self, iam: Any, twin: Twin, role_arn: str) -> None:
        self._iam = iam
        # The last part of a role's ARN is its name, behind its path (IAM guide, 'IAM ARNs').
        role_name = role_arn.rpartition("/")[2]
        self._key = {"RoleName": role_name, "PolicyName": twin.policy_name}

    def compare(self, readers: Mapping[Read, str]) -> Change:
        """Say what `put` would do."""
        found = self._found()
        if found is None:
            with calling(f"role {self._key['RoleName']}"):
                self._iam.get_role(RoleName=self._key["RoleName"])
            return self._change(Outcome.CREATED)
        return self._change(
            Outcome.UNCHANGED if found == _invoke_only(readers) else Outcome.UPDATED
        )

    def put(self, readers: Mapping[Read, str]) -> None:
        """Let the role invoke the readers, and nothing else by this policy."""
        wanted = _invoke_only(readers)
        with calling(f"role {self._key['RoleName']}"):
            self._iam.put_role_policy(**self._key, PolicyDocument=json.dumps(wanted))

    def remove(self, *, dry_run: bool) -> Change:
        """Take the policy from the role, if it is there."""
        if self._found() is None:
            return self._change(Outcome.ABSENT)
        if not dry_run:
            with calling(f"role {self._key['RoleName']}"):
                try:
                    self._iam.delete_role_policy(**self._key)
                except self._iam.exceptions.NoSuchEntityException:
                    return self._change(Outcome.ABSENT)
        return self._change(Outcome.REMOVED)

    def _found(self) -> Json | None:
        with calling(f"role {self._key['RoleName']}"):
            try:
                answer: Json = self._iam.get_role_policy(**self._key)
            except self._iam.exceptions.NoSuchEntityException:
                return None
        document: Json = answer["PolicyDocument"]
        return document

    def _change(self, outcome: Outcome) -> Change:
        return Change("role policy", self._key["PolicyName"], outcome)


def _invoke_only(readers: Mapping[Read, str]) -> Json:
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": "lambda:InvokeFunction",
                "Resource": list(dict.fromkeys(readers.values())),
            }
        ],
    }


def role_of_new(twin: Twin, role_arn: str | None, s3_location: str | None, *, create: bool) -> str:
    """Return the role of a workspace that isn't there yet.

    Raises
    ------
    ConfigurationError
        It isn't to be created, or what that needs is missing.
    """
    if not create:
        raise ConfigurationError(
            f"There is no workspace {twin.workspace_id}. Name another one with --workspace, or let it "
            "be created: --create-workspace --role-arn ARN --s3-location ARN"
        )
    if not role_arn or not s3_location:
        raise ConfigurationError(
            f"To create the workspace {twin.workspace_id}, --role-arn and --s3-location are needed: a "
            "role that TwinMaker may assume, and the ARN of a bucket that the role may use"
        )
    return role_arn


def role_of(twin: Twin, workspace: Json, role_arn: str | None) -> str:
    """Return the role of a workspace that is there.

    Raises
    ------
    ConfigurationError
        It has none, or another one than was named.
    """
    role: str | None = workspace.get("role")
    if not role:
        raise ConfigurationError(
            f"The workspace {twin.workspace_id} has no role, so TwinMaker can't invoke anything in "
            "it. Give it one: aws iottwinmaker update-workspace --workspace-id "
            f"{twin.workspace_id} --role ARN"
        )
    if role_arn and role_arn != role:
        raise ConfigurationError(
            f"The workspace {twin.workspace_id} is there and has the role {role}, not {role_arn}. "
            "Leave out --role-arn, or change the workspace's role first."
        )
    return role
