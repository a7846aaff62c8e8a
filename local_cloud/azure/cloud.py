"""Azure on this machine: a container in Cosmos DB, and an app on Azure Functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Self

from local_cloud.azure.cosmos import LocalCosmos
from local_cloud.azure.functions import LocalAzureFunctions
from local_cloud.child_process import free_port

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_CONTAINER: Final = "hot-telemetry"


class Cloud:
    """A context manager: the storage runs from entry to exit, the functions from `serve` on.

    Parameters
    ----------
    directory
        The directory for logs.
    name
        The database's name.
    source
        The directory of the app: of function_app.py and host.json.
    routes
        The routes of its functions.

    Attributes
    ----------
    environment
        The variables by which SDKs and functions reach the storage.
    urls
        The URLs of the functions, by route, once they are served.
    """

    def __init__(self, directory: Path, *, name: str, source: Path, routes: Sequence[str]) -> None:
        self._cosmos = LocalCosmos(directory / "cosmos.log")
        self._log = directory / "azure-functions.log"
        self._port = free_port()
        self._source = source
        self._routes = routes
        self._functions: LocalAzureFunctions | None = None
        self.environment = {
            "COSMOS_ENDPOINT": self._cosmos.endpoint,
            "COSMOS_KEY": self._cosmos.key,
            "COSMOS_DATABASE": name,
            "COSMOS_CONTAINER": _CONTAINER,
        }
        self.urls: dict[str, str] = {}

    def __enter__(self) -> Self:
        """Start the storage, and create the container."""
        self._cosmos.start()
        self._cosmos.create_container(self.environment["COSMOS_DATABASE"], _CONTAINER)
        return self

    def __exit__(self, *_: object) -> None:
        """Stop everything."""
        self.stop_serving()
        self._cosmos.stop()

    def serve(self, settings: Mapping[str, str]) -> None:
        """Start the functions, or start them again, with settings besides the storage's."""
        self._functions = LocalAzureFunctions(
            {**self.environment, **settings},
            app=self._source,
            port=self._port,
            log=self._log,
        )
        self._functions.start()
        self.urls = {route: f"{self._functions.url}/{route}" for route in self._routes}

    def stop_serving(self) -> None:
        """Stop the functions, as if the cloud were unavailable."""
        if self._functions is not None:
            self._functions.stop()
