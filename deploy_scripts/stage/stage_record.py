"""Chalice's record of a stage, made to agree with AWS after a deployment or a deletion was cut off.

Chalice writes `.chalice/deployed/STAGE.json` when all is done, and believes it the next time. So after
a `chalice deploy` that was cut off, the next one makes a second REST API (functions and roles it finds
by their names), and `chalice delete` doesn't know what to delete. After a `chalice delete` that was cut
off, the next one fails at the first thing that is gone. `StageRecord` looks at AWS before each of the
two: what is gone goes out of the record, and what is there and *ours* comes into it. What is recorded
is ours; docs/operations.md, 'A run was cut off', says what else is.

A function or role of such a name that isn't ours is an error: Chalice would overwrite it. A REST API
that isn't ours is left alone: Chalice doesn't go by its name.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from chalicelib.model.reads import READS
from deploy_scripts.errors import VerbError, unless_gone
from deploy_scripts.project_files.whole_files import write_json
from deploy_scripts.stage.deployed import (
    FUNCTION,
    REST_API,
    ROLE,
    SCHEMA_VERSION,
    DeployedStage,
    NotDeployedError,
    load_resources,
    record_path,
)
from deploy_scripts.stage.stage import API_HANDLER

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from deploy_scripts import MakeClient
    from deploy_scripts.stage.stage import Stage

Json = dict[str, Any]

TWIN_FUNCTIONS: Final = tuple(
    name for read in READS for name in (read.hot_reader, read.data_connector)
)
"""The functions that TwinMaker invokes."""
_LAMBDA: Final = {"Service": "lambda.amazonaws.com"}
_ID: Final = {FUNCTION: "lambda_arn", ROLE: "role_name", REST_API: "rest_api_id"}


class SpareApi(NamedTuple):
    """A REST API of ours besides the recorded one; reachable if it was ever deployed."""

    id: str
    reachable: bool


class StageRecord:
    """Chalice's record of a stage, as it should be.

    `changes` has a line for each thing that it lacks or has too much, and `spare_apis` the REST APIs of ours that
    no record can name, because it names one already. Raises a `VerbError` if the record is of another account or
    region, or if there is something of our names that isn't ours.
    """

    def __init__(self, project: Path, stage: Stage, twin_name: str, *, client: MakeClient) -> None:
        self._path = record_path(project, stage.name)
        self._stage = stage
        self._twin_name = twin_name
        self._prefix = f"{stage.app_name}-{stage.name}"
        self._lambda, self._iam = client("lambda"), client("iam")
        self._gateway, self._sts = client("apigateway"), client("sts")
        self.resources: list[Json] = []
        self.changes: list[str] = []
        self.spare_apis: list[SpareApi] = []
        try:
            recorded = load_resources(project, stage.name)
        except NotDeployedError:
            recorded = []
        self._check_account(recorded)
        for each in recorded:
            kind = each["resource_type"]
            # Chalice looks after what isn't this project's.
            if kind not in _ID or self._look(kind, each[_ID[kind]]) is not None:
                self.resources.append(each)
            else:
                self.changes.append(f"{_called(each)} is gone, and isn't recorded any more")
        for find in (self._unrecorded, self._unrecorded_api):
            for each in find():
                self.resources.append(each)
                self.changes.append(f"{_called(each)} wasn't recorded, and is now")

    @property
    def deployed(self) -> DeployedStage:
        """The stage as it is on AWS."""
        return DeployedStage.of(self._stage.name, self.resources)

    @property
    def has_twin_functions(self) -> bool:
        """True if there are functions that TwinMaker invokes."""
        return not self.deployed.lambda_arns.keys().isdisjoint(TWIN_FUNCTIONS)

    def write(self) -> None:
        """Write the record, if it doesn't agree with AWS."""
        if not self.changes:
            return
        document = {"resources": self.resources, "schema_version": SCHEMA_VERSION, "backend": "api"}
        write_json(self._path, document)

    def delete_api(self, api: SpareApi) -> None:
        """Delete a REST API; it may be gone already."""
        unless_gone(self._gateway.delete_rest_api, restApiId=api.id)

    def _check_account(self, recorded: list[Json]) -> None:
        """Refuse a record of another account or region, where all would seem to be gone."""
        arns = [each["lambda_arn"] for each in recorded if each["resource_type"] == FUNCTION]
        places = {tuple(arn.split(":")[3:5]) for arn in arns}
        if not places:
            return
        here = (self._lambda.meta.region_name, self._sts.get_caller_identity()["Account"])
        for region, account in places - {here}:
            raise VerbError(
                f"The stage {self._stage.name} was deployed in the region {region} of the account "
                f"{account}, and your environment leads to {here[0]} of {here[1]}. Nothing was "
                "touched. Set AWS_DEFAULT_REGION and credentials as for that deployment; or, to deploy here, "
                "choose another stage."
            )

    def _look(self, kind: str, name: str) -> Json | None:
        """Ask AWS for a resource by its name, ARN or id; None if it isn't there."""
        if kind == FUNCTION:
            return unless_gone(self._lambda.get_function, FunctionName=name)
        if kind == ROLE:
            return unless_gone(self._iam.get_role, RoleName=name)
        return unless_gone(self._gateway.get_rest_api, restApiId=name)

    def _unrecorded(self) -> Iterator[Json]:
        """Yield the functions and roles of ours that the record lacks."""
        recorded = {each["name"] for each in self.resources}
        for name in (*TWIN_FUNCTIONS, API_HANDLER):
            function = role = None
            # Chalice's names: a role's has the function's name in app.py, the handler's has none.
            role_name = f"{self._prefix}-{name}"
            full_name = self._prefix if name == API_HANDLER else role_name
            if name not in recorded:
                function = self._look(FUNCTION, full_name)
            if function is not None:
                self._check_function(full_name, function)
            if f"{name}_role" not in recorded:
                role = self._look(ROLE, role_name)
            if role is not None:
                self._check_role(role["Role"], function)
                arn = role["Role"]["Arn"]
                its_name = {"name": f"{name}_role", "role_name": role_name}
                yield {**its_name, "resource_type": ROLE, "role_arn": arn}
            if function is not None:
                arn = function["Configuration"]["FunctionArn"]
                yield {"name": name, "resource_type": FUNCTION, "lambda_arn": arn}

    def _check_function(self, name: str, function: Json) -> None:
        wanted = {f"stage={self._stage.name}", f"app={self._stage.app_name}"}
        tag = set(function.get("Tags", {}).get("aws-chalice", "").split(":"))
        if not wanted <= tag or _twin_of(function["Configuration"]) != self._twin_name:
            raise VerbError(
                f"AWS has a function {name}, which no record here names and which isn't shown to be "
                f"of the twin {self._twin_name} (by Chalice's tag on it and its DIGITAL_TWIN_INFO). "
                "Nothing was touched. If it is another one's, choose another stage; if it is this "
                "twin's, work from where it was deployed, or delete it."
            )

    def _check_role(self, role: Json, function: Json | None) -> None:
        # Chalice puts no tags on roles, and makes them first: a function may not have it yet.
        if function is not None and function["Configuration"]["Role"] == role["Arn"]:
            return
        name = role["RoleName"]
        statements = role["AssumeRolePolicyDocument"]["Statement"]
        ours = (
            [each.get("Principal") for each in statements] == [_LAMBDA]
            and not role.get("Tags")
            and set(self._iam.list_role_policies(RoleName=name)["PolicyNames"]) <= {name}
            and not self._iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
        )
        if not ours:
            raise VerbError(
                f"AWS has a role {name}, which no record here names and which wasn't made by Chalice "
                "alone. Nothing was touched. Choose another stage, or delete that role."
            )

    def _unrecorded_api(self) -> Iterator[Json]:
        """Yield the REST API that the record has to name, if it names none; the others are spare."""
        arn = self.deployed.lambda_arns.get(API_HANDLER)
        if arn is None:
            return
        recorded = self.deployed.rest_api
        found = {
            each["id"]: self._gateway.get_stages(restApiId=each["id"])["item"]
            for each in self._pages("get_rest_apis")
            if (recorded is None or each["id"] != recorded.id) and self._is_our_api(each, arn)
        }
        # One that is deployed first: its URL may be known already.
        api_ids = sorted(found, key=lambda each: not found[each])
        if api_ids and recorded is None:
            chosen = api_ids.pop(0)
            stage = found[chosen][0]["stageName"] if found[chosen] else "api"
            its_name = {"name": "rest_api", "rest_api_url": self._url(chosen, stage)}
            yield {**its_name, "resource_type": REST_API, "rest_api_id": chosen}
        self.spare_apis = [SpareApi(each, reachable=bool(found[each])) for each in api_ids]

    def _is_our_api(self, api: Json, handler_arn: str) -> bool:
        if api["name"] != self._stage.app_name or api.get("tags"):
            return False
        resources = list(self._pages("get_resources", restApiId=api["id"], embed=["methods"]))
        integrations = [
            method.get("methodIntegration", {})
            for resource in resources
            for method in resource.get("resourceMethods", {}).values()
        ]
        targets = {each.get("uri", "") for each in integrations if each.get("type") != "MOCK"}
        return {each["path"] for each in resources} <= {"/", *(read.path for read in READS)} and (
            len(targets) == 1 and targets.pop().endswith(f"/{handler_arn}/invocations")
        )

    def _pages(self, operation: str, **request: Any) -> Iterator[Json]:
        for page in self._gateway.get_paginator(operation).paginate(**request):
            yield from page["items"]

    def _url(self, api_id: str, api_stage: str) -> str:
        region = self._gateway.meta.region_name
        suffix = ".cn" if region.startswith("cn-") else ""
        return f"https://{api_id}.execute-api.{region}.amazonaws.com{suffix}/{api_stage}/"


def _called(resource: Json) -> str:
    kind = resource["resource_type"]
    return f"{kind.replace('_', ' ')} {resource[_ID[kind]]}"


def _twin_of(configuration: Json) -> str | None:
    """Return the twin that a function says it is for."""
    variables = configuration.get("Environment", {}).get("Variables", {})
    try:
        name = json.loads(variables["DIGITAL_TWIN_INFO"])["config"]["digital_twin_name"]
    except (KeyError, TypeError, ValueError):
        return None
    return str(name)
