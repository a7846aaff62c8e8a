"""The calls of Chalice's plan, compared with what AWS has: which of them would change anything.

Chalice plans an update of each thing that is there, whether it differs or not (chalice.deploy.planner,
'TODO: Consider a smarter diff'). What it can't see itself is the REST API as it is *served*: a
deployment is a snapshot (API Gateway developer guide, 'Deploy REST APIs'), which nobody can read back in
the form that it was written in. So the stage of the API gets a variable that names its deployment and
the digest of the definition; a deployment by somebody else has another id.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from botocore.exceptions import ClientError

from deploy_scripts.errors import lacks_permission, unless_gone

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from deploy_scripts import MakeClient
    from deploy_scripts.deployment.permissions import Account

    Json = dict[str, Any]

MARK: Final = "deployed_definition"
"""The variable of the API's stage that says which definition is served."""


class Compared(NamedTuple):
    """A call, compared with what AWS has."""

    needed: bool  # False if the call would change nothing
    # What it would change, for people; none for a part of something that is made anew.
    lines: tuple[str, ...] = ()
    result: Any = None  # what the call returns, as far as that is known without it


_SAME: Final = Compared(needed=False)
_A_PART: Final = Compared(needed=True)
"""A part of something that is made anew, which has a line already."""


def _change(line: str, result: Any = None) -> Compared:
    return Compared(needed=True, lines=(line,), result=result)


