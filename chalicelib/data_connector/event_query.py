"""The query in a TwinMaker event, for the functions that TwinMaker invokes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chalicelib.contracts import events, twinmaker
from chalicelib.data_connector import device
from chalicelib.model.errors import InvalidQueryError
from chalicelib.model.query import MOST_DEVICES, DevicesQuery
from chalicelib.model.reads import LAST_ENTRY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chalicelib.data_connector.deadline import Deadline
    from chalicelib.model.query import AnyQuery
    from chalicelib.model.reads import Read
    from chalicelib.settings.digital_twin_info import DigitalTwinInfo


def parse(
    event: Mapping[str, Any], read: Read, twin: DigitalTwinInfo, deadline: Deadline | None = None
) -> AnyQuery:
    """Read an event, and find out the devices that it is about.

    Parameters
    ----------
    event
        TwinMaker's event.
    read
        The kind of read that the function is for.
    twin
        The digital twin and its listed devices.
    deadline
        See `chalicelib.data_connector.device.resolve`.

    Raises
    ------
    InvalidQueryError
        The event isn't one of this read, or isn't one that can be answered.
    HotReaderError
        The device can't be looked up, or not in time.
    """
    events.check(event, read)
    device_ids = device.resolve(event, twin, deadline)
    if read is LAST_ENTRY:
        if len(device_ids) > 1:
            raise InvalidQueryError(
                f"The component type {event['componentTypeId']!r} is shared by {len(device_ids)} devices, "
                "and the newest entry is one device's. Name an entity and its component."
            )
        return twinmaker.last_entry_query(event, device_ids[0])
    if event.get("entityId") is not None:
        return twinmaker.history_query(event, device_ids[0])
    if len(device_ids) > MOST_DEVICES:
        raise InvalidQueryError(
            f"The component type {event['componentTypeId']!r} is shared by {len(device_ids)} devices; at "
            f"most {MOST_DEVICES} are read together. Give some of them another componentType."
        )
    declared = {each: twin.devices.get(each) for each in device_ids}
    constants = {each: its.constants if its else {} for each, its in declared.items()}
    queries = tuple(
        each.declared_by(twin.devices) for each in twinmaker.history_queries(event, constants)
    )
    # A filter on a constant decides for each device by itself.
    satisfiable = tuple(each for each in queries if not each.unsatisfiable) or queries[:1]
    return satisfiable[0] if len(satisfiable) == 1 else DevicesQuery(satisfiable)
