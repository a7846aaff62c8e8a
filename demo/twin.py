"""The twin in the local TwinMaker: one device, with an entity for each way to read it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from chalicelib.contracts.component_types import LATEST, TELEMETRY
from chalicelib.model.layout import APP_NAME
from chalicelib.model.reads import HISTORY, LAST_ENTRY
from deploy_scripts import PROJECT
from deploy_scripts.register.component_types import component_type, component_type_ids, latest_type

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from deploy_scripts.project_files.twin_configuration import Device
    from local_cloud.aws.account import LocalAws

STAGE: Final = "local"
_PACKAGED: Final = ("app.py", "chalicelib")


@dataclass(frozen=True, slots=True)
class Route:
    """One way for TwinMaker to read the device.

    Attributes
    ----------
    component_type_id, entity_id
        The ids of the component type of the telemetry, and of the entity, to create.
    functions
        The names of the Lambda functions to create, of the history and of the newest entry.
    handler
        The handler of the history's function; the other's has the suffix `_last_entry`.
    environment
        The functions' variables.
    shared_type
        A `componentType` that the device shares with others, if there is one; it gets no entity.
    """

    component_type_id: str
    entity_id: str
    functions: tuple[str, str]
    handler: str
    environment: Mapping[str, str] = field(repr=False)
    shared_type: str | None = None


class Twin:
    """Registers a device in a workspace.

    Parameters
    ----------
    aws
        The account of the Lambda functions.
    client
        A boto3 client of TwinMaker.
    workspace_id
        The workspace; it is created.
    report
        Gets a line for each step that was done.
    """

    def __init__(
        self, aws: LocalAws, client: Any, workspace_id: str, report: Callable[[str], None]
    ) -> None:
        self._aws = aws
        self._client = client
        self._workspace_id = workspace_id
        self._report = report
        client.create_workspace(
            workspaceId=workspace_id,
            role=f"arn:aws:iam::{aws.account_id}:role/twinmaker",
            s3Location="arn:aws:s3:::twinmaker",
        )

    def register(self, device: Device, route: Route) -> None:
        """Create the functions of a route, its component types and its entity."""
        history, last_entry = route.functions
        history_arn = self._create_function(history, route.handler, route.environment)
        last_entry_arn = self._create_function(
            last_entry, f"{route.handler}_last_entry", route.environment
        )
        readers = {HISTORY: history_arn, LAST_ENTRY: last_entry_arn}
        named: dict[str, Any] = {"workspaceId": self._workspace_id}
        latest_id = f"{route.component_type_id}-{LATEST}"
        types = {
            route.component_type_id: component_type(device, readers),
            latest_id: latest_type(device, readers),
        }
        if route.shared_type is not None:
            sharing = replace(device, component_type=route.shared_type)
            ids = component_type_ids(self._workspace_id, sharing)
            types[ids[TELEMETRY]] = component_type(sharing, readers)
        for type_id, described in types.items():
            of_type = named | {"componentTypeId": type_id}
            self._client.create_component_type(**of_type, **described)
            until_active(partial(self._client.get_component_type, **of_type))
        components = {
            TELEMETRY: {"componentTypeId": route.component_type_id},
            LATEST: {"componentTypeId": latest_id},
        }
        entity = named | {"entityId": route.entity_id}
        self._client.create_entity(**entity, entityName=route.entity_id, components=components)
        until_active(lambda: self._client.get_entity(**entity))
        self._report(f"Entity {route.entity_id}, read by {history_arn.rpartition(':')[2]}")

    def _create_function(self, name: str, handler: str, environment: Mapping[str, str]) -> str:
        arn = self._aws.create_function(
            f"{APP_NAME}-{STAGE}-{name}",
            handler=handler,
            source=PROJECT,
            include=_PACKAGED,
            environment=environment,
            timeout=29,
        )
        self._report(f"Lambda function {name}")
        return arn


def until_active(describe: Callable[[], dict[str, Any]]) -> None:
    """Ask until a thing is ACTIVE; each look takes the local TwinMaker a state further.

    Raises
    ------
    RuntimeError
        Its state is ERROR, or never changes.
    """
    for _ in range(10):
        status = describe()["status"]
        if status["state"] == "ACTIVE":
            return
        if status["state"] == "ERROR":
            raise RuntimeError(f"TwinMaker reports: {status['error']}")
    raise RuntimeError(f"TwinMaker is still {status['state']}")
