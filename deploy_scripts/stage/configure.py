"""The configuration of a stage: its environment, its token and its policies.

Only what follows from the twin's configuration is written; whatever else the files hold survives. A
token is never written into a file of the stage: the stage refers to its store.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from chalicelib.model.errors import ConfigurationError
from chalicelib.model.reads import HISTORY, READS
from chalicelib.settings.token_reference import split_tokens
from deploy_scripts.errors import VerbError
from deploy_scripts.project_files.inter_cloud import connection_id
from deploy_scripts.project_files.storage import STORAGE_KEYS
from deploy_scripts.project_files.whole_files import write_json
from deploy_scripts.providers import PROVIDERS
from deploy_scripts.stage.hot_storage import in_stage, storage_settings
from deploy_scripts.stage.policies import policies, policy_file
from deploy_scripts.stage.stage import (
    API_HANDLER,
    STAGES_FILE,
    Stage,
    read_stage_file,
)
from deploy_scripts.stage.twin_info import digital_twin_info, packed
from deploy_scripts.tokens.stores import TOKEN_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from chalicelib.model.layout import ProviderLayout
    from chalicelib.model.reads import Read
    from deploy_scripts.project_files.inter_cloud import Connection, InterCloudConnections
    from deploy_scripts.project_files.twin_configuration import TwinConfiguration
    from deploy_scripts.stage.policies import KmsKeys
    from deploy_scripts.tokens.stores import TokenStore

_TABLE: Final = "DYNAMODB_TABLE_NAME"
_INDEX: Final = "DYNAMODB_INDEX_NAME"
_MANAGED: Final = (
    "DIGITAL_TWIN_INFO",
    TOKEN_VARIABLE,
    *(read.remote_url_setting for read in READS),
    *(key.setting for key in STORAGE_KEYS["aws"]),
)
"""The variables that follow from the configuration; one that doesn't any more is removed."""
_API: Final = {"api_gateway_stage": "api", "api_gateway_endpoint_type": "REGIONAL"}
"""The caller is one other cloud: it needs no CloudFront before the API (API Gateway developer guide,
'API endpoint types')."""
_DEFAULTS: Final[Mapping[str, Any]] = {"autogen_policy": False, "xray": True}


def configure_stage(
    twin: TwinConfiguration,
    connections: InterCloudConnections,
    tokens: TokenStore,
    keys: KmsKeys,
    *,
    project: Path,
    stage: str,
    keep_token: bool = False,
    dry_run: bool = False,
) -> list[str]:
    """Write what differs from the twin's configuration in a stage, and return each change in words.

    The stage itself is written last: a run that is cut off and run again ends as one that wasn't.

    `keep_token`: True to leave the token's place alone: the project is a copy that a deployment is tried
    in.
    """
    stages = project / STAGES_FILE
    document = read_stage_file(stages)
    if not isinstance(document, dict) or not isinstance(document.get("app_name"), str):
        raise VerbError(f"{stages} isn't a configuration of Chalice; restore it first.")
    before = document.get("stages", {}).get(stage, {})
    known = before.get("environment_variables", {})
    layout = twin.layout
    target = Stage(stage, document["app_name"], known)
    if not target.functions(layout):
        raise VerbError(
            f"Hot storage on {layout.layer_3_hot} and twin on {layout.layer_4}: nothing is deployed "
            "on AWS."
        )
    storage = {
        each.key.setting: each.value
        for each in storage_settings(twin, target, cloud="aws")
        # Elsewhere, what somebody chose waits in the stage for the hot storage to come back.
        if layout.layer_3_hot == "aws" or each.origin == in_stage(target)
    }
    remote = {}
    if layout.layer_3_hot == "aws":
        PROVIDERS["aws"].load_settings(storage)  # as the functions will, which couldn't start
    else:
        remote = _remote_readers(layout, connections)
    table = storage.get(_TABLE, "")
    documents = policies(
        target,
        layout,
        table=table,
        index=storage.get(_INDEX),
        token=tokens.statement(),
    )
    changes = []
    if layout.crosses_clouds:
        wanted = remote[HISTORY].token if remote else None
        changes += _keep_token(tokens, wanted, known, dry_run=dry_run or keep_token)
    paths = {name: stages.with_name(policy_file(stage, name)) for name in documents}
    written = {name: read_stage_file(path) for name, path in paths.items() if path.exists()}
    keys.grant(documents, written, tokens=tokens, table=table)
    for function, policy in documents.items():
        path = paths[function]
        if written.get(function) != policy:
            changes.append(f"policy {path.name}")
            if not dry_run:
                write_json(path, policy)
    variables = _variables(target, storage, remote, tokens, layout)
    # A TwinMaker event brings its types along, but not the devices of a component type, nor whether
    # there are any; an HTTP query may come without either.
    info = packed(digital_twin_info(twin, twin.devices), variables, name=stage)
    changes += _keep_devices(project / info.file, info.devices, dry_run=dry_run)
    after = {
        **_DEFAULTS,
        **(_API if API_HANDLER in documents else {}),
        **before,
        **_policy_files(before, stage, documents),
        "environment_variables": variables | {"DIGITAL_TWIN_INFO": info.setting},
    }
    if after != before:
        changes.append(f"stage {stage} in {STAGES_FILE}: {_differences(before, after)}")
        if not dry_run:
            document.setdefault("stages", {})[stage] = after
            write_json(stages, document)
    return changes


