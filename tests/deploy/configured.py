"""Projects whose twin's configuration tests change."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class Configured:
    """A project.

    Attributes
    ----------
    config
        The directory of its configuration.
    """

    config: Path

    def providers(self, layer_3_hot: str, layer_4: str) -> None:
        """Choose a layout."""
        document = {"layer_3_hot_provider": layer_3_hot, "layer_4_provider": layer_4}
        (self.config / "config_providers.json").write_text(json.dumps(document))
