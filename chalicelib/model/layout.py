"""Provider layouts, and what each has on AWS: the one rule for app.py, for plans and for policies.

The table in docs/architecture.md, 'Provider layouts'.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from chalicelib.model.reads import READS

if TYPE_CHECKING:
    from chalicelib.model.reads import Read

APP_NAME: Final = "hot-reader"
"""Chalice puts it and the stage before each function's name; Lambda limits names to 64 characters."""
PROVIDER_SPELLINGS: Final = {"aws": "aws", "azure": "azure", "gcp": "gcp", "google": "gcp"}
"""Spellings of the providers in configurations."""
PROVIDER_RULE: Final = "aws, azure or gcp (or google)"
"""The accepted spellings, as messages list them."""


@dataclass(frozen=True, slots=True)
class ProviderLayout:
    """The cloud of the hot storage, and the cloud of the twin.

    Attributes
    ----------
    layer_3_hot, layer_4
        `aws`, `azure` or `gcp`.
    """

    layer_3_hot: str
    layer_4: str

    @property
    def crosses_clouds(self) -> bool:
        """True if the twin's telemetry is on another cloud than the twin."""
        return self.layer_3_hot != self.layer_4


@dataclass(frozen=True, slots=True)
class Surface:
    """The functions and endpoints of a layout on AWS.

    Attributes
    ----------
    hot_readers
        True for the Hot Readers as functions that TwinMaker invokes.
    data_connectors
        True for the data connectors, which TwinMaker invokes.
    endpoints
        True for the Hot Readers' HTTP endpoints, which another cloud asks.
    """

    hot_readers: bool = False
    data_connectors: bool = False
    endpoints: bool = False

    @property
    def functions(self) -> tuple[str, ...]:
        """The names of the functions that TwinMaker invokes."""
        hot_readers = [read.hot_reader for read in READS if self.hot_readers]
        return (*hot_readers, *(read.data_connector for read in READS if self.data_connectors))


def aws_surface(layout: ProviderLayout, *, local_connectors: bool = False) -> Surface:
    """Return the surface of a layout on AWS: the rule that app.py follows.

    Parameters
    ----------
    layout
        The providers.
    local_connectors
        True to have data connectors on a single cloud, too, for component types that still point
        at them (the setting `LOCAL_HOT_READER_NAME`).

    Examples
    --------
    >>> aws_surface(ProviderLayout(layer_3_hot="azure", layer_4="aws"))
    Surface(hot_readers=False, data_connectors=True, endpoints=False)
    """
    on_aws = layout.layer_3_hot == "aws"
    if layout.layer_4 != "aws":
        return Surface(endpoints=on_aws)
    return Surface(hot_readers=on_aws, data_connectors=not on_aws or local_connectors)


def component_type_function(layout: ProviderLayout, read: Read) -> str:
    """Return the name of the function that a component type of a twin on AWS points at."""
    return read.data_connector if layout.crosses_clouds else read.hot_reader
