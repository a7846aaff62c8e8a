"""The query in a TwinMaker event, for the functions that TwinMaker invokes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chalicelib.contracts import events, twinmaker
from chalicelib.data_connector import device
from chalicelib.model.errors import InvalidQueryError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chalicelib.data_connector.deadline import Deadline
    from chalicelib.model.query import LastEntryQuery
    from chalicelib.model.reads import Read
    from chalicelib.settings.digital_twin_info import DigitalTwinInfo


def parse(
    event: Mapping[str, Any], read: Read, twin: DigitalTwinInfo, deadline: Deadline | None = None
) -> LastEntryQuery:
    """Read an event, and find out the device that it is about.

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
    if len(device_ids) > 1:
        raise InvalidQueryError(
            f"The component type {event['componentTypeId']!r} is shared by {len(device_ids)} devices, "
            "which aren't read together yet. Name an entity and its component."
        )
    return twinmaker.QUERY_PARSERS[read](event, device_ids[0])
