"""The device that a TwinMaker event is about.

The component type carries a static property `iotDeviceId`, so the id comes with every event and costs
nothing. For component types that were made without it there are two further ways
(docs/architecture.md, 'Which device').
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from chalicelib.contracts.twinmaker import DEVICE_ID_PROPERTY
from chalicelib.data_connector.deadline import OutOfTimeError
from chalicelib.model.errors import HotReaderError, InvalidQueryError
from chalicelib.settings.secure_url import LOOPBACK_HOSTS

if TYPE_CHECKING:
    from botocore.config import Config
    from mypy_boto3_iottwinmaker import IoTTwinMakerClient

    from chalicelib.data_connector.deadline import Deadline


def resolve(event: Mapping[str, Any], twin_name: str, deadline: Deadline | None = None) -> str:
    """Return the id of the device that an event is about.

    Parameters
    ----------
    event
        TwinMaker's event.
    twin_name
        The digital twin's name: component types of the larger deployer are called
        `{twin_name}-{device_id}`.
    deadline
        Until when GetEntity may take, if it has to be called; None leaves it to the client's time-outs.

    Raises
    ------
    InvalidQueryError
        The event names no device.
    HotReaderError
        GetEntity had to be called, and failed or didn't answer in time.

    Examples
    --------
    >>> resolve({"properties": {"iotDeviceId": {"value": {"stringValue": "pump-1"}}}}, "my-twin")
    'pump-1'
    >>> resolve({"componentTypeId": "my-twin-pump-1"}, "my-twin")
    'pump-1'
    """
    if not isinstance(event, Mapping):
        raise InvalidQueryError("The event must be a JSON object as TwinMaker sends it")
    device_id = _static_value(event.get("properties"))
    if device_id:
        return device_id
    component_type_id = event.get("componentTypeId")
    if not component_type_id:
        keys = (event.get("workspaceId"), event.get("entityId"), event.get("componentName"))
        if not all(isinstance(key, str) and key for key in keys):
            raise InvalidQueryError(
                f"The event names no device: it has no property {DEVICE_ID_PROPERTY}, no "
                "componentTypeId, and not all of workspaceId, entityId and componentName. Add a "
                f"static property {DEVICE_ID_PROPERTY} to the component type."
            )
        ask = partial(_ask_twinmaker, *keys)
        try:
            device_id, component_type_id = deadline.run(ask) if deadline else ask()
        except OutOfTimeError:
            raise _unknown(keys[1], "there was no answer in time") from None
        if device_id:
            return device_id
    return _from_component_type(component_type_id, twin_name)


def _static_value(properties: Any) -> str | None:
    """Return the value of `iotDeviceId`: the entity's own, or the type's default."""
    if not isinstance(properties, Mapping):
        return None
    described = properties.get(DEVICE_ID_PROPERTY)
    if not isinstance(described, Mapping):
        return None
    definition = described.get("definition")
    default = definition.get("defaultValue") if isinstance(definition, Mapping) else None
    for value in (described.get("value"), default):
        text = value.get("stringValue") if isinstance(value, Mapping) else None
        if isinstance(text, str) and text:
            return text
    return None


def _from_component_type(component_type_id: Any, twin_name: str) -> str:
    prefix = f"{twin_name}-"
    device_id = str(component_type_id).removeprefix(prefix)
    if not device_id or device_id == component_type_id:
        raise InvalidQueryError(
            f"The component type {component_type_id!r} has no property {DEVICE_ID_PROPERTY}, and its "
            f"id doesn't start with {prefix!r}, so the device is unknown. Add a static property "
            f"{DEVICE_ID_PROPERTY} to the component type."
        )
    return device_id


@lru_cache(maxsize=1024)
def _ask_twinmaker(
    workspace_id: str, entity_id: str, component_name: str
) -> tuple[str | None, str]:
    """Return a component's `iotDeviceId`, if any, and its type; asked once per warm function."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        entity = _twinmaker_client().get_entity(workspaceId=workspace_id, entityId=entity_id)
    except (BotoCoreError, ClientError) as error:
        raise _unknown(entity_id, str(error)) from error
    component = entity.get("components", {}).get(component_name)
    if component is None:
        raise InvalidQueryError(f"The entity {entity_id!r} has no component {component_name!r}")
    return _static_value(component.get("properties")), component["componentTypeId"]


def _unknown(entity_id: Any, reason: str) -> HotReaderError:
    """Return the error of a device that can't be looked up."""
    return HotReaderError(
        f"The device of entity {entity_id!r} can't be looked up: {reason}. Let the function call "
        f"iottwinmaker:GetEntity, or add a static property {DEVICE_ID_PROPERTY} to the component "
        "type, which needs no call."
    )


@lru_cache(maxsize=1)
def _twinmaker_client() -> IoTTwinMakerClient:
    from botocore.config import Config  # only old component types need it

    return twinmaker_client(
        Config(
            connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 2}
        )
    )


def twinmaker_client(config: Config) -> IoTTwinMakerClient:
    """Return a client with endpoint, region and credentials from the environment.

    Parameters
    ----------
    config
        Time-outs and retries.
    """
    import boto3
    from botocore.config import Config

    client = boto3.client("iottwinmaker", config=config)
    if urlsplit(client.meta.endpoint_url).hostname not in LOOPBACK_HOSTS:
        return client
    # boto3 puts 'api.' or 'data.' before TwinMaker's host; a loopback address has no such name.
    without_prefix = config.merge(Config(inject_host_prefix=False))
    return boto3.client("iottwinmaker", config=without_prefix)
