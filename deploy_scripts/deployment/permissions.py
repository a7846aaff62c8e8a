"""The permissions that a deployment takes, asked of IAM before anything is written.

Neither Lambda nor API Gateway or TwinMaker has a dry call for all of them, so IAM simulates the caller's
policies (IAM API reference, 'SimulatePrincipalPolicy'). It knows those of the user or role, with their
boundary and those of the organization, but not a session's.
"""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from deploy_scripts.errors import RefusedError
from deploy_scripts.register.summary import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from deploy_scripts import MakeClient
    from deploy_scripts.register.summary import Summary

_FUNCTION: Final[Mapping[str, tuple[str, ...]]] = {
    "create_function": ("CreateFunction", "TagResource"),
    "update_function": ("UpdateFunctionCode", "UpdateFunctionConfiguration"),
    "delete_function": ("DeleteFunction",),
    "put_function_concurrency": ("PutFunctionConcurrency",),
    "delete_function_concurrency": ("DeleteFunctionConcurrency",),
    "add_permission_for_apigateway": ("AddPermission",),
}
_ROLE: Final[Mapping[str, tuple[str, ...]]] = {
    "create_role": ("CreateRole", "PutRolePolicy"),
    "put_role_policy": ("PutRolePolicy",),
    "delete_role": ("DeleteRole", "DeleteRolePolicy"),
}
_API: Final[Mapping[str, str]] = {
    "import_rest_api": "POST",
    "update_api_from_swagger": "PUT",
    "update_rest_api": "PATCH",
    "deploy_rest_api": "POST",
    "delete_rest_api": "DELETE",
}
_TWINMAKER: Final = {
    Outcome.CREATED: "Create",
    Outcome.UPDATED: "Update",
    Outcome.REMOVED: "Delete",
}
_PASSED: Final = {"iam:PassedToService": "lambda.amazonaws.com"}
_KINDS: Final = {"component type": "ComponentType", "entity": "Entity"}


class Account:
    """The account and region that the credentials lead to; STS is asked once."""

    def __init__(self, client: MakeClient) -> None:
        self._sts = client("sts")

    @cached_property
    def caller(self) -> str:
        """The ARN of whom the credentials are of."""
        return str(self._sts.get_caller_identity()["Arn"])

    def arn(self, service: str, name: str) -> str:
        """Return the ARN that something has, or will have, here."""
        _, partition, _, _, account, *_ = self.caller.split(":")
        region = "" if service == "iam" else self._sts.meta.region_name
        if service == "apigateway":  # its ARNs name no account
            account = ""
        return f"arn:{partition}:{service}:{region}:{account}:{name}"


class Permissions:
    """The permissions of some calls."""

    def __init__(self, client: MakeClient) -> None:
        self._client = client
        self.account = Account(client)
        self._actions: dict[str, set[str]] = defaultdict(set)

    def need_call(self, method: str, arguments: Mapping[str, Any]) -> None:
        """Note what a call of Chalice's client takes, by the method's name and its arguments."""
        if method in _FUNCTION:
            arn = self.account.arn("lambda", f"function:{arguments['function_name']}")
            self._actions[arn] |= {f"lambda:{each}" for each in _FUNCTION[method]}
            if arguments.get("role_arn"):
                self._actions[arguments["role_arn"]].add("iam:PassRole")
        elif method in _ROLE:
            name = arguments.get("role_name") or arguments["name"]
            arn = self.account.arn("iam", f"role/{name}")
            self._actions[arn] |= {f"iam:{each}" for each in _ROLE[method]}
        elif method in _API:
            path = "/restapis"
            if api := arguments.get("rest_api_id"):  # a new one's isn't known yet
                path += f"/{api}" + ("/deployments" if method == "deploy_rest_api" else "")
            arn = self.account.arn("apigateway", path)
            self._actions[arn].add(f"apigateway:{_API[method]}")

    def need_registration(self, summary: Summary, workspace_id: str) -> None:
        """Note what a registration takes that a dry run has summarised: one of each kind stands for all."""
        workspace = self.account.arn("iottwinmaker", f"workspace/{workspace_id}")
        noted = set()
        for change in summary.changes:
            if change.kind not in _KINDS or change.outcome not in _TWINMAKER:
                continue
            action = f"iottwinmaker:{_TWINMAKER[change.outcome]}{_KINDS[change.kind]}"
            if action in noted:
                continue
            noted.add(action)
            # What isn't there yet is made in its workspace (service authorization reference, 'Actions,
            # resources, and condition keys for AWS IoT TwinMaker').
            its_own = f"/{change.kind.replace(' ', '-')}/{change.id}"
            made = change.outcome is Outcome.CREATED
            self._actions[workspace + its_own * (not made)].add(action)

    def check(self, report: Callable[[str], None]) -> None:
        """Ask IAM.

        `report`: gets a line if IAM doesn't say.
        """
        if not self._actions:
            return
        caller = self.account.caller
        if caller.endswith(":root"):  # may do everything, and can't be simulated
            return
        try:
            principal = self._principal(caller)
            denied = [
                f"{action} on {arn}"
                for arn in sorted(self._actions)
                for action in denied_actions(
                    self._client("iam"), principal, self._actions[arn], arn, _PASSED
                )
            ]
        except (ClientError, BotoCoreError) as error:
            report(f"Not checked is what {caller} may do: {error}")
            return
        if denied:
            raise RefusedError(
                f"Nothing was written: the policies of {caller} don't allow {', '.join(denied)}. Allow it, "
                "or use other credentials."
            )

    def _principal(self, caller: str) -> str:
        """Return the user or role that a caller is, by its own ARN: a session's lacks the role's path."""
        kind, _, rest = caller.split(":")[-1].partition("/")
        if kind != "assumed-role":
            return caller
        role: dict[str, Any] = self._client("iam").get_role(RoleName=rest.split("/")[0])["Role"]
        return str(role["Arn"])


def denied_actions(
    iam: Any, principal: str, actions: Iterable[str], arn: str, context: Mapping[str, str]
) -> list[str]:
    """Return which actions on a resource the policies of a user or role don't allow.

    `context`: the values of condition keys that are known.
    """
    entries = [
        {"ContextKeyName": key, "ContextKeyType": "string", "ContextKeyValues": [value]}
        for key, value in context.items()
    ]
    pages = iam.get_paginator("simulate_principal_policy").paginate(
        PolicySourceArn=principal,
        ActionNames=sorted(actions),
        ResourceArns=[arn],
        ContextEntries=entries,
    )
    return [
        each["EvalActionName"]
        for page in pages
        for each in page["EvaluationResults"]
        # A condition on what isn't known here, such as a tag of the request, decides at the call.
        if each["EvalDecision"] != "allowed" and not each.get("MissingContextValues")
    ]
