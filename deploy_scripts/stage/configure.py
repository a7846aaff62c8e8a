"""Writes a stage of `.chalice/config.json` from the twin's configuration, and its token and policies.

Only what follows from the configuration is written; whatever else the files hold survives. A token is
never written into a file of the stage: the stage refers to where it is kept.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from botocore.exceptions import ClientError

from chalicelib.model.errors import ConfigurationError
from chalicelib.model.layout import Surface, aws_surface
from chalicelib.model.reads import HISTORY, LAST_ENTRY, READS, Read
from chalicelib.settings.token_reference import TokenReference
from deploy_scripts.errors import VerbError
from deploy_scripts.project_files.inter_cloud import connection_id
from deploy_scripts.project_files.whole_files import write_json
from deploy_scripts.stage.stage import API_HANDLER, STAGES_FILE
from deploy_scripts.tokens.stores import TOKEN_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from deploy_scripts.project_files.inter_cloud import Connection, InterCloudConnections
    from deploy_scripts.project_files.twin_configuration import Device, TwinConfiguration
    from deploy_scripts.tokens.stores import TokenStore

_MANAGED: Final = (
    "DIGITAL_TWIN_INFO",
    "DYNAMODB_TABLE_NAME",
    TOKEN_VARIABLE,
    HISTORY.remote_url_setting,
    LAST_ENTRY.remote_url_setting,
)
"""The variables that follow from the configuration; one that doesn't any more is removed."""
KEPT_TABLE: Final = "hot_table"
"""Where a stage without a hot table on AWS keeps its name. Chalice takes no notice of it."""
_LARGEST_ENVIRONMENT: Final = 4_096
"""Bytes of all names and values (AWS Lambda developer guide, 'Quotas')."""


class ConfigureError(VerbError):
    """The stage can't be configured; the message says what is missing and what to do."""


@dataclass(frozen=True, slots=True)
class Stage:
    """What a stage has to be.

    Attributes
    ----------
    environment
        Its environment variables, as far as they follow from the configuration.
    policies
        By Chalice's name of each function: its policy document.
    token
        What the other cloud's readers accept, if the stage reads there.
    kept_table
        The hot table for when the hot storage comes back to AWS, if it hasn't its usual name.
    """

    environment: Mapping[str, str]
    policies: Mapping[str, dict[str, Any]]
    token: str | None = field(repr=False)
    kept_table: str | None


