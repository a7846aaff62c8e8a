"""A twin in a workspace, and the functions that TwinMaker reads it by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from chalicelib.model.errors import ConfigurationError
from chalicelib.model.layout import component_type_function
from chalicelib.model.reads import READS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chalicelib.model.layout import ProviderLayout
    from chalicelib.model.reads import Read

MANAGED_BY_TAG: Final = "managed-by"
MANAGED_BY: Final = "multi-cloud-hot-reader"
TWIN_TAG: Final = "digital-twin"


@dataclass(frozen=True, slots=True)
class Twin:
    """A digital twin in a workspace."""

    name: str
    workspace_id: str
    device_ids: tuple[str, ...] = ()  # those in the configuration, as far as they are needed

    @property
    def tags(self) -> dict[str, str]:
        """The tags of everything that is made for the twin."""
        return {MANAGED_BY_TAG: MANAGED_BY, TWIN_TAG: self.name}

    @property
    def policy_name(self) -> str:
        """The name of the role's inline policy: its own for each twin and workspace."""
        return f"{MANAGED_BY}.{self.workspace_id}.{self.name}"

    def owns(self, tags: Mapping[str, str]) -> bool:
        """Return True if something with these tags was made for the twin."""
        return self.tags.items() <= tags.items()


def reader_functions(layout: ProviderLayout) -> dict[Read, str]:
    """Return the name in app.py of the function that TwinMaker invokes for each read."""
    if layout.layer_4 != "aws":
        raise ConfigurationError(
            f"There is nothing to register: layer_4_provider is {layout.layer_4}, and TwinMaker is on "
            "aws only. The twin reads the Hot Readers over HTTP."
        )
    return {read: component_type_function(layout, read) for read in READS}