class Comparison:
    """Compares calls of Chalice's client (chalice.awsclient.TypedAWSClient) with AWS, in their order.

    `api_stage`: the arguments of the call that deploys the REST API, if there is one: its stage's name, and
    whether it is traced.
    """

    def __init__(self, client: MakeClient, account: Account, api_stage: Mapping[str, Any]) -> None:
        self._lambda, self._iam = client("lambda"), client("iam")
        self._gateway, self._account = client("apigateway"), account
        self._api_stage = {name: api_stage.get(name) for name in ("api_gateway_stage", "xray")}
        self._new: set[str] = set()
        self._definition = ""
        self._deploys_api = False

    def of(self, method: str, arguments: Mapping[str, Any]) -> Compared:
        """Compare a call; one that can't be compared is needed."""
        if method.startswith("delete_") and method != "delete_function_concurrency":
            kind = method.removeprefix("delete_").replace("_", " ")
            return _change(f"{kind} {next(iter(arguments.values()))}: deleted")
        compare: Callable[..., Compared] | None = getattr(self, f"_{method}", None)
        why = "Chalice can't tell whether it is right already"
        if compare is not None:
            try:
                return compare(**arguments)
            except ClientError as error:
                if not lacks_permission(error):
                    raise
                why = f"{error.operation_name} isn't permitted, so it can't be compared"
        subject = next(iter(arguments.values()), "")
        line = f"{method.replace('_', ' ')} {subject}: written anew; {why}"
        return _change(line, defaultdict(lambda: "unknown"))

    def mark(self, rest_api_id: str) -> None:
        """Note on the API's stage what has just been deployed to it."""
        where = {"restApiId": rest_api_id, "stageName": self._api_stage["api_gateway_stage"]}
        deployment = self._gateway.get_stage(**where)["deploymentId"]
        operation = {"op": "replace", "path": f"/variables/{MARK}"}
        value = {"value": f"{deployment}:{self._definition}"}
        self._gateway.update_stage(**where, patchOperations=[operation | value])

    # The names below are those of Chalice's methods, and so are their parameters'.

    def _create_role(self, name: str, **_: Any) -> Compared:
        return _change(f"role {name}: created", self._account.arn("iam", f"role/{name}"))

    def _put_role_policy(self, role_name: str, policy_name: str, policy_document: Json) -> Compared:
        its_name = {"RoleName": role_name, "PolicyName": policy_name}
        found = unless_gone(self._iam.get_role_policy, **its_name)
        if found and found["PolicyDocument"] == policy_document:
            return _SAME
        return _change(f"role {role_name}: its policy")

    def _create_function(self, function_name: str, **_: Any) -> Compared:
        self._new.add(function_name)
        arn = self._account.arn("lambda", f"function:{function_name}")
        return _change(f"function {function_name}: created", arn)

    def _update_function(self, function_name: str, **wanted: Any) -> Compared:
        found = self._lambda.get_function(FunctionName=function_name)
        configuration = found["Configuration"]
        different = _differences(wanted, configuration, found.get("Tags", {}))
        if not different:
            return Compared(needed=False, result=configuration)
        return _change(f"function {function_name}: {', '.join(different)}", configuration)

    def _put_function_concurrency(
        self, function_name: str, reserved_concurrent_executions: int | None = None
    ) -> Compared:
        if function_name in self._new:
            return Compared(needed=reserved_concurrent_executions is not None)
        found = self._lambda.get_function_concurrency(FunctionName=function_name)
        before = found.get("ReservedConcurrentExecutions")
        if before == reserved_concurrent_executions:
            return _SAME
        named = reserved_concurrent_executions or "removed"
        return _change(f"function {function_name}: reserved concurrency {named}, was {before}")

    _delete_function_concurrency = _put_function_concurrency

    def _import_rest_api(self, swagger_document: Json, **_: Any) -> Compared:
        self._deploys_api = True
        self._definition = self._digest(swagger_document)
        self._new.add("")
        return _change("REST API: created", "")

    def _update_api_from_swagger(self, rest_api_id: str, swagger_document: Json) -> Compared:
        self._definition = self._digest(swagger_document)
        name = self._api_stage["api_gateway_stage"]
        stage = unless_gone(self._gateway.get_stage, restApiId=rest_api_id, stageName=name) or {}
        served = stage.get("variables", {}).get(MARK)
        wanted = f"{stage.get('deploymentId')}:{self._definition}"
        return self._api(rest_api_id, "paths", served, wanted)

    def _update_rest_api(self, rest_api_id: str, patch_operations: list[Json]) -> Compared:
        if "" in self._new:
            return _A_PART
        found = self._gateway.get_rest_api(restApiId=rest_api_id)
        shown = {
            "minimumCompressionSize": str(found.get("minimumCompressionSize") or ""),
            "endpointConfiguration": found.get("endpointConfiguration", {}).get("types", [""])[0],
        }
        wanted = {each["path"].split("/")[1]: str(each["value"] or "") for each in patch_operations}
        now = {name: shown.get(name) for name in wanted}
        return self._api(rest_api_id, "compression or endpoint type", now, wanted)

    def _api(self, rest_api_id: str, part: str, now: Any, wanted: Any) -> Compared:
        if now == wanted:
            return _SAME
        self._deploys_api = True
        return _change(f"REST API {rest_api_id}: {part}")

    def _add_permission_for_apigateway(
        self, function_name: str, rest_api_id: str, **_: Any
    ) -> Compared:
        if "" in self._new or function_name in self._new:
            return _A_PART
        found = unless_gone(self._lambda.get_policy, FunctionName=function_name) or {}
        if f":{rest_api_id}/" in found.get("Policy", ""):
            return _SAME
        return _change(f"function {function_name}: the REST API may invoke it")

    def _deploy_rest_api(self, **_: Any) -> Compared:
        return Compared(needed=self._deploys_api)

    def _digest(self, definition: Json) -> str:
        content = json.dumps([definition, self._api_stage], sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()


def _differences(wanted: Mapping[str, Any], found: Json, tags: Json) -> list[str]:
    """Name the parts of a function that an update would change; what is None stays as it is."""
    environment = found.get("Environment", {}).get("Variables", {})
    network = found.get("VpcConfig", {})
    code = base64.b64encode(hashlib.sha256(wanted["zip_contents"]).digest()).decode()
    parts = {
        "code": (code, found["CodeSha256"]),
        "runtime": (wanted["runtime"], found.get("Runtime")),
        "role": (wanted["role_arn"], found["Role"]),
        "timeout": (wanted["timeout"], found["Timeout"]),
        "memory": (wanted["memory_size"], found["MemorySize"]),
        "tracing": (
            "Active" if wanted["xray"] else None,
            found.get("TracingConfig", {}).get("Mode"),
        ),
        "tags": (wanted["tags"], tags),
        "layers": (wanted["layers"], [each["Arn"] for each in found.get("Layers", [])]),
        "architecture": (wanted["architecture"], found.get("Architectures", ["x86_64"])[0]),
        "security groups": (
            sorted(wanted["security_group_ids"] or []),
            sorted(network.get("SecurityGroupIds", [])),
        ),
        "subnets": (sorted(wanted["subnet_ids"] or []), sorted(network.get("SubnetIds", []))),
    }
    different = [name for name, (new, old) in parts.items() if new is not None and new != old]
    variables = wanted["environment_variables"] or {}
    names = sorted(variables.items() ^ environment.items())
    different += [f"variable {name}" for name in dict.fromkeys(name for name, _ in names)]
    if found.get("LastUpdateStatus") == "Failed":
        different.append("its last update failed")
    return different
