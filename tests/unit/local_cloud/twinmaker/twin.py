"""A small twin for the tests, built through an ordinary boto3 client."""

from __future__ import annotations

from typing import Any

import boto3
from botocore.config import Config

from local_cloud.twinmaker import LocalTwinMaker

Client = Any
"""A boto3 client: the tests ask wrong questions on purpose, which its stubs would refuse."""

WORKSPACE = "factory"
TYPE = "com.example.machine"
ENTITY = "machine-1"
COMPONENT = "telemetry"
ARN = "arn:aws:lambda:eu-central-1:123456789012:function:reader"
START, END = "2026-01-30T17:00:00Z", "2026-01-30T18:00:00Z"

SERIES = {"isTimeSeries": True, "isStoredExternally": True}
PROPERTIES: dict[str, Any] = {
    "temperature": {"dataType": {"type": "DOUBLE", "unitOfMeasure": "C"}, **SERIES},
    "count": {"dataType": {"type": "INTEGER"}, **SERIES},
    "total": {"dataType": {"type": "LONG"}, **SERIES},
    "running": {"dataType": {"type": "BOOLEAN"}, **SERIES},
    "note": {"dataType": {"type": "STRING"}, **SERIES},
    "mode": {
        "dataType": {
            "type": "STRING",
            "allowedValues": [{"stringValue": "on"}, {"stringValue": "off"}],
        },
        **SERIES,
    },
    "history": {"dataType": {"type": "LIST", "nestedType": {"type": "DOUBLE"}}, **SERIES},
    "levels": {"dataType": {"type": "MAP", "nestedType": {"type": "INTEGER"}}, **SERIES},
    "anything": {"dataType": {"type": "LIST"}, **SERIES},
    "peer": {"dataType": {"type": "RELATIONSHIP"}, **SERIES},
    "iotDeviceId": {
        "dataType": {"type": "STRING"},
        "isExternalId": True,
        "defaultValue": {"stringValue": "device-1"},
    },
    "colour": {"dataType": {"type": "STRING"}},
    "level": {"dataType": {"type": "DOUBLE"}, "isStoredExternally": True},
}
FUNCTIONS: dict[str, Any] = {
    name: {"implementedBy": {"lambda": {"arn": ARN}}}
    for name in ("dataReader", "attributePropertyValueReaderByEntity")
}


class Connector:
    """A plain Python connector: gives the answer it is told to and remembers its events."""

    def __init__(self) -> None:
        self.answer: Any = {"propertyValues": []}
        self.error: Exception | None = None
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def __call__(self, arn: str, event: dict[str, Any]) -> dict[str, Any]:
        self.calls.append((arn, event))
        if self.error is not None:
            raise self.error
        answer: dict[str, Any] = self.answer
        return answer

    @property
    def event(self) -> dict[str, Any]:
        return self.calls[-1][1]


class Shared:
    """One twin for the tests of a module that change nothing of it, each with its own connector."""

    def __init__(self) -> None:
        self.connector = Connector()
        self.twinmaker = LocalTwinMaker(invoke=self._invoke)

    def _invoke(self, arn: str, event: dict[str, Any]) -> dict[str, Any]:
        return self.connector(arn, event)


def client_of(url: str) -> Client:
    """Make a client like any user's."""
    return boto3.client(
        "iottwinmaker",
        endpoint_url=url,
        region_name="eu-central-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
        config=Config(inject_host_prefix=False, retries={"total_max_attempts": 1}),
    )


def settle_type(client: Client, type_id: str = TYPE) -> Any:
    """Poll a component type until it rests."""
    states = [
        client.get_component_type(workspaceId=WORKSPACE, componentTypeId=type_id)["status"]["state"]
        for _ in range(2)
    ]
    return states[-1]


def settle_entity(client: Client, entity_id: str = ENTITY) -> Any:
    """Poll an entity until it rests."""
    states = [
        client.get_entity(workspaceId=WORKSPACE, entityId=entity_id)["status"]["state"]
        for _ in range(2)
    ]
    return states[-1]


def make_type(client: Client, type_id: str = TYPE, **members: Any) -> None:
    """Create a component type and wait for it."""
    client.create_component_type(workspaceId=WORKSPACE, componentTypeId=type_id, **members)
    settle_type(client, type_id)


def make_entity(client: Client, entity_id: str = ENTITY, **members: Any) -> None:
    """Create an entity and wait for it."""
    members.setdefault("components", {COMPONENT: {"componentTypeId": TYPE}})
    client.create_entity(workspaceId=WORKSPACE, entityId=entity_id, entityName=entity_id, **members)
    settle_entity(client, entity_id)


def make_twin(client: Client) -> None:
    """Create the workspace, the component type and the entity that most tests need."""
    client.create_workspace(workspaceId=WORKSPACE)
    make_type(client, propertyDefinitions=PROPERTIES, functions=FUNCTIONS)
    make_entity(client)


def history(client: Client, *selected: str, **members: Any) -> Any:
    """Ask for the history of the twin's component."""
    where = {"entityId": ENTITY, "componentName": COMPONENT}
    times = {"startTime": START, "endTime": END}
    return client.get_property_value_history(
        **{
            "workspaceId": WORKSPACE,
            "selectedProperties": list(selected or ("temperature",)),
            **times,
            **where,
            **members,
        }
    )


def latest(client: Client, *selected: str, **members: Any) -> Any:
    """Ask for the newest values of the twin's component."""
    return client.get_property_value(
        workspaceId=WORKSPACE,
        entityId=ENTITY,
        componentName=COMPONENT,
        selectedProperties=list(selected),
        **members,
    )


def entry(*values: tuple[str, Any], name: str = "temperature", **reference: Any) -> dict[str, Any]:
    """Write one property's part of a dataReader's answer."""
    where = {"entityId": ENTITY, "componentName": COMPONENT, "propertyName": name}
    return {
        "entityPropertyReference": where | reference,
        "values": [{"time": time, "value": value} for time, value in values],
    }
