"""The components by which TwinMaker knows a device, and the ids of their component types."""

from __future__ import annotations

from typing import Final

TELEMETRY: Final = "telemetry"
"""The component of an entity by which its device's history is read."""
LATEST: Final = "latest"
"""The component by which newest values are read: GetPropertyValue serves no time series (AWS re:Post,
'Fetch data for non time series properties with AWS IoT TwinMaker')."""
ALARM: Final = "alarm"
"""The component by which an alarm's status is read, if the device has one."""
COMPONENTS: Final = (TELEMETRY, LATEST, ALARM)


def component_type_prefix(twin_name: str) -> str:
    """Return the beginning of the ids of a twin's component types."""
    return f"{twin_name}-"


def component_type_id(twin_name: str, name: str, component: str = TELEMETRY) -> str:
    """Return the id of the component type of one of a device's components.

    That of its telemetry is the same as the larger deployer's.

    Parameters
    ----------
    twin_name
        The digital twin's name.
    name
        The device's id, or the `componentType` that it shares with others.
    component
        One of `COMPONENTS`.

    Examples
    --------
    >>> [component_type_id("my-twin", "pump-1", each) for each in (TELEMETRY, LATEST)]
    ['my-twin-pump-1', 'my-twin-pump-1-latest']
    """
    ending = "" if component == TELEMETRY else f"-{component}"
    return f"{component_type_prefix(twin_name)}{name}{ending}"