class Configuration:
    """Configures one stage of a project.

    Parameters
    ----------
    twin
        The twin's configuration.
    connections
        The inter-cloud connections.
    tokens
        Where the token is kept.
    project
        The Chalice project's directory.
    stage
        The stage's name.
    table
        The hot table, if it is on AWS; None keeps the stage's, or else names it after the twin.
    """

    def __init__(
        self,
        twin: TwinConfiguration,
        connections: InterCloudConnections,
        tokens: TokenStore,
        *,
        project: Path,
        stage: str,
        table: str | None = None,
    ) -> None:
        self._twin = twin
        self._connections = connections
        self._tokens = tokens
        self._project = project
        self._stage = stage
        self._table = table

    def apply(self, *, dry_run: bool = False) -> list[str]:
        """Write what differs.

        The stage itself is written last: a run that is cut off and run again ends as one that wasn't.

        Parameters
        ----------
        dry_run
            True to write nothing.

        Returns
        -------
        list[str]
            What was changed (or would be), in words; empty if all was so before.

        Raises
        ------
        ConfigureError
            A connection is missing, or the stage's file can't be used.
        botocore.exceptions.ClientError
            The token can't be read or written.
        """
        document = self._document()
        before = document.get("stages", {}).get(self._stage, {})
        environment = before.get("environment_variables", {})
        wanted = self._wanted(document["app_name"], environment, before.get(KEPT_TABLE))
        changes = self._keep_token(
            wanted.token, reuse=_may_reuse_token(environment), dry_run=dry_run
        )
        after = self._merged(before, wanted)
        for function, policy in wanted.policies.items():
            path = self._project / ".chalice" / _policy_file(self._stage, function)
            if _read_json(path) != policy:
                changes.append(f"policy {path.name}")
                if not dry_run:
                    write_stage_file(path, policy)
        if after != before:
            changes.append(f"stage {self._stage} in {STAGES_FILE}: {_differences(before, after)}")
            if not dry_run:
                document.setdefault("stages", {})[self._stage] = after
                write_stage_file(self._project / STAGES_FILE, document)
        return changes

    def _wanted(
        self, app_name: str, environment: Mapping[str, str], kept_table: str | None
    ) -> Stage:
        layout = self._twin.layout
        surface = aws_surface(
            layout, local_connectors=HISTORY.local_function_setting in environment
        )
        if surface == Surface():
            raise ConfigureError(
                f"Hot storage on {layout.layer_3_hot} and twin on {layout.layer_4}: nothing is "
                "deployed on AWS."
            )
        usual = f"{self._twin.name}-hot-telemetry"
        table = self._table or environment.get("DYNAMODB_TABLE_NAME") or kept_table or usual
        variables = {}
        token = None
        if layout.layer_3_hot == "aws":
            variables["DYNAMODB_TABLE_NAME"] = table
        else:
            history, last_entry = self._remote_readers()
            variables[HISTORY.remote_url_setting] = history.url
            variables[LAST_ENTRY.remote_url_setting] = last_entry.url
            token = history.token
        if layout.crosses_clouds:
            variables[TOKEN_VARIABLE] = self._tokens.reference
        # A TwinMaker event brings its types along; an HTTP query may come without.
        devices = self._twin.devices if surface.endpoints else ()
        variables["DIGITAL_TWIN_INFO"] = digital_twin_info(self._twin, devices, variables)
        functions = [*surface.functions, *([API_HANDLER] if surface.endpoints else [])]
        log_prefix = f"{app_name}-{self._stage}"
        policies = {name: self._policy(name, table, log_prefix, environment) for name in functions}
        needs_keeping = layout.layer_3_hot != "aws" and table != usual
        return Stage(variables, policies, token, table if needs_keeping else None)

    def _remote_readers(self) -> tuple[Connection, Connection]:
        """Return the connections of both reads, which must be there and have the same token."""
        found = []
        for read in READS:
            connection = self._connections.get(self._twin.layout, read)
            if connection is None:
                name = connection_id(self._twin.layout, read)
                raise ConfigureError(
                    f"{self._connections.path} has no connection {name}. Deploy the Hot Readers on "
                    f"{self._twin.layout.layer_3_hot} first and save their URLs and token there."
                )
            if urlsplit(connection.url).query:
                raise ConfigureError(
                    f"The URL of {connection.id} has a query, which may hold a key; it would stand in "
                    f"{STAGES_FILE}. Let the reader accept the token alone."
                )
            found.append(connection)
        history, last_entry_connection = found
        if history.token != last_entry_connection.token:
            raise ConfigureError(
                f"The connections {history.id} and {last_entry_connection.id} have different "
                "tokens; a stage has one. Let both readers accept the same token."
            )
        return history, last_entry_connection

    def _keep_token(self, token: str | None, *, reuse: bool, dry_run: bool) -> list[str]:
        """Put the token where the stage refers to: the connection's, or (None) a new one.

        One that is there already may be reused for endpoints, unless the stage had none: then it is
        the token of another cloud's readers. One that isn't ours is its owner's choice.
        """
        if not self._twin.layout.crosses_clouds:
            return []
        known = self._known_token()
        if token is None:
            if known is not None and (reuse or not self._tokens.is_ours()):
                self._check_token(known)
                return []
            token, what = secrets.token_urlsafe(32), "new token"
        else:
            what = "the connection's token"
            if known == token:
                return []
        if known is not None and not self._tokens.is_ours():
            raise ConfigureError(
                f"{self._tokens.reference} is there and wasn't made for this stage, so it isn't "
                "overwritten. Name another place with --token-name."
            )
        if not dry_run:
            self._put(token)
        return [f"{what} in {self._tokens.reference}"]

    def _known_token(self) -> str | None:
        try:
            return self._tokens.get()
        except ConfigurationError as error:
            raise ConfigureError(str(error)) from None

    def _check_token(self, known: str) -> None:
        try:
            TokenReference.parse(f"What {self._tokens.reference} holds", known, max_age=1)
        except ConfigurationError as error:
            raise ConfigureError(f"{error}. Name another place with --token-name.") from None

    def _put(self, token: str) -> None:
        """Keep a token; AWS's words about a failure may quote it, so only their code is shown."""
        try:
            self._tokens.put(token)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            raise ConfigureError(
                f"{self._tokens.reference} can't be written: {code}. Check the name and your rights."
            ) from None

    def _policy(
        self, function: str, table: str, log_prefix: str, environment: Mapping[str, str]
    ) -> dict[str, Any]:
        statements = []
        connector = next((read for read in READS if read.data_connector == function), None)
        connects = connector is not None and self._twin.layout.crosses_clouds
        if function in (*(read.hot_reader for read in READS), API_HANDLER):
            resource = f"arn:*:dynamodb:*:*:table/{table}"
            statements.append(_allow("QueryTheHotTable", "dynamodb:Query", resource))
        if connects or function == API_HANDLER:
            statements.append(self._tokens.statement())
        if connects:
            resource = "arn:*:iottwinmaker:*:*:workspace/*"
            sid = "TellTheDeviceOfAnOldComponentType"
            statements.append(_allow(sid, "iottwinmaker:GetEntity", resource))
        elif connector is not None:
            resource = _local_reader(connector, environment)
            statements.append(_allow("InvokeTheLocalHotReader", "lambda:InvokeFunction", resource))
        name = log_prefix if function == API_HANDLER else f"{log_prefix}-{function}"
        group = f"arn:*:logs:*:*:log-group:/aws/lambda/{name}"
        log = ("logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents")
        traces = ("xray:PutTraceSegments", "xray:PutTelemetryRecords")
        statements.append(_allow("WriteItsLog", log, [group, f"{group}:*"]))
        statements.append(_allow("SendTraces", traces, "*"))
        return {"Version": "2012-10-17", "Statement": statements}

    def _merged(self, before: Mapping[str, Any], wanted: Stage) -> dict[str, Any]:
        kept = {
            name: value
            for name, value in before.get("environment_variables", {}).items()
            if name not in _MANAGED
        }
        functions = {name: dict(each) for name, each in before.get("lambda_functions", {}).items()}
        for name in wanted.policies:
            functions.setdefault(name, {})["iam_policy_file"] = _policy_file(self._stage, name)
        # A function that has no policy of its own would fall back to the stage's.
        stage_policy = {"iam_policy_file": _policy_file(self._stage, next(iter(wanted.policies)))}
        defaults: dict[str, Any] = {"autogen_policy": False, "xray": True}
        if aws_surface(self._twin.layout).endpoints:
            defaults["api_gateway_stage"] = "api"
        kept_table = {KEPT_TABLE: wanted.kept_table} if wanted.kept_table else {}
        return {
            **defaults,
            **{key: value for key, value in before.items() if key != KEPT_TABLE},
            **kept_table,
            **stage_policy,
            "environment_variables": {**kept, **wanted.environment},
            "lambda_functions": functions,
        }

    def _document(self) -> dict[str, Any]:
        path = self._project / STAGES_FILE
        document = _read_json(path)
        if not isinstance(document, dict) or not isinstance(document.get("app_name"), str):
            raise ConfigureError(f"{path} isn't a configuration of Chalice; restore it first.")
        return document