def _variables(
    stage: Stage,
    storage: Mapping[str, str],
    remote: Mapping[Read, Connection],
    tokens: TokenStore,
    layout: ProviderLayout,
) -> dict[str, str]:
    known = (stage.environment or {}).items()
    variables = {read.remote_url_setting: each.url for read, each in remote.items()}
    variables |= storage
    if layout.crosses_clouds:
        variables[TOKEN_VARIABLE] = tokens.reference
    return {name: value for name, value in known if name not in _MANAGED} | variables


def _keep_devices(path: Path, devices: list[Any] | None, *, dry_run: bool) -> list[str]:
    """Keep the file of the devices that have no room in the stage; remove one that isn't needed."""
    if devices is None:
        if not path.exists():
            return []
        if not dry_run:
            path.unlink()
        return [f"{path.name} removed: the stage has room for the devices"]
    if path.exists() and read_stage_file(path) == devices:
        return []
    if not dry_run:
        write_json(path, devices)
    return [f"{len(devices)} devices in {path.name}"]


def _policy_files(
    before: Mapping[str, Any], stage: str, functions: Iterable[str]
) -> dict[str, Any]:
    files = {name: policy_file(stage, name) for name in functions}
    known = before.get("lambda_functions", {})
    return {
        # A function that has no policy of its own would fall back to the stage's.
        "iam_policy_file": next(iter(files.values())),
        "lambda_functions": known
        | {name: known.get(name, {}) | {"iam_policy_file": file} for name, file in files.items()},
    }


def _remote_readers(
    layout: ProviderLayout, connections: InterCloudConnections
) -> dict[Read, Connection]:
    """Return the connections of both reads, which must be there and have the same token."""
    found = connections.of(layout)
    for read in READS:
        if read not in found:
            raise VerbError(
                f"{connections.path} has no connection {connection_id(layout, read)}. Deploy the Hot "
                f"Readers on {layout.layer_3_hot} first and save their URLs and token there."
            )
        if urlsplit(found[read].url).query:
            raise VerbError(
                f"The URL of {found[read].id} has a query, which may hold a key; it would stand in "
                f"{STAGES_FILE}. Let the reader accept the token alone."
            )
    if len({each.token for each in found.values()}) > 1:
        raise VerbError(
            f"The connections {' and '.join(each.id for each in found.values())} have different "
            "tokens; a stage has one. Let both readers accept the same token."
        )
    return found


def _keep_token(
    tokens: TokenStore, wanted: str | None, environment: Mapping[str, str], *, dry_run: bool
) -> list[str]:
    """Store the token that the stage refers to: the connection's, or (None) a new one.

    One that is stored already may be reused for endpoints, unless the stage's environment was one
    without endpoints: then it is the token of another cloud's readers. One that isn't ours is its
    owner's choice.
    """
    known = tokens.get()
    asked_another_cloud = HISTORY.remote_url_setting in environment
    reuse = not environment or (TOKEN_VARIABLE in environment and not asked_another_cloud)
    if wanted is None and known is not None and (reuse or not tokens.is_ours()):
        try:
            split_tokens(f"The value of {tokens.reference}", known)
        except ConfigurationError as error:
            raise VerbError(f"{error}. Or name another place with --token-name.") from None
        return []
    if known is not None and known == wanted:
        return []
    if known is not None:
        tokens.check_ours()
    if not dry_run:
        tokens.put(wanted or secrets.token_urlsafe(32))
    kind = "new token" if wanted is None else "the connection's token"
    return [f"{kind} in {tokens.reference}"]


def _differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """Name the keys that differ; values may be long, and none of them is needed to understand it."""
    names = [
        key for key in after if key != "environment_variables" and before.get(key) != after[key]
    ]
    old, new = (each.get("environment_variables", {}) for each in (before, after))
    names += [name for name in {**old, **new} if old.get(name) != new.get(name)]
    return ", ".join(names)
