"""The other clouds of the local cloud: hot storage and Hot Readers on Azure and on Google Cloud."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol, Self

from chalicelib.model.reads import READS
from deploy_scripts import PROJECT
from local_cloud.azure.cosmos import LocalCosmos
from local_cloud.azure.functions import LocalAzureFunctions
from local_cloud.child_process import free_port
from local_cloud.gcp.firestore import LocalFirestore
from local_cloud.gcp.functions import LocalCloudFunction

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from deploy_scripts.hot_storage import Writer

_CONTAINER: Final = "hot-telemetry"
"""The name of the Cosmos DB container and of the Firestore collection."""


class OtherCloud(Protocol):
    """A cloud beside AWS: its storage runs from entry to exit, its Hot Readers from `serve` on.

    Attributes
    ----------
    provider
        `azure` or `gcp`.
    title
        Its name, and its hot storage's.
    environment
        What SDKs and the command line need to reach its hot storage.
    urls
        The endpoints of its Hot Readers, by the reads' names.
    """

    provider: str
    title: str
    environment: dict[str, str]
    urls: Mapping[str, str]

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def writer(self) -> Writer:
        """Return what fills its hot storage."""

    def serve(self, settings: Mapping[str, str]) -> None:
        """Start its Hot Readers, or start them again, with settings beside where the storage is."""

    def stop_serving(self) -> None:
        """Stop its Hot Readers, as if the cloud were unavailable."""


class LocalAzure:
    """Cosmos DB, and the Hot Readers on Azure Functions; see `OtherCloud`."""

    provider = "azure"
    title = "Azure (Cosmos DB)"

    def __init__(self, directory: Path, *, twin_name: str) -> None:
        self._cosmos = LocalCosmos(directory / "cosmos.log")
        self._log = directory / "azure-functions.log"
        self._port = free_port()
        self._functions: LocalAzureFunctions | None = None
        self.environment = {
            "COSMOS_ENDPOINT": self._cosmos.endpoint,
            "COSMOS_KEY": self._cosmos.key,
            "COSMOS_DATABASE": twin_name,
            "COSMOS_CONTAINER": _CONTAINER,
        }
        self.urls: Mapping[str, str] = {}

    def __enter__(self) -> Self:
        """Start the storage."""
        self._cosmos.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop everything."""
        self.stop_serving()
        self._cosmos.stop()

    def writer(self) -> Writer:
        """Return what fills the container; it is created."""
        from deploy_scripts.hot_storage.cosmos import CosmosWriter

        container = self._cosmos.create_container(self.environment["COSMOS_DATABASE"], _CONTAINER)
        return CosmosWriter(container)

    def serve(self, settings: Mapping[str, str]) -> None:
        """Start the Hot Readers; see `OtherCloud.serve`."""
        self._functions = LocalAzureFunctions(
            {**self.environment, **settings},
            app=PROJECT / "functions" / "azure",
            port=self._port,
            log=self._log,
        )
        self._functions.start()
        self.urls = {
            name: f"{self._functions.url}/{name}" for name in (read.hot_reader for read in READS)
        }

    def stop_serving(self) -> None:
        """Stop the Hot Readers."""
        if self._functions is not None:
            self._functions.stop()


class LocalGoogleCloud:
    """Firestore, and the Hot Readers on Cloud Functions; see `OtherCloud`."""

    provider = "gcp"
    title = "Google Cloud (Firestore)"

    def __init__(self, directory: Path, *, twin_name: str) -> None:
        self._directory = directory
        self._firestore = LocalFirestore(directory / "firestore.log", project=twin_name)
        self._functions: list[LocalCloudFunction] = []
        self._ports = {name: free_port() for name in (read.hot_reader for read in READS)}
        self.environment = {**self._firestore.environment, "FIRESTORE_COLLECTION": _CONTAINER}
        self.urls: Mapping[str, str] = {}

    def __enter__(self) -> Self:
        """Start the storage."""
        self._firestore.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop everything."""
        self.stop_serving()
        self._firestore.stop()

    def writer(self) -> Writer:
        """Return what fills the collection."""
        from deploy_scripts.hot_storage.firestore import FirestoreWriter

        return FirestoreWriter(self._firestore.client(), _CONTAINER)

    def serve(self, settings: Mapping[str, str]) -> None:
        """Start the Hot Readers, each a function of its own; see `OtherCloud.serve`."""
        for name, port in self._ports.items():
            function = LocalCloudFunction(
                name.replace("-", "_"),
                {**self.environment, **settings},
                source=PROJECT / "functions" / "gcp" / "main.py",
                port=port,
                log=self._directory / f"cloud-function-{name}.log",
            )
            self._functions.append(function)
            function.start()
            self.urls = {**self.urls, name: f"{function.url}/{name}"}

    def stop_serving(self) -> None:
        """Stop the Hot Readers."""
        while self._functions:
            self._functions.pop().stop()


OTHER_CLOUDS: Final[tuple[Callable[..., OtherCloud], ...]] = (LocalAzure, LocalGoogleCloud)