def digital_twin_info(
    twin: TwinConfiguration, devices: Iterable[Device], others: Mapping[str, str]
) -> str:
    """Spell `DIGITAL_TWIN_INFO`: with the devices, if there are any and Lambda has room.

    Lambda takes 4 KB of variables (AWS Lambda developer guide, 'Quotas'); half of them is left to
    those that people add. A Hot Reader on another cloud is told the same, so that all type alike.

    Parameters
    ----------
    twin
        The twin's configuration.
    devices
        The devices whose declared types the function needs.
    others
        The function's other variables.

    Returns
    -------
    str
        JSON, as `chalicelib.settings.digital_twin_info.DigitalTwinInfo` reads it.
    """
    info: dict[str, Any] = {
        "config": {"digital_twin_name": twin.name},
        "config_providers": {
            "layer_3_hot_provider": twin.layout.layer_3_hot,
            "layer_4_provider": twin.layout.layer_4,
        },
    }
    listed = [_device(each) for each in devices]
    full = json.dumps(info | ({"config_iot_devices": listed} if listed else {}))
    size = sum(len(f"{name}{value}".encode()) for name, value in others.items())
    return full if size + len(full.encode()) <= _LARGEST_ENVIRONMENT // 2 else json.dumps(info)


def _may_reuse_token(environment: Mapping[str, str]) -> bool:
    """Say whether a token may be that of endpoints of the stage, by its environment so far."""
    if not environment:
        return True
    asked_another_cloud = HISTORY.remote_url_setting in environment
    return "INTER_CLOUD_TOKEN" in environment and not asked_another_cloud


def _local_reader(read: Read, environment: Mapping[str, str]) -> str:
    """Return the ARN (or its pattern) of the Hot Reader that a connector on one cloud invokes."""
    variable = read.local_function_setting
    name = environment.get(variable, "").strip()
    if not name:
        raise ConfigureError(f"{variable} is not set in the stage; {read.data_connector} needs it.")
    return name if name.startswith("arn:") else f"arn:*:lambda:*:*:function:{name}"


def _policy_file(stage: str, function: str) -> str:
    return f"policy-{stage}-{function.replace('_', '-')}.json"


def _device(device: Device) -> dict[str, Any]:
    return {
        "id": device.id,
        "properties": [
            {"name": each.name, "dataType": each.data_type.to_json()} for each in device.properties
        ],
    }


def _allow(sid: str, actions: str | Iterable[str], resource: str | list[str]) -> dict[str, Any]:
    listed = [actions] if isinstance(actions, str) else list(actions)
    return {"Sid": sid, "Effect": "Allow", "Action": listed, "Resource": resource}


def _differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """Name the keys that differ; values may be long, and none of them is needed to understand it."""
    names = [
        key for key in after if key != "environment_variables" and before.get(key) != after[key]
    ]
    old, new = (each.get("environment_variables", {}) for each in (before, after))
    names += [name for name in {**old, **new} if old.get(name) != new.get(name)]
    return ", ".join(names)


def write_stage_file(path: Path, document: Any) -> None:
    """Write a JSON file of a Chalice project, all of it or nothing.

    Raises
    ------
    ConfigureError
        It can't be written.
    """
    try:
        write_json(path, document)
    except OSError as error:
        raise ConfigureError(
            f"{path} can't be written: {error.strerror}. Check the directory's permissions."
        ) from error


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigureError(f"{path} can't be read: {error.strerror}.") from error
    except ValueError as error:
        raise ConfigureError(f"{path} isn't JSON: {error}. Restore it first.") from error
