"""What each provider layout has on AWS: the one rule for app.py, for plans and for policies.

The table of the design note 'system', section 'Provider layouts'.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from chalicelib.settings import ProviderLayout

APP_NAME: Final = "hot-reader"
"""Chalice puts it and the stage before each function's name, and Lambda's names end at 64 characters."""
HOT_READERS: Final = ("hot-reader", "hot-reader-last-entry")
DATA_CONNECTORS: Final = ("digital-twin-data-connector", "digital-twin-data-connector-last-entry")
"""For the history and for the newest entry, as everywhere."""
ENDPOINTS: Final = tuple(f"/{name}" for name in HOT_READERS)


@dataclass(frozen=True, slots=True)
class Surface:
    """What a layout has on one cloud.

    Attributes
    ----------
    functions
        Functions that a twin on the same cloud invokes.
    endpoints
        Paths of the HTTP endpoints that another cloud asks.
    """

    functions: tuple[str, ...] = ()
    endpoints: tuple[str, ...] = ()


def aws_surface(layout: ProviderLayout, *, local_connectors: bool = False) -> Surface:
    """Return what a layout has on AWS: the rule that app.py follows.

    Parameters
    ----------
    layout
        The providers.
    local_connectors
        True to have data connectors on a single cloud, too, for component types that still point
        at them (the setting `LOCAL_HOT_READER_NAME`).
    """
    functions: tuple[str, ...] = ()
    if layout.layer_4 == "aws":
        if layout.layer_3_hot == "aws":
            functions += HOT_READERS
        if layout.crosses_clouds or local_connectors:
            functions += DATA_CONNECTORS
        return Surface(functions)
    return Surface(endpoints=ENDPOINTS) if layout.layer_3_hot == "aws" else Surface()


def component_type_functions(layout: ProviderLayout) -> tuple[str, str] | None:
    """Return which functions read a component type's history and newest entry.

    None if the twin isn't on AWS: then there is no TwinMaker.
    """
    if layout.layer_4 != "aws":
        return None
    return DATA_CONNECTORS if layout.crosses_clouds else HOT_READERS
