"""The other clouds of the local cloud: hot storage and Hot Readers, each cloud by its description."""

from __future__ import annotations

import os
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final, Self
from unittest.mock import patch

from chalicelib.model.reads import READS
from deploy_scripts import PROJECT
from deploy_scripts.providers import PACKAGED, PROVIDERS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from deploy_scripts.providers.provider import Provider
    from deploy_scripts.providers.telemetry import Writer


class OtherCloud:
    """A cloud beside AWS: its storage runs from entry to exit, its Hot Readers from `serve` on.

    Parameters
    ----------
    description
        The provider.
    directory
        The directory for logs.
    twin_name
        The twin's name.

    Attributes
    ----------
    provider
        The provider's name in configurations.
    title
        Its name in messages, and its hot storage's.
    """

    def __init__(self, description: Provider, directory: Path, *, twin_name: str) -> None:
        self.provider = description.name
        self.title = f"{description.title} ({description.store})"
        self._description = description
        local: Any = import_module(f"local_cloud.{description.name}.cloud")
        self._cloud = local.Cloud(
            directory,
            name=twin_name,
            source=PROJECT / PACKAGED[description.name].directory,
            routes=[read.hot_reader for read in READS],
        )

    def __enter__(self) -> Self:
        """Start the storage."""
        self._cloud.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop everything."""
        self._cloud.__exit__()

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which SDKs and the command line reach its hot storage."""
        return dict(self._cloud.environment)

    @property
    def urls(self) -> Mapping[str, str]:
        """The endpoints of its Hot Readers, by the reads' names."""
        return dict(self._cloud.urls)

    def writer(self) -> Writer:
        """Return a writer of its hot storage."""
        # Some SDKs learn of a local storage from the environment of the process only.
        with patch.dict(os.environ, self.environment):
            return self._description.writer(self.environment)

    def serve(self, settings: Mapping[str, str]) -> None:
        """Start its Hot Readers, or start them again, with settings besides the storage's."""
        self._cloud.serve(settings)

    def stop_serving(self) -> None:
        """Stop its Hot Readers, as if the cloud were unavailable."""
        self._cloud.stop_serving()


OTHER_CLOUDS: Final = tuple(
    partial(OtherCloud, PROVIDERS[name]) for name in PACKAGED if find_spec(f"local_cloud.{name}")
)
"""Each cloud that has a local stand-in."""
