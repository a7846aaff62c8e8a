"""Google Cloud on this machine: a collection in Firestore, and Cloud Functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Self

from local_cloud.child_process import free_port
from local_cloud.gcp.firestore import LocalFirestore
from local_cloud.gcp.functions import LocalCloudFunction

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_COLLECTION: Final = "hot-telemetry"


class Cloud:
    """A context manager: the storage runs from entry to exit, the functions from `serve` on.

    Parameters
    ----------
    directory
        The directory for logs.
    name
        The project's name.
    source
        The directory of the functions' main.py.
    routes
        The names of the functions, with hyphens.

    Attributes
    ----------
    environment
        The variables by which SDKs and functions reach the storage.
    urls
        The URLs of the functions, by route, once they are served.
    """

    def __init__(self, directory: Path, *, name: str, source: Path, routes: Sequence[str]) -> None:
        self._directory = directory
        self._firestore = LocalFirestore(directory / "firestore.log", project=name)
        self._source = source / "main.py"
        self._functions: list[LocalCloudFunction] = []
        self._ports = {route: free_port() for route in routes}
        self.environment = {**self._firestore.environment, "FIRESTORE_COLLECTION": _COLLECTION}
        self.urls: dict[str, str] = {}

    def __enter__(self) -> Self:
        """Start the storage."""
        self._firestore.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop everything."""
        self.stop_serving()
        self._firestore.stop()

    def serve(self, settings: Mapping[str, str]) -> None:
        """Start each function, or start them again, with settings besides the storage's."""
        for route, port in self._ports.items():
            function = LocalCloudFunction(
                route.replace("-", "_"),
                {**self.environment, **settings},
                source=self._source,
                port=port,
                log=self._directory / f"cloud-function-{route}.log",
            )
            self._functions.append(function)
            function.start()
            self.urls[route] = f"{function.url}/{route}"

    def stop_serving(self) -> None:
        """Stop the functions, as if the cloud were unavailable."""
        while self._functions:
            self._functions.pop().stop()
