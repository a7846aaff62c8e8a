"""The devices that a TwinMaker event is about: one, or all that share a component type.

The component type carries a static property `iotDeviceId`, so the id comes with every event and costs
nothing. For component types without its value there are further ways (docs/architecture.md,
'Which device').
"""

from __future__ import annotations

from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from chalicelib.connections.in_time import OutOfTimeError
from chalicelib.connections.sdk_errors import aws_errors
from chalicelib.contracts.component_types import COMPONENTS, component_type_prefix
from chalicelib.contracts.component_types import component_type_id as type_id
from chalicelib.contracts.parsing import Document, whole_number
from chalicelib.contracts.twinmaker import DEVICE_ID_PROPERTY, external_ids, kept_value
from chalicelib.model.errors import HotReaderError, InvalidQueryError
from chalicelib.settings.secure_url import LOOPBACK_HOSTS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from botocore.config import Config
    from mypy_boto3_iottwinmaker import IoTTwinMakerClient

    from chalicelib.data_connector.deadline import Deadline
    from chalicelib.settings.digital_twin_info import DigitalTwinInfo


def resolve(
    event: Mapping[str, Any], twin: DigitalTwinInfo, deadline: Deadline | None = None
) -> tuple[str, ...]:
    """Return the ids of the devices that an event is about, in their configured order.

    It is one, unless the event names no entity and its component type is shared by several.

    Parameters
    ----------
    event
        TwinMaker's event.
    twin
        The digital twin and its listed devices.
    deadline
        Until when GetEntity may take, if it has to be called; None leaves it to the client's time-outs.

    Raises
    ------
    InvalidQueryError
        The event names no device, or none that there is.
    HotReaderError
        GetEntity had to be called, and failed or didn't answer in time.

    Examples
    --------
    >>> from chalicelib.model.layout import ProviderLayout
    >>> from chalicelib.settings.digital_twin_info import DigitalTwinInfo
    >>> twin = DigitalTwinInfo("my-twin", ProviderLayout("azure", "aws"), devices={})
    >>> resolve({"properties": {"iotDeviceId": {"value": {"stringValue": "pump-1"}}}}, twin)
    ('pump-1',)
    >>> resolve({"componentTypeId": "my-twin-pump-1"}, twin)
    ('pump-1',)
    """
    document = Document(event, "the event")
    component_type_id = document.optional_text("componentTypeId")
    keys = [
        document.optional_text(key)
        for key in ("workspaceId", "entityId", "componentName", "componentPath")
    ]
    device_id = _static_value(document)
    if not device_id and not (component_type_id or "").startswith(component_type_prefix(twin.name)):
        device_id = _static_value(document, external_ids(document))
    if device_id:
        return (device_id,)
    workspace_id, entity_id, component_name, path = keys
    if component_type_id is None:
        name = path or component_name
        if not (workspace_id and entity_id and name):
            raise InvalidQueryError(
                f"The event names no device: it has no property {DEVICE_ID_PROPERTY}, no "
                "componentTypeId, and not all of workspaceId, entityId and componentName. Add a "
                f"static property {DEVICE_ID_PROPERTY} to the component type."
            )
        ask = partial(_ask_twinmaker, workspace_id, entity_id, name)
        try:
            device_id, component_type_id = deadline.run(ask) if deadline else ask()
        except OutOfTimeError:
            raise _unknown(entity_id, "there was no answer in time") from None
        if device_id:
            return (device_id,)
    ids = _of_component_type(component_type_id, twin)
    if entity_id is not None and len(ids) > 1:
        raise InvalidQueryError(
            f"The component type {component_type_id!r} is shared by {len(ids)} devices, and the entity "
            f"{entity_id!r} doesn't say which one it is: give its component a value of "
            f"{DEVICE_ID_PROPERTY}."
        )
    return ids


def _static_value(document: Document, names: Sequence[str] = (DEVICE_ID_PROPERTY,)) -> str | None:
    """Return the one value that some properties have: the entity's own, or the type's default.

    A value of `iotDeviceId` is the device's id. So is one of another external id, which "comes from an
    external data store" (TwinMaker API reference, 'PropertyDefinitionRequest'), if there is no other.
    """
    found = [
        (f"properties.{name}", text)
        for name in names
        if (text := _id_in(kept_value(document, name)))
    ]
    if len(found) != 1:
        return None
    ((key, text),) = found
    return Document({key: text}, "the event").text(key)


def _id_in(value: Mapping[str, Any]) -> Any:
    """Return the id in a DataValue; a whole number stands for its digits, as ids may be numbers."""
    for kind in ("integerValue", "longValue"):
        number = whole_number(value.get(kind))
        if number is not None:
            return str(number)
    return value.get("stringValue")


def _of_component_type(component_type_id: str, twin: DigitalTwinInfo) -> tuple[str, ...]:
    prefix = component_type_prefix(twin.name)
    name = component_type_id.removeprefix(prefix)
    if not name or name == component_type_id:
        raise InvalidQueryError(
            f"The component type {component_type_id!r} has no property {DEVICE_ID_PROPERTY}, and its "
            f"id doesn't start with {prefix!r}, so the device is unknown. Add a static property "
            f"{DEVICE_ID_PROPERTY} to the component type."
        )
    if not twin.devices:
        return (name,)
    for component in COMPONENTS:
        found = tuple(
            device_id
            for device_id, declared in twin.devices.items()
            if component_type_id
            == type_id(twin.name, declared.component_type or device_id, component)
        )
        if found:
            return found
    raise InvalidQueryError(
        f"The component type {component_type_id!r} has no property {DEVICE_ID_PROPERTY} with a value, and "
        f"no device of the twin's configuration is {name!r} or has it as its componentType, so the "
        "devices are unknown. Correct config_iot_devices.json, and deploy; or add a static property "
        f"{DEVICE_ID_PROPERTY} to the component type."
    )


@lru_cache(maxsize=1024)
def _ask_twinmaker(
    workspace_id: str, entity_id: str, component_path: str
) -> tuple[str | None, str]:
    """Return a component's `iotDeviceId`, if any, and its type; asked once per warm function."""
    try:
        entity = _twinmaker_client().get_entity(workspaceId=workspace_id, entityId=entity_id)
        component: Any = {"compositeComponents": entity.get("components", {})}
        for name in component_path.split("/"):
            component = component.get("compositeComponents", {}).get(name)
            if component is None:
                raise InvalidQueryError(
                    f"The entity {entity_id!r} has no component {component_path!r}"
                )
        return _static_value(Document(component, "the component")), component["componentTypeId"]
    except aws_errors() as error:
        raise _unknown(entity_id, repr(error)) from error


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
