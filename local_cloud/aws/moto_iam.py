"""IAM's SimulatePrincipalPolicy, which moto lacks: what the policies of a user or role allow.

Credentials that aren't those of an IAM user or role may do everything in moto, and so they may here; IAM
itself knows no such principal. Boundaries, session policies and those of an organization aren't looked at.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from moto.core.responses import ActionResult
from moto.iam.access_control import IAMPolicy, PermissionResult
from moto.iam.responses import IamResponse

if TYPE_CHECKING:
    from collections.abc import Iterable

    from local_cloud.aws.moto_repairs import Method, Repair


def _simulation(_missing: Method | None) -> Method:
    def simulate_principal_policy(response: Any) -> ActionResult:
        policies = _policies_of(response.backend, response._get_param("PolicySourceArn"))
        context = {
            each["ContextKeyName"]: each["ContextKeyValues"][0]
            for each in response._get_param("ContextEntries", [])
        }
        (resource,) = response._get_param("ResourceArns", ["*"])
        results = [
            {
                "EvalActionName": action,
                "EvalResourceName": resource,
                "EvalDecision": _decision(policies, action, resource, context),
                "MatchedStatements": [],
                "MissingContextValues": [],
            }
            for action in response._get_param("ActionNames")
        ]
        return ActionResult({"EvaluationResults": results, "IsTruncated": False})

    return simulate_principal_policy


def _policies_of(backend: Any, arn: str) -> list[Any] | None:
    """Return a principal's policies; None if everything is allowed to it."""
    *_, resource = arn.split(":")
    kind, *_, name = resource.split("/")
    if kind == "user" and ":iam:" in arn:
        inline = [
            backend.get_user_policy(name, each)["policy_document"]
            for each in backend.list_user_policies(name)
        ]
        return [*inline, *backend.list_attached_user_policies(name)[0]]
    if kind == "role":
        role = backend.get_role(name)
        return [*role.policies.values(), *role.managed_policies.values()]
    return None


def _decision(
    policies: Iterable[Any] | None, action: str, resource: str, context: dict[str, str]
) -> str:
    if policies is None:
        return "allowed"
    found = {
        IAMPolicy(json.dumps(each) if isinstance(each, dict) else each).is_action_permitted(
            action, resource, incoming_condition_values=context
        )
        for each in policies
    }
    if PermissionResult.DENIED in found:
        return "explicitDeny"
    return "allowed" if PermissionResult.PERMITTED in found else "implicitDeny"


REPAIRS: Final[tuple[Repair, ...]] = ((IamResponse, "simulate_principal_policy", _simulation),)
